/** What a mirror is asked to do, and what it did. */

import type { TimeWindow } from "../../home/config-mirrors.ts";
import type { Accepted } from "../../scan/guard.ts";
import type { RateSchedule } from "../../store/rate.ts";
import type { FileProblem, SourceScan } from "../scan.ts";

/** A folder to mirror. */
export interface MirrorSource {
  /** As the user gave it. */
  readonly path: string;
  /** Whether its files stand below its name, as where several folders go to one mirror. */
  readonly named: boolean;
}

/** A mirror to bring up to date. */
export interface MirrorPlan {
  /** As in the settings, or the store's URL. */
  readonly name: string;
  /** URL of the store. */
  readonly store: string;
  readonly sources: readonly MirrorSource[];
  readonly encrypted: boolean;
  /** Whether the provider shall not see the names of files. */
  readonly opaque: boolean;
  /** Whether a path of the mirrored tree is part of it. */
  wants(path: string): boolean;
  /** Files on their way at the same time. */
  readonly parallel: number;
  /** Files to copy in this run, at most. */
  readonly maxFiles: number;
  /** Bytes to copy in this run, at most. */
  readonly maxBytes: number;
  readonly limitRate: RateSchedule | undefined;
  /** The hours in which files may be sent; undefined for all. */
  readonly window: TimeWindow | undefined;
  readonly accept: Accepted;
  /** Only say what would be sent. */
  readonly dryRun: boolean;
}

/** A number of files and their bytes. */
export interface Amount {
  readonly files: number;
  readonly bytes: number;
}

/** What a run of a mirror did. */
export interface MirrorReport {
  readonly name: string;
  readonly store: string;
  /** Files of the sources that belong into the mirror. */
  readonly wanted: Amount;
  /** Those that were there before. */
  readonly present: Amount;
  readonly copied: Amount;
  /** Of these, changed files, which stand beside their older versions. */
  readonly versions: number;
  /** Files that were in the store, put there by another program, and hold the right bytes. */
  readonly adopted: Amount;
  /** What the next run will copy: this one reached its limits, or the end of its hours. */
  readonly left: Amount;
  /** Objects that somebody removed from the store or replaced; what is still in the sources is sent again. */
  readonly lost: readonly LostObject[];
  /** Of these, the ones whose files are nowhere in the sources any more, or could not be sent again. */
  readonly notMended: number;
  /** Objects in the store's mirror that the catalog does not know. */
  readonly foreign: number;
  /** Files and folders that could not be copied. */
  readonly problems: readonly FileProblem[];
  readonly scans: readonly SourceScan[];
  readonly dryRun: boolean;
}

/** An object that is not what it was. */
export interface LostObject {
  readonly path: string;
  readonly key: string;
  readonly what: "removed" | "replaced";
}
