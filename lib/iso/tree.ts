/**
 * The tree of an image: every file, folder and symlink as a node with its four names.
 *
 * Nodes are numbered breadth first, children in ISO order, so that the children of a folder stand together
 * and the folders in node order are the ISO path table. All is in typed arrays, a few bytes per node; names
 * are read from the manifest's paths when a record is made.
 */

import { ColdframeError } from "../errors.ts";
import type { ImageEntry } from "../types.ts";
import { at } from "./fields.ts";
import { type Children, childrenOf, collectFolders, type Folders } from "./folders.ts";
import {
  chooseSerials,
  cs0Length,
  ISO,
  isoIdentifier,
  JOLIET_NAMING,
  type Naming,
  ROCK,
  UDF,
  utf8Length,
} from "./names.ts";

/** What a node is without a folder index. */
export const NOT_A_FOLDER = 0xffffffff;

/** One number per node. */
export interface Nodes {
  readonly count: number;
  /** An entry whose path holds the node's name; for files and symlinks the entry itself. */
  readonly source: Uint32Array;
  /** Where in that path the name begins. */
  readonly nameAt: Uint32Array;
  /** The node's folder index, or NOT_A_FOLDER. */
  readonly folder: Uint32Array;
  /** Serials of the names; Rock Ridge and UDF names need one so seldom that maps are smaller. */
  readonly isoSerial: Uint32Array;
  readonly jolietSerial: Uint32Array;
  readonly rockSerial: ReadonlyMap<number, number>;
  readonly udfSerial: ReadonlyMap<number, number>;
  /** Bytes of the ISO identifier, of the Rock Ridge name, of the Joliet identifier, of the UDF identifier. */
  readonly isoLength: Uint8Array;
  readonly rockLength: Uint8Array;
  readonly jolietLength: Uint8Array;
  readonly udfLength: Uint8Array;
}

/** One number per folder, in ISO path table order. */
export interface FolderTable {
  readonly count: number;
  readonly node: Uint32Array;
  readonly parent: Uint32Array;
  readonly firstChild: Uint32Array;
  readonly childCount: Uint32Array;
  readonly subfolders: Uint32Array;
  /** Children in the Joliet tree: symlinks are not. */
  readonly jolietCount: Uint32Array;
  /** Milliseconds since 1970. */
  readonly mtime: Float64Array;
}

/** The tree of an image, without any place in it. */
export interface Tree {
  readonly entries: readonly ImageEntry[];
  readonly nodes: Nodes;
  readonly folders: FolderTable;
  /** The nodes of each folder in Joliet order, at `firstChild .. firstChild + jolietCount`. */
  readonly jolietOrder: Uint32Array;
}

/** The true name of a node: the last part of its path, or of the path that implies it. */
export function nameOf(tree: Tree, node: number): string {
  return partAt(pathOf(tree.entries, at(tree.nodes.source, node)), at(tree.nodes.nameAt, node));
}

/** The entry of a node that is a file or symlink. */
export function entryOf(tree: Tree, node: number): ImageEntry {
  const entry = tree.entries[at(tree.nodes.source, node)];
  if (entry === undefined) throw new RangeError(`no entry for node ${node}`);
  return entry;
}

/** Whether the node is a folder. */
export function isFolder(tree: Tree, node: number): boolean {
  return at(tree.nodes.folder, node) !== NOT_A_FOLDER;
}

/** Whether the node is a symlink. */
export function isSymlink(tree: Tree, node: number): boolean {
  return !isFolder(tree, node) && entryOf(tree, node).kind === "symlink";
}

/** The time of a node, ms since 1970. */
export function timeOf(tree: Tree, node: number): number {
  const folder = at(tree.nodes.folder, node);
  return folder === NOT_A_FOLDER ? entryOf(tree, node).mtime : at(tree.folders.mtime, folder);
}

function pathOf(entries: readonly ImageEntry[], index: number): string {
  return entries[index]?.path ?? "";
}

function partAt(path: string, start: number): string {
  const slash = path.indexOf("/", start);
  return slash < 0 ? path.slice(start) : path.slice(start, slash);
}

/** A child of the folder at hand, while its names are chosen. */
interface Child {
  readonly item: number;
  readonly name: string;
  readonly folder: boolean;
  readonly symlink: boolean;
  node: number;
  iso: string;
  isoSerial: number;
  joliet: string;
}

/**
 * Builds the tree of a manifest.
 *
 * @throws ColdframeError "image" for impossible paths, for a path that is there twice or both file and
 * folder, and when names cannot be told apart.
 */
export function buildTree(entries: readonly ImageEntry[], created: number): Tree {
  return new TreeBuilder(entries).build(created);
}

class TreeBuilder {
  readonly #entries: readonly ImageEntry[];
  readonly #found: Folders;
  readonly #children: Children;
  readonly #rockSerial = new Map<number, number>();
  readonly #udfSerial = new Map<number, number>();
  readonly #nodes: Nodes;
  readonly #folders: FolderTable;
  readonly #jolietOrder: Uint32Array;
  /** Final folder index → index in `#found`. */
  readonly #queue: Uint32Array;
  #nextNode = 1;
  #nextFolder = 1;

  constructor(entries: readonly ImageEntry[]) {
    this.#entries = entries;
    this.#found = collectFolders(entries);
    this.#children = childrenOf(entries, this.#found);
    const count = this.#children.items.length + 1;
    this.#nodes = emptyNodes(count, this.#rockSerial, this.#udfSerial);
    this.#folders = emptyFolders(this.#found.count);
    this.#jolietOrder = new Uint32Array(count);
    this.#queue = new Uint32Array(this.#found.count);
  }

  build(created: number): Tree {
    this.#nodes.folder[0] = 0;
    for (let f = 0; f < this.#found.count; f++) this.#fill(f);
    const tree = {
      entries: this.#entries,
      nodes: this.#nodes,
      folders: this.#folders,
      jolietOrder: this.#jolietOrder,
    };
    this.#date(tree, created);
    return tree;
  }

  /** Numbers and names the children of one folder. */
  #fill(folder: number): void {
    const children = this.#sorted(at(this.#queue, folder));
    this.#nameIso(children);
    this.#number(folder, children);
    this.#nameLong(children);
    this.#nameJoliet(folder, children);
  }

  /** The children of a found folder in the order of their true names, each name once. */
  #sorted(found: number): Child[] {
    const { start, items } = this.#children;
    const children: Child[] = [];
    for (let i = at(start, found); i < at(start, found + 1); i++) children.push(this.#child(at(items, i)));
    children.sort((a, b) => compare(a.name, b.name));
    children.forEach((child, i) => {
      if (children[i - 1]?.name === child.name) throw this.#twice(child);
    });
    return children;
  }

  #twice(child: Child): ColdframeError {
    const path = child.folder
      ? pathOf(this.#entries, at(this.#found.source, child.item - this.#entries.length))
      : pathOf(this.#entries, child.item);
    return new ColdframeError(
      "image",
      `${JSON.stringify(path)} cannot stand in an image: the path is there twice, or is both file and folder`,
    );
  }

  #child(item: number): Child {
    const found = item - this.#entries.length;
    const folder = found >= 0;
    const source = folder ? at(this.#found.source, found) : item;
    const path = pathOf(this.#entries, source);
    const name = folder ? partAt(path, at(this.#found.nameAt, found)) : path.slice(path.lastIndexOf("/") + 1);
    const symlink = !folder && this.#entries[item]?.kind === "symlink";
    return { item, name, folder, symlink, node: 0, iso: "", isoSerial: 0, joliet: "" };
  }

  #nameIso(children: Child[]): void {
    const chosen = chooseSerials(children, ISO);
    children.forEach((child, i) => {
      child.iso = chosen[i]?.name ?? "";
      child.isoSerial = chosen[i]?.serial ?? 0;
    });
    children.sort((a, b) => compare(a.iso, b.iso));
  }

  /** Gives the children, in ISO order, their node numbers. */
  #number(folder: number, children: readonly Child[]): void {
    this.#folders.firstChild[folder] = this.#nextNode;
    this.#folders.childCount[folder] = children.length;
    for (const child of children) {
      child.node = this.#nextNode++;
      if (child.folder) this.#addFolder(folder, child);
      else this.#place(child, child.item, pathOf(this.#entries, child.item).lastIndexOf("/") + 1);
    }
  }

  #addFolder(parent: number, child: Child): void {
    const found = child.item - this.#entries.length;
    const index = this.#nextFolder++;
    this.#queue[index] = found;
    this.#folders.node[index] = child.node;
    this.#folders.parent[index] = parent;
    this.#folders.subfolders[parent] = at(this.#folders.subfolders, parent) + 1;
    this.#place(child, at(this.#found.source, found), at(this.#found.nameAt, found));
    this.#nodes.folder[child.node] = index;
  }

  #place(child: Child, source: number, nameAt: number): void {
    this.#nodes.source[child.node] = source;
    this.#nodes.nameAt[child.node] = nameAt;
    this.#nodes.isoSerial[child.node] = child.isoSerial;
    this.#nodes.isoLength[child.node] = isoIdentifier(child.iso, child.folder).length;
  }

  /** Rock Ridge and UDF names differ from the true ones only when these are very long. */
  #nameLong(children: readonly Child[]): void {
    const { rockLength, udfLength } = this.#nodes;
    this.#nameRarely(children, ROCK, this.#rockSerial, (node, name) => rockLength[node] = utf8Length(name));
    this.#nameRarely(children, UDF, this.#udfSerial, (node, name) => udfLength[node] = cs0Length(name));
  }

  #nameRarely(
    children: readonly Child[],
    naming: Naming,
    serials: Map<number, number>,
    measure: (node: number, name: string) => void,
  ): void {
    const asTheyAre = children.every(({ name, folder }) => naming.namer(name, folder)(0) === name);
    if (asTheyAre) return children.forEach(({ node, name }) => measure(node, name));
    const sorted = children.toSorted((a, b) => compare(a.name, b.name));
    const chosen = chooseSerials(sorted, naming);
    sorted.forEach(({ node, name }, i) => {
      measure(node, chosen[i]?.name ?? name);
      const serial = chosen[i]?.serial ?? 0;
      if (serial > 0) serials.set(node, serial);
    });
  }

  #nameJoliet(folder: number, children: readonly Child[]): void {
    const shown = children.filter((child) => !child.symlink).sort((a, b) => compare(a.name, b.name));
    const chosen = chooseSerials(shown, JOLIET_NAMING);
    shown.forEach((child, i) => {
      child.joliet = chosen[i]?.name ?? "";
      this.#nodes.jolietSerial[child.node] = chosen[i]?.serial ?? 0;
      this.#nodes.jolietLength[child.node] = child.joliet.length * 2;
    });
    shown.sort((a, b) => compare(a.joliet, b.joliet));
    const first = at(this.#folders.firstChild, folder);
    shown.forEach((child, i) => this.#jolietOrder[first + i] = child.node);
    this.#folders.jolietCount[folder] = shown.length;
  }

  /** A listed folder has its own time, an implied one that of the newest thing in it. Deepest first. */
  #date(tree: Tree, created: number): void {
    for (let f = this.#found.count - 1; f >= 0; f--) {
      const listed = at(this.#found.listed, at(this.#queue, f));
      this.#folders.mtime[f] = listed > 0
        ? this.#entries[listed - 1]?.mtime ?? 0
        : newest(tree, f) ?? created;
    }
  }
}

function newest(tree: Tree, folder: number): number | undefined {
  const first = at(tree.folders.firstChild, folder);
  const count = at(tree.folders.childCount, folder);
  let time = -Infinity;
  for (let node = first; node < first + count; node++) time = Math.max(time, timeOf(tree, node));
  return count === 0 ? undefined : time;
}

/** By UTF-16 units: the order of Joliet, and for d-characters that of ISO (ECMA-119 9.3). */
function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

function emptyNodes(
  count: number,
  rockSerial: ReadonlyMap<number, number>,
  udfSerial: ReadonlyMap<number, number>,
): Nodes {
  return {
    count,
    source: new Uint32Array(count),
    nameAt: new Uint32Array(count),
    folder: new Uint32Array(count).fill(NOT_A_FOLDER),
    isoSerial: new Uint32Array(count),
    jolietSerial: new Uint32Array(count),
    rockSerial,
    udfSerial,
    isoLength: new Uint8Array(count),
    rockLength: new Uint8Array(count),
    jolietLength: new Uint8Array(count),
    udfLength: new Uint8Array(count),
  };
}

function emptyFolders(count: number): FolderTable {
  return {
    count,
    node: new Uint32Array(count),
    parent: new Uint32Array(count),
    firstChild: new Uint32Array(count),
    childCount: new Uint32Array(count),
    subfolders: new Uint32Array(count),
    jolietCount: new Uint32Array(count),
    mtime: new Float64Array(count),
  };
}
