/** What several tests of the encryption need. */

import { type Bytes, fromHex } from "../../lib/bytes.ts";
import type { ChunkCipher } from "../../lib/age/chacha.ts";
import { type Envelope, makeHeader } from "../../lib/age/header.ts";
import type { RandomAccess } from "../../lib/types.ts";

/** Keys made once for these tests. */
export const classic = {
  identity: "AGE-SECRET-KEY-1GFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPQ4EGAEX",
  recipient: "age1zvkyg2lqzraa2lnjvqej32nkuu0ues2s82hzrye869xeexvn73equnujwj",
} as const;

/** The identity of C2SP age.md, section on the hybrid recipient. */
export const hybridIdentity = "AGE-SECRET-KEY-PQ-1XX76JRALNLXDMEW0CRK45QMCCH4X06SE84UN3VPM33W6HWDX0H3SK3ZQFR";

export const fileKey = fromHex("000102030405060708090a0b0c0d0e0f");
export const nonce = fromHex("101112131415161718191a1b1c1d1e1f");

/** An envelope for the classic key above; its header is 168 bytes. */
export async function classicEnvelope(): Promise<Envelope> {
  return { ...await makeHeader([classic.recipient]), nonce };
}

/** Bytes in memory as a file; counts what was read. */
export class MemoryAccess implements RandomAccess {
  readonly size: number;
  readonly #bytes: Uint8Array;
  /** Offset and length of every read so far. */
  readonly reads: [offset: number, length: number][] = [];

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    this.size = bytes.length;
  }

  readAt(offset: number, length: number): Promise<Bytes> {
    this.reads.push([offset, length]);
    if (offset + length > this.size) return Promise.reject(new RangeError("read past the end"));
    return Promise.resolve(new Uint8Array(this.#bytes.slice(offset, offset + length)));
  }

  get bytesRead(): number {
    return this.reads.reduce((sum, [, length]) => sum + length, 0);
  }
}

/** A cipher that counts its work and may flip a bit in the result of its n-th `seal` or `open` (from 1). */
export class WatchedCipher implements ChunkCipher {
  readonly #cipher: ChunkCipher;
  readonly #faulty: { seal?: number; open?: number };
  seals = 0;
  opens = 0;

  constructor(cipher: ChunkCipher, faulty: { seal?: number; open?: number } = {}) {
    this.#cipher = cipher;
    this.#faulty = faulty;
  }

  async seal(nonce: Bytes, plain: Bytes): Promise<Bytes> {
    const nth = ++this.seals;
    const sealed = await this.#cipher.seal(nonce, plain);
    return nth === this.#faulty.seal ? flip(sealed, sealed.length >> 1) : sealed;
  }

  async open(nonce: Bytes, sealed: Bytes): Promise<Bytes | undefined> {
    const nth = ++this.opens;
    const plain = await this.#cipher.open(nonce, sealed);
    return nth === this.#faulty.open && plain !== undefined ? flip(plain, plain.length >> 1) : plain;
  }
}

/** A copy with one bit of byte `at` flipped. */
export function flip(bytes: Uint8Array, at: number, bit = 0): Bytes {
  const copy = new Uint8Array(bytes);
  copy[at] = (copy[at] ?? 0) ^ (1 << bit);
  return copy;
}

/** Bytes as a stream in pieces of the sizes that `next` gives. */
export async function* pieces(bytes: Uint8Array, next: () => number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length;) {
    const size = next();
    yield await Promise.resolve(bytes.subarray(at, at + size));
    at += size;
  }
}

/** A source of sizes from 0 to `most` that is the same in every run. */
export function sizes(most: number, seed = 1): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1103515245) + 12345) >>> 0;
    return Math.floor(state / 0x1_0000_0000 * (most + 1));
  };
}
