/**
 * Reads any ISO 9660 image: lists it, and says at which bytes of the image each file stands.
 *
 * Names, times and links come from Rock Ridge where the image has it, else names from Joliet, else they are
 * plain ISO names. Images come from strangers and from failing disks, so nothing in them is trusted: what
 * breaks the format raises an error with the code `image`, time and memory stay bounded by the image's size,
 * and no path leads out of the folder it is restored to. (A symlink's target may well point anywhere: whoever
 * restores must not write through one.)
 */

import { type ColdframeError, hasCode } from "../errors.ts";
import type { RandomAccess } from "../types.ts";
import { imageError, SECTOR } from "./read-fields.ts";
import { entriesIn, type Extent, type FolderEntry, type Naming } from "./read-folder.ts";
import { isDot, parseRecord, recordsIn } from "./read-record.ts";
import { Continuations, rockRidgeSkip } from "./read-rock-ridge.ts";
import { Claims } from "./read-claims.ts";
import { readVolume, type Volume } from "./read-volume.ts";

export type { Extent } from "./read-folder.ts";

/** One file, folder or link of an image. */
export type ImageNode =
  | {
    readonly kind: "file";
    /** Relative, `/`-separated, never climbing. */
    readonly path: string;
    /** Bytes. */
    readonly size: number;
    /** ms since 1970; 0 where the image has no date. */
    readonly mtime: number;
    /** Permission bits; undefined where the image has none. */
    readonly mode: number | undefined;
    /** Where the bytes stand in the image, in order; they add up to `size`. */
    readonly extents: readonly Extent[];
  }
  | { readonly kind: "dir"; readonly path: string; readonly mtime: number }
  | { readonly kind: "symlink"; readonly path: string; readonly mtime: number; readonly target: string };

/**
 * Told of what cannot be read while the rest can: a file, or a folder with all that is below it ("" is the
 * root), and why.
 */
export type OnLost = (path: string, kind: "file" | "folder", error: ColdframeError) => void;

/** An open image. */
export interface ImageReader {
  /** The volume identifier. */
  readonly volumeId: string;
  /** When the volume was made, ms since 1970; undefined where it does not say. */
  readonly created: number | undefined;
  /** Which names the image is read by. */
  readonly naming: Naming["kind"];
  /**
   * Everything in the image but the root, folders before what they hold. Devices, pipes and sockets are left
   * out: they have no bytes.
   *
   * @param onLost told of each part that breaks the format or cannot be read, and the walk goes on; without
   *   it the walk ends there
   * @throws ColdframeError `image` when the image breaks its format
   */
  walk(onLost?: OnLost): AsyncGenerator<ImageNode>;
  /**
   * One node by its exact path. Reads only the folders on the way.
   *
   * @returns undefined when there is none
   * @throws ColdframeError `image` when the folders on the way, or the node, break the format
   */
  find(path: string): Promise<ImageNode | undefined>;
}

/**
 * Opens an image.
 *
 * @throws ColdframeError `image` when it is no ISO 9660 image
 */
export async function openImage(access: RandomAccess): Promise<ImageReader> {
  const volume = await readVolume(access);
  return new Reader(access, volume, await namingOf(access, volume));
}

/**
 * The pieces of an image that hold bytes `offset` to `offset + length` of a file.
 *
 * @param extents of the file
 * @throws RangeError when the file has fewer bytes
 */
export function sliceExtents(extents: readonly Extent[], offset: number, length: number): Extent[] {
  const pieces: Extent[] = [];
  let start = offset;
  let left = length;
  for (const extent of extents) {
    const take = Math.min(left, extent.length - start);
    if (take > 0) {
      pieces.push({ offset: extent.offset + start, length: take });
      left -= take;
    }
    start = Math.max(0, start - extent.length);
  }
  if (left > 0 || offset < 0) throw new RangeError(`no bytes ${offset} to ${offset + length} in the file`);
  return pieces;
}

async function namingOf(access: RandomAccess, volume: Volume): Promise<Naming> {
  const bytes = await readFolder(access, volume.root.offset, SECTOR, "");
  const skip = rockRidgeSkip(parseRecord(bytes, 0, "/").systemUse);
  if (skip !== undefined) return { kind: "rock-ridge", skip };
  return { kind: volume.joliet === undefined ? "plain" : "joliet" };
}

/** A folder on the way from the root to where a walk stands. */
interface Level {
  readonly path: string;
  readonly entries: AsyncGenerator<FolderEntry>;
  /** Bytes of this folder and of those above it. */
  readonly held: number;
  /** Names of the links seen so far: a second entry of such a name would be restored through the link. */
  readonly links: Set<string>;
}

/** What a walk shows of an entry. */
interface Shown {
  readonly node: ImageNode;
  /** Of a folder. */
  readonly inner: Level | undefined;
}

/** The next entry of a folder; undefined after the last one. */
async function nextOf(level: Level): Promise<FolderEntry | undefined> {
  const { value, done } = await level.entries.next();
  return done === true ? undefined : value;
}

/** Waits for one step of a walk. What breaks there is lost, if somebody wants to hear of it. */
async function orLost<T>(
  step: Promise<T>,
  onLost: OnLost | undefined,
  path: string,
  kind: "file" | "folder",
): Promise<T | undefined> {
  try {
    return await step;
  } catch (error) {
    if (onLost === undefined || !(hasCode(error, "image") || hasCode(error, "damaged"))) throw error;
    onLost(path, kind, error);
    return undefined;
  }
}

/** No writer and no reader goes as deep; paths would be longer than any system takes. */
const DEEPEST = 1000;
/** What the folders from the root to any other may hold in memory together: a million entries with long names. */
const MOST_HELD = 256 * 1024 * 1024;
/** Where genisoimage and xorriso put the folders that lay too deep. */
const MOVED_FOLDERS = new Set(["rr_moved", ".rr_moved"]);

class Reader implements ImageReader {
  readonly volumeId: string;
  readonly created: number | undefined;
  readonly naming: Naming["kind"];
  readonly #access: RandomAccess;
  readonly #root: Extent;
  readonly #naming: Naming;

  constructor(access: RandomAccess, volume: Volume, naming: Naming) {
    this.#access = access;
    this.#naming = naming;
    this.#root = naming.kind === "joliet" && volume.joliet !== undefined ? volume.joliet : volume.root;
    this.volumeId = volume.id;
    this.created = volume.created;
    this.naming = naming.kind;
  }

  async *walk(onLost?: OnLost): AsyncGenerator<ImageNode> {
    const pass = new Pass(this.#access, this.#naming);
    const stack = [await pass.open(this.#root, "", 0)];
    for (let level = stack.at(-1); level !== undefined; level = stack.at(-1)) {
      const entry = await orLost(nextOf(level), onLost, level.path, "folder");
      if (entry === undefined) stack.pop();
      else if (isShown(entry)) {
        const shown = this.#show(pass, level, entry, stack.length);
        const kind = entry.kind === "dir" ? "folder" : "file";
        const found = await orLost(shown, onLost, join(level.path, entry.name), kind);
        if (found !== undefined) yield found.node;
        if (found?.inner !== undefined) stack.push(found.inner);
      }
    }
  }

  /** A node and, of a folder, its level; undefined for a folder that only holds what was moved there. */
  async #show(pass: Pass, level: Level, entry: FolderEntry, depth: number): Promise<Shown | undefined> {
    const inner = await pass.visit(level, entry, depth);
    return inner === "hidden" ? undefined : { node: this.#node(entry, level.path), inner };
  }

  async find(path: string): Promise<ImageNode | undefined> {
    const pass = new Pass(this.#access, this.#naming);
    const names = path.split("/");
    let folder = this.#root;
    let parent = "";
    for (const [depth, name] of names.entries()) {
      const entry = await pass.lookUp(await pass.open(folder, parent, 0), name);
      if (entry === undefined || await pass.isHidden(entry, parent)) return undefined;
      if (depth === names.length - 1) return this.#node(entry, parent);
      if (entry.kind !== "dir") return undefined;
      folder = await pass.extentOf(entry, parent);
      parent = join(parent, name);
    }
    return undefined;
  }

  #node(entry: FolderEntry, parent: string): ImageNode {
    const path = join(parent, entry.name);
    const { kind, mtime, target } = entry;
    if (kind === "dir") return { kind, path, mtime };
    if (kind === "symlink") return { kind, path, mtime, target };
    if (entry.unreadable !== undefined) throw imageError(`holds ${path}, which ${entry.unreadable}`);
    const extents = joinSections(entry.sections, path, this.#access.size);
    const size = extents.reduce((sum, one) => sum + one.length, 0);
    return { kind: "file", path, size, mtime, mode: entry.mode, extents };
  }
}

function isShown(entry: FolderEntry): boolean {
  return !entry.moved && entry.kind !== "special";
}

/** One walk, or one search: what has been read so far, so that nothing is read twice. */
class Pass {
  readonly #access: RandomAccess;
  readonly #naming: Naming;
  readonly #continuations: Continuations;
  readonly #claims = new Claims();

  constructor(access: RandomAccess, naming: Naming) {
    this.#access = access;
    this.#naming = naming;
    this.#continuations = new Continuations(access);
  }

  /** Reads a folder, which must share no sector with one read before: that would be a loop, or grow without end. */
  async open(extent: Extent, path: string, heldAbove: number): Promise<Level> {
    const held = heldAbove + extent.length;
    if (held > MOST_HELD) throw imageError(`has folders of ${held} bytes down to /${path}`);
    assertInside(extent, `folder /${path}`, this.#access.size);
    if (!this.#claims.claim(extent)) throw imageError(`leads to the same folder twice at /${path}`);
    const bytes = await readFolder(this.#access, extent.offset, extent.length, path);
    return { path, held, entries: this.#entries(bytes, path), links: new Set() };
  }

  #entries(bytes: Uint8Array, path: string): AsyncGenerator<FolderEntry> {
    return entriesIn(bytes, path, this.#naming, this.#continuations);
  }

  async lookUp(level: Level, name: string): Promise<FolderEntry | undefined> {
    for await (const entry of level.entries) {
      if (entry.name === name && isShown(entry)) return entry;
    }
    return undefined;
  }

  /** Opens the entry if it is a folder; "hidden" is one that only holds what was moved there. */
  async visit(level: Level, entry: FolderEntry, depth: number): Promise<Level | "hidden" | undefined> {
    const path = join(level.path, entry.name);
    if (level.links.has(entry.name)) throw imageError(`has a link and something else named ${path}`);
    if (entry.kind === "symlink") level.links.add(entry.name);
    if (entry.kind !== "dir") return undefined;
    if (depth >= DEEPEST) throw imageError(`has folders more than ${DEEPEST} deep`);
    if (await this.isHidden(entry, level.path)) return "hidden";
    return await this.open(await this.extentOf(entry, level.path), path, level.held);
  }

  /** Where a folder's records are; those of a moved folder are known only by their place. */
  async extentOf(entry: FolderEntry, parent: string): Promise<Extent> {
    const path = join(parent, entry.name);
    if (entry.movedTo === undefined) return onlySection(entry, path);
    const offset = entry.movedTo;
    const self = parseRecord(await readFolder(this.#access, offset, SECTOR, path), 0, path);
    if (!isDot(self) || self.offset !== offset) throw imageError(`lost the folder ${path} that was moved`);
    return { offset, length: self.length };
  }

  /** Whether a folder is only there to hold what lay too deep elsewhere, and is shown there. */
  async isHidden(entry: FolderEntry, parent: string): Promise<boolean> {
    if (parent !== "" || entry.kind !== "dir" || !MOVED_FOLDERS.has(entry.name)) return false;
    const { offset, length } = onlySection(entry, entry.name);
    const bytes = await readFolder(this.#access, offset, length, entry.name);
    let moved = 0;
    for await (const inner of this.#entries(bytes, entry.name)) {
      if (!inner.moved) return false;
      moved++;
    }
    return moved > 0;
  }
}

function onlySection(entry: FolderEntry, path: string): Extent {
  const [extent] = entry.sections;
  if (extent === undefined || entry.sections.length > 1) throw imageError(`has folder ${path} in pieces`);
  return extent;
}

async function readFolder(
  access: RandomAccess,
  offset: number,
  length: number,
  path: string,
): Promise<Uint8Array> {
  assertInside({ offset, length }, `folder /${path}`, access.size);
  if (length > MOST_HELD) throw imageError(`has a folder of ${length} bytes at /${path}`);
  const bytes = await access.readAt(offset, length);
  const [self] = recordsIn(bytes, path);
  if (self === undefined || !isDot(self)) {
    throw imageError(`has no folder at byte ${offset}, where /${path} should be`);
  }
  return bytes;
}

/** The extents of a file: sections that follow each other become one. A file without bytes has none. */
function joinSections(sections: readonly Extent[], path: string, imageSize: number): Extent[] {
  const joined: Extent[] = [];
  let size = 0;
  for (const section of sections) {
    if (section.length === 0) continue;
    assertInside(section, path, imageSize);
    size += section.length;
    const last = joined.at(-1);
    if (last !== undefined && last.offset + last.length === section.offset) {
      joined[joined.length - 1] = { offset: last.offset, length: last.length + section.length };
    } else {
      joined.push(section);
    }
  }
  if (size > imageSize) throw imageError(`has a file of ${size} bytes, larger than itself, at ${path}`);
  return joined;
}

function assertInside(extent: Extent, what: string, imageSize: number): void {
  const end = extent.offset + extent.length;
  if (extent.length > 0 && end <= imageSize) return;
  throw imageError(`has ${what} at bytes ${extent.offset}–${end}, outside of its ${imageSize} bytes`);
}

function join(parent: string, name: string): string {
  return parent === "" ? name : `${parent}/${name}`;
}
