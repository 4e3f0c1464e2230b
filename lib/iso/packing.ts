/**
 * How records are packed into sectors, and which records a sector holds.
 *
 * Tables have one number per sector, not per record, so any sector can be made alone with little memory.
 */

import { at, lastAtMost, NumberList, SECTOR } from "./fields.ts";

/** Records of folders, none across a sector's edge: the directories of ISO 9660 and of Joliet. */
export interface DirectoryZone {
  /** Folder → its first sector, counted from the zone's start; one more for the end. */
  readonly start: Uint32Array;
  /** Folder → the sectors of its records; what it brings along after them is not part of the directory. */
  readonly sectors: Uint32Array;
  /** Sector → position of its first child. */
  readonly first: Uint32Array;
  /** Sector → which section of that child comes first: a file above 4 GiB has several records. */
  readonly section: Uint8Array;
}

/** What packing has to know of a tree. */
export interface Packable {
  readonly folders: number;
  /** Bytes of the records of `.` and `..` together. */
  selfBytes(folder: number): number;
  firstPosition(folder: number): number;
  endPosition(folder: number): number;
  /** Bytes of one record of the child at a position. */
  recordBytes(position: number): number;
  /** How many records the child at a position has. */
  sections(position: number): number;
  /** How many sectors, from this one on, the folder that was just packed brings along behind its records. */
  sectorsBehind(sector: number): number;
}

/** Packs the directories of a whole tree, one after the other. */
export function packDirectories(tree: Packable): DirectoryZone {
  const start = new Uint32Array(tree.folders + 1);
  const sectors = new Uint32Array(tree.folders);
  const first = new NumberList();
  const section = new NumberList();
  for (let folder = 0; folder < tree.folders; folder++) {
    start[folder] = first.length;
    packFolder(tree, folder, first, section);
    sectors[folder] = first.length - at(start, folder);
    for (let behind = tree.sectorsBehind(first.length); behind > 0; behind--) {
      first.push(0);
      section.push(0);
    }
  }
  start[tree.folders] = first.length;
  return { start, sectors, first: first.done(), section: Uint8Array.from(section.done()) };
}

function packFolder(tree: Packable, folder: number, first: NumberList, section: NumberList): void {
  const from = tree.firstPosition(folder);
  const end = tree.endPosition(folder);
  let used = tree.selfBytes(folder);
  first.push(from);
  section.push(0);
  for (let position = from; position < end; position++) {
    const bytes = tree.recordBytes(position);
    const count = tree.sections(position);
    for (let index = 0; index < count; index++) {
      if (used + bytes > SECTOR) {
        first.push(position);
        section.push(index);
        used = 0;
      }
      used += bytes;
    }
  }
}

/** Items that follow each other without regard to sectors: path tables, and the folders of UDF. */
export interface Stream {
  /** Sector → the item that holds its first byte. */
  readonly first: Uint32Array;
  /** Sector → how many bytes of that item stand in earlier sectors. */
  readonly skip: Uint16Array;
}

/** Builds the table of a stream. */
export class StreamPacker {
  readonly #first = new NumberList();
  readonly #skip = new NumberList();
  #used = SECTOR;

  /** Sectors begun so far. */
  get sectors(): number {
    return this.#first.length;
  }

  /** Adds an item of fewer bytes than a sector. */
  add(item: number, bytes: number): void {
    if (this.#used === SECTOR) this.#begin(item, 0);
    const over = this.#used + bytes - SECTOR;
    if (over > 0) this.#begin(item, bytes - over);
    this.#used = over > 0 ? over : this.#used + bytes;
  }

  #begin(item: number, skip: number): void {
    this.#first.push(item);
    this.#skip.push(skip);
    this.#used = 0;
  }

  /** Lets the next item begin a sector. */
  align(): void {
    this.#used = SECTOR;
  }

  done(): Stream {
    return { first: this.#first.done(), skip: Uint16Array.from(this.#skip.done()) };
  }
}

/**
 * Writes the items of one sector of a stream.
 *
 * @param make the bytes of an item, or undefined behind the last one.
 */
export function fillFromStream(
  stream: Stream,
  sector: number,
  out: Uint8Array,
  make: (item: number) => Uint8Array | undefined,
): void {
  let place = -at(stream.skip, sector);
  for (let item = at(stream.first, sector); place < out.length; item++) {
    const bytes = make(item);
    if (bytes === undefined) return;
    const inside = bytes.subarray(Math.max(-place, 0), out.length - place);
    out.set(inside, Math.max(place, 0));
    place += bytes.length;
  }
}

/** The folder whose records stand in a sector of a zone. */
export function folderAt(start: Uint32Array, sector: number): number {
  return lastAtMost(start, sector);
}
