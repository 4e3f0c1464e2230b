/** The few ways in which ISO 9660 and UDF write numbers and text. */

/** Bytes of a logical sector and of a logical block: coldframe's images use one size for both. */
export const SECTOR = 2048;

/** How many sectors hold `bytes` bytes. */
export function sectorsOf(bytes: number): number {
  return Math.ceil(bytes / SECTOR);
}

// Bytes are written one by one: for the small arrays that records are, a DataView costs more than all the rest.

/** A little-endian 16-bit number. */
export function le16(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value;
  bytes[at + 1] = value >>> 8;
}

/** A little-endian 32-bit number. */
export function le32(bytes: Uint8Array, at: number, value: number): void {
  le16(bytes, at, value);
  le16(bytes, at + 2, value >>> 16);
}

/** A little-endian 64-bit number, of a safe integer. */
export function le64(bytes: Uint8Array, at: number, value: number): void {
  le32(bytes, at, value >>> 0);
  le32(bytes, at + 4, Math.floor(value / 2 ** 32));
}

/** A big-endian 16-bit number. */
export function be16(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value >>> 8;
  bytes[at + 1] = value;
}

/** A big-endian 32-bit number. */
export function be32(bytes: Uint8Array, at: number, value: number): void {
  be16(bytes, at, value >>> 16);
  be16(bytes, at + 2, value);
}

/** A 16-bit number in both byte orders, four bytes (ECMA-119 7.2.3). */
export function both16(bytes: Uint8Array, at: number, value: number): void {
  le16(bytes, at, value);
  be16(bytes, at + 2, value);
}

/** A 32-bit number in both byte orders, eight bytes (ECMA-119 7.3.3). */
export function both32(bytes: Uint8Array, at: number, value: number): void {
  le32(bytes, at, value);
  be32(bytes, at + 4, value);
}

/** ASCII text at an offset, without padding. */
export function putAscii(bytes: Uint8Array, at: number, text: string): void {
  for (let i = 0; i < text.length; i++) bytes[at + i] = text.charCodeAt(i);
}

/** ASCII text cut or padded with spaces to `length` bytes. */
export function putPadded(bytes: Uint8Array, at: number, length: number, text: string): void {
  bytes.fill(0x20, at, at + length);
  putAscii(bytes, at, text.slice(0, length));
}

/** The bytes of ASCII text. */
export function ascii(text: string): Uint8Array {
  const bytes = new Uint8Array(text.length);
  putAscii(bytes, 0, text);
  return bytes;
}

/** The UTF-16BE bytes of a text: how Joliet and 16-bit OSTA strings store characters. */
export function utf16be(text: string): Uint8Array {
  const bytes = new Uint8Array(text.length * 2);
  for (let i = 0; i < text.length; i++) be16(bytes, i * 2, text.charCodeAt(i));
  return bytes;
}

/** An element that must be there; an index outside is a mistake of ours, never of the input. */
export function at(array: ArrayLike<number>, index: number): number {
  const value = array[index];
  if (value === undefined) throw new RangeError(`no element ${index} of ${array.length}`);
  return value;
}

/**
 * The last index whose value is at most `wanted`, or -1, in an array that never descends.
 * Every "what stands at this sector" question is this search.
 */
export function lastAtMost(array: ArrayLike<number>, wanted: number): number {
  let low = 0;
  let high = array.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (at(array, middle) <= wanted) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}

/** A typed array that grows by doubling: sector tables whose length is known only at the end. */
export class NumberList {
  #items = new Uint32Array(16);
  length = 0;

  push(value: number): void {
    if (this.length === this.#items.length) {
      const grown = new Uint32Array(this.length * 2);
      grown.set(this.#items);
      this.#items = grown;
    }
    this.#items[this.length++] = value;
  }

  /** The numbers so far, in an array of exactly their length. */
  done(): Uint32Array {
    return this.#items.slice(0, this.length);
  }
}
