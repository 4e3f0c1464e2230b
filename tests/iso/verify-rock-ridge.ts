/** The system-use areas of our images: SP, PX, TF, NM, SL, CE, ER, in our order and lengths (SUSP, RRIP 1.10). */

import { concat } from "../../lib/bytes.ts";
import { type Faults, hex, isZero, latin1, SECTOR, Structure } from "./verify-structure.ts";

/** Where a continuation area stands: sector, and bytes in it. */
export interface Area {
  readonly sector: number;
  readonly offset: number;
  readonly length: number;
}

/** What a record's fields say. */
export interface RockRidge {
  readonly name: string | undefined;
  readonly mode: number;
  readonly links: number;
  /** The seven bytes of TF, hex. */
  readonly date: string;
  readonly target: string | undefined;
  readonly areas: readonly Area[];
}

export type ReadArea = (area: Area, where: string) => Uint8Array;

/** Which fields a record has, as a pattern over the signatures in order. */
const PATTERNS = {
  root: /^SP PX TF CE ER $/,
  dot: /^PX TF $/,
  child: /^PX TF (NM )(CE )?((NM )*(SL )*(CE )?)*$/,
} as const;

const ER_TEXTS = [
  "RRIP_1991A",
  "THE ROCK RIDGE INTERCHANGE PROTOCOL PROVIDES SUPPORT FOR POSIX FILE SYSTEM SEMANTICS",
  "PLEASE CONTACT DISC PUBLISHER FOR SPECIFICATION SOURCE.  SEE PUBLISHER IDENTIFIER IN PRIMARY VOLUME DESCRIPTOR FOR CONTACT INFORMATION.",
] as const;

/** Linux 6.1 shows a name of 254 bytes as 93. */
const LONGEST_NAME = 253;

/** Checks the area of one record, and of those it continues in. */
export function verifyRockRidge(
  faults: Faults,
  area: Uint8Array,
  kind: keyof typeof PATTERNS,
  readArea: ReadArea,
  where: string,
): RockRidge {
  const reader = new AreaReader(faults, where);
  let next = reader.read(area, 1);
  while (next !== undefined && reader.areas.length < 20) {
    reader.areas.push(next);
    next = reader.read(readArea(next, where), 0);
  }
  const order = reader.order.map((signature) => `${signature} `).join("");
  faults.check(PATTERNS[kind].test(order), `${where}: its fields are ${order}`);
  return reader.result();
}

class AreaReader {
  readonly areas: Area[] = [];
  readonly order: string[] = [];
  readonly #faults: Faults;
  readonly #where: string;
  readonly #name: Uint8Array[] = [];
  readonly #target = new Target();
  #nameGoesOn = false;
  #linkGoesOn = false;
  #mode = 0;
  #links = 0;
  #date = "";

  constructor(faults: Faults, where: string) {
    this.#faults = faults;
    this.#where = where;
  }

  /** Reads one area, which may end in `padding` zero bytes; gives the next. */
  read(area: Uint8Array, padding: number): Area | undefined {
    let next: Area | undefined;
    let at = 0;
    while (at + 4 <= area.length) {
      const s = new Structure(
        this.#faults,
        `${this.#where} ${latin1(area.subarray(at, at + 2))}`,
        fieldAt(area, at),
      );
      const signature = s.ascii(0, 2, "signature");
      s.u8(2, "length", s.bytes.length);
      s.u8(3, "version", 1);
      s.check(next === undefined, "stands behind CE");
      this.order.push(signature);
      if (signature === "CE") next = continuation(s);
      else this.#take(signature, s);
      s.done();
      at += s.bytes.length;
    }
    this.#faults.check(
      isZero(area.subarray(at)) && area.length - at <= padding,
      `${this.#where}: area ends in rubbish`,
    );
    return next;
  }

  #take(signature: string, s: Structure): void {
    if (signature === "SP") this.#sp(s);
    else if (signature === "ER") er(s);
    else if (signature === "PX") this.#px(s);
    else if (signature === "TF") this.#tf(s);
    else if (signature === "NM") this.#nm(s);
    else if (signature === "SL") this.#sl(s);
    else s.fault("is a field of none of ours");
  }

  #sp(s: Structure): void {
    s.check(s.bytes.length === 7, "is not 7 bytes long");
    s.u8(4, "check byte", 0xbe);
    s.u8(5, "check byte", 0xef);
    s.u8(6, "bytes to skip", 0);
  }

  #px(s: Structure): void {
    s.check(s.bytes.length === 36, "is not 36 bytes long");
    this.#mode = s.both32(4, "mode");
    this.#links = s.both32(12, "links");
    s.both32(20, "user", 0);
    s.both32(28, "group", 0);
  }

  #tf(s: Structure): void {
    s.check(s.bytes.length === 12, "is not 12 bytes long");
    s.u8(4, "flags", 2);
    this.#date = hex(s.take(5, 7));
  }

  #nm(s: Structure): void {
    s.check(this.#name.length === 0 || this.#nameGoesOn, "is a second name");
    const flags = s.u8(4, "flags");
    s.check(flags <= 1, `flags are ${flags}`);
    this.#nameGoesOn = flags === 1;
    const piece = s.take(5, s.bytes.length - 5);
    s.check(piece.length > 0, "is empty");
    this.#name.push(piece);
  }

  #sl(s: Structure): void {
    const flags = s.u8(4, "flags");
    s.check(flags <= 1, `flags are ${flags}`);
    s.check(!this.#target.started || this.#linkGoesOn, "goes on behind its end");
    this.#linkGoesOn = flags === 1;
    this.#target.add(s, s.take(5, s.bytes.length - 5));
  }

  result(): RockRidge {
    const ended = !this.#nameGoesOn && !this.#linkGoesOn && !this.#target.open;
    this.#faults.check(ended, `${this.#where}: name or target goes on past the last field`);
    return {
      name: this.#name.length === 0 ? undefined : this.#nameText(),
      mode: this.#mode,
      links: this.#links,
      date: this.#date,
      target: this.#target.started ? this.#target.text() : undefined,
      areas: this.areas,
    };
  }

  #nameText(): string {
    const bytes = concat(...this.#name);
    this.#faults.check(bytes.length <= LONGEST_NAME, `${this.#where}: name of ${bytes.length} bytes`);
    const name = strictText(this.#faults, bytes, this.#where);
    const bad = name === "." || name === ".." || /[/\0]/.test(name);
    this.#faults.check(!bad, `${this.#where}: is named ${JSON.stringify(name)}`);
    return name;
  }
}

/** The bytes of one field; a length that cannot be gives a RangeError. */
function fieldAt(area: Uint8Array, at: number): Uint8Array {
  const length = area[at + 2] ?? 0;
  if (length < 4 || at + length > area.length) throw new RangeError(`field of ${length} bytes`);
  return area.subarray(at, at + length);
}

function continuation(s: Structure): Area {
  s.check(s.bytes.length === 28, "is not 28 bytes long");
  const area = {
    sector: s.both32(4, "block"),
    offset: s.both32(12, "offset"),
    length: s.both32(20, "length"),
  };
  s.check(area.length > 0 && area.offset + area.length <= SECTOR, "leads across a sector's end");
  return area;
}

function er(s: Structure): void {
  let at = 8;
  for (const [i, text] of ER_TEXTS.entries()) {
    s.u8(4 + i, "length of a text", text.length);
    s.ascii(at, text.length, "text", text);
    at += text.length;
  }
  s.u8(7, "extension version", 1);
  s.check(s.bytes.length === at, `is ${s.bytes.length} bytes long`);
}

function strictText(faults: Faults, bytes: Uint8Array, where: string): string {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    faults.add(`${where}: is not UTF-8`);
    return hex(bytes);
  }
}

/** The components of a link's target (RRIP §4.1.3.1). */
class Target {
  started = false;
  open = false;
  #text = "";
  #needsSlash = false;

  add(s: Structure, components: Uint8Array): void {
    this.started = true;
    s.check(components.length > 0, "has no components");
    for (let at = 0; at < components.length;) {
      const [flags = 0, length = 0] = components.subarray(at, at + 2);
      s.check(at + 2 + length <= components.length, "has a component that runs over");
      const last = at + 2 + length === components.length;
      this.#component(s, flags, components.subarray(at + 2, at + 2 + length), last);
      at += 2 + length;
    }
  }

  #component(s: Structure, flags: number, text: Uint8Array, last: boolean): void {
    const special = { 2: ".", 4: "..", 8: "" }[flags];
    // At its end a field may open a component whose text is all in the next one.
    const opens = flags === 1 && last;
    s.check(
      special !== undefined ? text.length === 0 : flags <= 1 && (text.length > 0 || opens),
      `component with flags ${flags}`,
    );
    s.check(flags !== 8 || this.#text === "", "has the root inside its target");
    s.check(this.open || flags !== 0 || !isNamed(latin1(text)), "spells out a component that has a flag");
    if (this.#needsSlash && !this.open) this.#text += "/";
    this.#text += special === undefined ? latin1(text) : flags === 8 ? "/" : special;
    this.#needsSlash = flags !== 8;
    this.open = flags === 1;
  }

  text(): string {
    return this.#text;
  }
}

function isNamed(text: string): boolean {
  return text === "." || text === ".." || text.includes("/") || text.includes("\0");
}
