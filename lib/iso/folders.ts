/** From a list of paths to folders and what is in them: every path is checked here. */

import { ColdframeError } from "../errors.ts";
import type { ImageEntry } from "../types.ts";
import { at, NumberList } from "./fields.ts";

/** The folders of a manifest, listed or implied, in the order in which they are first met; 0 is the root. */
export interface Folders {
  readonly count: number;
  /** Folder → folder it is in; the root is in itself. */
  readonly parent: Uint32Array;
  /** Folder → an entry whose path holds the folder's name. */
  readonly source: Uint32Array;
  /** Folder → where in that path the name begins. */
  readonly nameAt: Uint32Array;
  /** Folder → 1 + the entry that lists it, or 0 when it is only implied. */
  readonly listed: Uint32Array;
  /** Entry → folder it is in. */
  readonly folderOf: Uint32Array;
}

/** Empty, `.` and `..` parts. */
const IMPOSSIBLE = /(^|\/)\.{0,2}(\/|$)/;

function refuse(path: string, why: string): ColdframeError {
  return new ColdframeError("image", `${JSON.stringify(path)} cannot stand in an image: ${why}`);
}

/** @throws ColdframeError "image" for a path no file system could hold. */
function checkPath(path: string): void {
  if (IMPOSSIBLE.test(path)) throw refuse(path, "a part of the path is empty, . or ..");
  if (path.includes("\0")) throw refuse(path, "the name holds NUL");
  if (!path.isWellFormed()) throw refuse(path, "the name is not valid Unicode (half of a surrogate pair)");
}

function checkEntry(entry: ImageEntry): void {
  checkPath(entry.path);
  if (!Number.isFinite(entry.mtime)) throw refuse(entry.path, "its time is not a number");
  if (entry.kind === "symlink") checkTarget(entry.path, entry.target);
}

function checkTarget(path: string, target: string): void {
  if (target === "" || target.includes("\0") || !target.isWellFormed()) {
    throw refuse(path, "its link target is empty or not valid text");
  }
}

/** Collects folders while entries are read; lives only as long as that. */
class FolderCollector {
  readonly #ids = new Map<string, number>([["", 0]]);
  readonly parent = new NumberList();
  readonly source = new NumberList();
  readonly nameAt = new NumberList();
  readonly #listed = new Map<number, number>();
  /** Neighbours in a manifest mostly share their folder. */
  #last = { path: "", id: 0 };

  constructor() {
    this.#add(0, 0, 0);
  }

  #add(parent: number, source: number, nameAt: number): number {
    this.parent.push(parent);
    this.source.push(source);
    this.nameAt.push(nameAt);
    return this.parent.length - 1;
  }

  /** The folder with this path, made with its parents if it is new. */
  #find(path: string, source: number): number {
    const known = this.#ids.get(path);
    if (known !== undefined) return known;
    const slash = path.lastIndexOf("/");
    const parent = this.#find(path.slice(0, Math.max(slash, 0)), source);
    const id = this.#add(parent, source, slash + 1);
    this.#ids.set(path, id);
    return id;
  }

  /** The folder that holds the entry's last name. */
  holding(path: string, source: number): number {
    const end = Math.max(path.lastIndexOf("/"), 0);
    if (end === this.#last.path.length && path.startsWith(this.#last.path)) return this.#last.id;
    const folder = path.slice(0, end);
    this.#last = { path: folder, id: this.#find(folder, source) };
    return this.#last.id;
  }

  /** Records that an entry lists this folder itself. */
  list(path: string, entry: number): void {
    const id = this.#find(path, entry);
    if (this.#listed.has(id)) throw refuse(path, "the path is listed twice");
    this.#listed.set(id, entry + 1);
  }

  listed(): Uint32Array {
    const listed = new Uint32Array(this.parent.length);
    for (const [id, entry] of this.#listed) listed[id] = entry;
    return listed;
  }
}

/**
 * Finds every folder of a manifest.
 *
 * @throws ColdframeError "image" for an impossible path and for a folder listed twice.
 */
export function collectFolders(entries: readonly ImageEntry[]): Folders {
  const collector = new FolderCollector();
  const folderOf = new Uint32Array(entries.length);
  entries.forEach((entry, i) => {
    checkEntry(entry);
    folderOf[i] = collector.holding(entry.path, i);
    if (entry.kind === "dir") collector.list(entry.path, i);
  });
  return {
    count: collector.parent.length,
    parent: collector.parent.done(),
    source: collector.source.done(),
    nameAt: collector.nameAt.done(),
    listed: collector.listed(),
    folderOf,
  };
}

/** Who is in which folder: the children of `f` are `items[start[f] .. start[f + 1])`. */
export interface Children {
  readonly start: Uint32Array;
  /** An entry's index for a file or symlink; `entries + folder` for a folder. */
  readonly items: Uint32Array;
}

/** Sorts all children by their folder, in one counting pass. */
export function childrenOf(entries: readonly ImageEntry[], folders: Folders): Children {
  const start = new Uint32Array(folders.count + 1);
  eachChild(entries, folders, (folder) => start[folder + 1] = at(start, folder + 1) + 1);
  for (let f = 0; f < folders.count; f++) start[f + 1] = at(start, f + 1) + at(start, f);
  const items = new Uint32Array(at(start, folders.count));
  const next = start.slice();
  eachChild(entries, folders, (folder, item) => {
    const place = at(next, folder);
    next[folder] = place + 1;
    items[place] = item;
  });
  return { start, items };
}

function eachChild(
  entries: readonly ImageEntry[],
  folders: Folders,
  visit: (folder: number, item: number) => void,
): void {
  for (let f = 1; f < folders.count; f++) visit(at(folders.parent, f), entries.length + f);
  entries.forEach((entry, i) => {
    if (entry.kind !== "dir") visit(at(folders.folderOf, i), i);
  });
}
