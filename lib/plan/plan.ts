/**
 * Which files go into which volume. Pure: the same files give the same plan.
 *
 * Volumes are filled in order of time, so that a holiday ends up in one or two of them. A volume is full
 * when the next group would make its image larger than the volume size, or give it more files than a small
 * machine can hold the directories of; the files that do not fill one
 * wait. A group larger than a volume is split; a single file larger than a volume has one to itself.
 */

import { type Group, groupCompanions } from "./group.ts";

/** What the planner needs to know of a file. */
export interface PlanFile {
  readonly path: string;
  /** Bytes. */
  readonly size: number;
  readonly mtime: number;
  readonly content: number;
}

/** How large volumes may be. */
export interface PlanLimits<F extends PlanFile> {
  /** The largest image, in bytes. */
  readonly volumeSize: number;
  /** The most files of one image, unless they are one group: what is known of each is in memory while it is made. */
  readonly maxFiles: number;
  /**
   * The exact size of the image that would hold these files, in bytes. Must not fall when files are added.
   *
   * @param volume which volume of the plan it would be, from 0
   */
  measure(files: readonly F[], volume: number): number;
}

/** The outcome: volumes that are full, and the files that wait for the next one. */
export interface Plan<F extends PlanFile> {
  readonly full: readonly (readonly F[])[];
  readonly rest: readonly F[];
}

/**
 * Plans volumes.
 *
 * @param files every path of every content that is in no volume, oldest first
 */
export function planVolumes<F extends PlanFile>(files: readonly F[], limits: PlanLimits<F>): Plan<F> {
  const groups = splitOversized(groupCompanions(files), limits);
  const full: (readonly F[])[] = [];
  let start = 0;
  while (start < groups.length) {
    const count = fitting(groups, start, limits, full.length);
    if (start + count === groups.length && !isOversized(groups, start, count, limits, full.length)) break;
    full.push(filesOf(groups, start, count));
    start += count;
  }
  return { full, rest: filesOf(groups, start, groups.length - start) };
}

function filesOf<F extends PlanFile>(groups: readonly Group<F>[], start: number, count: number): F[] {
  return groups.slice(start, start + count).flatMap((group) => group.files);
}

/** A lone content that is larger than a volume goes at once: waiting would not make it fit. */
function isOversized<F extends PlanFile>(
  groups: readonly Group<F>[],
  start: number,
  count: number,
  limits: PlanLimits<F>,
  volume: number,
): boolean {
  return count === 1 && limits.measure(filesOf(groups, start, 1), volume) > limits.volumeSize;
}

/** Breaks groups that would not fit an empty volume into their single contents. */
function splitOversized<F extends PlanFile>(groups: readonly Group<F>[], limits: PlanLimits<F>): Group<F>[] {
  return groups.flatMap((group) => {
    if (dataSize(group) * 2 < limits.volumeSize) return [group]; // no need to measure the many small ones
    return limits.measure(group.files, 0) <= limits.volumeSize ? [group] : singleContents(group);
  });
}

function singleContents<F extends PlanFile>(group: Group<F>): Group<F>[] {
  const byContent = new Map<number, F[]>();
  for (const file of group.files) {
    const same = byContent.get(file.content);
    if (same === undefined) byContent.set(file.content, [file]);
    else same.push(file);
  }
  return [...byContent.values()].map((files) => ({ mtime: files[0]?.mtime ?? group.mtime, files }));
}

const SECTOR = 2048;

/** Bytes of the contents alone, in whole sectors: an image is never smaller. */
function dataSize<F extends PlanFile>(group: Group<F>): number {
  const sizes = new Map(group.files.map((file) => [file.content, file.size]));
  let sum = 0;
  for (const size of sizes.values()) sum += Math.ceil(size / SECTOR) * SECTOR;
  return sum;
}

/**
 * How many groups from `start` fit one volume; at least one. The data alone, and the number of files, bound the number from
 * above; between that and one, the exact size decides by bisection, nearest to the bound first.
 */
function fitting<F extends PlanFile>(
  groups: readonly Group<F>[],
  start: number,
  limits: PlanLimits<F>,
  volume: number,
): number {
  const fits = (count: number) => limits.measure(filesOf(groups, start, count), volume) <= limits.volumeSize;
  let high = countByData(groups, start, limits); // the most that could fit
  if (high <= 1 || fits(high)) return Math.max(1, high);
  let low = 1;
  for (let step = 1; high - step > low; step *= 2) {
    if (fits(high - step)) {
      low = high - step;
      break;
    }
    high -= step;
  }
  while (high - low > 1) {
    const middle = (low + high) >>> 1;
    if (fits(middle)) low = middle;
    else high = middle;
  }
  return low;
}

function countByData<F extends PlanFile>(
  groups: readonly Group<F>[],
  start: number,
  { volumeSize, maxFiles }: PlanLimits<F>,
): number {
  let sum = 0;
  let files = 0;
  let count = 0;
  for (let i = start; i < groups.length; i++, count++) {
    const group = groups[i];
    if (group === undefined) break;
    sum += dataSize(group);
    files += group.files.length;
    if (sum > volumeSize || files > maxFiles) break;
  }
  return count;
}
