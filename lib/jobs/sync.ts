/** The main job: scan → stage → seal → confirm → snapshot → tidy staging → report. */

import { noteRun, type Outcome } from "../catalog/runs.ts";
import { type Mentions, NO_MENTIONS, unlisted, type WaitingFile, waitingFiles } from "../catalog/volumes.ts";
import { planVolumes } from "../plan/plan.ts";
import { type FileProblem, type ScanOptions, type ScanReport, scanSources } from "./scan.ts";
import { type SealedVolume, sealFiles, type SealOutcome, sealPlanned, unfinishedVolumes } from "./seal.ts";
import type { Session } from "./session.ts";
import { storeSnapshot } from "./snapshot.ts";
import { stageFiles, type StageReport } from "./stage.ts";
import { tidyStaging } from "./tidy.ts";
import { measureVolume } from "./volume.ts";

/** How to sync. */
export interface SyncOptions extends ScanOptions {
  /** Seal what waits, though it does not fill a volume. */
  readonly seal: boolean;
  /** The largest image, in bytes. */
  readonly volumeSize: number;
}

/** What a sync did. */
export interface SyncReport {
  readonly scan: ScanReport;
  readonly staged: { readonly files: number; readonly bytes: number };
  readonly sealed: readonly SealedVolume[];
  /** Files that changed while they were stored; the next run takes them. */
  readonly changed: readonly FileProblem[];
  /** Contents in staging that wait for a volume to fill. */
  readonly waiting: { readonly files: number; readonly bytes: number };
  /** Contents that found no room in staging. */
  readonly unstaged: number;
  readonly tidied: number;
  /** Key of the snapshot taken, if the catalog changed. */
  readonly snapshot: string | undefined;
}

/** How often files that keep changing are planned again in one run. */
const ROUNDS = 3;

/** Runs the main job. */
export async function sync(session: Session, options: SyncOptions): Promise<SyncReport> {
  const started = session.now();
  try {
    const report = await new Syncing(session, options).run();
    await note(session, started, needsAttention(report) ? "partly" : "done", summaryOf(report));
    return report;
  } catch (error) {
    await note(session, started, session.signal.aborted ? "interrupted" : "failed", {}).catch(() => {});
    throw error;
  }
}

/** Whether some files were skipped or failed. */
export function needsAttention(report: SyncReport): boolean {
  return report.scan.failures.length > 0 || report.changed.length > 0 || report.unstaged > 0 ||
    report.scan.sources.some((source) => source.problems.length > 0);
}

class Syncing {
  readonly #session: Session;
  readonly #options: SyncOptions;
  readonly #sealed: SealedVolume[] = [];
  readonly #changed = new Map<string, FileProblem>();
  #staged = 0;
  #stagedBytes = 0;
  #unstaged = 0;

  constructor(session: Session, options: SyncOptions) {
    this.#session = session;
    this.#options = options;
  }

  async run(): Promise<SyncReport> {
    let scan = await scanSources(this.#session, this.#options);
    const catalogChanged = scan.sources.some(({ added, changed, moved, gone }) =>
      added + changed + moved + gone > 0
    );
    for (let round = 1; await this.#storeOnce() && round < ROUNDS; round++) {
      const again = await scanSources(this.#session, this.#options);
      scan = { ...again, sources: again.sources.map((source, i) => mergeCounts(scan.sources[i], source)) };
    }
    const somethingNew = catalogChanged || this.#staged > 0 || this.#sealed.length > 0;
    const snapshot = somethingNew
      ? await storeSnapshot(this.#session, await this.#session.staging())
      : undefined;
    const tidied = await tidyStaging(this.#session);
    const rest = contentsOf(await waitingFiles(this.#session.db, this.#session.home.box));
    return {
      scan,
      staged: { files: this.#staged, bytes: this.#stagedBytes },
      sealed: this.#sealed,
      changed: [...this.#changed.values()],
      waiting: { files: rest.length, bytes: rest.reduce((sum, file) => sum + file.size, 0) },
      unstaged: this.#unstaged,
      tidied,
      snapshot,
    };
  }

  /**
   * Stores what waits: staging first, so that the newest files are safe soonest, then volumes, those an
   * earlier run began before new ones.
   *
   * @returns whether a file turned out to have changed, so that another round is worth its while
   */
  async #storeOnce(): Promise<boolean> {
    this.#changed.clear(); // what changed in the round before has been looked at again since
    const { volumes, rest, mentions } = await this.#plan();
    let clean = this.#noteStaged(await stageFiles(this.#session, rest));
    for (const volume of await unfinishedVolumes(this.#session)) {
      clean = this.#note(await sealPlanned(this.#session, volume)) && clean;
    }
    for (const [i, files] of volumes.entries()) {
      this.#session.signal.throwIfAborted();
      clean = this.#note(await sealFiles(this.#session, files, i === 0 ? mentions : NO_MENTIONS)) && clean;
    }
    return !clean;
  }

  async #plan(): Promise<{
    volumes: readonly (readonly WaitingFile[])[];
    rest: readonly WaitingFile[];
    mentions: Mentions;
  }> {
    const { db, home } = this.#session;
    const waiting = await waitingFiles(db, home.box);
    const mentions = await unlisted(db, home.box);
    const { full, rest } = planWaiting(this.#session, waiting, mentions, this.#options.volumeSize);
    if (!this.#options.seal || rest.length === 0) return { volumes: full, rest, mentions };
    return { volumes: [...full, rest], rest: [], mentions };
  }

  #noteStaged(report: StageReport): boolean {
    this.#staged += report.staged;
    this.#stagedBytes += report.bytes;
    this.#unstaged = report.waiting;
    for (const problem of report.changed) this.#changed.set(problem.path, problem);
    return report.changed.length === 0;
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

/** Plans volumes of waiting files; what the whole archive has to mention goes into the first. */
export function planWaiting(
  session: Session,
  waiting: readonly WaitingFile[],
  mentions: Mentions,
  volumeSize: number,
): ReturnType<typeof planVolumes<WaitingFile>> {
  const draft = {
    archive: session.archive.archive,
    box: session.home.box,
    created: session.now(),
    udf: session.home.config.udf,
  };
  return planVolumes(waiting, {
    volumeSize,
    measure: (files, volume) =>
      measureVolume({ ...draft, files, ...(volume === 0 ? mentions : NO_MENTIONS) }),
  });
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

function summaryOf(report: SyncReport): unknown {
  return {
    staged: report.staged,
    sealed: report.sealed.map((volume) => volume.name),
    waiting: report.waiting,
    problems: report.scan.sources.reduce(
      (sum, source) => sum + source.problems.length,
      report.changed.length,
    ),
  };
}

function note(session: Session, started: number, outcome: Outcome, summary: unknown): Promise<void> {
  const { db, home } = session;
  return noteRun(db, { box: home.box, job: "sync", started, ended: session.now(), outcome, summary });
}
