/** The regions of the UDF bridge: its descriptors in and around the gap after sector 18, and its tree. */

import { dataStart, type Layout } from "./layout.ts";
import { type Region, sectorRegion } from "./regions.ts";
import { isFolder, isSymlink } from "./tree.ts";
import { PARTITION_START } from "./udf-fields.ts";
import { fillUdfEntry, fillUdfFolder, type UdfFolders, type UdfTree, uniqueIdOf } from "./udf-tree.ts";
import {
  INTEGRITY_SEQUENCE,
  MAIN_SEQUENCE,
  RESERVE_SEQUENCE,
  udfAnchor,
  udfFileSet,
  udfIntegrity,
  udfSequence,
  udfTerminating,
  type UdfVolume,
} from "./udf-volume.ts";
import { recognition } from "./volume-descriptors.ts";

/** Where the first anchor must be (ECMA-167 3/8.4.2.1). */
const FIRST_ANCHOR = 256;

/** All regions of the bridge but the last anchor, in image order. */
export function udfRegions(layout: Layout, folders: UdfFolders): Region[] {
  return [...descriptorRegions(volumeOf(layout)), ...treeRegions(layout, folders)];
}

/** The anchor in the very last sector. */
export function udfLastAnchor(layout: Layout): Region {
  const last = layout.starts.sectors - 1;
  return sectorRegion(last, () => udfAnchor(last));
}

function descriptorRegions(volume: UdfVolume): Region[] {
  const sequence = (start: number) =>
    udfSequence(volume, start).map((bytes, i) => sectorRegion(start + i, () => bytes));
  return [
    sectorRegion(19, () => recognition("BEA01")),
    sectorRegion(20, () => recognition("NSR02")),
    sectorRegion(21, () => recognition("TEA01")),
    ...sequence(MAIN_SEQUENCE),
    ...sequence(RESERVE_SEQUENCE),
    sectorRegion(INTEGRITY_SEQUENCE, () => udfIntegrity(volume, INTEGRITY_SEQUENCE)),
    sectorRegion(INTEGRITY_SEQUENCE + 1, () => udfTerminating(INTEGRITY_SEQUENCE + 1)),
    sectorRegion(FIRST_ANCHOR, () => udfAnchor(FIRST_ANCHOR)),
    sectorRegion(PARTITION_START, () => udfFileSet(volume)),
    sectorRegion(PARTITION_START + 1, () => udfTerminating(1)),
  ];
}

function volumeOf(layout: Layout): UdfVolume {
  const { spec, starts, tree } = layout;
  let files = 0;
  for (let node = 1; node < tree.nodes.count; node++) {
    if (!isFolder(tree, node) && !isSymlink(tree, node)) files++;
  }
  return {
    volumeId: spec.volumeId,
    created: spec.created,
    // The last sector is the anchor's, and an anchor stands outside the partition.
    partitionSectors: starts.sectors - 1 - PARTITION_START,
    files,
    folders: tree.folders.count,
    nextUniqueId: uniqueIdOf(tree.nodes.count),
    rootBlock: starts.udfEntries - PARTITION_START,
  };
}

function treeRegions(layout: Layout, folders: UdfFolders): Region[] {
  const { starts, tree } = layout;
  const udf: UdfTree = {
    tree,
    folders,
    entriesBlock: starts.udfEntries - PARTITION_START,
    foldersBlock: starts.udfFolders - PARTITION_START,
    dataBlock: (node) => dataStart(layout, node) - PARTITION_START,
  };
  return [
    {
      start: starts.udfEntries,
      sectors: starts.udfFolders - starts.udfEntries,
      fill: (node, out) => fillUdfEntry(udf, node, out),
    },
    {
      start: starts.udfFolders,
      sectors: starts.zero - starts.udfFolders,
      fill: (sector, out) => fillUdfFolder(udf, sector, out),
    },
  ];
}
