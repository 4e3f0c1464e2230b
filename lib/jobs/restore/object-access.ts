/** An object in a store as bytes that can be read anywhere. */

import { CHUNK_SIZE } from "../../age/payload.ts";
import { type Bytes, release, SpareBuffers } from "../../bytes.ts";
import { StoreError } from "../../errors.ts";
import type { Store } from "../../store/store.ts";
import type { RandomAccess } from "../../types.ts";
import { Budget } from "./budget.ts";

/** Bytes asked for at once: whole chunks, so that pieces that follow each other share none. */
export const PIECE = 64 * CHUNK_SIZE;
/** Pieces of one reader that are on their way at the same time. */
const AHEAD = 3;
/** Plaintext in memory, of all readers together; its ciphertext may be there as well. */
const MEMORY = 3 * PIECE;

/** What opening an object takes: its header, with the nonce behind it, and its last chunk, which proves its size. */
export const OPENING_REQUESTS = 2;
export const OPENING_BYTES = 8 * 1024 + CHUNK_SIZE + 16;

/**
 * Reads an object by range.
 *
 * @param size bytes of the object
 */
export function objectAccess(store: Store, key: string, size: number): RandomAccess {
  return {
    size,
    async readAt(offset, length, into) {
      const out = into?.subarray(0, length) ?? new Uint8Array(length);
      let at = 0;
      for await (const chunk of store.read(key, { offset, length, into: out })) {
        const end = at + chunk.length;
        if (end > length) throw tooLong(key, length);
        if (chunk.buffer !== out.buffer) takeOver(chunk, out, at);
        at = end;
      }
      return out.subarray(0, at);
    },
  };
}

/** Copies a piece, whose memory goes back at once. */
function takeOver(chunk: Bytes, out: Bytes, at: number): void {
  out.set(chunk, at);
  if (chunk.length === chunk.buffer.byteLength) release(chunk);
}

function tooLong(key: string, length: number): StoreError {
  return new StoreError("damaged", `${key}: more than the ${length} bytes came that were asked for`);
}

/** An object of which all is wanted: one request brings it, if it is small. */
export function wholeAccess(store: Store, key: string, size: number): Promise<RandomAccess> | RandomAccess {
  const far = objectAccess(store, key, size);
  return size <= PIECE ? inMemory(far) : far;
}

async function inMemory(object: RandomAccess): Promise<RandomAccess> {
  const bytes = object.size === 0 ? new Uint8Array(0) : await object.readAt(0, object.size);
  return {
    size: bytes.length,
    readAt: (offset, length) => Promise.resolve(bytes.slice(offset, offset + length)),
  };
}

/** What all readers of this process may hold. */
const shared = new Budget(MEMORY);
const buffers = new SpareBuffers(PIECE, MEMORY / PIECE);

/** A piece on its way; `into` is the memory that was taken for it. */
interface Piece {
  readonly bytes: Bytes;
  readonly into: Bytes;
}

/**
 * A range as a stream, with the next pieces on their way while one is used. A piece is valid until the next
 * is asked for: then its memory is used again.
 */
export async function* readAhead(
  access: RandomAccess,
  offset: number,
  length: number,
): AsyncGenerator<Bytes> {
  const end = offset + length;
  const queue: Promise<Piece>[] = [];
  let next = offset;
  const fill = () => {
    while (queue.length < AHEAD && next < end) {
      const stop = Math.min(end, (Math.floor(next / PIECE) + 1) * PIECE);
      const piece = readPiece(access, next, stop - next);
      piece.catch(() => {}); // it is thrown when its turn comes, or not needed any more
      queue.push(piece);
      next = stop;
    }
  };
  try {
    fill();
    for (let piece = queue.shift(); piece !== undefined; piece = queue.shift()) {
      const { bytes, into } = await piece;
      try {
        fill();
        yield bytes;
      } finally {
        dispose(into);
      }
    }
  } finally {
    for (const left of await Promise.allSettled(queue)) {
      if (left.status === "fulfilled") dispose(left.value.into);
    }
  }
}

async function readPiece(access: RandomAccess, offset: number, length: number): Promise<Piece> {
  await shared.take(PIECE);
  const into = buffers.take(); // has room for all the chunks that hold the range: pieces end where chunks do
  try {
    return { bytes: await access.readAt(offset, length, into), into };
  } catch (error) {
    release(into); // what failed may still write there
    shared.give(PIECE);
    throw error;
  }
}

function dispose(into: Bytes): void {
  buffers.give(into);
  shared.give(PIECE);
}
