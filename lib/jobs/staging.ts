/**
 * The staging store during one run: what may wait there, what must not, and what happens when it fails.
 *
 * - **Room is asked for first** (`room.ts`). While all that waits fits, it waits for its volume to fill.
 * - **When it does not fit**, the oldest complete set of files is sealed before it fills a volume
 *   (`plan/early.ts`), its staged objects go after the snapshot, and what is kept is staged into the room that
 *   this makes. A file that staging could never hold goes straight into that volume.
 * - **A store that says it is full in the middle** has no room, whatever it said before: the same rule.
 * - **Where the cold store has no room for that volume either**, or is the very same store, as much is staged
 *   as fits, and the run says what waits.
 * - **A staging store that fails** is left alone for the rest of the run, and the run says so. Volumes are
 *   sealed all the same, full ones only: a sign-in that ended must not fill the cold store with small ones.
 *   The snapshot goes to the cold store then. Where both are one store, its failure ends the run.
 * - **Objects that the user removed** (from Drive, or from a folder) are noticed once per run and staged again.
 */

import { freeableBytes, stagedSizes } from "../catalog/staged.ts";
import type { WaitingFile } from "../catalog/waiting.ts";
import { hasCode, StoreError } from "../errors.ts";
import { splitEarly } from "../plan/early.ts";
import type { PlanFile } from "../plan/plan.ts";
import { signInEnd } from "../store/google/google.ts";
import type { Store } from "../store/store.ts";
import { hasRoomFor, isShared, relievableRoom, stagingRoom } from "./room.ts";
import type { FileProblem } from "./scan.ts";
import type { Session } from "./session.ts";
import { storeSnapshot } from "./snapshot.ts";
import { stagedSize, stageFiles } from "./stage.ts";
import { forgetMissing } from "./staged-missing.ts";
import { settleStranded } from "./stranded.ts";

/** What staging did in a run. */
export interface StagingReport {
  readonly files: number;
  /** Bytes of the contents that were staged. */
  readonly bytes: number;
  /** Objects of a run that was killed before it knew them to be stored. */
  readonly found: number;
  /** Staged objects that somebody removed; their contents were staged again where there was room. */
  readonly missing: number;
  /** Removed objects of files that are gone from their folders, too. */
  readonly lost: readonly FileProblem[];
  /** What the staging store failed with. */
  readonly failure: StoreError | undefined;
  /** What the staging store said when it was full. */
  readonly full: StoreError | undefined;
  /** When the access to the staging store ends by itself, in ms since 1970, if that is soon. */
  readonly endsSoon: number | undefined;
}

/** What to do with the files that do not fill a volume. */
export interface StagingPlan {
  /** To be sealed now. */
  readonly early: readonly WaitingFile[];
  /** To be in staging when the run ends. */
  readonly keep: readonly WaitingFile[];
}

/** An end of the access that is nearer than this, in ms, needs somebody now. */
const SOON = 3 * 86_400_000;

/** The staging store of one run. */
export class StagingTier {
  readonly #session: Session;
  readonly #changed: FileProblem[] = [];
  #files = 0;
  #bytes = 0;
  #short = false;
  #missing = 0;
  #found = 0;
  #lost: readonly FileProblem[] = [];
  #failure: StoreError | undefined;
  #full: StoreError | undefined;
  #endsSoon: number | undefined;

  constructor(session: Session) {
    this.#session = session;
  }

  report(): StagingReport {
    return {
      files: this.#files,
      bytes: this.#bytes,
      missing: this.#missing,
      found: this.#found,
      lost: this.#lost,
      failure: this.#failure,
      full: this.#full,
      endsSoon: this.#endsSoon,
    };
  }

  /**
   * Looks whether the access is about to end, and whether the catalog is right about what is staged: what a
   * killed run stored without hearing of it is, and what was removed is not.
   *
   * @param acceptLost forgets objects that are gone together with their files
   */
  async look(acceptLost: boolean): Promise<void> {
    await this.#lookAtAccess();
    this.#found = await this.#try((store) => settleStranded(this.#session, store)) ?? 0;
    const gone = await this.#try((store) => forgetMissing(this.#session, store, acceptLost));
    if (gone === undefined) return;
    this.#missing = gone.missing;
    this.#lost = gone.lost;
  }

  async #lookAtAccess(): Promise<void> {
    const { urls, storeContext, report, now } = this.#session;
    if (!/^gdrive:/i.test(urls.staging)) return;
    const end = await this.#try(() => signInEnd(storeContext));
    if (end === undefined) return;
    report.warn(`Google Drive: ${end.warning}`);
    if (end.time - now() < SOON) this.#endsSoon = end.time;
  }

  /**
   * Stages what may wait, and says what must be sealed instead.
   *
   * @param rest every path of every content that fills no volume, oldest first
   * @param leaving contents that are about to be in a volume: their room is counted on
   */
  async stage(rest: readonly WaitingFile[], leaving: ReadonlySet<number>): Promise<StagingPlan> {
    const room = await this.#room();
    const relievable = await this.#try((store) => relievableRoom(this.#session, store));
    if (room === undefined || relievable === undefined) return { early: [], keep: rest };
    const freed = await this.#freed(leaving);
    const plan = await this.#split(rest, relievable + freed);
    const full = await this.#send(plan.keep, room);
    if (full === undefined || isShared(this.#session)) return plan;
    // Full, in spite of what it said: it has no room but what is about to be freed.
    return await this.#split(rest, freed);
  }

  /** Stages as much as fits. */
  async stageMore(files: readonly WaitingFile[]): Promise<void> {
    const room = await this.#room();
    if (room !== undefined) await this.#send(files, room);
  }

  /** Whether there was no room for all of what was to be staged last. */
  get isShort(): boolean {
    return this.#short;
  }

  /** Files that turned out to have changed since the scan, each told once. */
  takeChanged(): readonly FileProblem[] {
    return this.#changed.splice(0);
  }

  /** Puts a snapshot of the catalog into staging or, where that cannot be, into the cold store. */
  async snapshot(): Promise<string> {
    const key = await this.#try(async (store) => {
      try {
        return await storeSnapshot(this.#session, store);
      } catch (error) {
        if (!hasCode(error, "store-full")) throw error;
        this.#session.report.warn(`${store.url} has no room for the snapshot; the cold store takes it.`);
        return undefined;
      }
    });
    return key ?? await storeSnapshot(this.#session, await this.#session.cold());
  }

  /** Whether the cold store has room for a volume of these files; a bound, as the data makes most of it. */
  async canSeal(files: readonly WaitingFile[]): Promise<boolean> {
    const sizes = new Map(files.map((file) => [file.content, file.size]));
    let bytes = 0;
    for (const size of sizes.values()) bytes += size + PER_FILE;
    return await hasRoomFor(await this.#session.cold(), bytes);
  }

  #room(): Promise<number | undefined> {
    return this.#try((store) => stagingRoom(this.#session, store));
  }

  async #freed(leaving: ReadonlySet<number>): Promise<number> {
    const { db, urls } = this.#session;
    let bytes = await freeableBytes(db, urls.staging);
    for (const [content, size] of await stagedSizes(db, urls.staging)) {
      if (leaving.has(content)) bytes += size;
    }
    return bytes;
  }

  async #split(rest: readonly WaitingFile[], room: number): Promise<StagingPlan> {
    if (rest.length === 0) return { early: [], keep: rest };
    const staged = await stagedSizes(this.#session.db, this.#session.urls.staging);
    const sizeOf = await stagedSize(this.#session);
    return splitEarly(rest, {
      room,
      objectSize: ({ content, size }: PlanFile) => staged.get(content) ?? sizeOf(size),
      isStaged: ({ content }) => staged.has(content),
    });
  }

  /** @returns what the store said if it was full, though it had seemed to have room */
  async #send(files: readonly WaitingFile[], room: number): Promise<StoreError | undefined> {
    const report = await this.#try((store) => stageFiles(this.#session, store, files, room));
    if (report === undefined) return undefined;
    this.#files += report.staged;
    this.#bytes += report.bytes;
    this.#changed.push(...report.changed);
    this.#full ??= report.full;
    this.#short = report.waiting > 0;
    if (report.failure !== undefined) this.#fail(report.failure);
    return report.full;
  }

  /** Runs `work` on the store; undefined when it cannot be used in this run. */
  async #try<T>(work: (store: Store) => Promise<T>): Promise<T | undefined> {
    if (this.#failure !== undefined) return undefined;
    try {
      return await work(await this.#session.staging());
    } catch (error) {
      this.#fail(error);
      return undefined;
    }
  }

  #fail(error: unknown): void {
    if (!(error instanceof StoreError) || isShared(this.#session)) throw error;
    this.#failure = error;
  }
}

/** What a file adds to an image beside its data, in bytes: its sector, its records, its lines of text. */
const PER_FILE = 8192;
