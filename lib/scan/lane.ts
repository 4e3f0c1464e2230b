/** Reading and hashing one file at a time, whatever happens to it meanwhile. */

import { createHash, hash, webcrypto } from "node:crypto";
import { closeSync, constants, fstatSync, openSync, read, readSync, type Stats } from "node:fs";
import { type Bytes, release, toHex } from "../bytes.ts";
import { systemCode } from "../errors.ts";
import { describe, type Difference, differences, type FoundFile } from "./found.ts";
import type { HashOptions, HashResult } from "./hash.ts";
import { isAbsent, reasonOf } from "./reason.ts";

/** Up to this many bytes a file is read and hashed without a promise. */
export const SMALL = 128 * 1024;
/** Bytes of a large file read at once, at most: some ms of hashing between two turns of the event loop. */
const CHUNK = 4 << 20;

/**
 * Neither following a link nor waiting for the writer of a FIFO that took the place of a file since the
 * walk. Windows knows neither flag.
 */
const FLAGS = constants.O_RDONLY | (constants.O_NOFOLLOW ?? 0) | (constants.O_NONBLOCK ?? 0);

/** Thrown where a file is not, or does not stay, what the walk saw. */
class Unsteady extends Error {}

const CHANGED = "changed while it was read";

/** One worker with its own buffer, which grows to what its files need. */
export class Lane {
  readonly #root: string;
  readonly #options: HashOptions;
  readonly #most: number;
  #buffer: Bytes = new Uint8Array(SMALL);

  /** @param most bytes of buffer, at most; a file that does not fit is read in chunks */
  constructor(root: string, options: HashOptions, most: number) {
    this.#root = root;
    this.#options = options;
    this.#most = most;
  }

  /** Gives the buffer's memory back at once: what comes after a scan needs its own. */
  close(): void {
    release(this.#buffer);
  }

  /** The result for a small file; undefined for a larger one, which is for `hash`. */
  hashNow(file: FoundFile): HashResult | undefined {
    if (file.size > SMALL) return undefined;
    try {
      const fd = this.#open(file);
      try {
        const before = this.#admit(file, fd);
        const content = hash("sha256", this.#readNow(fd, file.size), "hex");
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
        const content =
          await (file.size <= this.#most ? this.#whole(fd, file.size) : this.#chunks(fd, file.size));
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

  /** The first bytes of the buffer, which grows in steps, so that many files share one allocation. */
  #room(size: number): Bytes {
    if (this.#buffer.length < size) {
      this.#buffer = new Uint8Array(Math.min(this.#most, Math.max(size, 2 * this.#buffer.length)));
    }
    return this.#buffer.subarray(0, size);
  }

  #readNow(fd: number, size: number): Bytes {
    const room = this.#room(size);
    for (let at = 0; at < size;) {
      const count = readSync(fd, room, at, size - at, null);
      at += this.#progress(count);
    }
    return room;
  }

  async #whole(fd: number, size: number): Promise<string> {
    const room = this.#room(size);
    for (let at = 0; at < size;) {
      const count = await readLater(fd, room.subarray(at));
      at += this.#progress(count);
    }
    return toHex(new Uint8Array(await webcrypto.subtle.digest("SHA-256", room)));
  }

  /** Counts bytes read before the end of the file was expected. That it grew shows afterwards. */
  #progress(count: number): number {
    if (count === 0) throw new Unsteady(CHANGED);
    this.#options.onBytes?.(count);
    return count;
  }

  /** Hashes one half of the buffer while the other is being filled. */
  async #chunks(fd: number, size: number): Promise<string> {
    const hash = createHash("sha256");
    const [half, other] = this.#halves();
    let [filling, spare] = [half, other];
    let pending = readLater(fd, filling);
    try {
      let total = 0;
      for (let count = await pending; count > 0; count = await pending) {
        const chunk = filling.subarray(0, count);
        [filling, spare] = [spare, filling];
        pending = readLater(fd, filling);
        hash.update(chunk);
        total += count;
        this.#options.onBytes?.(count);
        this.#options.signal?.throwIfAborted();
        if (total > size) break; // it grows, perhaps for ever
      }
      if (total !== size) throw new Unsteady(CHANGED);
      return hash.digest("hex");
    } finally {
      await pending.catch(() => {}); // the descriptor must not be closed under a read
    }
  }

  #halves(): [Bytes, Bytes] {
    const chunk = Math.min(CHUNK, Math.floor(this.#most / 2));
    const room = this.#room(2 * chunk);
    return [room.subarray(0, chunk), room.subarray(chunk)];
  }
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
