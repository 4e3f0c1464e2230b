/** An object in a store as bytes that can be read anywhere. */

import { type Bytes, collect } from "../../bytes.ts";
import type { Store } from "../../store/store.ts";
import type { RandomAccess } from "../../types.ts";

/**
 * Reads an object by range.
 *
 * @param size bytes of the object
 */
export function objectAccess(store: Store, key: string, size: number): RandomAccess {
  return {
    size,
    readAt: (offset, length) => collect(store.read(key, { offset, length })),
  };
}

/** Bytes asked for at once, and how many such requests run ahead of the reader. */
const PIECE = 4 * 1024 * 1024;
const AHEAD = 3;

/** A range as a stream, with the next pieces on their way while one is used. */
export async function* readAhead(
  access: RandomAccess,
  offset: number,
  length: number,
): AsyncGenerator<Bytes> {
  const end = offset + length;
  const queue: Promise<Bytes>[] = [];
  let next = offset;
  const fill = () => {
    while (queue.length < AHEAD && next < end) {
      const piece = access.readAt(next, Math.min(PIECE, end - next));
      piece.catch(() => {}); // it is thrown when its turn comes, or not needed any more
      queue.push(piece);
      next += PIECE;
    }
  };
  fill();
  for (let piece = queue.shift(); piece !== undefined; piece = queue.shift()) {
    const bytes = await piece;
    fill();
    yield bytes;
  }
}
