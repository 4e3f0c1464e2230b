/** One photo out of a stored volume: reading any range of an age file, by the chunks that hold it. */

import { type Bytes, release, SpareBuffers } from "../bytes.ts";
import { ColdframeError, hasCode } from "../errors.ts";
import type { RandomAccess } from "../types.ts";
import { type OpenedHeader, readHeader, type Unlock } from "./header.ts";
import {
  CHUNK_SIZE,
  type CipherRange,
  cipherRange,
  NONCE_SIZE,
  PayloadKey,
  plainSize,
  plainSizeOfCut,
  SEALED_CHUNK_SIZE,
} from "./payload.ts";

/** For ciphertext that is read in runs of 64 chunks, a few at a time, as a restore does. */
const rooms = new SpareBuffers(64 * SEALED_CHUNK_SIZE, 3);

/** Told of a file that is not whole. */
export type Rescue = (damage: ColdframeError) => void;

/** A decrypted chunk, kept for small reads that follow each other. */
interface Kept {
  readonly chunk: number;
  readonly plain: Bytes;
}

/**
 * The plaintext of an age file. Opening reads some 8 KiB of header and the last chunk: only when that one
 * authenticates as the last is the size of the file to be believed (C2SP age.md, "Payload"). Each read
 * then fetches whole chunks, in one request, and checks their tags.
 *
 * @param file the age file
 * @param name what errors shall call it
 * @param rescue for who proves by its hash what he reads, and so can use what a file that lost its end still
 *   holds: told of that instead of an error, and given an access whose size nothing proves
 * @throws ColdframeError as `openHeader` does, and `damaged` for a file that was cut or added to; reads
 *   throw `damaged` for changed chunks, and RangeError for a range that is not inside
 */
export async function decryptAccess(
  file: RandomAccess,
  unlock: Unlock,
  name = "age file",
  rescue?: Rescue,
): Promise<RandomAccess> {
  const start = new StartKept(file);
  const header = await readHeader(start, unlock, name);
  try {
    return await openedAccess(start, header, name);
  } catch (error) {
    if (rescue === undefined || !hasCode(error, "damaged")) throw error;
    const left = await accessOf(start, header, plainSizeOfCut(file.size - header.headerSize, name), name);
    rescue(error);
    return left;
  }
}

/** `decryptAccess` for who knows the file key, as the box does that is about to store the file. */
export async function openedAccess(
  file: RandomAccess,
  header: OpenedHeader,
  name = "age file",
): Promise<RandomAccess> {
  const access = await accessOf(file, header, plainSize(file.size - header.headerSize, name), name);
  await proveEnd(access);
  return access;
}

async function accessOf(
  file: RandomAccess,
  { fileKey, headerSize }: OpenedHeader,
  size: number,
  name: string,
): Promise<RandomAccess> {
  const key = await PayloadKey.derive(fileKey, await readExactly(file, headerSize, NONCE_SIZE, name), name);
  return new DecryptedAccess(file, headerSize, key, size);
}

/** An empty range takes the chunk that it stands in. */
async function proveEnd(access: RandomAccess): Promise<void> {
  await access.readAt(access.size, 0);
}

/** Keeps what was read at the start of a file: the nonce stands right behind the header. */
class StartKept implements RandomAccess {
  readonly size: number;
  readonly #file: RandomAccess;
  #start: Bytes = new Uint8Array(0);

  constructor(file: RandomAccess) {
    this.size = file.size;
    this.#file = file;
  }

  async readAt(offset: number, length: number, into?: Bytes): Promise<Bytes> {
    if (offset + length <= this.#start.length) return this.#start.slice(offset, offset + length);
    const bytes = await this.#file.readAt(offset, length, into);
    if (offset === 0 && into === undefined) this.#start = bytes.slice();
    return bytes;
  }
}

class DecryptedAccess implements RandomAccess {
  readonly size: number;
  readonly #file: RandomAccess;
  /** File offset of the payload. */
  readonly #payloadAt: number;
  readonly #key: PayloadKey;
  #kept: Kept | undefined;

  constructor(file: RandomAccess, payloadAt: number, key: PayloadKey, size: number) {
    this.#file = file;
    this.#payloadAt = payloadAt;
    this.#key = key;
    this.size = size;
  }

  /** @param into used when it has room for all the chunks that hold the range */
  async readAt(offset: number, length: number, into?: Bytes): Promise<Bytes> {
    const range = cipherRange(offset, length, this.size);
    const kept = this.#kept;
    if (kept?.chunk === range.firstChunk && range.skip + length <= kept.plain.length) {
      return kept.plain.slice(range.skip, range.skip + length);
    }
    const plain = await this.#open(range, into);
    if (into === undefined) {
      const lastAt = Math.max(0, Math.ceil(plain.length / CHUNK_SIZE) - 1);
      this.#kept = { chunk: range.firstChunk + lastAt, plain: plain.slice(lastAt * CHUNK_SIZE) };
    }
    return plain.subarray(range.skip, range.skip + length);
  }

  /** Fetches and opens chunks; their ciphertext does not stay in memory. */
  async #open(range: CipherRange, into: Bytes | undefined): Promise<Bytes> {
    const isLong = range.length > rooms.size / 2 && range.length <= rooms.size;
    const room = isLong ? rooms.take() : new Uint8Array(range.length);
    try {
      const at = this.#payloadAt + range.offset;
      const sealed = await readExactly(this.#file, at, range.length, this.#key.name, room);
      const plain = await this.#key.decryptChunks(range.firstChunk, sealed, range.last, into);
      if (isLong) rooms.give(room);
      else release(room);
      return plain;
    } catch (error) {
      release(room); // what failed may still write there
      throw error;
    }
  }
}

/** A source that gives fewer bytes than it should must not pass for a shorter file. */
async function readExactly(
  file: RandomAccess,
  offset: number,
  length: number,
  name: string,
  into?: Bytes,
): Promise<Bytes> {
  if (offset + length <= file.size) {
    const bytes = await file.readAt(offset, length, into);
    if (bytes.length === length) return bytes;
  }
  throw new ColdframeError("damaged", `${name}: the ${length} bytes from ${offset} are not all there`);
}
