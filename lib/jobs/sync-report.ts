/** What a sync did, and whether somebody should look at it. */

import { isPartial } from "./mirror/mirror.ts";
import type { MirrorOutcome } from "./mirror/settings.ts";
import type { FileProblem, ScanReport } from "./scan.ts";
import type { SealedVolume } from "./seal.ts";
import type { UnfinishedUpload } from "./uploads.ts";

/** What a sync did. */
export interface SyncReport {
  readonly scan: ScanReport;
  readonly staged: { readonly files: number; readonly bytes: number };
  readonly sealed: readonly SealedVolume[];
  /** Whether files were sealed before they filled a volume, since staging had no room for them. */
  readonly early: boolean;
  /** Files that changed while they were stored; the next run takes them. */
  readonly changed: readonly FileProblem[];
  /** Contents in staging that wait for a volume to fill. */
  readonly waiting: { readonly files: number; readonly bytes: number };
  /** Contents that are in no store yet: staging had no room for them, or failed. */
  readonly unstaged: number;
  /** Staged objects that somebody removed from their store, and that had to be stored again. */
  readonly missing: number;
  /** Removed objects that were the only copies of their files. */
  readonly lost: readonly FileProblem[];
  /** What staging failed with, or said when it was full. */
  readonly stagingTrouble: Trouble | undefined;
  /** When the access to staging ends by itself, in ms since 1970, if that is in a few days. */
  readonly accessEnds: number | undefined;
  readonly tidied: number;
  /** Uploads that nobody has gone on with for a week, and that this catalog does not know. */
  readonly abandoned: readonly UnfinishedUpload[];
  /** Key of the snapshot taken, if the catalog changed. */
  readonly snapshot: string | undefined;
  /** The mirrors of the settings that were due. */
  readonly mirrors: readonly MirrorOutcome[];
}

/** What went wrong with a store, in plain data. */
export interface Trouble {
  readonly code: string;
  readonly message: string;
  readonly hint: string | undefined;
}

/** Whether some files were skipped or failed. */
export function needsAttention(report: SyncReport): boolean {
  return report.scan.failures.length > 0 || report.changed.length > 0 || report.unstaged > 0 ||
    report.lost.length > 0 || report.accessEnds !== undefined || isFailure(report.stagingTrouble) ||
    report.scan.sources.some(({ problems, spoilt }) => problems.length + spoilt.files > 0) ||
    report.mirrors.some(({ report }) => report === undefined || isPartial(report) || report.notMended > 0);
}

/** A store that was full and found relief is no failure. */
function isFailure(trouble: Trouble | undefined): boolean {
  return trouble !== undefined && trouble.code !== "store-full";
}

/** What the catalog keeps of a run. */
export function summaryOf(report: SyncReport): unknown {
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
