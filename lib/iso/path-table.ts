/** Path tables: every folder with its parent's number, breadth first, siblings in the order of the tree. */

import { ColdframeError } from "../errors.ts";
import { directoryStart, type Hierarchy } from "./directories.ts";
import { pathTableRecord, pathTableRecordLength, SELF } from "./directory-record.ts";
import { at } from "./fields.ts";
import { fillFromStream, type Stream, StreamPacker } from "./packing.ts";
import { NOT_A_FOLDER, type Tree } from "./tree.ts";

/** The order of one path table, and where its records lie; the L and the M form differ in byte order only. */
export interface PathTable {
  /** Bytes of one form. */
  readonly bytes: number;
  /** Ordinal, from 0 → folder. */
  readonly folder: Uint32Array;
  /** Folder → ordinal, from 0. */
  readonly ordinal: Uint32Array;
  readonly stream: Stream;
}

/** A parent's number has 16 bits, from 1. */
const MOST_PARENTS = 65_535;

/**
 * The path table of the ISO tree, whose folders are numbered in its order already.
 *
 * @throws ColdframeError "image" when a folder beyond the 65,535th has subfolders.
 */
export function isoPathTable(tree: Tree): PathTable {
  const folder = new Uint32Array(tree.folders.count);
  for (let i = 0; i < folder.length; i++) folder[i] = i;
  return packed(tree, folder, folder, tree.nodes.isoLength);
}

/** The path table of the Joliet tree. @throws as {@link isoPathTable} */
export function jolietPathTable(tree: Tree): PathTable {
  const folder = new Uint32Array(tree.folders.count);
  const ordinal = new Uint32Array(tree.folders.count);
  let found = 1;
  for (let i = 0; i < folder.length; i++) {
    const parent = at(folder, i);
    ordinal[parent] = i;
    for (const child of subfoldersInJolietOrder(tree, parent)) folder[found++] = child;
  }
  return packed(tree, folder, ordinal, tree.nodes.jolietLength);
}

function* subfoldersInJolietOrder(tree: Tree, folder: number): Iterable<number> {
  if (at(tree.folders.subfolders, folder) === 0) return;
  const first = at(tree.folders.firstChild, folder);
  const end = first + at(tree.folders.jolietCount, folder);
  for (let position = first; position < end; position++) {
    const child = at(tree.nodes.folder, at(tree.jolietOrder, position));
    if (child !== NOT_A_FOLDER) yield child;
  }
}

function packed(
  tree: Tree,
  folder: Uint32Array,
  ordinal: Uint32Array,
  identifierLength: Uint8Array,
): PathTable {
  const packer = new StreamPacker();
  let bytes = 0;
  for (let i = 0; i < folder.length; i++) {
    checkParent(tree, ordinal, at(folder, i));
    const length = i === 0 ? 1 : at(identifierLength, at(tree.folders.node, at(folder, i)));
    packer.add(i, pathTableRecordLength(length));
    bytes += pathTableRecordLength(length);
  }
  return { bytes, folder, ordinal, stream: packer.done() };
}

function checkParent(tree: Tree, ordinal: Uint32Array, folder: number): void {
  if (at(ordinal, at(tree.folders.parent, folder)) < MOST_PARENTS) return;
  throw new ColdframeError("image", `${tree.folders.count} folders are too many for one volume`, {
    hint: "choose a smaller --volume-size",
  });
}

/** Writes sector `sector` of one form of a path table into `out`, which is zero. */
export function fillPathTable(
  table: PathTable,
  hierarchy: Hierarchy,
  littleEndian: boolean,
  sector: number,
  out: Uint8Array,
): void {
  fillFromStream(table.stream, sector, out, (ordinal) => {
    if (ordinal >= table.folder.length) return undefined;
    const folder = at(table.folder, ordinal);
    const identifier = folder === 0 ? SELF : hierarchy.identifier(at(hierarchy.tree.folders.node, folder));
    const parent = at(table.ordinal, at(hierarchy.tree.folders.parent, folder)) + 1;
    return pathTableRecord(identifier, directoryStart(hierarchy, folder), parent, littleEndian);
  });
}
