/** Where the contents of files stand: one extent per content, in the order of the manifest. */

import { ColdframeError } from "../errors.ts";
import type { ImageEntry } from "../types.ts";
import { SECTION_BYTES } from "./directory-record.ts";
import { at, lastAtMost, sectorsOf } from "./fields.ts";

/** Bytes. Linux gives up on a file of more than 100 sections (fs/isofs/inode.c). */
export const LARGEST_ISO_FILE = 100 * SECTION_BYTES;

/** The extents of an image, in sectors counted from the zero sector: 0 is that sector itself. */
export interface Extents {
  /** Entry → its first sector. */
  readonly start: Uint32Array;
  /** Extent → its first sector, ascending. */
  readonly extentStart: Uint32Array;
  /** Extent → the entry that placed it. */
  readonly extentEntry: Uint32Array;
  /** Sectors, with the zero sector. */
  readonly sectors: number;
}

type FileEntry = Extract<ImageEntry, { kind: "file" }>;

/**
 * Gives every content its place. What is empty stands at the zero sector, so that no reader sees it
 * point outside the image or at something else.
 *
 * @param largest the bytes of the largest file the image's formats can all hold.
 * @throws ColdframeError "image" for an impossible size, and for one content with two sizes.
 */
export function placeExtents(entries: readonly ImageEntry[], largest: number): Extents {
  const start = new Uint32Array(entries.length);
  const placed = new Map<string, number>();
  let sectors = 1;
  entries.forEach((entry, i) => {
    if (entry.kind !== "file") return;
    checkSize(entry, largest);
    if (entry.size === 0) return;
    const first = placed.get(entry.content);
    if (first !== undefined) return share(entries, start, first, i);
    placed.set(entry.content, i);
    start[i] = sectors;
    sectors += sectorsOf(entry.size);
  });
  const extentEntry = Uint32Array.from(placed.values());
  return { start, extentEntry, extentStart: extentEntry.map((entry) => at(start, entry)), sectors };
}

function checkSize(file: FileEntry, largest: number): void {
  if (!Number.isSafeInteger(file.size) || file.size < 0) {
    throw new ColdframeError("image", `${JSON.stringify(file.path)} has an impossible size: ${file.size}`);
  }
  if (file.size > largest) {
    const most = Math.floor(largest / 2 ** 30);
    throw new ColdframeError(
      "image",
      `${JSON.stringify(file.path)} is larger than this kind of image can hold (${most} GiB)`,
    );
  }
}

/** Points entry `i` at the extent of an earlier entry with the same content. */
function share(entries: readonly ImageEntry[], start: Uint32Array, first: number, i: number): void {
  const [before, entry] = [entries[first], entries[i]];
  if (before?.kind !== "file" || entry?.kind !== "file" || before.size !== entry.size) {
    throw new ColdframeError(
      "image",
      `${JSON.stringify(entry?.path)} and ${JSON.stringify(before?.path)} have one content but two sizes`,
    );
  }
  start[i] = at(start, first);
}

/** The extent that holds a sector, counted as in `Extents`; -1 for the zero sector. */
export function extentAt(extents: Extents, sector: number): number {
  return lastAtMost(extents.extentStart, sector);
}
