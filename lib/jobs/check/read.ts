/** Reading objects to prove them: their bytes against the checksum, their contents against the SHA-256s. */

import { createHash, type Hash } from "node:crypto";
import { decryptStream } from "../../age/stream.ts";
import { ColdframeError } from "../../errors.ts";
import { rehashLike } from "../../store/rehash.ts";
import type { Store } from "../../store/store.ts";
import type { RandomAccess } from "../../types.ts";
import { readAhead } from "../restore/object-access.ts";
import type { PlaintextKeys } from "../restore/plaintext.ts";

/** A content and where its bytes stand in the plaintext of its object. */
export interface ContentAt {
  readonly content: number;
  readonly sha256: string;
  /** Bytes. */
  readonly size: number;
  readonly offset: number;
}

/** What reading a whole object showed. */
export interface WholeRead {
  /** Whether its bytes have the checksum that was stored; undefined where there is none to compare with. */
  readonly sameBytes: boolean | undefined;
  /** Contents whose SHA-256 came out right. */
  readonly good: readonly ContentAt[];
  /** What ended the reading early. */
  readonly error: ColdframeError | undefined;
}

/** A copy that is not what was stored: what such errors are called. Others say nothing of the copy. */
const BAD_COPY: readonly string[] = ["damaged", "not-age", "image", "object-missing"];

/** Whether an error tells of the object, rather than of the way to it. */
export function isBadCopy(error: unknown): error is ColdframeError {
  return error instanceof ColdframeError && BAD_COPY.includes(error.code);
}

/**
 * Reads a whole object once.
 *
 * @param contents what is in its plaintext, by offset; undefined to leave it encrypted
 * @throws what `isBadCopy` does not know: a store that cannot be reached, a wrong key
 */
export async function readWhole(
  store: Store,
  object: { readonly key: string; readonly checksum: string | undefined; readonly encrypted: boolean },
  contents: { readonly keys: PlaintextKeys; readonly list: readonly ContentAt[] } | undefined,
  onBytes: (bytes: number) => void,
): Promise<WholeRead> {
  const rehash = object.checksum === undefined ? undefined : rehashLike(object.checksum);
  const passing = async function* () {
    for await (const piece of store.read(object.key)) {
      await rehash?.update(piece);
      onBytes(piece.length);
      yield piece;
    }
  };
  const walk = new ContentWalk(contents?.list ?? []);
  try {
    const plain = contents === undefined || !object.encrypted
      ? passing()
      : decryptStream(passing(), await contents.keys.unlock(), object.key);
    for await (const piece of plain) walk.update(piece);
    walk.end();
  } catch (error) {
    if (!isBadCopy(error)) throw error;
    return { sameBytes: undefined, good: walk.good, error };
  }
  return { sameBytes: rehash && rehash.digest() === object.checksum, good: walk.good, error: undefined };
}

/** Hashes the contents of a plaintext that passes by. */
class ContentWalk {
  readonly good: ContentAt[] = [];
  readonly #list: readonly ContentAt[];
  #next = 0;
  #hash: Hash = createHash("sha256");
  #position = 0;

  /** @param list by offset, none of them overlapping */
  constructor(list: readonly ContentAt[]) {
    this.#list = list;
  }

  update(piece: Uint8Array): void {
    const end = this.#position + piece.length;
    for (let content = this.#list[this.#next]; content !== undefined; content = this.#list[this.#next]) {
      const from = Math.max(content.offset, this.#position);
      const to = Math.min(content.offset + content.size, end);
      if (to > from) this.#hash.update(piece.subarray(from - this.#position, to - this.#position));
      if (content.offset + content.size > end) break;
      this.#settle(content);
    }
    this.#position = end;
  }

  /** Files of no bytes may stand at the very end. */
  end(): void {
    this.update(new Uint8Array(0));
  }

  #settle(content: ContentAt): void {
    if (this.#hash.digest("hex") === content.sha256) this.good.push(content);
    this.#hash = createHash("sha256");
    this.#next++;
  }
}

/** What single contents turned out to be. */
export interface ContentsRead {
  readonly good: readonly ContentAt[];
  readonly bad: readonly { readonly content: ContentAt; readonly reason: string }[];
}

/** Reads contents by range, in the order in which they stand. */
export async function readContents(
  access: RandomAccess,
  contents: readonly ContentAt[],
  signal: AbortSignal,
  onBytes: (bytes: number) => void,
): Promise<ContentsRead> {
  const good: ContentAt[] = [];
  const bad: { content: ContentAt; reason: string }[] = [];
  for (const content of contents.toSorted((a, b) => a.offset - b.offset)) {
    signal.throwIfAborted();
    const reason = await faultOf(access, content, onBytes);
    if (reason === undefined) good.push(content);
    else bad.push({ content, reason });
  }
  return { good, bad };
}

async function faultOf(
  access: RandomAccess,
  { sha256, size, offset }: ContentAt,
  onBytes: (bytes: number) => void,
): Promise<string | undefined> {
  if (offset + size > access.size) return "the object ends before it";
  const hash = createHash("sha256");
  try {
    for await (const piece of readAhead(access, offset, size)) {
      hash.update(piece);
      onBytes(piece.length);
    }
  } catch (error) {
    if (!isBadCopy(error)) throw error;
    return error.message;
  }
  return hash.digest("hex") === sha256 ? undefined : "its SHA-256 is another";
}
