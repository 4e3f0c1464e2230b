/** The directories of the ISO 9660 tree, with Rock Ridge. */

import { concat, utf8 } from "../bytes.ts";
import {
  ContinuationPacker,
  type ContinuationTable,
  fillContinuation,
  placedInline,
} from "./continuation.ts";
import { fillDirectory, type Hierarchy, sectionsOf } from "./directories.ts";
import { recordHead, recordLength } from "./directory-record.ts";
import { ascii, at } from "./fields.ts";
import { isoIdentifier, isoName, rockRidgeName } from "./names.ts";
import { type DirectoryZone, folderAt, packDirectories } from "./packing.ts";
import {
  CE_LENGTH,
  er,
  inlineNameRoom,
  lengthOf,
  MODE,
  px,
  PX_LENGTH,
  sl,
  sp,
  SP_LENGTH,
  type SystemUse,
  systemUse,
  tf,
  TF_LENGTH,
} from "./rock-ridge.ts";
import { entryOf, isFolder, isSymlink, nameOf, timeOf, type Tree } from "./tree.ts";

const ATTRIBUTES = PX_LENGTH + TF_LENGTH;
const ROOT_USE = SP_LENGTH + ATTRIBUTES + CE_LENGTH;

/** The packed ISO tree: its directories, and the areas their records continue in. */
export interface IsoZones {
  readonly directories: DirectoryZone;
  readonly continuation: ContinuationTable;
}

/** The position behind a folder's last child; in the ISO tree positions are nodes. */
function endOf(tree: Tree, folder: number): number {
  return at(tree.folders.firstChild, folder) + at(tree.folders.childCount, folder);
}

/** Packs all directories. Each record is measured once, in order, and leaves behind what it cannot hold. */
export function packIso(tree: Tree): IsoZones {
  const areas = new ContinuationPacker();
  areas.add(0, systemUseOf(tree, 0).areas);
  const directories = packDirectories({
    folders: tree.folders.count,
    selfBytes: (folder) =>
      recordLength(1, folder === 0 ? ROOT_USE : ATTRIBUTES) + recordLength(1, ATTRIBUTES),
    firstPosition: (folder) => at(tree.folders.firstChild, folder),
    endPosition: (folder) => endOf(tree, folder),
    recordBytes: (node) => recordBytes(tree, node, areas),
    sections: (node) => sectionsOf(tree, node),
    sectorsBehind: (sector) => areas.endFolder(sector),
  });
  return { directories, continuation: areas.done() };
}

/** The bytes of a node's record: arithmetic for all but long names and symlinks. */
function recordBytes(tree: Tree, node: number, areas: ContinuationPacker): number {
  const idLength = at(tree.nodes.isoLength, node);
  const nameLength = at(tree.nodes.rockLength, node);
  const fits = nameLength <= inlineNameRoom(recordHead(idLength));
  if (fits && !isSymlink(tree, node)) return recordLength(idLength, ATTRIBUTES + 5 + nameLength);
  const use = systemUseOf(tree, node);
  areas.add(node, use.areas);
  return recordLength(idLength, lengthOf(use.inline) + (use.areas.length > 0 ? CE_LENGTH : 0));
}

/** PX and TF of a node. A folder has the links of `.`, of its name, and of each subfolder's `..`. */
function attributes(tree: Tree, node: number): Uint8Array[] {
  const time = tf(timeOf(tree, node));
  if (!isFolder(tree, node)) return [px(isSymlink(tree, node) ? MODE.symlink : MODE.file, 1), time];
  return [px(MODE.dir, 2 + at(tree.folders.subfolders, at(tree.nodes.folder, node))), time];
}

/** The Rock Ridge fields of a node, not yet placed. The root's are those of its `.`. */
export function systemUseOf(tree: Tree, node: number): SystemUse {
  if (node === 0) return { inline: [sp(), ...attributes(tree, 0)], areas: [[er()]] };
  const name = utf8(rockRidgeName(nameOf(tree, node), tree.nodes.rockSerial.get(node) ?? 0));
  const entry = isFolder(tree, node) ? undefined : entryOf(tree, node);
  const links = entry?.kind === "symlink" ? sl(entry.target) : [];
  return systemUse(recordHead(at(tree.nodes.isoLength, node)), attributes(tree, node), name, links);
}

/** The ISO identifier of a node. */
export function isoIdentifierOf(tree: Tree, node: number): Uint8Array {
  const folder = isFolder(tree, node);
  return ascii(isoIdentifier(isoName(nameOf(tree, node), folder, at(tree.nodes.isoSerial, node)), folder));
}

/**
 * The ISO tree as `fillDirectory` and the path tables see it.
 *
 * @param start the first sector of the directories and their continuation areas.
 * @param dataStart the first sector of a node's data.
 */
export function isoHierarchy(
  tree: Tree,
  zones: IsoZones,
  start: number,
  dataStart: (node: number) => number,
): Hierarchy {
  const placed = (node: number) => placedInline(zones.continuation, start, node, systemUseOf(tree, node));
  const plain = (folder: number) => concat(...attributes(tree, at(tree.folders.node, folder)));
  return {
    tree,
    zone: zones.directories,
    start,
    endPosition: (folder) => endOf(tree, folder),
    nodeAt: (position) => position,
    identifier: (node) => isoIdentifierOf(tree, node),
    systemUse: placed,
    selfUse: (folder) => folder === 0 ? placed(0) : plain(folder),
    parentUse: plain,
    dataStart,
  };
}

/** Writes one sector of the ISO directories or of their continuation areas into `out`, which is zero. */
export function fillIso(hierarchy: Hierarchy, zones: IsoZones, sector: number, out: Uint8Array): void {
  const { start, sectors } = zones.directories;
  const folder = folderAt(start, sector);
  if (sector < at(start, folder) + at(sectors, folder)) return fillDirectory(hierarchy, sector, out);
  const areas = (node: number) => systemUseOf(hierarchy.tree, node).areas;
  fillContinuation(zones.continuation, hierarchy.start, sector, out, areas);
}
