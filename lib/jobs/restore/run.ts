/**
 * One restore on its way: plan, agree, thaw, fetch what can be read; again for what failed, as long as there is
 * another place, and for what is being thawed, if the user waits.
 */

import type { FolderRow } from "../../catalog/folders.ts";
import type { Selected, WantedVersion } from "../../catalog/wanted.ts";
import { ColdframeError } from "../../errors.ts";
import { collectAfter } from "../../garbage.ts";
import { Pace } from "../../pace.ts";
import type { Sleep } from "../../store/sleep.ts";
import type { Meter } from "../report.ts";
import type { Session } from "../session.ts";
import { assertWithin, chooseOption, type Limits, needsConsent } from "./consent.ts";
import { Fetcher } from "./fetch.ts";
import type { PlaintextKeys } from "./plaintext.ts";
import { type PlannedRestore, planRestore, type RestorePlan, type VolumeShare } from "./plan.ts";
import type { TierOption } from "./price.ts";
import { Reach } from "./reach.ts";
import { RestoreRecord } from "./record.ts";
import { type RestoreCounts, Tally } from "./tally.ts";
import { Target } from "./target.ts";
import { requestThaws, waitFor } from "./thaw.ts";
import {
  bytesOf,
  contentsOf,
  countFiles,
  idsOf,
  versionsOf,
  type WantedContent,
  WantedContents,
} from "./wanted.ts";

/** How a restore shall go. */
export interface RunSettings extends Limits, PlaintextKeys {
  readonly to: string;
  readonly overwrite: boolean;
  /** How long thawed copies shall stay. */
  readonly days: number;
  /** Whether to stay until everything is thawed and fetched. */
  readonly wait: boolean;
  readonly sleep: Sleep;
  /**
   * Asks the user about a plan that thaws or costs something. Throws, or gives false, when it shall not be.
   */
  approve(plan: RestorePlan, option: TierOption): Promise<boolean>;
}

/** A restore that goes on when its objects are thawed. */
export interface Waiting {
  /** Its id, for `restore --continue` and `thaw`. */
  readonly restore: number;
  readonly volumes: number;
  readonly files: number;
  /** The slowest tier that was asked for; undefined when somebody else asked. */
  readonly tier: string | undefined;
  /** When everything should be readable at the latest, in ms since 1970, where that is known. */
  readonly readyBy: number | undefined;
}

/** How often to ask whether a thaw is over, in ms: within minutes it matters, within hours it does not. */
const PACE = { minutes: 60_000, hours: 15 * 60_000 };

/** A restore that runs. */
export class RestoreRun {
  readonly tally = new Tally();
  readonly #session: Session;
  readonly #settings: RunSettings;
  readonly #target: Target;
  readonly #reach: Reach;
  readonly #record: RestoreRecord;
  /** Whether the user knows what it costs, apart from thaws that are asked about each time. */
  #agreed: boolean;
  #plan: RestorePlan | undefined;

  /** @param id of a restore that goes on */
  constructor(session: Session, settings: RunSettings, id?: number) {
    this.#session = session;
    this.#settings = settings;
    this.#target = new Target(settings.to, settings.overwrite);
    this.#reach = new Reach(session);
    this.#record = new RestoreRecord(session, id);
    this.#agreed = id !== undefined;
  }

  /** Whether the restore is in the catalog, since it waits or has waited. */
  get isRecorded(): boolean {
    return this.#record.id !== undefined;
  }

  /** What came of it so far, with the first plan that was made. */
  result(): Omit<RestoreCounts, "to" | "files" | "bytes"> & { readonly plan: RestorePlan | undefined } {
    const { restored, existing, folders, failed, damaged } = this.tally;
    return { restored, existing, folders, failed, damaged: [...damaged.values()], plan: this.#plan };
  }

  /** Only plans. */
  async planOnly(selected: Selected): Promise<void> {
    const wanted = (await this.#compare(selected)).filter(({ size }) => size > 0);
    const planned = await this.#planFor(wanted);
    if (planned.plan.files > 0) chooseOption(planned.plan, this.#settings);
  }

  /**
   * Restores what can be had.
   *
   * @returns what must be waited for, if anything
   */
  async run(selected: Selected): Promise<Waiting | undefined> {
    const wanted = await this.#compare(selected);
    const waiting = await this.#fetchAll(await this.#placeEmpty(wanted));
    await this.#record.flush();
    if (waiting === undefined && this.tally.isFinal) {
      await this.#record.end(this.tally.failed.length === 0 ? "done" : "partly");
    }
    return waiting;
  }

  /** Makes the folders that no file brings along. */
  async makeFolders(folders: readonly FolderRow[]): Promise<void> {
    for (const folder of folders) {
      this.#session.signal.throwIfAborted();
      try {
        if (await this.#target.makeFolder(folder)) this.tally.folders++;
      } catch (error) {
        this.tally.fail(folder.path, error);
      }
    }
    await this.#target.finishFolders();
  }

  async #compare(selected: Selected): Promise<WantedContent[]> {
    const meter = this.#session.report.phase("Comparing with the target folder", selected.bytes);
    try {
      return await this.#notYetThere(selected, meter);
    } finally {
      meter.done();
    }
  }

  /** Leaves out files that are there already, and those that must not be replaced. */
  async #notYetThere({ versions }: Selected, meter: Meter): Promise<WantedContent[]> {
    const wanted = new WantedContents();
    const pace = new Pace(this.#session.signal);
    for await (const page of versionsOf(this.#session.db, versions)) {
      for (const version of page) {
        if (pace.due) await pace.rest();
        if (await this.#isWanted(version, meter)) wanted.add(version);
      }
    }
    collectAfter(versions.length);
    return wanted.list();
  }

  async #isWanted(version: WantedVersion, meter: Meter): Promise<boolean> {
    try {
      if (await this.#target.standing(version) === "nothing") return true;
      this.tally.existing++;
      await this.#record.restored(version);
      meter.add(version.size, 1);
    } catch (error) {
      this.tally.fail(version.path, error);
    }
    return false;
  }

  /** A file of nothing needs no store, and no thaw. */
  async #placeEmpty(contents: readonly WantedContent[]): Promise<WantedContent[]> {
    for await (const files of this.#filesOf(contents.filter(({ size }) => size === 0))) {
      for (const file of files) {
        try {
          await this.#target.place(file, new Uint8Array(0));
          await this.#restored(file);
        } catch (error) {
          this.tally.fail(file.path, error);
        }
      }
    }
    return contents.filter(({ size }) => size > 0);
  }

  #filesOf(contents: readonly WantedContent[]): AsyncGenerator<WantedVersion[]> {
    return versionsOf(this.#session.db, idsOf(contents));
  }

  async #fetchAll(contents: readonly WantedContent[]): Promise<Waiting | undefined> {
    let wanted = contents;
    for (;;) {
      const planned = await this.#planFor(wanted);
      await this.#giveUp(planned.missing);
      if (planned.plan.files === 0) return undefined;
      const option = await this.#agree(planned.plan);
      await this.#askForKeys(planned);
      await this.#thaw(planned, option);
      const failed = await this.#fetch(planned);
      const pending = planned.volumes.filter((share) => !isReady(share));
      wanted = [...failed, ...pending.flatMap(contentsOf)];
      if (failed.length > 0) continue;
      if (pending.length === 0) return undefined;
      const waiting = await this.#waiting(pending);
      if (!this.#settings.wait) return waiting;
      await this.#sleep(waiting);
    }
  }

  async #giveUp(contents: readonly WantedContent[]): Promise<void> {
    for await (const files of this.#filesOf(contents)) {
      for (const file of files) this.tally.fail(file.path, this.#reasonOf(file));
    }
  }

  async #planFor(wanted: readonly WantedContent[]): Promise<PlannedRestore> {
    const { days } = this.#settings;
    const planned = await planRestore(this.#session, this.#reach, wanted, { to: this.#target.root, days });
    collectAfter(wanted.length);
    if (planned.plan.files > 0) this.#plan ??= planned.plan;
    return planned;
  }

  /** Nothing that costs is done before this. */
  async #agree(plan: RestorePlan): Promise<TierOption> {
    const option = chooseOption(plan, this.#settings);
    if (this.#agreed && plan.thaw.volumes === 0) return option;
    assertWithin(plan, option, this.#settings);
    if (needsConsent(plan, option) && !await this.#settings.approve(plan, option)) {
      throw new ColdframeError("cost", "this restore was not agreed to", {
        hint: "Nothing was asked for and nothing was paid.",
      });
    }
    this.#agreed = true;
    return option;
  }

  /** Before anything is thawed or fetched: it may ask the user, and without a key nothing is worth paying for. */
  async #askForKeys({ ciphers }: PlannedRestore): Promise<void> {
    if (ciphers.has("age")) await this.#settings.unlock();
    if (ciphers.has("lomob")) await this.#settings.masterKey?.();
  }

  /** Writes the restore down and has its volumes thawed, if some must be. */
  async #thaw({ plan, singles, volumes: shares }: PlannedRestore, option: TierOption): Promise<void> {
    const volumes = plan.volumes.filter(({ state }) => state !== "ready");
    if (volumes.length === 0) return;
    const { overwrite, days } = this.#settings;
    const tier = option.tier ?? this.#settings.tier ?? "Bulk";
    const versions = idsOf([...singles, ...shares.flatMap(contentsOf)]);
    const restore = await this.#record.open({ to: this.#target.root, overwrite, tier, days }, versions);
    const archived = volumes.filter(({ state }) => state !== "thawing");
    await requestThaws(this.#session, archived, { restore, tier, days });
  }

  async #fetch({ singles, volumes }: PlannedRestore): Promise<WantedContent[]> {
    const ready = volumes.filter(isReady);
    if (singles.length + ready.length === 0) return [];
    const bytes = bytesOf([...singles, ...ready.flatMap(contentsOf)]);
    const meter = this.#session.report.phase("Restoring", bytes);
    try {
      return await new Fetcher(this.#session, {
        target: this.#target,
        reach: this.#reach,
        meter,
        keys: this.#settings,
        restored: (file) => this.#restored(file),
        damaged: (key, error) => this.tally.damage(key, error),
        fetched: (thaw) => this.#record.fetched(thaw),
      }).fetch(singles, ready);
    } finally {
      meter.done();
      await this.#record.flush();
    }
  }

  async #restored(file: WantedVersion): Promise<void> {
    this.tally.restored++;
    await this.#record.restored(file);
  }

  #reasonOf(file: WantedVersion): unknown {
    return this.#reach.errorOf(file.content) ?? notStored(file.path);
  }

  async #waiting(pending: readonly VolumeShare[]): Promise<Waiting> {
    const objects = new Set(pending.map(({ source }) => source.id));
    return {
      restore: this.#record.id ?? 0,
      volumes: objects.size,
      files: countFiles(pending.flatMap(contentsOf)),
      ...await waitFor(this.#session, objects),
    };
  }

  async #sleep({ tier, volumes, readyBy }: Waiting): Promise<void> {
    const pace = tier === "Expedited" ? PACE.minutes : PACE.hours;
    const by = readyBy === undefined ? "" : `, until ${new Date(readyBy).toISOString()} at the latest`;
    this.#session.report.say(
      `Waiting for ${volumes === 1 ? "a volume" : `${volumes} volumes`} to thaw${by}.`,
    );
    await this.#settings.sleep(pace, this.#session.signal);
  }
}

function isReady({ source }: VolumeShare): boolean {
  return source.state === "ready";
}

function notStored(path: string): ColdframeError {
  return new ColdframeError("object-missing", `${path} is not stored anywhere yet`, {
    hint: "It was seen by a scan only. Run `coldframe sync` while its folder is there.",
  });
}
