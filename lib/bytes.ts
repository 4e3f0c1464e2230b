/** Small helpers for byte arrays, shared by every layer. */

import { Buffer } from "node:buffer";

const encoder = new TextEncoder();

/**
 * Bytes backed by a plain ArrayBuffer. WebCrypto and `fetch` do not take views of a SharedArrayBuffer,
 * so the type says which kind we mean.
 */
export type Bytes = Uint8Array<ArrayBuffer>;

/** The UTF-8 bytes of a string. */
export function utf8(text: string): Bytes {
  return encoder.encode(text);
}

/** One array from several. */
export function concat(...parts: readonly Uint8Array[]): Bytes {
  const out = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    out.set(part, at);
    at += part.length;
  }
  return out;
}

/** True when both arrays hold the same bytes. Not constant-time: never for secrets. */
export function equal(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false;
  return Buffer.compare(a, b) === 0;
}

/** Lower-case hexadecimal. */
export function toHex(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("hex");
}

/**
 * The bytes of a hexadecimal string; spaces and line breaks are allowed, for literals in tests.
 *
 * @throws RangeError when the text is not whole bytes of hex.
 */
export function fromHex(text: string): Bytes {
  const digits = text.replace(/\s+/g, "");
  if (digits.length % 2 !== 0 || /[^0-9a-fA-F]/.test(digits)) throw new RangeError("not hexadecimal");
  return new Uint8Array(Buffer.from(digits, "hex"));
}

/** Standard base64 with padding. */
export function toBase64(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("base64");
}

/** The bytes of a standard base64 string. */
export function fromBase64(text: string): Bytes {
  return new Uint8Array(Buffer.from(text, "base64"));
}

/** Reads a stream to its end. For small objects only: everything ends up in memory. */
export async function collect(stream: AsyncIterable<Uint8Array>): Promise<Bytes> {
  const parts: Uint8Array[] = [];
  for await (const part of stream) parts.push(part);
  return concat(...parts);
}

/**
 * Gives the memory of an array back at once; the array is empty then. For what is made by the gigabyte:
 * a garbage collector would let some hundred megabytes of it pile up first.
 *
 * @param bytes the only user of its buffer
 */
export function release(bytes: Bytes): void {
  bytes.buffer.transfer(0);
}

/**
 * Large buffers that are used again and again: the first use of fresh memory costs a page fault, and zeroing,
 * for every 4 KiB.
 */
export class SpareBuffers {
  /** Bytes of each. */
  readonly size: number;
  readonly #most: number;
  readonly #spare: Bytes[] = [];

  /** @param most how many are kept while nobody uses them */
  constructor(size: number, most: number) {
    this.size = size;
    this.#most = most;
  }

  /** A buffer with anything in it. */
  take(): Bytes {
    return this.#spare.pop() ?? new Uint8Array(this.size);
  }

  /** @param buffer as `take` gave it; nobody may use it any more, not even a call that is on its way */
  give(buffer: Bytes): void {
    if (this.#spare.length < this.#most) this.#spare.push(buffer);
    else release(buffer);
  }
}
