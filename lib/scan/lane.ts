/** Reading and hashing one file at a time, whatever happens to it meanwhile. */

import { createHash } from "node:crypto";
import { closeSync, constants, fstatSync, openSync, read, readSync, type Stats } from "node:fs";
import { type Bytes, release } from "../bytes.ts";
import { systemCode } from "../errors.ts";
import { ThreadHash } from "../hash-thread.ts";
import { describe, type Difference, differences, type FoundFile } from "./found.ts";
import type { HashOptions, HashResult } from "./hash.ts";
import { isAbsent, reasonOf } from "./reason.ts";

/** Up to this many bytes a file is read and hashed without a promise. */
export const SMALL = 128 * 1024;
/** Bytes of a larger file read at once: less than a ms of hashing between two turns of the event loop. */
export const CHUNK = 1 << 20;

/**
 * Neither following a link nor waiting for the writer of a FIFO that took the place of a file since the
 * walk. Windows knows neither flag.
 */
const FLAGS = constants.O_RDONLY | (constants.O_NOFOLLOW ?? 0) | (constants.O_NONBLOCK ?? 0);

/** Thrown where a file is not, or does not stay, what the walk saw. */
class Unsteady extends Error {}

const CHANGED = "changed while it was read";

/** Where a lane hashes its larger files. */
export type Place = "here" | "thread";

/** SHA-256 of pieces; each is its owner's again once it is hashed, in the buffer that comes back. */
interface PieceHash {
  update(piece: Bytes): Promise<Bytes>;
  digest(): Promise<string>;
}

/** One worker with its own buffers. */
export class Lane {
  readonly #root: string;
  readonly #options: HashOptions;
  readonly #newHash: () => PieceHash;
  /** For small files. */
  readonly #buffer: Bytes = new Uint8Array(SMALL);
  /** For the chunks of larger ones, made for the first of them. */
  readonly #spare: Bytes[] = [];

  constructor(root: string, options: HashOptions, place: Place) {
    this.#root = root;
    this.#options = options;
    this.#newHash = () => place === "here" ? hashHere() : new ThreadHash();
  }

  /** Gives the memory of the buffers back at once: what comes after a scan needs its own. */
  close(): void {
    for (const buffer of [this.#buffer, ...this.#spare.splice(0)]) release(buffer);
  }

  /** The result for a small file; undefined for a larger one, which is for `hash`. */
  hashNow(file: FoundFile): HashResult | undefined {
    if (file.size > SMALL) return undefined;
    try {
      const fd = this.#open(file);
      try {
        const before = this.#admit(file, fd);
        const content = createHash("sha256").update(this.#readNow(fd, file.size)).digest("hex");
        assertSteady(fd, before);
        return { kind: "hashed", file, content };
      } finally {
        closeSync(fd);
      }
    } catch (error) {
      return resultOf(file, error);
    }
  }

  /**
   * The result for a file of any size.
   *
   * @throws the reason of the signal
   */
  async hash(file: FoundFile): Promise<HashResult> {
    try {
      const fd = this.#open(file);
      try {
        const before = this.#admit(file, fd);
        const content = await this.#sha256(fd, file.size);
        assertSteady(fd, before);
        return { kind: "hashed", file, content };
      } finally {
        closeSync(fd);
      }
    } catch (error) {
      this.#options.signal?.throwIfAborted();
      return resultOf(file, error);
    }
  }

  #open(file: FoundFile): number {
    try {
      return openSync(`${this.#root}/${file.path}`, FLAGS);
    } catch (error) {
      const code = systemCode(error);
      if (code === "ELOOP") throw new Unsteady("is a symbolic link now");
      if (code === "ENXIO") throw new Unsteady("is no regular file any more"); // a socket
      throw error;
    }
  }

  /** What the system says of the open file, which must be what the walk saw. */
  #admit(file: FoundFile, fd: number): Stats {
    const stats = fstatSync(fd);
    if (!stats.isFile()) throw new Unsteady("is no regular file any more");
    const now = describe(file.path, stats, () => fstatSync(fd, { bigint: true }).ino);
    const what = differences(file, now, this.#options);
    if (what.length > 0) throw new Unsteady(`changed since it was listed (${what.map(word).join(", ")})`);
    return stats;
  }

  #readNow(fd: number, size: number): Bytes {
    for (let at = 0; at < size;) {
      at += this.#progress(readSync(fd, this.#buffer, at, size - at, null));
    }
    return this.#buffer.subarray(0, size);
  }

  /** Counts bytes read before the end of the file was expected. That it grew shows afterwards. */
  #progress(count: number): number {
    if (count === 0) throw new Unsteady(CHANGED);
    this.#options.onBytes?.(count);
    return count;
  }

  async #sha256(fd: number, size: number): Promise<string> {
    const hash = this.#newHash();
    let sha256 = "";
    try {
      await this.#pass(fd, size, hash);
    } finally {
      sha256 = await hash.digest(); // also of a file that is given up, whose hash the thread would keep
    }
    return sha256;
  }

  /** Reads a chunk while the one before is being hashed. */
  async #pass(fd: number, size: number, hash: PieceHash): Promise<void> {
    let reading = this.#read(fd, size);
    try {
      for (let left = size; left > 0;) {
        const chunk = await reading;
        left -= this.#progress(chunk.length);
        if (left > 0) reading = this.#read(fd, left);
        this.#spare.push(whole(await hash.update(chunk)));
        this.#options.signal?.throwIfAborted();
      }
    } finally {
      await reading.catch(() => {}); // the descriptor must not be closed under a read
    }
  }

  /** The next chunk of at most `most` bytes; none at the end of the file. */
  async #read(fd: number, most: number): Promise<Bytes> {
    const buffer = this.#spare.pop() ?? new Uint8Array(CHUNK);
    return buffer.subarray(0, await readLater(fd, buffer.subarray(0, most)));
  }
}

function whole({ buffer }: Bytes): Bytes {
  return new Uint8Array(buffer);
}

function hashHere(): PieceHash {
  const hash = createHash("sha256");
  return {
    update(piece) {
      hash.update(piece);
      return Promise.resolve(piece);
    },
    digest: () => Promise.resolve(hash.digest("hex")),
  };
}

/** @throws Unsteady when an open file is not as it was before it was read, by the finest times there are */
function assertSteady(fd: number, before: Stats): void {
  const after = fstatSync(fd);
  const same = after.size === before.size && after.mtimeMs === before.mtimeMs &&
    after.ctimeMs === before.ctimeMs;
  if (!same) throw new Unsteady(CHANGED);
}

/** Reads from where the last read ended; 0 at the end of the file. */
function readLater(fd: number, into: Bytes): Promise<number> {
  return new Promise((resolve, reject) => {
    read(fd, into, 0, into.length, null, (error, count) => error ? reject(error) : resolve(count));
  });
}

/** @throws what is no fault of the file */
function resultOf(file: FoundFile, error: unknown): HashResult {
  if (error instanceof Unsteady) return { kind: "changed", file, what: error.message };
  if (isAbsent(error)) return { kind: "gone", file };
  if (systemCode(error) === undefined) throw error;
  return { kind: "unreadable", file, reason: reasonOf(error) };
}

const WORDS: Readonly<Record<Difference, string>> = {
  size: "size",
  mtime: "time",
  ctime: "attributes",
  inode: "another file",
};

function word(difference: Difference): string {
  return WORDS[difference];
}
