/** An image as a row of regions, and any range of it as segments. */

import type { ImageEntry, Segment } from "../types.ts";
import { extentAt, type Extents } from "./extents.ts";
import { at, lastAtMost, SECTOR } from "./fields.ts";

/** Writes sector `index` of a region into `out`, which is zero and one sector long. */
export type Fill = (index: number, out: Uint8Array) => void;

/** A run of sectors made by one function. */
export interface Region {
  /** Sectors. */
  readonly start: number;
  readonly sectors: number;
  /** Without it, all is zero. */
  readonly fill?: Fill;
}

/** A region of one sector. */
export function sectorRegion(start: number, bytes: () => Uint8Array): Region {
  return { start, sectors: 1, fill: (_, out) => out.set(bytes()) };
}

/** The regions in image order, with zeros wherever none of them is, up to sector `end`. */
export function withoutGaps(regions: readonly Region[], end: number): Region[] {
  const row: Region[] = [];
  let next = 0;
  for (const region of regions.toSorted((a, b) => a.start - b.start)) {
    if (region.sectors === 0) continue;
    if (region.start > next) row.push({ start: next, sectors: region.start - next });
    row.push(region);
    next = region.start + region.sectors;
  }
  return end > next ? [...row, { start: next, sectors: end - next }] : row;
}

/** A row of regions in image order, and behind the last the zero sector and the data. */
export interface Plan {
  readonly regions: readonly Region[];
  readonly entries: readonly ImageEntry[];
  readonly extents: Extents;
  /** The zero sector; the data follows it. */
  readonly zeroSector: number;
  /** What stands behind the data. */
  readonly tail: readonly Region[];
}

/** Made sectors come in pieces of at most this many, so that a large range needs no large buffer. */
const SECTORS_AT_ONCE = 32;

/** The segments of `offset .. end`, bytes of the image; the caller has checked that both lie inside. */
export function* segmentsOf(plan: Plan, offset: number, end: number): Iterable<Segment> {
  const dataEnd = (plan.zeroSector + plan.extents.sectors) * SECTOR;
  const dataStart = plan.zeroSector * SECTOR;
  yield* madeSegments(plan.regions, offset, Math.min(end, dataStart));
  yield* dataSegments(plan, Math.max(offset, dataStart), Math.min(end, dataEnd));
  yield* madeSegments(plan.tail, Math.max(offset, dataEnd), end);
}

function* madeSegments(regions: readonly Region[], offset: number, end: number): Iterable<Segment> {
  if (offset >= end) return;
  const starts = regions.map((region) => region.start * SECTOR);
  for (let r = lastAtMost(starts, offset); r < regions.length; r++) {
    const region = regions[r];
    if (region === undefined || region.start * SECTOR >= end) return;
    const regionEnd = (region.start + region.sectors) * SECTOR;
    const from = Math.max(offset, region.start * SECTOR);
    yield* regionSegments(region, from, Math.min(end, regionEnd));
  }
}

/** Part of one region; `from` and `end` are bytes of the image. */
function* regionSegments(region: Region, from: number, end: number): Iterable<Segment> {
  if (from >= end) return;
  if (region.fill === undefined) return yield { kind: "zero", length: end - from };
  const last = Math.ceil(end / SECTOR);
  for (let sector = Math.floor(from / SECTOR); sector < last; sector += SECTORS_AT_ONCE) {
    const count = Math.min(SECTORS_AT_ONCE, last - sector);
    const bytes = madeSectors(region, sector - region.start, count);
    const base = sector * SECTOR;
    yield {
      kind: "bytes",
      bytes: bytes.subarray(Math.max(from - base, 0), Math.min(end - base, bytes.length)),
    };
  }
}

function madeSectors(region: Region, index: number, count: number): Uint8Array {
  const bytes = new Uint8Array(count * SECTOR);
  for (let i = 0; i < count; i++) region.fill?.(index + i, bytes.subarray(i * SECTOR, (i + 1) * SECTOR));
  return bytes;
}

/** The zero sector and the contents, each followed by zeros up to the next sector. */
function* dataSegments(plan: Plan, offset: number, end: number): Iterable<Segment> {
  const { extents, entries } = plan;
  const base = plan.zeroSector * SECTOR;
  let from = offset;
  for (let e = extentAt(extents, Math.floor((from - base) / SECTOR)); from < end; e++) {
    const next = e + 1 < extents.extentStart.length ? at(extents.extentStart, e + 1) : extents.sectors;
    const stop = Math.min(end, base + next * SECTOR);
    const start = base + (e < 0 ? 0 : at(extents.extentStart, e)) * SECTOR;
    const entry = e < 0 ? undefined : at(extents.extentEntry, e);
    yield* extentSegments(entry, sizeAt(entries, entry), start, from, stop);
    from = stop;
  }
}

function sizeAt(entries: readonly ImageEntry[], index: number | undefined): number {
  const entry = index === undefined ? undefined : entries[index];
  return entry?.kind === "file" ? entry.size : 0;
}

/** `from .. stop` of an extent of `size` bytes that begins at `start`. */
function* extentSegments(
  entry: number | undefined,
  size: number,
  start: number,
  from: number,
  stop: number,
): Iterable<Segment> {
  const dataEnd = Math.min(stop, start + size);
  if (entry !== undefined && from < dataEnd) {
    yield { kind: "content", entry, offset: from - start, length: dataEnd - from };
  }
  const zeros = stop - Math.max(from, dataEnd);
  if (zeros > 0) yield { kind: "zero", length: zeros };
}
