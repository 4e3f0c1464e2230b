/**
 * The guard between a scan and the catalog: a disk that is not mounted, or another one in its place,
 * must be an error and not a wave of deletions.
 */

import { ColdframeError } from "../errors.ts";

/** What a scan counted. */
export interface Tally {
  /** Current files of the source before the scan. */
  readonly known: number;
  /** Files that the walk gave. */
  readonly found: number;
  /** Known files that are not there; without the unknown ones. */
  readonly gone: number;
  /**
   * Gone files that were found again at another path. Before the new files are hashed, their number may
   * stand here: the check can then be made early, at best too mild, and again when the moves are known.
   */
  readonly moved: number;
}

/** The source that was scanned. */
export interface Scanned {
  readonly path: string;
  /** Its device now, and at the last good scan; undefined at the first. */
  readonly device: string;
  readonly deviceBefore: string | undefined;
}

/** What the user has said is as it should be. */
export interface Accepted {
  /** `--accept-gone` */
  readonly gone?: boolean;
  /** `--accept-device` */
  readonly device?: boolean;
  /** `--accept-changes` */
  readonly changes?: boolean;
}

/** Up to this many files may always go: small sources are tidied up in one afternoon. */
const FEW = 20;

/**
 * Refuses a scan in which a source has lost its files rather than some of its files.
 *
 * - Nothing was found although files are known: an empty mount point looks like this.
 * - More than half of the known files, and more than 20, are gone and not found elsewhere.
 *
 * A changed device number alone means nothing: the same stick may get another one when it is plugged in
 * again. Together with files gone it means that another disk stands there, and then the limit of 20 does
 * not hold: half of any number is too much.
 *
 * @throws ColdframeError `source-missing` when another disk seems to stand there, `source-emptied`
 *   otherwise; the hint names the flag that lets it pass
 */
export function assertPlausible(source: Scanned, tally: Tally, accepted: Accepted = {}): void {
  const lost = tally.gone - tally.moved;
  if (lost <= 0) return;
  const emptied = tally.found === 0;
  const mostlyGone = lost * 2 > tally.known;
  const otherDevice = source.deviceBefore !== undefined && source.deviceBefore !== source.device;
  if (otherDevice && (emptied || mostlyGone)) {
    if (accepted.device !== true) throw anotherDisk(source.path, lost, tally.known);
  } else if (emptied || (mostlyGone && lost > FEW)) {
    if (accepted.gone !== true) throw emptiedSource(source.path, lost, tally);
  }
}

function anotherDisk(path: string, lost: number, known: number): ColdframeError {
  return new ColdframeError(
    "source-missing",
    `another disk stands at ${path}, and ${lost} of ${known} known files are not on it`,
    {
      hint: "Mount the right disk. If this is the new home of these files, run again with --accept-device.",
    },
  );
}

function emptiedSource(path: string, lost: number, tally: Tally): ColdframeError {
  const what = tally.found === 0
    ? `${path} is empty, but ${tally.known} files are known of it`
    : `${lost} of ${tally.known} known files are gone from ${path}`;
  return new ColdframeError("source-emptied", what, {
    hint: "Check that its disk is mounted. If you removed them, run again with --accept-gone.",
  });
}
