/** Making directory sectors: what the ISO tree and the Joliet tree do alike. */

import {
  DIRECTORY,
  directoryRecord,
  MORE_SECTIONS,
  PARENT,
  SECTION_BYTES,
  SELF,
} from "./directory-record.ts";
import { at, SECTOR } from "./fields.ts";
import { type DirectoryZone, folderAt } from "./packing.ts";
import { entryOf, isFolder, timeOf, type Tree } from "./tree.ts";

/** The bytes of a file; folders and symlinks have none of their own. */
export function sizeOf(tree: Tree, node: number): number {
  if (isFolder(tree, node)) return 0;
  const entry = entryOf(tree, node);
  return entry.kind === "file" ? entry.size : 0;
}

/** How many directory records a node has: one per section. */
export function sectionsOf(tree: Tree, node: number): number {
  return Math.max(1, Math.ceil(sizeOf(tree, node) / SECTION_BYTES));
}

/** One tree of directories, as far as it differs from the other. */
export interface Hierarchy {
  readonly tree: Tree;
  readonly zone: DirectoryZone;
  /** The first sector of the zone in the image. */
  readonly start: number;
  /** Folder → the position behind its last child. */
  endPosition(folder: number): number;
  nodeAt(position: number): number;
  identifier(node: number): Uint8Array;
  /** The system use areas of a child, of `.` and of `..`. */
  systemUse(node: number): Uint8Array;
  selfUse(folder: number): Uint8Array;
  parentUse(parent: number): Uint8Array;
  /** The first sector of a file's data; a valid sector for empty files and symlinks too. */
  dataStart(node: number): number;
}

/** The first sector of a folder's directory. */
export function directoryStart(hierarchy: Hierarchy, folder: number): number {
  return hierarchy.start + at(hierarchy.zone.start, folder);
}

/** The bytes of a folder's directory, whole sectors. */
function directoryBytes(zone: DirectoryZone, folder: number): number {
  return at(zone.sectors, folder) * SECTOR;
}

/** The record of a folder under any of its three names. */
function folderRecord(
  hierarchy: Hierarchy,
  folder: number,
  identifier: Uint8Array,
  use: Uint8Array,
): Uint8Array {
  return directoryRecord({
    identifier,
    extent: directoryStart(hierarchy, folder),
    size: directoryBytes(hierarchy.zone, folder),
    time: at(hierarchy.tree.folders.mtime, folder),
    flags: DIRECTORY,
    systemUse: use,
  });
}

/** The root's record in a volume descriptor: 34 bytes, without a system use area. */
export function rootRecord(hierarchy: Hierarchy): Uint8Array {
  return folderRecord(hierarchy, 0, SELF, new Uint8Array(0));
}

/** Section `section` of a file, or the one record of anything else. */
function childRecord(
  hierarchy: Hierarchy,
  node: number,
  section: number,
  identifier: Uint8Array,
  use: Uint8Array,
): Uint8Array {
  const { tree } = hierarchy;
  if (isFolder(tree, node)) return folderRecord(hierarchy, at(tree.nodes.folder, node), identifier, use);
  const before = section * SECTION_BYTES;
  const left = sizeOf(tree, node) - before;
  return directoryRecord({
    identifier,
    extent: hierarchy.dataStart(node) + before / SECTOR,
    size: Math.min(left, SECTION_BYTES),
    time: timeOf(tree, node),
    flags: left > SECTION_BYTES ? MORE_SECTIONS : 0,
    systemUse: use,
  });
}

/** Writes `.` and `..`; gives the bytes they take. The root is its own parent (ECMA-119 6.8.2.2). */
function putSelf(hierarchy: Hierarchy, folder: number, out: Uint8Array): number {
  const parent = at(hierarchy.tree.folders.parent, folder);
  const self = folderRecord(hierarchy, folder, SELF, hierarchy.selfUse(folder));
  const up = folderRecord(hierarchy, parent, PARENT, hierarchy.parentUse(parent));
  out.set(self);
  out.set(up, self.length);
  return self.length + up.length;
}

/** Writes sector `sector` of the zone into `out`, which is zero. */
export function fillDirectory(hierarchy: Hierarchy, sector: number, out: Uint8Array): void {
  const { zone } = hierarchy;
  const folder = folderAt(zone.start, sector);
  let used = sector === at(zone.start, folder) ? putSelf(hierarchy, folder, out) : 0;
  let section = at(zone.section, sector);
  const end = hierarchy.endPosition(folder);
  for (let position = at(zone.first, sector); position < end; position++, section = 0) {
    used = putChild(hierarchy, hierarchy.nodeAt(position), section, out, used);
    if (used > SECTOR) return;
  }
}

/** Writes the records of a child from a section on; gives where they end, above a sector when one did not fit. */
function putChild(hierarchy: Hierarchy, node: number, from: number, out: Uint8Array, start: number): number {
  const identifier = hierarchy.identifier(node);
  const use = hierarchy.systemUse(node);
  const sections = sectionsOf(hierarchy.tree, node);
  let used = start;
  for (let section = from; section < sections; section++) {
    const record = childRecord(hierarchy, node, section, identifier, use);
    if (used + record.length > SECTOR) return Infinity;
    out.set(record, used);
    used += record.length;
  }
  return used;
}
