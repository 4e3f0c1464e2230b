/** The main job: scan → stage → seal → confirm → snapshot → tidy staging → report. */

import { noteRun, type Outcome } from "../catalog/runs.ts";
import { stagedContents } from "../catalog/staged.ts";
import {
  type Mentions,
  NO_MENTIONS,
  unsealedFiles,
  type WaitingFile,
  waitingFiles,
} from "../catalog/waiting.ts";
import { StoreError } from "../errors.ts";
import { runDueMirrors } from "./mirror/settings.ts";
import { PLAN_AT_ONCE, planAll, planOldest } from "./planning.ts";
import { continueUnattended } from "./restore/unattended.ts";
import { isShared } from "./room.ts";
import { type FileProblem, type ScanOptions, type ScanReport, scanSources } from "./scan.ts";
import { type SealedVolume, sealFiles, type SealOutcome, sealPlanned, unfinishedVolumes } from "./seal.ts";
import type { Session } from "./session.ts";
import { tendSnapshots } from "./snapshots.ts";
import { type StagingPlan, StagingTier } from "./staging.ts";
import { settleSync } from "./sync-findings.ts";
import { needsAttention, summaryOf, type SyncReport, type Trouble } from "./sync-report.ts";
import { owesTidying, tidyStaging } from "./tidy.ts";
import { tidyUploads } from "./uploads.ts";

/** How to sync. */
export interface SyncOptions extends ScanOptions {
  /** Seal what waits, though it does not fill a volume. */
  readonly seal: boolean;
  /** The largest image, in bytes. */
  readonly volumeSize: number;
  /** The most files to plan volumes of at once; what tests set. */
  readonly planAtOnce?: number;
}

/** How often files that keep changing are planned again in one run. */
const ROUNDS = 3;

/** Runs the main job. */
export async function sync(session: Session, options: SyncOptions): Promise<SyncReport> {
  const started = session.now();
  try {
    const report = await new Syncing(session, options).run();
    await settleSync(session, report);
    await note(session, started, needsAttention(report) ? "partly" : "done", summaryOf(report));
    return report;
  } catch (error) {
    await note(session, started, session.signal.aborted ? "interrupted" : "failed", {}).catch(() => {});
    throw error;
  }
}

class Syncing {
  readonly #session: Session;
  readonly #options: SyncOptions;
  readonly #staging: StagingTier;
  readonly #sealed: SealedVolume[] = [];
  readonly #changed = new Map<string, FileProblem>();
  #early = false;
  /** Whether the catalog knows more than the last snapshot, as far as the scan goes. */
  #scanned = false;
  /** Files staged and volumes sealed when the last snapshot was taken. */
  #inSnapshot = 0;
  #snapshot: string | undefined;
  #tidied = 0;
  /** What the cold store failed with. */
  #coldFailure: StoreError | undefined;

  constructor(session: Session, options: SyncOptions) {
    this.#session = session;
    this.#options = options;
    this.#staging = new StagingTier(session);
  }

  async run(): Promise<SyncReport> {
    let scan = await scanSources(this.#session, this.#options);
    this.#scanned = scan.sources.some(({ added, changed, moved, gone }) =>
      added + changed + moved + gone > 0
    );
    await this.#staging.look(this.#options.accept.gone === true);
    for (let round = 1; await this.#storeOnce() && round < ROUNDS; round++) {
      const again = await scanSources(this.#session, this.#options);
      scan = { ...again, sources: again.sources.map((source, i) => mergeCounts(scan.sources[i], source)) };
    }
    const mirrors = await runDueMirrors(this.#session, scan.sources);
    this.#scanned ||= mirrors.some(({ report }) => report !== undefined && report.copied.files > 0);
    if (await this.#owesSnapshot()) await this.#snapshotAndTidy();
    else this.#tidied += await tidyStaging(this.#session);
    if (this.#coldFailure !== undefined) throw this.#coldFailure;
    await tendSnapshots(this.#session);
    const abandoned = await tidyUploads(this.#session);
    await continueUnattended(this.#session);
    return { scan, ...await this.#report(), abandoned, mirrors };
  }

  /**
   * Whether something is not in a snapshot yet. Staged objects that a volume replaces are there at the end
   * of a run only when an earlier one ended between storing that volume and its snapshot.
   */
  async #owesSnapshot(): Promise<boolean> {
    if (this.#scanned || this.#done() > this.#inSnapshot) return true;
    return await owesTidying(this.#session);
  }

  async #report(): Promise<Omit<SyncReport, "scan" | "abandoned" | "mirrors">> {
    const { db, home } = this.#session;
    const rest = contentsOf(await waitingFiles(db, home.box));
    const staged = await stagedContents(db);
    const waiting = rest.filter(({ content }) => staged.has(content));
    const unstaged = rest.length - waiting.length;
    const { files, bytes, missing, lost, failure, full, endsSoon } = this.#staging.report();
    const short = unstaged > 0 && this.#staging.isShort ? noRoom(this.#session) : undefined;
    return {
      staged: { files, bytes },
      sealed: this.#sealed,
      early: this.#early,
      changed: [...this.#changed.values()],
      waiting: { files: waiting.length, bytes: waiting.reduce((sum, file) => sum + file.size, 0) },
      unstaged,
      missing,
      lost,
      stagingTrouble: troubleOf(failure ?? full) ?? short,
      accessEnds: endsSoon,
      tidied: this.#tidied,
      snapshot: this.#snapshot,
    };
  }

  /** How much this run has stored. */
  #done(): number {
    const { files, found } = this.#staging.report();
    return files + found + this.#sealed.length;
  }

  async #snapshotAndTidy(): Promise<void> {
    this.#scanned = false;
    this.#inSnapshot = this.#done();
    this.#snapshot = await this.#staging.snapshot();
    this.#tidied += await tidyStaging(this.#session);
  }

  /**
   * Stores what waits: staging first, so that the newest files are safe soonest, then volumes, those an
   * earlier run began before new ones.
   *
   * @returns whether a file turned out to have changed, so that another round is worth its while
   */
  async #storeOnce(): Promise<boolean> {
    this.#changed.clear(); // what changed in the round before has been looked at again since
    try {
      if (!await this.#sealOldest()) return true;
    } catch (error) {
      await this.#withoutCold(error);
      return false;
    }
    const { volumes, rest, mentions } = await this.#plan();
    const { early, keep } = await this.#stage(rest, volumes.flat());
    let clean = this.#noteChanged();
    const before = this.#sealed.length;
    try {
      clean = await this.#seal(early.length === 0 ? volumes : [...volumes, early], mentions) && clean;
    } catch (error) {
      await this.#withoutCold(error);
      return false;
    }
    if (this.#staging.isShort && this.#sealed.length > before) await this.#stageTheRest(keep);
    return !(this.#noteChanged() && clean);
  }

  /**
   * Seals the oldest files, some volumes at a time, while more wait than one plan should hold in memory, as
   * on the first run with a large archive.
   *
   * @returns whether no file turned out to have changed
   */
  async #sealOldest(): Promise<boolean> {
    const { volumeSize, planAtOnce = PLAN_AT_ONCE } = this.#options;
    for (;;) {
      const plan = await planOldest(this.#session, planAtOnce, volumeSize);
      if (plan === undefined || plan.full.length === 0) return true; // one plan can hold them after all
      if (!await this.#seal(plan.full, plan.mentions)) return false;
    }
  }

  /** @returns whether no file turned out to have changed */
  async #seal(volumes: readonly (readonly WaitingFile[])[], mentions: Mentions): Promise<boolean> {
    let clean = true;
    for (const volume of await unfinishedVolumes(this.#session)) {
      clean = this.#note(await sealPlanned(this.#session, volume)) && clean;
    }
    for (const [i, files] of volumes.entries()) {
      this.#session.signal.throwIfAborted();
      clean = this.#note(await sealFiles(this.#session, files, i === 0 ? mentions : NO_MENTIONS)) && clean;
    }
    return clean;
  }

  /**
   * A cold store that fails must not leave a whole volume of photos in no store at all, for as long as it does:
   * they wait in staging like any other. The run ends with the failure, after its snapshot.
   */
  async #withoutCold(error: unknown): Promise<void> {
    const { db, home } = this.#session;
    if (!(error instanceof StoreError) || isShared(this.#session)) throw error;
    this.#coldFailure = error;
    await this.#staging.stageMore(await unsealedFiles(db, home.box));
  }

  /** Stages what may wait for a volume, and settles what is sealed early instead. */
  async #stage(
    rest: readonly WaitingFile[],
    leaving: readonly WaitingFile[],
  ): Promise<StagingPlan> {
    const plan = await this.#staging.stage(rest, new Set(leaving.map(({ content }) => content)));
    if (plan.early.length === 0) return plan;
    if (!await this.#staging.canSeal(plan.early)) {
      await this.#staging.stageMore(rest);
      return { early: [], keep: rest };
    }
    this.#early = true;
    return plan;
  }

  /** What was sealed makes room in staging; only after its snapshot (DESIGN §5 steps 8 and 9). */
  async #stageTheRest(keep: readonly WaitingFile[]): Promise<void> {
    await this.#snapshotAndTidy();
    await this.#staging.stageMore(keep);
  }

  async #plan(): Promise<{
    volumes: readonly (readonly WaitingFile[])[];
    rest: readonly WaitingFile[];
    mentions: Mentions;
  }> {
    const { full, rest, mentions } = await planAll(this.#session, this.#options.volumeSize);
    if (!this.#options.seal || rest.length === 0) return { volumes: full, rest, mentions };
    return { volumes: [...full, rest], rest: [], mentions };
  }

  /** Whether no file turned out to have changed while it was staged. */
  #noteChanged(): boolean {
    const changed = this.#staging.takeChanged();
    for (const problem of changed) this.#changed.set(problem.path, problem);
    return changed.length === 0;
  }

  #note(outcome: SealOutcome): boolean {
    if (outcome.kind === "sealed") {
      this.#sealed.push(outcome.volume);
      return true;
    }
    if (outcome.kind === "changed") {
      this.#changed.set(outcome.path, { path: outcome.path, reason: outcome.error.message });
    } else this.#session.report.warn(`${outcome.error.message}; it is planned anew.`);
    return false;
  }
}

function noRoom({ urls }: Session): Trouble {
  const message = `${urls.staging} has no room for all that waits`;
  const hint =
    "Free some space there and in the cold store, or name others with --staging and --cold; the next run goes on from here.";
  return { code: "store-full", message, hint };
}

function troubleOf(error: StoreError | undefined): Trouble | undefined {
  return error && { code: error.code, message: error.message, hint: error.hint };
}

/** One file for each content. */
function contentsOf(files: readonly WaitingFile[]): WaitingFile[] {
  return [...new Map(files.map((file) => [file.content, file])).values()];
}

/** A second look at a source adds to what the first one counted. */
function mergeCounts<S extends ScanReport["sources"][number]>(before: S | undefined, now: S): S {
  if (before === undefined) return now;
  return {
    ...now,
    unchanged: before.unchanged,
    added: before.added + now.added,
    changed: before.changed + now.changed,
    moved: before.moved + now.moved,
    gone: before.gone + now.gone,
  };
}

function note(session: Session, started: number, outcome: Outcome, summary: unknown): Promise<void> {
  const { db, home } = session;
  return noteRun(db, { box: home.box, job: "sync", started, ended: session.now(), outcome, summary });
}
