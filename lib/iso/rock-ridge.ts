/**
 * Rock Ridge (IEEE P1282 1.10, announced as RRIP_1991A) in the system use areas of SUSP.
 *
 * One function per field; `systemUse` joins them and moves what a record cannot hold into continuation areas.
 */

import { concat, utf8 } from "../bytes.ts";
import { both32, putAscii, SECTOR } from "./fields.ts";
import { LONGEST_RECORD } from "./directory-record.ts";
import { recordTime } from "./times.ts";

/** The lengths of the fields that have only one. */
export const SP_LENGTH = 7;
export const PX_LENGTH = 36;
export const TF_LENGTH = 12;
export const CE_LENGTH = 28;

/** The start of every field: signature, length, version 1 (SUSP 4.1). */
function field(signature: string, length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  putAscii(bytes, 0, signature);
  bytes[2] = length;
  bytes[3] = 1;
  return bytes;
}

/** SP, the first field of the root's `.`: says that SUSP is in use (SUSP 5.3). */
export function sp(): Uint8Array {
  const bytes = field("SP", SP_LENGTH);
  bytes.set([0xbe, 0xef, 0], 4);
  return bytes;
}

const EXTENSION = {
  id: "RRIP_1991A",
  description: "THE ROCK RIDGE INTERCHANGE PROTOCOL PROVIDES SUPPORT FOR POSIX FILE SYSTEM SEMANTICS",
  source: "PLEASE CONTACT DISC PUBLISHER FOR SPECIFICATION SOURCE.  " +
    "SEE PUBLISHER IDENTIFIER IN PRIMARY VOLUME DESCRIPTOR FOR CONTACT INFORMATION.",
};

/** ER: which extension the fields belong to (SUSP 5.5). The texts are the ones RRIP 4.3 prescribes; macOS compares the id. */
export function er(): Uint8Array {
  const { id, description, source } = EXTENSION;
  const bytes = field("ER", 8 + id.length + description.length + source.length);
  bytes.set([id.length, description.length, source.length, 1], 4);
  putAscii(bytes, 8, id + description + source);
  return bytes;
}

/** PX: mode and link count; user and group are 0 (RRIP 1.10 4.1.1, without the serial number of 1.12). */
export function px(mode: number, links: number): Uint8Array {
  const bytes = field("PX", PX_LENGTH);
  both32(bytes, 4, mode);
  both32(bytes, 12, links);
  both32(bytes, 20, 0);
  both32(bytes, 28, 0);
  return bytes;
}

/** TF: the time of the last change, in the seven-byte form (RRIP 4.1.6). `mtime` in ms since 1970. */
export function tf(mtime: number): Uint8Array {
  const bytes = field("TF", TF_LENGTH);
  bytes[4] = 0x02;
  bytes.set(recordTime(mtime), 5);
  return bytes;
}

/** NM: a piece of the name; `more` when the next NM continues it (RRIP 4.1.4). */
export function nm(piece: Uint8Array, more: boolean): Uint8Array {
  const bytes = field("NM", 5 + piece.length);
  bytes[4] = more ? 1 : 0;
  bytes.set(piece, 5);
  return bytes;
}

/** CE: where the system use area continues (SUSP 5.1). */
export function ce(block: number, offset: number, length: number): Uint8Array {
  const bytes = field("CE", CE_LENGTH);
  both32(bytes, 4, block);
  both32(bytes, 12, offset);
  both32(bytes, 20, length);
  return bytes;
}

const CONTINUES = 1;
const SL_HEAD = 5;
/** Of 255 possible bytes. */
const LONGEST_SL = 250;

const NOTHING = new Uint8Array(0);

/**
 * Collects the components of a target into fields.
 *
 * A field that is not the last ends with a component that goes on, if need be with one of no text yet:
 * Linux puts a slash between two fields, bsdtar puts none, and both agree only inside a component.
 */
class LinkFields {
  readonly groups: Uint8Array[][] = [[]];
  /** Bytes left in the last field; never less than a component of no text takes. */
  #room = LONGEST_SL - SL_HEAD;

  #put(flags: number, text: Uint8Array): void {
    this.groups.at(-1)?.push(concat(Uint8Array.of(flags, text.length), text));
    this.#room -= 2 + text.length;
  }

  /** Ends the field with the beginning of a component. */
  #breakIn(text: Uint8Array): void {
    this.#put(CONTINUES, text);
    this.groups.push([]);
    this.#room = LONGEST_SL - SL_HEAD;
  }

  /** `/`, `.` and `..` have flags of their own and no text. */
  mark(flags: number): void {
    if (this.#room < 4) this.#breakIn(NOTHING);
    this.#put(flags, NOTHING);
  }

  text(bytes: Uint8Array): void {
    if (bytes.length + 4 <= this.#room) return this.#put(0, bytes);
    const part = Math.min(this.#room - 2, bytes.length - 1);
    this.#breakIn(bytes.subarray(0, part));
    this.text(bytes.subarray(part));
  }
}

/**
 * SL: the target of a symlink, in as many fields as it takes (RRIP 4.1.3).
 * Rock Ridge stores components, so doubled and trailing slashes, which mean nothing, are dropped.
 */
export function sl(target: string): Uint8Array[] {
  const fields = new LinkFields();
  if (target.startsWith("/")) fields.mark(8);
  for (const part of target.split("/")) {
    if (part === ".") fields.mark(2);
    else if (part === "..") fields.mark(4);
    else if (part !== "") fields.text(utf8(part));
  }
  return fields.groups.map((pieces, i) => slField(pieces, i < fields.groups.length - 1));
}

function slField(pieces: Uint8Array[], more: boolean): Uint8Array {
  const bytes = field("SL", SL_HEAD + lengthOf(pieces));
  bytes[4] = more ? CONTINUES : 0;
  bytes.set(concat(...pieces), SL_HEAD);
  return bytes;
}

/** A system use area that is yet to be placed. */
export interface SystemUse {
  /** The fields inside the directory record; a CE of 28 bytes follows when there are areas. */
  readonly inline: readonly Uint8Array[];
  /** The fields of each continuation area; a CE follows in each but the last. An area fits a sector. */
  readonly areas: readonly (readonly Uint8Array[])[];
}

/** The whole length of some fields. */
export function lengthOf(fields: readonly Uint8Array[]): number {
  return fields.reduce((sum, bytes) => sum + bytes.length, 0);
}

/** The bytes of the name that fit a record whose head has `head` bytes, when nothing else but PX and TF is there. */
export function inlineNameRoom(head: number): number {
  return LONGEST_RECORD - head - PX_LENGTH - TF_LENGTH - 5;
}

/**
 * The fields of one record.
 *
 * @param head the bytes of the record in front of the area.
 * @param fixed PX and TF.
 * @param name the UTF-8 name.
 * @param links the SL fields of a symlink, otherwise empty.
 */
export function systemUse(
  head: number,
  fixed: readonly Uint8Array[],
  name: Uint8Array,
  links: readonly Uint8Array[],
): SystemUse {
  const room = LONGEST_RECORD - head - lengthOf(fixed);
  if (5 + name.length + lengthOf(links) <= room) {
    return { inline: [...fixed, nm(name, false), ...links], areas: [] };
  }
  const first = name.subarray(0, room - CE_LENGTH - 5);
  const rest = name.subarray(first.length);
  const inline = [...fixed, nm(first, rest.length > 0)];
  const moved = rest.length > 0 ? [nm(rest, false), ...links] : links;
  return { inline, areas: intoAreas(moved) };
}

/** Groups fields so that each group, with a CE after it, fits a sector. */
function intoAreas(fields: readonly Uint8Array[]): Uint8Array[][] {
  const areas: Uint8Array[][] = [[]];
  let used = 0;
  for (const bytes of fields) {
    if (used + bytes.length + CE_LENGTH > SECTOR) {
      areas.push([]);
      used = 0;
    }
    areas.at(-1)?.push(bytes);
    used += bytes.length;
  }
  return areas;
}

/** The file types and permissions in PX: the owner may write, so that copies made from a mount can be changed. */
export const MODE = { dir: 0o040755, file: 0o100644, symlink: 0o120777 } as const;
