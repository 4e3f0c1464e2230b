/**
 * Checking a structure on disk field by field: every byte belongs to a field that was looked at, or is zero.
 * So no field of any structure can go unnoticed.
 */

import { Buffer } from "node:buffer";
import { toHex } from "../../lib/bytes.ts";

export const SECTOR = 2048;

/** Faults found so far; the first few are enough to know that an image is wrong. */
export class Faults {
  readonly list: string[] = [];

  add(fault: string): void {
    if (this.list.length < 200) this.list.push(fault);
  }

  /** Adds a fault unless `good`. */
  check(good: boolean, fault: string): void {
    if (!good) this.add(fault);
  }
}

/** A structure whose fields are taken one after the other, and whose other bytes must be zero. */
export class Structure {
  readonly bytes: Uint8Array;
  readonly #faults: Faults;
  readonly #what: string;
  readonly #view: DataView;
  readonly #seen: Uint8Array;

  constructor(faults: Faults, what: string, bytes: Uint8Array) {
    this.#faults = faults;
    this.#what = what;
    this.bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    this.#seen = new Uint8Array(bytes.length);
  }

  fault(text: string): void {
    this.#faults.add(`${this.#what}: ${text}`);
  }

  check(good: boolean, text: string): void {
    if (!good) this.fault(text);
  }

  /** The bytes of a field, marked as looked at. */
  take(at: number, length: number): Uint8Array {
    if (at + length > this.bytes.length) {
      throw new RangeError(`${this.#what}: ends before byte ${at + length}`);
    }
    this.#seen.fill(1, at, at + length);
    return this.bytes.subarray(at, at + length);
  }

  #expect(value: number, name: string, expected: number | undefined): number {
    this.check(expected === undefined || value === expected, `${name} is ${value}, not ${expected}`);
    return value;
  }

  u8(at: number, name: string, expected?: number): number {
    this.take(at, 1);
    return this.#expect(this.#view.getUint8(at), name, expected);
  }

  /** Little-endian, as are `u32` and `u64`. */
  u16(at: number, name: string, expected?: number): number {
    this.take(at, 2);
    return this.#expect(this.#view.getUint16(at, true), name, expected);
  }

  u32(at: number, name: string, expected?: number): number {
    this.take(at, 4);
    return this.#expect(this.#view.getUint32(at, true), name, expected);
  }

  be32(at: number, name: string, expected?: number): number {
    this.take(at, 4);
    return this.#expect(this.#view.getUint32(at, false), name, expected);
  }

  u64(at: number, name: string, expected?: number): number {
    this.take(at, 8);
    return this.#expect(Number(this.#view.getBigUint64(at, true)), name, expected);
  }

  /** A number in both byte orders. */
  both16(at: number, name: string, expected?: number): number {
    this.take(at, 4);
    const [little, big] = [this.#view.getUint16(at, true), this.#view.getUint16(at + 2, false)];
    this.check(little === big, `${name} is ${little} little-endian and ${big} big-endian`);
    return this.#expect(little, name, expected);
  }

  both32(at: number, name: string, expected?: number): number {
    this.take(at, 8);
    const [little, big] = [this.#view.getUint32(at, true), this.#view.getUint32(at + 4, false)];
    this.check(little === big, `${name} is ${little} little-endian and ${big} big-endian`);
    return this.#expect(little, name, expected);
  }

  /** Text in ASCII, of a length that does not change. */
  ascii(at: number, length: number, name: string, expected?: string): string {
    const text = latin1(this.take(at, length));
    this.check(expected === undefined || text === expected, `${name} is ${JSON.stringify(text)}`);
    return text;
  }

  /** Every byte that no field took must be zero. */
  done(): void {
    const at = this.bytes.findIndex((byte, index) => byte !== 0 && this.#seen[index] === 0);
    this.check(at < 0, `reserved byte ${at} is ${this.bytes[at]}`);
  }
}

export function latin1(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("latin1");
}

/** Big-endian UTF-16; undefined when it is not well formed. */
export function utf16(bytes: Uint8Array): string | undefined {
  if (bytes.length % 2 !== 0) return undefined;
  const text = Buffer.from(bytes).swap16().toString("utf16le");
  return /\p{Surrogate}/u.test(text) ? undefined : text;
}

const ZEROS = new Uint8Array(1 << 16);

/** Compared as memory: most bytes of a small image are zeros, and each image is looked at thousands of times. */
export function isZero(bytes: Uint8Array): boolean {
  for (let at = 0; at < bytes.length; at += ZEROS.length) {
    const length = Math.min(ZEROS.length, bytes.length - at);
    if (Buffer.compare(bytes.subarray(at, at + length), ZEROS.subarray(0, length)) !== 0) return false;
  }
  return true;
}

export function hex(bytes: Uint8Array): string {
  return toHex(bytes);
}

/** Milliseconds of a real calendar moment in UTC, else undefined: no 31 April, no second 60. */
export function moment(parts: readonly number[]): number | undefined {
  const [year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0] = parts;
  const time = Date.UTC(year, month - 1, day, hour, minute, second);
  const date = new Date(time);
  const same = [
    date.getUTCFullYear(),
    date.getUTCMonth() + 1,
    date.getUTCDate(),
    date.getUTCHours(),
    date.getUTCMinutes(),
    date.getUTCSeconds(),
  ];
  return same.every((value, i) => value === parts[i]) && year >= 1970 ? time : undefined;
}

/** A stretch of whole sectors, and who it belongs to. */
interface Claim {
  readonly start: number;
  readonly sectors: number;
  readonly what: string;
}

/** Which structure each sector of an image belongs to. */
export class Claims {
  readonly #claims: Claim[] = [];
  readonly #faults: Faults;
  readonly #end: number;

  /** `end` in sectors. */
  constructor(faults: Faults, end: number) {
    this.#faults = faults;
    this.#end = end;
  }

  add(start: number, sectors: number, what: string): void {
    this.#faults.check(
      start + sectors <= this.#end,
      `${what} ends at sector ${start + sectors}, past the end`,
    );
    this.#claims.push({ start, sectors, what });
  }

  /** The last sector that has been taken, but the very last of the image, which holds an anchor. */
  lastBeforeEnd(): number {
    const inside = this.#claims.filter(({ start }) => start < this.#end - 1);
    return inside.reduce((last, { start, sectors }) => Math.max(last, start + sectors - 1), 0);
  }

  /** Reports overlaps, and gives the gaps that belong to nobody. */
  gaps(): { start: number; end: number }[] {
    const gaps: { start: number; end: number }[] = [];
    let last: Claim = { start: 0, sectors: 0, what: "the start" };
    const end = { start: this.#end, sectors: 0, what: "the end" };
    for (const claim of [...this.#claims.sort((a, b) => a.start - b.start), end]) {
      const free = last.start + last.sectors;
      this.#faults.check(claim.start >= free, `${claim.what} overlaps ${last.what} at sector ${claim.start}`);
      if (claim.start > free) gaps.push({ start: free, end: claim.start });
      if (claim.start + claim.sectors >= free) last = claim;
    }
    return gaps;
  }
}
