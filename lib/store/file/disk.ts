/** A `file:` store's folder: opened, known again by its marker, and the place of every path in it. */

import { randomBytes } from "node:crypto";
import { link, mkdir, readFile, rm, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import process from "node:process";
import { toHex, utf8 } from "../../bytes.ts";
import { StoreError, systemCode } from "../../errors.ts";
import { makeFolderDurably } from "../../files.ts";
import type { StoreContext } from "../context.ts";
import { diskError } from "./failure.ts";
import { Folders } from "./folders.ts";
import { isAbsent, undefinedIfAbsent, writeNewFile } from "./io.ts";
import { MARKER, objectPath, TEMP_FOLDER } from "./path.ts";
import { type Link, publish, type Published } from "./publish.ts";

/** What tests change about a disk. */
export interface DiskOptions {
  /** Makes a hard link; see `publish.ts`. */
  readonly link?: Link;
  /** See `Publishing.lockPatience`, in ms. */
  readonly lockPatience?: number;
}

const LOCK_PATIENCE = 10_000;

/** The folder of one store. */
export class Disk {
  readonly root: string;
  readonly temp: string;
  readonly context: StoreContext;
  /** Undefined for a folder of another program's. */
  readonly #id: string | undefined;
  readonly #folders: Folders;
  readonly #options: DiskOptions;

  private constructor(root: string, id: string | undefined, context: StoreContext, options: DiskOptions) {
    this.root = root;
    this.temp = join(root, TEMP_FOLDER);
    this.context = context;
    this.#id = id;
    this.#folders = new Folders(root);
    this.#options = options;
  }

  /**
   * @param root absolute path of the store
   * @param create makes the folder and its marker where they are missing
   * @throws StoreError `store-missing` when there is no store and `create` is false
   */
  static async open(
    root: string,
    create: boolean,
    context: StoreContext,
    options: DiskOptions = {},
  ): Promise<Disk> {
    const found = await readMarker(root);
    if (found !== undefined) return new Disk(root, found, context, options);
    if (!create) throw await missing(root);
    return await Disk.#create(root, context, options);
  }

  /**
   * A folder of another program's, without our mark: only to be read.
   *
   * @throws StoreError `store-missing` when there is no such folder
   */
  static async openForeign(root: string, context: StoreContext): Promise<Disk> {
    const disk = new Disk(root, undefined, context, {});
    await disk.verify();
    return disk;
  }

  static async #create(root: string, context: StoreContext, options: DiskOptions): Promise<Disk> {
    try {
      await makeFolderDurably(root, 0o777);
      const disk = new Disk(root, toHex(randomBytes(16)), context, options);
      await disk.#folders.ensure(disk.temp, 0o777);
      await disk.#writeMarker();
    } catch (error) {
      throw diskError(error, "make a store in", root);
    }
    return await Disk.open(root, false, context, options);
  }

  /** Published like an object, so that two runs that make one store agree on its id. */
  async #writeMarker(): Promise<void> {
    const temp = this.tempPath();
    await writeNewFile(temp, utf8(`${this.#id}\n`), 0o666);
    await this.#publish(temp, join(this.root, MARKER));
    await rm(temp, { force: true });
    await this.#folders.sync(this.root);
  }

  /** A fresh name for a file that lives for one call. */
  tempPath(): string {
    return join(this.temp, `put-${toHex(randomBytes(16))}`);
  }

  objectPath(key: string): string {
    return objectPath(this.root, key, process.platform === "win32");
  }

  /**
   * Lets the synced file `temp` appear under `key`, on the disk when this returns.
   *
   * @param secret whether new folders on the way are for their owner only
   * @throws StoreError `object-exists` when other bytes stand under the key
   */
  async publishObject(temp: string, key: string, secret: boolean): Promise<void> {
    const path = this.objectPath(key);
    const published = await this.#publishInFolder(temp, path, folderMode(secret));
    if (published === "different") throw taken(key, path);
    // Also when it was there already: whoever wrote it may have been cut off before this.
    await this.#folders.sync(dirname(path));
  }

  async #publishInFolder(temp: string, path: string, mode: number): Promise<Published> {
    const folder = dirname(path);
    try {
      await this.#folders.ensure(folder, mode);
      return await this.#publish(temp, path);
    } catch (error) {
      if (systemCode(error) === "ENOTDIR") return "different";
      if (systemCode(error) !== "ENOENT" || await isThere(folder)) throw error;
      this.#folders.forget();
      await this.#folders.ensure(folder, mode);
      return await this.#publish(temp, path);
    }
  }

  async #publish(temp: string, path: string): Promise<Published> {
    return await publish(temp, path, {
      link: this.#options.link ?? link,
      lockFolder: this.temp,
      lockPatience: this.#options.lockPatience ?? LOCK_PATIENCE,
    });
  }

  /** Syncs the folder of unfinished files. */
  async syncTemp(): Promise<void> {
    await this.#folders.sync(this.temp);
  }

  /**
   * Makes sure that the store is still the one that was opened: that the answer "no such file" does not
   * come from an empty mount point.
   *
   * @throws StoreError `store-missing`
   */
  async verify(): Promise<void> {
    if (this.#id === undefined) return await assertFolder(this.root);
    const found = await readMarker(this.root);
    if (found === undefined) throw await missing(this.root);
    if (found !== this.#id) throw exchanged(this.root);
  }

  /** Makes the folder of unfinished files again, in a store that lost it (copies often leave it out). */
  async restoreTemp(): Promise<void> {
    await this.verify();
    await mkdir(this.temp, { recursive: true });
  }

  /**
   * Runs one call: stops when the run was aborted, and gives system errors their meaning.
   *
   * @param doing as in "cannot write"
   */
  async run<T>(doing: string, path: string, body: () => Promise<T>): Promise<T> {
    this.context.signal?.throwIfAborted();
    try {
      return await body();
    } catch (error) {
      if (isAbsent(error)) await this.verify();
      throw diskError(error, doing, path);
    }
  }
}

async function isThere(path: string): Promise<boolean> {
  return await stat(path).catch(undefinedIfAbsent) !== undefined;
}

async function readMarker(root: string): Promise<string | undefined> {
  try {
    return (await readFile(join(root, MARKER), "utf8").catch(undefinedIfAbsent))?.trim();
  } catch (error) {
    throw diskError(error, "read", join(root, MARKER));
  }
}

async function assertFolder(root: string): Promise<void> {
  const folder = (await stat(root).catch(undefinedIfAbsent))?.isDirectory();
  if (!folder) throw await missing(root);
}

async function missing(root: string): Promise<StoreError> {
  const folder = (await stat(root).catch(undefinedIfAbsent))?.isDirectory();
  if (!folder) {
    return new StoreError("store-missing", `the store is missing: there is no folder ${root}`, {
      hint: "If it is on a disk of its own, plug that in and mount it.",
    });
  }
  return new StoreError("store-missing", `the store is missing: ${root} has no file ${MARKER}`, {
    hint: "If the store is on a disk of its own, mount that first. " +
      `To make this folder a store, put an empty file ${MARKER} in it.`,
  });
}

function exchanged(root: string): StoreError {
  return new StoreError("store-missing", `another store is in ${root} than when this run began`, {
    hint: "Mount the right disk there and run again.",
  });
}

/** Keys are for their owner only; everything else as the umask says, since a household may share a store. */
export function fileMode(secret: boolean): number {
  return secret ? 0o600 : 0o666;
}

function folderMode(secret: boolean): number {
  return secret ? 0o700 : 0o777;
}

function taken(key: string, path: string): StoreError {
  return new StoreError("object-exists", `${path} is already there, with other bytes`, {
    hint: `Nothing was replaced. Move that file away if ${key} shall be written anew.`,
  });
}
