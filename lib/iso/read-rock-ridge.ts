/**
 * Rock Ridge: the POSIX name, kind, time and link target that follow the identifier of a directory record
 * (System Use Sharing Protocol 1.12 and Rock Ridge Interchange Protocol 1.12; 1.09 and 1.10 read the same).
 */

import type { RandomAccess } from "../types.ts";
import { concat } from "../bytes.ts";
import { byteAt, decodeText, imageError, le32, longDate, SECTOR, shortDate } from "./read-fields.ts";

/** What the entries of one record say. Everything is optional in an image. */
export interface RockRidge {
  readonly name: Uint8Array | undefined;
  /** The POSIX mode: type bits, e.g. 0o120000 for a symbolic link, and permission bits. */
  readonly mode: number | undefined;
  /** ms since 1970. */
  readonly mtime: number | undefined;
  /** Target of a symbolic link. */
  readonly target: string | undefined;
  /** CL: byte offset of the folder that should stand here and was moved because it lay too deep. */
  readonly movedTo: number | undefined;
  /** RE: this folder was moved here from elsewhere and is shown there. */
  readonly moved: boolean;
  /** The data is stored compressed (ZF) or with holes (SF), which this reader cannot undo. */
  readonly encoded: boolean;
}

/** Where a continuation area stands, in bytes. */
interface Area {
  readonly offset: number;
  readonly length: number;
}

/** A record needs two continuation areas at most with the names and targets of real systems. */
const MOST_AREAS = 32;
/** POSIX allows 255 bytes in a name and 4,096 in a target; kept a little wider. */
const LONGEST_NAME = 1024;
const LONGEST_AREA = 32 * 1024;

/**
 * Where Rock Ridge begins in each record's system-use area, from the `.` record of the root: the SP entry
 * tells how many bytes to skip (SUSP §5.3). CD-ROM XA discs hold 14 bytes of their own before SP.
 *
 * @param systemUse the area of the root's `.` record
 * @returns undefined when the image has no Rock Ridge
 */
export function rockRidgeSkip(systemUse: Uint8Array): number | undefined {
  for (const start of [0, 14]) {
    const [s, p, length, , be, ef, skip] = systemUse.subarray(start, start + 7);
    if (s === 0x53 && p === 0x50 && length === 7 && be === 0xbe && ef === 0xef) return skip;
  }
  return /^(RR|PX|TF)/.test(decodeText(systemUse.subarray(0, 2))) ? 0 : undefined;
}

/**
 * The Rock Ridge fields of one record, its continuation areas included.
 *
 * @param area the record's system-use area after the bytes to skip
 * @param where the record's place, for errors
 * @throws ColdframeError `image` for broken lengths and endless continuations
 */
export async function readRockRidge(
  area: Uint8Array,
  continuations: Continuations,
  where: string,
): Promise<RockRidge> {
  const fields = new Fields(where);
  let next = fields.absorb(area);
  for (let count = 0; next !== undefined; count++) {
    if (count === MOST_AREAS) throw imageError(`continues one record of ${where} without end`);
    next = fields.absorb(continuations.loaded(next) ?? await continuations.load(next));
  }
  return fields.result();
}

/**
 * Reads continuation areas through one window. Writers put the areas of a folder side by side, so the window
 * doubles as long as reads follow each other, and stays at a sector where they jump about.
 */
export class Continuations {
  readonly #access: RandomAccess;
  #window = { offset: 0, bytes: new Uint8Array(0) };
  /** No two areas share bytes in an image made by an honest writer, so all of them fit into the image once. */
  #left: number;

  constructor(access: RandomAccess) {
    this.#access = access;
    this.#left = access.size;
  }

  /** The area if the window holds it. */
  loaded(area: Area): Uint8Array | undefined {
    const start = area.offset - this.#window.offset;
    if (start < 0 || start + area.length > this.#window.bytes.length) return undefined;
    this.#spend(area.length);
    return this.#window.bytes.subarray(start, start + area.length);
  }

  /** Moves the window to the area and gives it. @throws ColdframeError `image` outside of the image */
  async load(area: Area): Promise<Uint8Array> {
    const end = area.offset + area.length;
    const bad = area.length > LONGEST_AREA || end > this.#access.size;
    if (bad) throw imageError(`continues a record at bytes ${area.offset}–${end}, where nothing can be`);
    this.#spend(area.length);
    const offset = Math.floor(area.offset / SECTOR) * SECTOR;
    const wanted = Math.max(this.#nextSize(offset), end - offset);
    const bytes = await this.#access.readAt(offset, Math.min(wanted, this.#access.size - offset));
    this.#window = { offset, bytes };
    return bytes.subarray(area.offset - offset, end - offset);
  }

  #nextSize(offset: number): number {
    const { offset: last, bytes } = this.#window;
    const follows = offset >= last && offset <= last + bytes.length;
    return follows && bytes.length > 0 ? Math.min(bytes.length * 2, 256 * 1024) : SECTOR;
  }

  #spend(length: number): void {
    this.#left -= length;
    if (this.#left < 0) throw imageError("continues its records over and over in the same place");
  }
}

/** Gathers the entries of one record over its areas. */
class Fields {
  readonly #where: string;
  #name: Uint8Array[] = [];
  #link = new LinkTarget();
  #next: Area | undefined;
  #mode: number | undefined;
  #mtime: number | undefined;
  #movedTo: number | undefined;
  #moved = false;
  #encoded = false;

  constructor(where: string) {
    this.#where = where;
  }

  /** Takes in one area and tells where the next one is. Bytes after the last entry are padding. */
  absorb(area: Uint8Array): Area | undefined {
    this.#next = undefined;
    for (let at = 0; at + 4 <= area.length && area[at] !== 0;) {
      const length = byteAt(area, at + 2);
      if (length < 4 || at + length > area.length) throw this.#broken();
      const signature = String.fromCharCode(byteAt(area, at), byteAt(area, at + 1));
      if (signature === "ST") break;
      this.#entry(signature, area.subarray(at + 4, at + length));
      at += length;
    }
    return this.#next;
  }

  result(): RockRidge {
    const name = this.#name.length === 0 ? undefined : concat(...this.#name);
    if (name !== undefined && name.length > LONGEST_NAME) throw this.#broken();
    return {
      name,
      mode: this.#mode,
      mtime: this.#mtime,
      target: this.#link.text(),
      movedTo: this.#movedTo,
      moved: this.#moved,
      encoded: this.#encoded,
    };
  }

  #broken(): Error {
    return imageError(`has a broken Rock Ridge entry at ${this.#where}`);
  }

  #entry(signature: string, body: Uint8Array): void {
    try {
      this.#take(signature, body);
    } catch (error) {
      if (error instanceof RangeError) throw this.#broken();
      throw error;
    }
  }

  #take(signature: string, body: Uint8Array): void {
    switch (signature) {
      case "CE":
        this.#next = { offset: le32(body, 0) * SECTOR + le32(body, 8), length: le32(body, 16) };
        break;
      case "NM":
        this.#name.push(body.subarray(1));
        break;
      case "PX":
        this.#mode = le32(body, 0);
        break;
      case "TF":
        this.#mtime = modifyTime(body) ?? this.#mtime;
        break;
      case "SL":
        this.#link.add(body);
        break;
      case "CL":
        this.#movedTo = le32(body, 0) * SECTOR;
        break;
      case "RE":
        this.#moved = true;
        break;
      case "ZF":
      case "SF":
        this.#encoded = true;
        break;
    }
  }
}

/** TF (RRIP §4.1.6): a byte of flags, then one stamp per flag, in the order of the bits; 1 is "modify". */
function modifyTime(body: Uint8Array): number | undefined {
  const flags = byteAt(body, 0);
  if ((flags & 0x02) === 0) return undefined;
  const long = (flags & 0x80) !== 0;
  const size = long ? 17 : 7;
  const start = 1 + (flags & 0x01) * size;
  if (start + size > body.length) throw new RangeError("time stamp cut off");
  const stamp = body.subarray(start, start + size);
  return long ? longDate(stamp) : shortDate(stamp);
}

/** SL (RRIP §4.1.3): components of a path, each of which may go on in the next one, even in the next entry. */
class LinkTarget {
  #parts: Uint8Array[][] = [];
  #absolute = false;
  #open = false;
  #seen = false;

  add(body: Uint8Array): void {
    this.#seen = true;
    for (let at = 1; at < body.length;) {
      const flags = byteAt(body, at);
      const length = byteAt(body, at + 1);
      if (at + 2 + length > body.length) throw new RangeError("component cut off");
      this.#component(flags, body.subarray(at + 2, at + 2 + length));
      at += 2 + length;
    }
  }

  #component(flags: number, bytes: Uint8Array): void {
    if (flags & 0x08) {
      this.#absolute = true;
      return;
    }
    const text = flags & 0x02 ? DOT : flags & 0x04 ? DOT_DOT : bytes;
    const last = this.#parts.at(-1);
    if (this.#open && last !== undefined) last.push(text);
    else this.#parts.push([text]);
    this.#open = (flags & 0x01) !== 0;
  }

  text(): string | undefined {
    if (!this.#seen) return undefined;
    const path = this.#parts.map((pieces) => decodeText(concat(...pieces))).join("/");
    return this.#absolute ? `/${path}` : path;
  }
}

const DOT = Uint8Array.of(0x2e);
const DOT_DOT = Uint8Array.of(0x2e, 0x2e);
