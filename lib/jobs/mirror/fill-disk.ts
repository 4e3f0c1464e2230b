/** The disk that is filled, and how files come onto it. */

import { createHash } from "node:crypto";
import { createReadStream, type Stats } from "node:fs";
import { lstat, open, realpath, rename, stat, utimes } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { Unlock } from "../../age/header.ts";
import { decryptStream } from "../../age/stream.ts";
import { ColdframeError, messageOf, systemCode } from "../../errors.ts";
import { syncFolder } from "../../files.ts";
import { versionName } from "../../plan/mirror-name.ts";
import type { Store } from "../../store/store.ts";
import type { MirrorEntry } from "../../types.ts";
import { targetError, type WantedFile } from "../restore/restored-file.ts";
import { Target } from "../restore/target.ts";

/** How a file on the disk stands to the mirror's. */
export type Standing = "nothing" | "same" | "damaged" | "changed";

/** FAT keeps times to two seconds; a time nearer than that is the same. */
const TIME_TOLERANCE = 2_000;
const PIECE = 1024 * 1024;

/** A folder that is filled, perhaps from another. */
export class Disk {
  readonly root: string;
  readonly #other: string | undefined;
  readonly #target: Target;
  /** Folders that have entries the disk may not have yet. */
  readonly #unsynced = new Set<string>();

  private constructor(root: string, other: string | undefined) {
    this.root = root;
    this.#other = other;
    this.#target = new Target(root, false);
  }

  /** @throws ColdframeError `source-missing` when one of the two is no folder that is there */
  static async open(root: string, other: string | undefined): Promise<Disk> {
    return new Disk(await folderAt(root), other === undefined ? undefined : await folderAt(other));
  }

  /** Compares what stands under a path, by its bytes. */
  async standing(file: MirrorEntry): Promise<Standing> {
    const path = this.#at(file.path);
    const found = await lookAt(path);
    if (found === undefined) return "nothing";
    if (found.isFile() && found.size === file.size && await sha256Of(path) === file.sha256) return "same";
    const looksRight = found.isFile() && found.size === file.size && isSameTime(found, file);
    return looksRight ? "damaged" : "changed";
  }

  /** Gives a file its time back, where that is another. @returns whether it was */
  async retime(file: MirrorEntry): Promise<boolean> {
    const path = this.#at(file.path);
    if (isSameTime(await stat(path), file)) return false;
    await utimes(path, file.mtime / 1000, file.mtime / 1000);
    return true;
  }

  /** A file that comes under its own name. */
  arrival(file: MirrorEntry): Arrival {
    return this.#arrivalAt(file, file.path);
  }

  /** A file that comes under another name first. */
  async arrivalBeside(file: MirrorEntry): Promise<Arrival> {
    for (let n = 1;; n++) {
      const path = `${file.path}~mended${n === 1 ? "" : `-${n}`}`;
      if (await lookAt(this.#at(path)) === undefined) return this.#arrivalAt(file, path);
    }
  }

  #arrivalAt(file: MirrorEntry, path: string): Arrival {
    const { size, mtime, mode, sha256 } = file;
    const copy = this.#other === undefined ? undefined : join(this.#other, ...file.path.split("/"));
    const local = this.#at(path);
    return new Arrival(this.#target, { path, size, mtime, mode, sha256 }, local, copy, () => {
      this.#unsynced.add(dirname(local));
    });
  }

  /**
   * Puts what arrived beside a bad file into its place. The bad one stays under a name of its own.
   *
   * @returns that name
   */
  async exchange(file: MirrorEntry, arrival: Arrival, now: number): Promise<string> {
    const path = this.#at(file.path);
    for (let n = 1;; n++) {
      const aside = versionName(`${file.path}.damaged`, now, n);
      if (await lookAt(this.#at(aside)) !== undefined) continue;
      await rename(path, this.#at(aside));
      await rename(arrival.path, path);
      return aside;
    }
  }

  /**
   * Lets the disk have the names of all that came.
   *
   * @throws ColdframeError `store-denied` where it cannot: they may be gone when it is pulled out
   */
  async sync(): Promise<void> {
    for (const folder of this.#unsynced) {
      await syncFolder(folder).catch((error) => {
        throw targetError(error, folder);
      });
    }
    this.#unsynced.clear();
  }

  /** An index may come from a store that others can write: no path may leave the disk. */
  #at(path: string): string {
    const parts = path.split("/");
    const safe = parts.every((part) => part !== "" && part !== "." && part !== ".." && !part.includes("\0"));
    if (safe) return join(this.root, ...parts);
    throw new ColdframeError("damaged", `refusing to write outside of ${this.root}: ${JSON.stringify(path)}`);
  }
}

/** A file on its way to the disk. */
export class Arrival {
  /** Absolute. */
  readonly path: string;
  readonly #target: Target;
  readonly #file: WantedFile;
  readonly #copy: string | undefined;
  readonly #arrived: () => void;

  constructor(
    target: Target,
    file: WantedFile,
    path: string,
    copy: string | undefined,
    arrived: () => void,
  ) {
    this.#target = target;
    this.#file = file;
    this.path = path;
    this.#copy = copy;
    this.#arrived = arrived;
  }

  /**
   * Takes the file from the other disk.
   *
   * @returns false when that has none of this size
   * @throws ColdframeError `damaged` when its bytes are others; `source-unreadable`
   */
  async takeCopy(): Promise<boolean> {
    const copy = this.#copy;
    if (copy === undefined) return false;
    const found = await lookAt(copy);
    if (found?.isFile() !== true || found.size !== this.#file.size) return false;
    await this.#take(readable(copy));
    return true;
  }

  /** Takes the file out of the store. @throws ColdframeError `damaged` when its bytes are others */
  async takeObject(store: Store, file: MirrorEntry, unlock: () => Promise<Unlock>): Promise<void> {
    const stored = store.read(file.key);
    await this.#take(file.encrypted ? decryptStream(stored, await unlock(), file.key) : stored);
  }

  async #take(bytes: AsyncIterable<Uint8Array>): Promise<void> {
    const arriving = await this.#target.begin(this.#file);
    try {
      for await (const piece of bytes) await arriving.write(piece);
      arriving.finish();
    } finally {
      await arriving.discard();
    }
    await syncFile(this.path);
    this.#arrived();
  }
}

/** A stick is pulled out sooner than a system thinks. */
async function syncFile(path: string): Promise<void> {
  const file = await open(path, "r");
  try {
    await file.sync();
  } finally {
    await file.close();
  }
}

async function* readable(path: string): AsyncGenerator<Uint8Array> {
  try {
    for await (const piece of createReadStream(path, { highWaterMark: PIECE })) {
      if (piece instanceof Uint8Array) yield piece;
    }
  } catch (error) {
    throw new ColdframeError("source-unreadable", `${path} cannot be read: ${messageOf(error)}`, {
      cause: error,
    });
  }
}

async function folderAt(path: string): Promise<string> {
  const real = await realpath(path).catch(() => undefined);
  if (real !== undefined && (await stat(real)).isDirectory()) return real;
  throw new ColdframeError("source-missing", `${path} is not a folder that is there`, {
    hint: "Plug in or mount its disk; for a new folder, make it first.",
  });
}

async function lookAt(path: string): Promise<Stats | undefined> {
  try {
    return await lstat(path);
  } catch (error) {
    if (["ENOENT", "ENOTDIR"].includes(systemCode(error) ?? "")) return undefined;
    throw new ColdframeError("source-unreadable", `${path} cannot be looked at: ${messageOf(error)}`, {
      cause: error,
    });
  }
}

async function sha256Of(path: string): Promise<string | undefined> {
  const hash = createHash("sha256");
  try {
    for await (const piece of readable(path)) hash.update(piece);
  } catch (error) {
    if (error instanceof ColdframeError && error.code === "source-unreadable") return undefined; // a bad sector
    throw error;
  }
  return hash.digest("hex");
}

function isSameTime(found: Stats, file: MirrorEntry): boolean {
  return Math.abs(Math.floor(found.mtimeMs) - file.mtime) <= TIME_TOLERANCE;
}
