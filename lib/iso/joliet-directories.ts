/** The directories of the Joliet tree: the same folders and files under UTF-16 names, without symlinks. */

import { type Hierarchy, sectionsOf } from "./directories.ts";
import { recordLength } from "./directory-record.ts";
import { at, utf16be } from "./fields.ts";
import { jolietName } from "./names.ts";
import { type DirectoryZone, packDirectories } from "./packing.ts";
import { nameOf, type Tree } from "./tree.ts";

const NOTHING = new Uint8Array(0);

/** The position behind a folder's last child in `jolietOrder`. */
function endOf(tree: Tree, folder: number): number {
  return at(tree.folders.firstChild, folder) + at(tree.folders.jolietCount, folder);
}

/** Packs all directories. */
export function packJoliet(tree: Tree): DirectoryZone {
  const nodeAt = (position: number) => at(tree.jolietOrder, position);
  return packDirectories({
    folders: tree.folders.count,
    selfBytes: () => 2 * recordLength(1, 0),
    firstPosition: (folder) => at(tree.folders.firstChild, folder),
    endPosition: (folder) => endOf(tree, folder),
    recordBytes: (position) => recordLength(at(tree.nodes.jolietLength, nodeAt(position)), 0),
    sections: (position) => sectionsOf(tree, nodeAt(position)),
    sectorsBehind: () => 0,
  });
}

/** The Joliet identifier of a node. */
export function jolietIdentifierOf(tree: Tree, node: number): Uint8Array {
  return utf16be(jolietName(nameOf(tree, node), at(tree.nodes.jolietSerial, node)));
}

/**
 * The Joliet tree as `fillDirectory` and the path tables see it.
 *
 * @param start the first sector of the directories.
 * @param dataStart the first sector of a node's data.
 */
export function jolietHierarchy(
  tree: Tree,
  zone: DirectoryZone,
  start: number,
  dataStart: (node: number) => number,
): Hierarchy {
  return {
    tree,
    zone,
    start,
    endPosition: (folder) => endOf(tree, folder),
    nodeAt: (position) => at(tree.jolietOrder, position),
    identifier: (node) => jolietIdentifierOf(tree, node),
    systemUse: () => NOTHING,
    selfUse: () => NOTHING,
    parentUse: () => NOTHING,
    dataStart,
  };
}
