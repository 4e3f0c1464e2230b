/**
 * Volume images: ISO 9660 level 3 with Rock Ridge, Joliet and a UDF bridge, as a pure function of a manifest.
 *
 * Nothing is written: an image is a layout, and any range of it can be made alone.
 */

import { ColdframeError } from "../errors.ts";
import type { Image, ImageSpec, Segment } from "../types.ts";
import { fillContinuation } from "./continuation.ts";
import { fillDirectory, rootRecord } from "./directories.ts";
import { at, SECTOR, sectorsOf } from "./fields.ts";
import { isoHierarchy, systemUseOf } from "./iso_directories.ts";
import { jolietHierarchy } from "./joliet_directories.ts";
import { dataStart, type Layout, layOut, PAD_SECTORS } from "./layout.ts";
import { fillPathTable } from "./path_table.ts";
import { type Fill, type Plan, type Region, segmentsOf } from "./regions.ts";
import { jolietDescriptor, primaryDescriptor, terminator } from "./volume_descriptors.ts";

/**
 * The image of a manifest, without its contents.
 *
 * Data stands in the order of `spec.entries`; a content several entries name stands once, where the first
 * one puts it. Folders that are not listed are made, with the time of the newest thing in them. Symlinks are
 * in Rock Ridge only: Joliet and UDF readers do not expect them. Times outside 1970..2155 are stored as the
 * nearest moment inside. Target slashes that mean nothing are dropped.
 *
 * The offset of a file depends on names and on the sizes of earlier files, not on the size of later ones (as long
 * as none passes a multiple of 4 GiB), so a caller may lay out twice to write offsets into a last file.
 *
 * @throws ColdframeError "image" for a path that is impossible, there twice, or both file and folder; for a
 * file larger than the format allows; and for more files than one image can address.
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

/** One sector with known bytes. */
function sector(start: number, bytes: () => Uint8Array): Region {
  return { start, sectors: 1, fill: (_, out) => out.set(bytes()) };
}

function planOf(layout: Layout): Plan {
  const { spec, starts, extents } = layout;
  const regions = [{ start: 0, sectors: 16 }, ...treeRegions(layout)];
  const tail = [{ start: starts.pad, sectors: PAD_SECTORS }];
  return { regions, entries: spec.entries, extents, zeroSector: starts.zero, tail };
}

function treeRegions(layout: Layout): Region[] {
  const { spec, tree, starts, isoTable, jolietTable, iso, joliet } = layout;
  const data = (node: number) => dataStart(layout, node);
  const isoTree = isoHierarchy(tree, iso, starts.iso, starts.continuation, data);
  const jolietTree = jolietHierarchy(tree, joliet, starts.joliet, data);
  const facts = { volumeId: spec.volumeId, created: spec.created, sectors: starts.sectors };
  const isoPlace = {
    pathTableBytes: isoTable.bytes,
    pathTableL: starts.isoL,
    pathTableM: starts.isoM,
    root: rootRecord(isoTree),
  };
  const jolietPlace = {
    pathTableBytes: jolietTable.bytes,
    pathTableL: starts.jolietL,
    pathTableM: starts.jolietM,
    root: rootRecord(jolietTree),
  };
  const areas = (node: number) => systemUseOf(tree, node).areas;
  const region = (start: number, sectors: number, fill: Fill): Region => ({
    start,
    sectors,
    fill,
  });
  const isoTableSectors = sectorsOf(isoTable.bytes);
  const jolietTableSectors = sectorsOf(jolietTable.bytes);
  return [
    sector(16, () => primaryDescriptor(facts, isoPlace)),
    sector(17, () => jolietDescriptor(facts, jolietPlace)),
    sector(18, terminator),
    region(starts.isoL, isoTableSectors, (i, out) => fillPathTable(isoTable, isoTree, true, i, out)),
    region(starts.isoM, isoTableSectors, (i, out) => fillPathTable(isoTable, isoTree, false, i, out)),
    region(
      starts.jolietL,
      jolietTableSectors,
      (i, out) => fillPathTable(jolietTable, jolietTree, true, i, out),
    ),
    region(
      starts.jolietM,
      jolietTableSectors,
      (i, out) => fillPathTable(jolietTable, jolietTree, false, i, out),
    ),
    region(starts.iso, starts.continuation - starts.iso, (i, out) => fillDirectory(isoTree, i, out)),
    region(starts.continuation, starts.joliet - starts.continuation, (i, out) => {
      fillContinuation(iso.continuation, starts.continuation, i, out, areas);
    }),
    region(starts.joliet, starts.zero - starts.joliet, (i, out) => fillDirectory(jolietTree, i, out)),
  ];
}
