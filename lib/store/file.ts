/**
 * The `file:` store: a folder, on a disk, a USB stick or a network drive.
 *
 * Objects are plain files under their keys. An object is written to `.coldframe-tmp`, synced, then linked
 * to its name (`file/publish.ts`), and the folder synced: after a power cut it is there whole, or not at all.
 * The file `.coldframe-store` marks the folder as a store, so that an unmounted disk is not an empty store.
 */

import { homedir } from "node:os";
import { type FileHandle, open, rm, stat, statfs } from "node:fs/promises";
import process from "node:process";
import type { Bytes } from "../bytes.ts";
import { StoreError } from "../errors.ts";
import { readInto } from "../file-io.ts";
import { sha256Checksum } from "./checksum.ts";
import type { StoreContext } from "./context.ts";
import { Disk, type DiskOptions, fileMode } from "./file/disk.ts";
import { isAbsent, PIECE, undefinedIfAbsent, writeNewFile } from "./file/io.ts";
import { infoOf, listObjects } from "./file/list.ts";
import { parseFileUrl } from "./file/path.ts";
import { abortUpload, beginUpload, listUploads, resumeUpload } from "./file/upload.ts";
import { sweepTemp } from "./file/sweep.ts";
import {
  assertRemovable,
  type Availability,
  type ByteRange,
  type ObjectInfo,
  type PartReceipt,
  type Store,
  type Upload,
  type UploadInfo,
  type Usage,
  type WriteOptions,
} from "./store.ts";

const MIB = 1024 * 1024;
/** Each part costs one sync, so not too small; each is in memory while it is sent, so not too large. */
const SMALLEST_PART = 2 * MIB;
const LARGEST_PART = 8 * MIB;
/** Parts of an object, as long as their size allows: of a small volume no more is in memory than it is. */
const PARTS = 8;
const MAX_PUT = 8 * MIB;

/** Bytes of a part of a new upload of so many bytes. */
function partSizeFor(size: number): number {
  return Math.min(LARGEST_PART, Math.max(SMALLEST_PART, Math.ceil(size / PARTS / MIB) * MIB));
}

/** How to open a `file:` store. */
export interface FileStoreOptions extends DiskOptions {
  /** Makes the folder and marks it as a store. Only for a user's first use: see `store-missing`. */
  readonly create?: boolean;
  /** Opens any folder as it is, only to be read. */
  readonly foreign?: boolean;
  /** Bytes of a part of a new upload; 2 to 8 MiB, by its size, unless a test says otherwise. */
  readonly partSize?: number;
}

/**
 * Opens a `file:` store; see `parseFileUrl` for the URL.
 *
 * @throws StoreError `store-url`; `store-missing` when the folder is not there or not marked as a store
 */
export async function openFile(
  url: string,
  context: StoreContext,
  options: FileStoreOptions = {},
): Promise<Store> {
  const root = fileStoreRoot(url, context.env);
  if (options.foreign === true) return new FileStore(await Disk.openForeign(root, context));
  const disk = await Disk.open(root, options.create ?? false, context, options);
  return new FileStore(disk, options.partSize);
}

/** The absolute path of the folder of a `file:` URL. @throws StoreError `store-url` */
export function fileStoreRoot(url: string, env: StoreContext["env"]): string {
  return parseFileUrl(url, {
    cwd: process.cwd(),
    home: env["HOME"] ?? homedir(),
    windows: process.platform === "win32",
  });
}

class FileStore implements Store {
  /** With the absolute path, so that it still means this folder when it is kept. */
  readonly url: string;
  readonly maxPut = MAX_PUT;
  readonly #disk: Disk;
  readonly #partSize: number | undefined;
  #swept: Promise<void> | undefined;

  constructor(disk: Disk, partSize?: number) {
    this.url = `file:${disk.root}`;
    this.#disk = disk;
    this.#partSize = partSize;
  }

  list(prefix: string): AsyncIterable<ObjectInfo> {
    return listObjects(this.#disk, prefix);
  }

  async head(key: string): Promise<ObjectInfo | undefined> {
    const path = this.#disk.objectPath(key);
    return await this.#disk.run("look at", path, async () => {
      const found = await stat(path).catch(undefinedIfAbsent);
      if (found === undefined) await this.#disk.verify();
      return found?.isFile() ? infoOf(key, found) : undefined;
    });
  }

  async *read(key: string, range?: ByteRange): AsyncIterable<Bytes> {
    const path = this.#disk.objectPath(key);
    const file = await this.#disk.run("read", path, () => this.#openObject(path));
    try {
      const size = await this.#disk.run("read", path, async () => (await file.stat()).size);
      const { offset, length, into }: ByteRange = range ?? { offset: 0, length: size };
      if (offset + length > size) throw tooShort(path, offset + length, size);
      if (into !== undefined) {
        yield await this.#readPiece(path, file, offset, into.subarray(0, length));
        return;
      }
      for (let at = offset; at < offset + length; at += PIECE) {
        yield await this.#readPiece(path, file, at, new Uint8Array(Math.min(PIECE, offset + length - at)));
      }
    } finally {
      await file.close();
    }
  }

  async #openObject(path: string): Promise<FileHandle> {
    // Asked first: opening a FIFO would wait for ever.
    const found = await stat(path).catch(undefinedIfAbsent);
    if (found?.isFile()) return await open(path, "r");
    await this.#disk.verify();
    throw new StoreError("object-missing", `${path} is not there`);
  }

  async #readPiece(path: string, file: FileHandle, at: number, into: Bytes): Promise<Bytes> {
    const got = await this.#disk.run("read", path, () => readInto(file, at, into));
    if (got !== into.length) throw tooShort(path, at + into.length, at + got);
    return into;
  }

  async put(key: string, body: Bytes, { kind }: WriteOptions): Promise<ObjectInfo> {
    const path = this.#disk.objectPath(key);
    if (body.length > this.maxPut) {
      throw new StoreError("store-protocol", `${key} is too large for one step: ${body.length} bytes`);
    }
    const checksum = sha256Checksum(body);
    const secret = kind === "key";
    return await this.#disk.run("write", path, async () => {
      const temp = this.#disk.tempPath();
      try {
        await this.#inTemp(() => writeNewFile(temp, body, fileMode(secret)));
        await this.#disk.publishObject(temp, key, secret);
      } finally {
        await rm(temp, { force: true });
      }
      return { ...infoOf(key, await stat(path)), checksum };
    });
  }

  /** Runs what makes a file in the folder of unfinished things, which a copied store may lack. */
  async #inTemp<T>(body: () => Promise<T>): Promise<T> {
    // Before the first write, not on opening: a store may be opened only to be read.
    // Whether it worked matters to nobody: the write that follows will say what is wrong.
    this.#swept ??= sweepTemp(this.#disk.temp, this.#disk.context.now()).catch(() => {});
    await this.#swept;
    try {
      return await body();
    } catch (error) {
      if (!isAbsent(error)) throw error;
      await this.#disk.restoreTemp();
      return await body();
    }
  }

  async beginUpload(key: string, size: number, { kind }: WriteOptions): Promise<Upload> {
    const path = this.#disk.objectPath(key);
    const plan = { key, secret: kind === "key", size, partSize: this.#partSize ?? partSizeFor(size) };
    return await this.#disk.run("write", path, () => this.#inTemp(() => beginUpload(this.#disk, plan)));
  }

  async resumeUpload(
    key: string,
    size: number,
    token: string,
    known: readonly PartReceipt[],
  ): Promise<Upload | undefined> {
    const path = this.#disk.objectPath(key);
    return await this.#disk.run("read", path, async () => {
      const upload = await resumeUpload(this.#disk, key, size, token, known);
      if (upload === undefined) await this.#disk.verify();
      return upload;
    });
  }

  listUploads(): AsyncIterable<UploadInfo> {
    return listUploads(this.#disk);
  }

  async abortUpload(info: UploadInfo): Promise<void> {
    await this.#disk.run("remove", this.#disk.temp, () => abortUpload(this.#disk, info.token));
  }

  async remove(key: string): Promise<void> {
    assertRemovable(key);
    const path = this.#disk.objectPath(key);
    await this.#disk.run("remove", path, async () => {
      await rm(path, { force: true });
      await this.#disk.verify();
    });
  }

  /** Nothing is archived here. */
  async thaw(key: string): Promise<Availability> {
    if (await this.head(key) !== undefined) return { state: "ready" };
    throw new StoreError("object-missing", `there is no object ${key} to thaw`);
  }

  /** Of the whole file system: what else is on the disk counts as used. */
  async usage(): Promise<Usage> {
    const { root } = this.#disk;
    return await this.#disk.run("look at", root, async () => {
      const { blocks, bfree, bavail, bsize } = await statfs(root);
      const used = (blocks - bfree) * bsize;
      return { used, limit: used + bavail * bsize };
    });
  }
}

function tooShort(path: string, wanted: number, there: number): StoreError {
  return new StoreError("damaged", `${path} ends at byte ${there}, but byte ${wanted} was asked for`, {
    hint: "The file was cut or replaced: check the disk, and fetch the object from another copy.",
  });
}
