/** Pass one: the tree, its packed records and its extents, and from their sizes the place of everything. */

import { ColdframeError } from "../errors.ts";
import type { ImageSpec } from "../types.ts";
import { type Extents, LARGEST_ISO_FILE, placeExtents } from "./extents.ts";
import { at, sectorsOf } from "./fields.ts";
import { type IsoZones, packIso } from "./iso-directories.ts";
import { packJoliet } from "./joliet-directories.ts";
import type { DirectoryZone } from "./packing.ts";
import { isoPathTable, jolietPathTable, type PathTable } from "./path-table.ts";
import { buildTree, isFolder, type Tree } from "./tree.ts";
import { PARTITION_START } from "./udf-fields.ts";
import { LARGEST_UDF_FILE } from "./udf-file.ts";
import { packUdfFolders, type UdfFolders } from "./udf-tree.ts";

/** Behind the data: readers of real discs read ahead, and some call an image without these short. */
export const PAD_SECTORS = 150;
/** The first sector behind the descriptors: without UDF the terminator, with it the file set and its terminator. */
const AFTER_DESCRIPTORS = 19;
const AFTER_FILE_SET = PARTITION_START + 2;
/** A location has 32 bits. */
const MOST_SECTORS = 0xffffffff;

/** First sectors of all parts of an image; `sectors` is their whole number. */
export interface Starts {
  readonly isoL: number;
  readonly isoM: number;
  readonly jolietL: number;
  readonly jolietM: number;
  readonly iso: number;
  readonly joliet: number;
  readonly udfEntries: number;
  readonly udfFolders: number;
  readonly zero: number;
  readonly pad: number;
  readonly sectors: number;
}

/** All that pass two needs to make any sector. */
export interface Layout {
  readonly spec: ImageSpec;
  readonly tree: Tree;
  readonly extents: Extents;
  readonly isoTable: PathTable;
  readonly jolietTable: PathTable;
  readonly iso: IsoZones;
  readonly joliet: DirectoryZone;
  /** Undefined in an image without the bridge. */
  readonly udf: UdfFolders | undefined;
  readonly starts: Starts;
}

/**
 * Lays out an image.
 *
 * @throws ColdframeError "image" when the manifest asks for what no image can hold.
 */
export function layOut(spec: ImageSpec): Layout {
  const tree = buildTree(spec.entries, spec.created);
  const parts = {
    extents: placeExtents(spec.entries, spec.udf ? LARGEST_UDF_FILE : LARGEST_ISO_FILE),
    isoTable: isoPathTable(tree),
    jolietTable: jolietPathTable(tree),
    iso: packIso(tree),
    joliet: packJoliet(tree),
    udf: spec.udf ? packUdfFolders(tree) : undefined,
  };
  return { spec, tree, ...parts, starts: startsOf(tree, parts) };
}

/** Runs through the image once and hands out sectors. */
function startsOf(tree: Tree, parts: Omit<Layout, "spec" | "tree" | "starts">): Starts {
  let next = parts.udf === undefined ? AFTER_DESCRIPTORS : AFTER_FILE_SET;
  const take = (sectors: number): number => {
    const start = next;
    next += sectors;
    return start;
  };
  const isoL = take(sectorsOf(parts.isoTable.bytes));
  const isoM = take(sectorsOf(parts.isoTable.bytes));
  const jolietL = take(sectorsOf(parts.jolietTable.bytes));
  const jolietM = take(sectorsOf(parts.jolietTable.bytes));
  const iso = take(at(parts.iso.directories.start, tree.folders.count));
  const joliet = take(at(parts.joliet.start, tree.folders.count));
  const udfEntries = take(parts.udf === undefined ? 0 : tree.nodes.count);
  const udfFolders = take(parts.udf === undefined ? 0 : at(parts.udf.start, tree.folders.count));
  const zero = take(parts.extents.sectors);
  const pad = take(PAD_SECTORS);
  if (next > MOST_SECTORS) throw new ColdframeError("image", "the files do not fit one image (8 TiB)");
  return {
    isoL,
    isoM,
    jolietL,
    jolietM,
    iso,
    joliet,
    udfEntries,
    udfFolders,
    zero,
    pad,
    sectors: next,
  };
}

/** The first sector of a node's data; the zero sector when it has none. */
export function dataStart(layout: Layout, node: number): number {
  const own = isFolder(layout.tree, node) ? 0 : at(layout.extents.start, at(layout.tree.nodes.source, node));
  return layout.starts.zero + own;
}
