/**
 * Which files go into a volume before it is full, because staging has no room for all that waits. Pure.
 *
 * The rule: while everything fits, nothing is sealed early. When it does not, the oldest files are sealed,
 * up to the newest ones that take a quarter of the room there is for waiting files. A quarter stays, since
 * the newest files are those that still get edits and companions, which should share their volume; no more
 * stays, since every early volume is a small one, and this makes them as large and as few as staging allows.
 * A file that staging could never hold is never among those that stay, nor is anything older than it.
 *
 * Sets stay whole: companions, and all paths of one content, are sealed together or wait together.
 */

import { groupCompanions } from "./group.ts";
import type { PlanFile } from "./plan.ts";

/** What staging holds and can take, in bytes of staged objects. */
export interface StagingSpace {
  /** What it can still take; Infinity where there is no limit, negative where it holds too much already. */
  readonly room: number;
  /** What a content takes, or would take. */
  objectSize(file: PlanFile): number;
  isStaged(file: PlanFile): boolean;
}

/** Files to seal now, and files to keep in staging; both in order of time. */
export interface EarlySplit<F extends PlanFile> {
  readonly early: readonly F[];
  readonly keep: readonly F[];
}

/** What part of the room for waiting files the newest of them keep, when the older ones are sealed early. */
const KEPT_SHARE = 1 / 4;

/**
 * Splits the files that do not fill a volume.
 *
 * @param files every path of every content that waits, oldest first
 */
export function splitEarly<F extends PlanFile>(files: readonly F[], space: StagingSpace): EarlySplit<F> {
  const isNew = (file: F) => !space.isStaged(file);
  if (sizeOf(files.filter(isNew), space) <= space.room) return { early: [], keep: files };
  const freed = sizeOf(files.filter((file) => space.isStaged(file)), space);
  const groups = groupCompanions(files);
  let budget = (space.room + freed) * KEPT_SHARE;
  let cut = groups.length;
  for (; cut > 0; cut--) {
    budget -= sizeOf(groups[cut - 1]?.files ?? [], space);
    if (budget < 0) break;
  }
  const filesOf = (from: number, to: number) => groups.slice(from, to).flatMap((group) => group.files);
  return { early: filesOf(0, cut), keep: filesOf(cut, groups.length) };
}

/** Each content once. */
function sizeOf(files: readonly PlanFile[], space: StagingSpace): number {
  const sizes = new Map(files.map((file) => [file.content, space.objectSize(file)]));
  let sum = 0;
  for (const size of sizes.values()) sum += size;
  return sum;
}
