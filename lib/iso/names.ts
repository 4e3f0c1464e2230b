/**
 * The four names of a file: ISO 8.3, Rock Ridge, Joliet and UDF.
 *
 * Each is a pure function of the true name and a serial; serial 0 is the plain form, higher ones tell
 * apart names that would be the same. The serials of a folder are chosen once, by `chooseSerials`.
 */

import { ColdframeError } from "../errors.ts";

/** What a name may cost: UTF-16 units and UTF-8 bytes. */
interface Limits {
  readonly units: number;
  readonly bytes: number;
}

/** Linux 6.1 garbles a Rock Ridge name of 254 bytes (fs/isofs/rock.c counts with the end mark). */
const ROCK_RIDGE: Limits = { units: Infinity, bytes: 253 };
/** Joliet says 64; every reader tried takes what a record can hold in common practice, 103. */
const JOLIET: Limits = { units: 103, bytes: Infinity };
/** One length byte for a compression id and the characters (UDF 1.02 2.1.1), in one byte each or in two. */
const UDF_NARROW: Limits = { units: 254, bytes: ROCK_RIDGE.bytes };
const UDF_WIDE: Limits = { units: 127, bytes: ROCK_RIDGE.bytes };

/** An extension longer than this is cut like the rest of the name. */
const LONGEST_EXTENSION = 16;

/** The length of a well-formed text in UTF-8, without encoding it. */
export function utf8Length(text: string): number {
  let bytes = text.length;
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    if (unit < 0x80) continue;
    // A surrogate pair is two units and four bytes, anything else from U+0800 three.
    bytes += unit < 0x800 || (unit >= 0xd800 && unit <= 0xdfff) ? 1 : 2;
  }
  return bytes;
}

function within(text: string, limits: Limits): boolean {
  if (text.length > limits.units) return false;
  return text.length * 3 <= limits.bytes || utf8Length(text) <= limits.bytes;
}

/** As many whole characters of the start of `text` as fit. */
function cut(text: string, limits: Limits): string {
  let units = 0;
  let bytes = 0;
  for (const character of text) {
    bytes += utf8Length(character);
    if (bytes > limits.bytes || units + character.length > limits.units) break;
    units += character.length;
  }
  return text.slice(0, units);
}

/** Where the extension starts (at its dot), or the end when there is none. */
function extensionAt(name: string): number {
  const dot = name.lastIndexOf(".");
  return dot > 0 && name.length - dot <= LONGEST_EXTENSION ? dot : name.length;
}

/** The name itself if it fits and needs no serial, otherwise its start, `~serial`, and its extension. */
function fitted(name: string, serial: number, limits: Limits): string {
  if (serial === 0 && within(name, limits)) return name;
  const dot = extensionAt(name);
  const tail = (serial === 0 ? "" : `~${serial}`) + name.slice(dot);
  const left = { units: limits.units - tail.length, bytes: limits.bytes - utf8Length(tail) };
  return cut(name.slice(0, dot), left) + tail;
}

/** The name in Rock Ridge NM: the true one, shortened only above 253 bytes. */
export function rockRidgeName(name: string, serial: number): string {
  return fitted(name, serial, ROCK_RIDGE);
}

/** The name in UDF: the true one, shortened above 254 Latin-1 characters, 127 UTF-16 units or 253 bytes. */
export function udfName(name: string, serial: number): string {
  return fitted(name, serial, isWide(name) ? UDF_WIDE : UDF_NARROW);
}

/** Whether a name has characters beyond U+00FF, and so takes two bytes per unit in UDF. */
export function isWide(name: string): boolean {
  for (let i = 0; i < name.length; i++) if (name.charCodeAt(i) > 0xff) return true;
  return false;
}

/** The bytes of a name in OSTA CS0: a compression id, then one or two bytes per unit. */
export function cs0Length(name: string): number {
  return 1 + name.length * (isWide(name) ? 2 : 1);
}

/** What Windows takes for a damaged file system in a Joliet name: six marks, and all below the space. */
const NOT_IN_JOLIET = /[*/:;?\\]|[^ -\uffff]/g;

/** A name that is yet to get its serial. */
type Namer = (serial: number) => string;

/** The name in Joliet (Joliet Specification, "Character set"), without trailing dots and spaces. */
export function jolietName(name: string, serial: number): string {
  return jolietNamer(name)(serial);
}

function jolietNamer(name: string): Namer {
  const clean = withoutTail(name.replace(NOT_IN_JOLIET, "_")) || "_";
  return (serial) => withoutTail(fitted(clean, serial, JOLIET));
}

/** Windows drops dots and spaces at the end, so a name may not differ by them alone. */
function withoutTail(name: string): string {
  let end = name.length;
  while (end > 0 && (name[end - 1] === "." || name[end - 1] === " ")) end--;
  return name.slice(0, end);
}

/**
 * A key under which names that Windows takes for the same are the same.
 *
 * Only blocks whose case pairs no longer change are folded: with the whole of Unicode, another runtime
 * or a later one could give the same manifest another image.
 */
export function foldCase(name: string): string {
  if (utf8Length(name) === name.length) return name.toUpperCase();
  return name.replace(FOLDED, (unit) => {
    const upper = unit.toUpperCase();
    return upper.length === 1 ? upper : unit;
  });
}
const FOLDED =
  /[a-z\u00e0-\u00fe\u0101-\u017e\u0180-\u019a\u019c-\u024f\u0371-\u03fb\u0430-\u0481\u048b-\u0527\u0561-\u0586\u1e01-\u1eff\u1f00-\u1ff3\uff41-\uff5a]/g;

const LONGEST_STEM = 8;
const LONGEST_SUFFIX = 3;

/** What each ASCII character becomes: upper case, digits and `_` as they are, everything else `_`. */
const D_CHARACTERS = Array.from(
  { length: 128 },
  (_, code) => String.fromCharCode(code).toUpperCase().replace(/[^A-Z0-9]/, "_"),
);

/** The text in d-characters (ECMA-119 7.4.1). */
function dCharacters(text: string): string {
  let out = "";
  for (let i = 0; i < text.length; i++) out += D_CHARACTERS[text.charCodeAt(i)] ?? "_";
  return out;
}

/**
 * The name in plain ISO 9660: 8.3 d-characters, for folders 8 without an extension.
 * Without the dot of an empty extension and without a version; `isoIdentifier` adds these.
 */
export function isoName(name: string, folder: boolean, serial: number): string {
  return isoNamer(name, folder)(serial);
}

function isoNamer(name: string, folder: boolean): Namer {
  const last = folder ? -1 : name.lastIndexOf(".");
  const dot = last > 0 ? last : name.length;
  const stem = dCharacters(name.slice(0, Math.min(dot, LONGEST_STEM)));
  const suffix = dCharacters(name.slice(dot + 1, dot + 1 + LONGEST_SUFFIX));
  const end = suffix === "" ? "" : `.${suffix}`;
  return (serial) => {
    if (serial === 0) return stem + end;
    const mark = `_${serial}`;
    return stem.slice(0, LONGEST_STEM - mark.length) + mark + end;
  };
}

/** The identifier in a directory record: folders as they are, files with dot and version (ECMA-119 7.5). */
export function isoIdentifier(isoName: string, folder: boolean): string {
  if (folder) return isoName;
  return isoName.includes(".") ? `${isoName};1` : `${isoName}.;1`;
}

/** One of the four ways to name. */
export interface Naming {
  /** Takes a true name apart, once for all serials that are tried. */
  namer(trueName: string, folder: boolean): Namer;
  /** Two names with the same key cannot stand in one folder. */
  key(name: string): string;
  /** A serial so long that real ones are not longer: names that look alike with it share a counter. */
  readonly widest: number;
}

const same = (name: string): string => name;

export const ISO: Naming = { namer: isoNamer, key: same, widest: 99_999 };
export const ROCK: Naming = {
  namer: (name) => (serial) => rockRidgeName(name, serial),
  key: same,
  widest: 9_999_999,
};
export const JOLIET_NAMING: Naming = { namer: jolietNamer, key: foldCase, widest: 9_999_999 };
export const UDF: Naming = {
  namer: (name) => (serial) => udfName(name, serial),
  key: same,
  widest: 9_999_999,
};

/** A child of a folder while names are chosen. */
export interface Named {
  readonly name: string;
  readonly folder: boolean;
}

/** What `chooseSerials` found for one child. */
export interface Chosen {
  readonly name: string;
  readonly serial: number;
}

/**
 * Gives each child of a folder a serial, so that no two have the same name.
 *
 * A name that needs no change keeps itself; the others take the first free serial in the order given.
 * Counters are shared by names that differ only in what a serial would cut off, so that 20,000 long names
 * with one beginning do not each count from 1.
 *
 * @param children in an order that depends on the names alone.
 * @throws ColdframeError "image" when the serials no longer fit into the name.
 */
export function chooseSerials(children: readonly Named[], naming: Naming): Chosen[] {
  const names = new FolderNames(naming);
  const namers = children.map(({ name, folder }) => naming.namer(name, folder));
  const plain = namers.map((namer) => namer(0));
  const kept = children.map(({ name }, i) => plain[i] === name && names.claim(name));
  return namers.map((namer, i): Chosen => {
    const name = plain[i] ?? "";
    return kept[i] || names.claim(name) ? { name, serial: 0 } : names.next(namer);
  });
}

/** The names of one folder that are taken, and the counters. */
class FolderNames {
  readonly #naming: Naming;
  readonly #taken = new Set<string>();
  readonly #counters = new Map<string, number>();

  constructor(naming: Naming) {
    this.#naming = naming;
  }

  /** Takes a name if it is free. */
  claim(name: string): boolean {
    const before = this.#taken.size;
    return this.#taken.add(this.#naming.key(name)).size > before;
  }

  /** Takes the name with the next serial that makes it free. */
  next(namer: Namer): Chosen {
    const group = this.#naming.key(namer(this.#naming.widest));
    for (let serial = this.#counters.get(group) ?? 1; serial <= 9_999_999; serial++) {
      const name = namer(serial);
      if (!this.claim(name)) continue;
      this.#counters.set(group, serial + 1);
      return { name, serial };
    }
    throw new ColdframeError("image", `too many names like ${JSON.stringify(namer(0))} in one folder`);
  }
}
