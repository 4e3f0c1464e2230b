/**
 * The payload of an age file (C2SP age.md, "Payload"): a 16-byte nonce, then the plaintext in chunks of
 * 64 KiB, each sealed with its own number and a flag on the last, so that any of them can be made or
 * read alone and none can be moved, dropped or added unnoticed.
 *
 *     payload = nonce(16) ‖ chunk(0) ‖ chunk(1) ‖ … ‖ last chunk
 *     chunk   = ChaCha20-Poly1305(key, counter(11, big-endian) ‖ last(1), plaintext of ≤ 65536) ‖ tag(16)
 *     key     = HKDF-SHA-256(ikm = file key, salt = nonce, info = "payload")
 *
 * "Payload offset" below counts from the first byte of the nonce.
 */

import { hkdfSync } from "node:crypto";
import { type Bytes, equal, release } from "../bytes.ts";
import { ColdframeError } from "../errors.ts";
import { type ChunkCipher, chunkCipher, TAG_SIZE } from "./chacha.ts";

/** Bytes of plaintext in every chunk but the last. */
export const CHUNK_SIZE = 64 * 1024;
/** Bytes of every chunk but the last as it stands in the file. */
export const SEALED_CHUNK_SIZE = CHUNK_SIZE + TAG_SIZE;
/** Bytes of the nonce at the start of a payload. */
export const NONCE_SIZE = 16;
/** Bytes of a file key. */
export const FILE_KEY_SIZE = 16;

/** Chunks sealed or opened at the same time: enough to keep the threads of WebCrypto busy. */
const IN_FLIGHT = 16;

/** How many chunks hold `plainSize` bytes; nothing at all takes one empty chunk. */
export function chunkCount(plainSize: number): number {
  return Math.max(1, Math.ceil(plainSize / CHUNK_SIZE));
}

/** Bytes of the payload, nonce included, of `plainSize` bytes of plaintext. */
export function payloadSize(plainSize: number): number {
  return NONCE_SIZE + plainSize + chunkCount(plainSize) * TAG_SIZE;
}

/**
 * Bytes of plaintext in a payload of `size` bytes, nonce included.
 *
 * @throws ColdframeError `damaged` for a size that no payload has, which means it was cut or added to
 */
export function plainSize(size: number, name = "age file"): number {
  const sealed = size - NONCE_SIZE;
  const chunks = Math.max(1, Math.ceil(sealed / SEALED_CHUNK_SIZE));
  const plain = sealed - chunks * TAG_SIZE;
  if (!Number.isSafeInteger(size) || plain < 0 || payloadSize(plain) !== size) {
    throw new ColdframeError("damaged", `${name}: a payload cannot have ${size} bytes; it was cut short`);
  }
  return plain;
}

/**
 * As `plainSize`, for a payload that was cut. Where no more than a tag is left behind its whole chunks, one
 * byte of the next counts as lost: so the last whole chunk is read as one that others follow, which it was
 * sealed as.
 *
 * @throws ColdframeError `damaged` when not even a byte of plaintext can be left
 */
export function plainSizeOfCut(size: number, name?: string): number {
  const whole = Math.floor((size - NONCE_SIZE) / SEALED_CHUNK_SIZE);
  const rest = size - NONCE_SIZE - whole * SEALED_CHUNK_SIZE;
  return whole > 0 && rest <= TAG_SIZE ? whole * CHUNK_SIZE + 1 : plainSize(size, name);
}

/** The chunks that hold a range of plaintext, and where they stand. */
export interface CipherRange {
  /** Payload offset of the first of these chunks, in bytes (so never less than 16). */
  readonly offset: number;
  /** Bytes of these chunks, tags included. */
  readonly length: number;
  /** The number of the first of these chunks. */
  readonly firstChunk: number;
  /** Whether the last of these chunks is the last of the payload. */
  readonly last: boolean;
  /** Bytes of plaintext that these chunks hold before the range asked for. */
  readonly skip: number;
}

/**
 * Which bytes of a payload must be read for `length` bytes of plaintext from `offset`: whole chunks, as
 * a tag covers a whole chunk. An empty range takes the one chunk it stands in.
 *
 * @throws RangeError when the range is not inside the plaintext
 */
export function cipherRange(offset: number, length: number, plainSize: number): CipherRange {
  if (!(offset >= 0 && length >= 0 && offset + length <= plainSize)) {
    throw new RangeError(`${length} bytes from ${offset} are not inside ${plainSize}`);
  }
  const chunks = chunkCount(plainSize);
  const firstChunk = Math.min(Math.floor(offset / CHUNK_SIZE), chunks - 1);
  const endChunk = Math.max(Math.ceil((offset + length) / CHUNK_SIZE), firstChunk + 1);
  const start = NONCE_SIZE + firstChunk * SEALED_CHUNK_SIZE;
  const end = Math.min(NONCE_SIZE + endChunk * SEALED_CHUNK_SIZE, payloadSize(plainSize));
  return {
    offset: start,
    length: end - start,
    firstChunk,
    last: endChunk === chunks,
    skip: offset - firstChunk * CHUNK_SIZE,
  };
}

/** What `openInto` made of a run of chunks. */
export interface Opened {
  /** Bytes of plaintext that authenticate, from the start of the run; all of them without a `fault`. */
  readonly size: number;
  readonly fault: Fault | undefined;
}

/** Why a run of chunks cannot be read to its end. */
export interface Fault {
  /** The number of the first chunk that is not as it should be. */
  readonly chunk: number;
  /**
   * `changed`: its tag does not fit. `cut`: it is good, but not the last, and nothing follows.
   * `extended`: it is good and the last, but something follows.
   */
  readonly kind: "changed" | "cut" | "extended";
}

/** The key of one payload. */
export class PayloadKey {
  /** What the errors call the file. */
  readonly name: string;
  readonly #cipher: ChunkCipher;

  constructor(cipher: ChunkCipher, name = "age file") {
    this.#cipher = cipher;
    this.name = name;
  }

  /**
   * @param fileKey 16 bytes, from the header
   * @param nonce 16 bytes, the start of the payload
   * @param name what errors shall call the file
   */
  static async derive(fileKey: Bytes, nonce: Bytes, name?: string): Promise<PayloadKey> {
    return new PayloadKey(await chunkCipher(streamKey(fileKey, nonce)), name);
  }

  /**
   * Seals a run of whole chunks.
   *
   * @param first the number of the first chunk
   * @param plain a multiple of 65536 bytes, unless `last`
   * @param last whether `plain` ends the plaintext
   */
  async encryptChunks(first: number, plain: Bytes, last: boolean): Promise<Bytes> {
    const out = new Uint8Array(plain.length + sealedChunks(plain.length, first, last) * TAG_SIZE);
    await this.sealInto(out, first, plain, last);
    return out;
  }

  /**
   * Opens a run of whole chunks.
   *
   * @param first the number of the first chunk
   * @param sealed a multiple of 65552 bytes, unless `last`
   * @param last whether `sealed` ends the payload
   * @param into used for the answer when it has room for it
   * @throws ColdframeError `damaged` when any tag does not fit
   */
  async decryptChunks(first: number, sealed: Bytes, last: boolean, into?: Bytes): Promise<Bytes> {
    const most = Math.ceil(sealed.length / SEALED_CHUNK_SIZE) * CHUNK_SIZE;
    const out = into !== undefined && into.length >= most ? into : new Uint8Array(most);
    const opened = await this.openInto(out, first, sealed, last);
    if (opened.fault !== undefined) throw this.damage(opened.fault);
    return out.subarray(0, opened.size);
  }

  /**
   * `encryptChunks` into a buffer that the caller has made, of exactly the right size.
   *
   * @param check whether to open each chunk again, from `out`, and compare it with `plain`: a flipped bit
   *   in memory or CPU would otherwise be found years later, with nothing left to mend it
   * @throws ColdframeError `damaged` when the comparison fails
   */
  async sealInto(out: Bytes, first: number, plain: Bytes, last: boolean, check = false): Promise<void> {
    const count = sealedChunks(plain.length, first, last);
    if (out.length !== plain.length + count * TAG_SIZE) throw new RangeError("no room for the chunks");
    const failed = await inFlight(count, async (i) => {
      const chunk = plain.subarray(i * CHUNK_SIZE, (i + 1) * CHUNK_SIZE);
      const nonce = chunkNonce(first + i, last && i === count - 1);
      const slot = sealedChunk(out, i);
      await this.#sealChunk(slot, nonce, chunk);
      return !check || await this.#opensTo(chunk, nonce, slot);
    });
    if (failed !== undefined) throw this.memoryFault(first + failed);
  }

  /**
   * Opens chunks into a buffer and says how far that went, for a stream that hands on what is good
   * before it reports what is not. What stands in `out` beyond `size` is not to be used.
   */
  async openInto(out: Bytes, first: number, sealed: Bytes, last: boolean): Promise<Opened> {
    const count = openedChunks(sealed.length, last);
    if (count === undefined) return { size: 0, fault: { chunk: first, kind: "changed" } };
    const isLast = (i: number) => last && i === count - 1;
    let size = 0;
    const failed = await inFlight(count, async (i) => {
      const plain = await this.#openChunk(first + i, sealedChunk(sealed, i), isLast(i));
      if (plain === undefined) return false;
      out.set(plain, i * CHUNK_SIZE);
      size += plain.length;
      release(plain);
      return true;
    });
    if (failed === undefined) return { size, fault: undefined };
    return await this.#diagnose(out, sealedChunk(sealed, failed), first, failed, isLast(failed));
  }

  async #sealChunk(slot: Bytes, nonce: Bytes, chunk: Bytes): Promise<void> {
    const sealed = await this.#cipher.seal(nonce, chunk);
    slot.set(sealed);
    release(sealed);
  }

  async #opensTo(chunk: Bytes, nonce: Bytes, slot: Bytes): Promise<boolean> {
    const opened = await this.#cipher.open(nonce, slot);
    if (opened === undefined) return false;
    const same = equal(opened, chunk);
    release(opened);
    return same;
  }

  async #openChunk(chunk: number, sealed: Bytes, last: boolean): Promise<Bytes | undefined> {
    const plain = await this.#cipher.open(chunkNonce(chunk, last), sealed);
    // Only a file of nothing may end in an empty chunk: else one plaintext would have two ciphertexts.
    return plain?.length === 0 && chunk > 0 ? undefined : plain;
  }

  /** A whole chunk that opens with the other flag is good; it is the end of the file that is wrong. */
  async #diagnose(out: Bytes, sealed: Bytes, first: number, i: number, last: boolean): Promise<Opened> {
    const size = i * CHUNK_SIZE;
    const chunk = first + i;
    const whole = sealed.length === SEALED_CHUNK_SIZE;
    const plain = whole ? await this.#openChunk(chunk, sealed, !last) : undefined;
    if (plain === undefined) return { size, fault: { chunk, kind: "changed" } };
    out.set(plain, size);
    return { size: size + plain.length, fault: { chunk, kind: last ? "cut" : "extended" } };
  }

  /** The error for a chunk that was sealed here and does not open again to what it was. */
  memoryFault(chunk: number): ColdframeError {
    const what = `chunk ${chunk} does not decrypt to what was encrypted a moment ago`;
    return new ColdframeError("damaged", `${this.name}: ${what}; it was not written`, {
      hint: "the computer's memory is faulty, or overclocked: run a memory test before the next backup",
    });
  }

  /** The error for what `openInto` found. */
  damage({ chunk, kind }: Fault): ColdframeError {
    const what = {
      changed: `chunk ${chunk} (plaintext from byte ${chunk * CHUNK_SIZE}) was changed or cut short`,
      cut: `it was cut short after chunk ${chunk}`,
      extended: `something was added after its end (chunk ${chunk})`,
    };
    return new ColdframeError("damaged", `${this.name}: ${what[kind]}`);
  }
}

/** HKDF-SHA-256(ikm = file key, salt = nonce, info = "payload"). */
function streamKey(fileKey: Bytes, nonce: Bytes): Bytes {
  if (fileKey.length !== FILE_KEY_SIZE) throw new RangeError("a file key has 16 bytes");
  if (nonce.length !== NONCE_SIZE) throw new RangeError("a payload nonce has 16 bytes");
  return new Uint8Array(hkdfSync("sha256", fileKey, nonce, "payload", 32));
}

/** The nonce of a chunk: 11 bytes of big-endian counter, then 1 for the last chunk and 0 for others. */
export function chunkNonce(chunk: number, last: boolean): Bytes {
  const nonce = new Uint8Array(12);
  new DataView(nonce.buffer).setBigUint64(3, BigInt(chunk));
  nonce[11] = last ? 1 : 0;
  return nonce;
}

/** Chunk `i` of a run. */
function sealedChunk(sealed: Bytes, i: number): Bytes {
  return sealed.subarray(i * SEALED_CHUNK_SIZE, (i + 1) * SEALED_CHUNK_SIZE);
}

/** How many chunks `plain` bytes make. Making what the format forbids is a bug, so not a ColdframeError. */
function sealedChunks(plain: number, first: number, last: boolean): number {
  if (!last && plain % CHUNK_SIZE !== 0) throw new RangeError("only the last chunk may be short");
  if (last && plain === 0 && first > 0) throw new RangeError("only the one chunk of nothing may be empty");
  return last ? chunkCount(plain) : plain / CHUNK_SIZE;
}

/** How many chunks `sealed` bytes are, or undefined when they are no whole chunks. */
function openedChunks(sealed: number, last: boolean): number | undefined {
  const rest = sealed % SEALED_CHUNK_SIZE;
  if (!last) return rest === 0 ? sealed / SEALED_CHUNK_SIZE : undefined;
  return Math.max(1, Math.ceil(sealed / SEALED_CHUNK_SIZE));
}

/**
 * Runs `task` for 0 to `count - 1`, some at a time, begun in order, and begins no more once one fails.
 *
 * @returns the least index whose task gave false, or undefined; every lower index was run and gave true
 */
async function inFlight(count: number, task: (i: number) => Promise<boolean>): Promise<number | undefined> {
  let next = 0;
  let failed = count;
  const worker = async () => {
    while (next < Math.min(count, failed)) {
      const i = next++;
      if (!await task(i)) failed = Math.min(failed, i);
    }
  };
  await Promise.all(Array.from({ length: Math.min(IN_FLIGHT, count) }, worker));
  return failed === count ? undefined : failed;
}
