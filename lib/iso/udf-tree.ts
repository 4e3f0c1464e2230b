/**
 * The UDF tree: a sector with a File Entry per node, and the identifiers of each folder as its data.
 *
 * A node's File Entry stands at a place known from its number. A symlink's sector stays empty: UDF 1.02
 * has no symlinks that every reader takes, and 7-Zip refuses the whole volume for one.
 */

import { sizeOf } from "./directories.ts";
import { at } from "./fields.ts";
import { udfName } from "./names.ts";
import { fillFromStream, folderAt, type Stream, StreamPacker } from "./packing.ts";
import { isFolder, isSymlink, nameOf, timeOf, type Tree } from "./tree.ts";
import { cs0 } from "./udf-fields.ts";
import { udfFileEntry, udfFileIdentifier, udfIdentifierLength } from "./udf-file.ts";

/** The identifiers of all folders, each folder from a sector of its own. */
export interface UdfFolders {
  /** Folder → its first sector in the zone; one more for the end. */
  readonly start: Uint32Array;
  /** Folder → the bytes of its identifiers. */
  readonly bytes: Float64Array;
  /** Items are nodes; in front of a folder's first child, numbered one less, stands the identifier of its parent. */
  readonly stream: Stream;
}

const PARENT_BYTES = udfIdentifierLength(0);

/** Packs the identifiers of all folders. */
export function packUdfFolders(tree: Tree): UdfFolders {
  const { count } = tree.folders;
  const packer = new StreamPacker();
  const start = new Uint32Array(count + 1);
  const bytes = new Float64Array(count);
  for (let folder = 0; folder < count; folder++) {
    start[folder] = packer.sectors;
    bytes[folder] = packFolder(tree, folder, packer);
  }
  start[count] = packer.sectors;
  return { start, bytes, stream: packer.done() };
}

function packFolder(tree: Tree, folder: number, packer: StreamPacker): number {
  const first = at(tree.folders.firstChild, folder);
  packer.align();
  packer.add(first - 1, PARENT_BYTES);
  let total = PARENT_BYTES;
  for (let node = first; node < first + at(tree.folders.childCount, folder); node++) {
    if (isSymlink(tree, node)) continue;
    const length = udfIdentifierLength(at(tree.nodes.udfLength, node));
    packer.add(node, length);
    total += length;
  }
  return total;
}

/** What is needed to make any sector of the UDF tree. Blocks count from the partition's start. */
export interface UdfTree {
  readonly tree: Tree;
  readonly folders: UdfFolders;
  /** The block of the root's File Entry; node n has the n-th after it. */
  readonly entriesBlock: number;
  /** The block of the first folder's identifiers. */
  readonly foldersBlock: number;
  /** The block of a file's data. */
  dataBlock(node: number): number;
}

/** The root has 0; below 16 is reserved (UDF 1.02 3.2.1.1). */
export function uniqueIdOf(node: number): number {
  return node === 0 ? 0 : 15 + node;
}

/** Writes the File Entry of a node into `out`, which is zero. */
export function fillUdfEntry(udf: UdfTree, node: number, out: Uint8Array): void {
  const { tree } = udf;
  if (isSymlink(tree, node)) return;
  const folder = isFolder(tree, node) ? at(tree.nodes.folder, node) : undefined;
  const data = folder === undefined
    ? { size: sizeOf(tree, node), dataBlock: udf.dataBlock(node), links: 1 }
    : {
      size: at(udf.folders.bytes, folder),
      dataBlock: udf.foldersBlock + at(udf.folders.start, folder),
      links: 1 + at(tree.folders.subfolders, folder),
    };
  const file = {
    ...data,
    folder: folder !== undefined,
    mtime: timeOf(tree, node),
    uniqueId: uniqueIdOf(node),
  };
  out.set(udfFileEntry(file, udf.entriesBlock + node));
}

/** Writes one sector of identifiers into `out`, which is zero. A tag names the block where its descriptor begins. */
export function fillUdfFolder(udf: UdfTree, sector: number, out: Uint8Array): void {
  const { stream, start } = udf.folders;
  const folder = folderAt(start, sector);
  const head = at(stream.first, sector);
  const begunBefore = at(stream.skip, sector) > 0;
  fillFromStream(stream, sector, out, (item) => {
    const block = udf.foldersBlock + sector - (item === head && begunBefore ? 1 : 0);
    return identifierOf(udf, folder, item, block);
  });
}

/** The identifier of one item of a folder; nothing for a symlink, undefined behind the last child. */
function identifierOf(udf: UdfTree, folder: number, item: number, block: number): Uint8Array | undefined {
  const { tree } = udf;
  const first = at(tree.folders.firstChild, folder);
  if (item >= first + at(tree.folders.childCount, folder)) return undefined;
  if (item >= first && isSymlink(tree, item)) return new Uint8Array(0);
  const parent = at(tree.folders.node, at(tree.folders.parent, folder));
  const node = item < first ? parent : item;
  return udfFileIdentifier({
    identifier: item < first ? new Uint8Array(0) : udfIdentifierOf(tree, node),
    folder: isFolder(tree, node),
    entryBlock: udf.entriesBlock + node,
    uniqueId: uniqueIdOf(node),
  }, block);
}

function udfIdentifierOf(tree: Tree, node: number): Uint8Array {
  return cs0(udfName(nameOf(tree, node), tree.nodes.udfSerial.get(node) ?? 0));
}
