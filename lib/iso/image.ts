/**
 * Volume images: ISO 9660 level 3 with Rock Ridge, Joliet and a UDF bridge, as a pure function of a manifest.
 *
 * Nothing is written: an image is a layout, and any range of it can be made alone.
 */

import { ColdframeError } from "../errors.ts";
import type { Image, ImageSpec, Segment } from "../types.ts";
import { at, SECTOR } from "./fields.ts";
import { isoRegions } from "./iso-regions.ts";
import { type Layout, layOut, PAD_SECTORS } from "./layout.ts";
import { type Plan, type Region, segmentsOf, withoutGaps } from "./regions.ts";
import { udfLastAnchor, udfRegions } from "./udf-regions.ts";

/**
 * The image of a manifest, without its contents.
 *
 * Data stands in the order of `spec.entries`; a content several entries name stands once, where the first
 * one puts it. Folders that are not listed are made, with the time of the newest thing in them. Symlinks are
 * in Rock Ridge only: readers of Joliet and UDF 1.02 know none. Times outside 1970..2155 are stored as the
 * nearest moment inside. Slashes of a link's target that mean nothing are dropped.
 *
 * The offset of a file depends on all paths and on the sizes of earlier files, not on the size of a later one
 * below 4 GiB: a caller may lay out twice, to write offsets into a last file.
 *
 * @throws ColdframeError "image" for a path that is impossible, there twice, or both file and folder; for a
 * file larger than the formats allow; and for more than one image can address.
 */
export function layoutImage(spec: ImageSpec): Image {
  const layout = layOut(spec);
  const plan = planOf(layout);
  const size = layout.starts.sectors * SECTOR;
  return {
    size,
    offsetOf: (entry) => (layout.starts.zero + at(layout.extents.start, entry)) * SECTOR,
    segments: (offset, length) => segmentsIn(plan, size, offset, length),
  };
}

/** The `size` of `layoutImage(spec)`, in bytes, for planning. @throws as {@link layoutImage} */
export function imageSize(spec: ImageSpec): number {
  return layOut(spec).starts.sectors * SECTOR;
}

function segmentsIn(plan: Plan, size: number, offset: number, length: number): Iterable<Segment> {
  const inside = Number.isSafeInteger(offset) && Number.isSafeInteger(length) && offset >= 0 && length >= 0 &&
    offset + length <= size;
  if (!inside) throw new ColdframeError("image", `no bytes ${offset} + ${length} in an image of ${size}`);
  return segmentsOf(plan, offset, offset + length);
}

function planOf(layout: Layout): Plan {
  const { spec, starts, extents, udf } = layout;
  const made = udf === undefined ? isoRegions(layout) : [...isoRegions(layout), ...udfRegions(layout, udf)];
  const pad: Region = { start: starts.pad, sectors: PAD_SECTORS };
  return {
    regions: withoutGaps(made, starts.zero),
    entries: spec.entries,
    extents,
    zeroSector: starts.zero,
    tail: udf === undefined ? [pad] : [{ ...pad, sectors: PAD_SECTORS - 1 }, udfLastAnchor(layout)],
  };
}
