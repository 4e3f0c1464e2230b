/**
 * Writing restored files. A file grows under a temporary name and gets its own only when its hash is
 * right, with time and mode already set; what is there is never replaced unless the user said so.
 */

import { createHash, type Hash, randomBytes } from "node:crypto";
import { createReadStream } from "node:fs";
import { type FileHandle, link, open, rename, rm, stat, utimes } from "node:fs/promises";
import { basename, dirname, join, resolve, sep } from "node:path";
import { ColdframeError, messageOf, systemCode } from "../../errors.ts";
import { makeFolder } from "../../files.ts";

/** What a restored file must become. */
export interface WantedFile {
  /** `/`-separated, below the target folder. */
  readonly path: string;
  readonly size: number;
  /** ms since 1970. */
  readonly mtime: number;
  readonly mode: number;
  readonly sha256: string;
}

/** The folder that files are restored into. */
export class Target {
  readonly root: string;
  readonly #overwrite: boolean;
  readonly #folders = new Set<string>();

  constructor(root: string, overwrite: boolean) {
    this.root = resolve(root);
    this.#overwrite = overwrite;
  }

  /**
   * What stands where a file would go: nothing, the very same bytes, or something else.
   *
   * @throws ColdframeError `exists` for something else, unless overwriting is allowed
   */
  async standing(file: WantedFile): Promise<"nothing" | "same"> {
    const path = this.#locate(file.path);
    const found = await stat(path).catch((error) => {
      if (systemCode(error) === "ENOENT" || systemCode(error) === "ENOTDIR") return undefined;
      throw targetError(error, path);
    });
    if (found === undefined) return "nothing";
    if (found.isFile() && found.size === file.size && await hashOf(path) === file.sha256) return "same";
    if (this.#overwrite && found.isFile()) return "nothing";
    throw new ColdframeError("exists", `${path} is already there with other contents`, {
      hint: "Restore to an empty folder, or add --overwrite to replace what differs.",
    });
  }

  /**
   * Begins a file under a temporary name.
   *
   * @throws ColdframeError `home` … the folder cannot be written
   */
  async begin(file: WantedFile): Promise<RestoredFile> {
    const path = this.#locate(file.path);
    const temporary = join(
      dirname(path),
      `.${basename(path).slice(0, 40)}.${randomBytes(6).toString("hex")}.part`,
    );
    try {
      await this.#ensureFolder(dirname(path));
      const handle = await open(temporary, "wx", 0o600);
      return new RestoredFile(file, handle, temporary, path, this.#overwrite);
    } catch (error) {
      throw targetError(error, path);
    }
  }

  async #ensureFolder(path: string): Promise<void> {
    if (this.#folders.has(path)) return;
    await makeFolder(path, 0o755).catch((error) => {
      const inTheWay = ["EEXIST", "ENOTDIR"].includes(systemCode(error) ?? "");
      throw inTheWay ? fileInTheWay(path, error) : error;
    });
    this.#folders.add(path);
  }

  /** Manifests may come from a store that others can write: no path may leave the target. */
  #locate(path: string): string {
    const parts = path.split("/");
    const local = join(this.root, ...parts);
    const safe = parts.every((part) => part !== "" && part !== "." && part !== ".." && !part.includes("\0"));
    if (safe && local.startsWith(this.root.endsWith(sep) ? this.root : this.root + sep)) return local;
    throw new ColdframeError(
      "damaged",
      `refusing to restore outside of ${this.root}: ${JSON.stringify(path)}`,
    );
  }
}

/** A file that is being restored. */
export class RestoredFile {
  readonly #wanted: WantedFile;
  readonly #handle: FileHandle;
  readonly #temporary: string;
  readonly #path: string;
  readonly #overwrite: boolean;
  readonly #hash: Hash = createHash("sha256");
  #position = 0;

  constructor(wanted: WantedFile, handle: FileHandle, temporary: string, path: string, overwrite: boolean) {
    this.#wanted = wanted;
    this.#handle = handle;
    this.#temporary = temporary;
    this.#path = path;
    this.#overwrite = overwrite;
  }

  /** Adds bytes at the end. */
  async write(bytes: Uint8Array): Promise<void> {
    this.#hash.update(bytes);
    for (let at = 0; at < bytes.length;) {
      const { bytesWritten } = await this.#handle.write(bytes, at, bytes.length - at, this.#position)
        .catch((error) => {
          throw targetError(error, this.#path);
        });
      at += bytesWritten;
      this.#position += bytesWritten;
    }
  }

  /**
   * Gives the file its name, if its bytes are right.
   *
   * @throws ColdframeError `damaged` when they are not: then no file appears
   */
  async finish(): Promise<void> {
    const { sha256, size, mtime, mode, path } = this.#wanted;
    if (this.#position !== size || this.#hash.digest("hex") !== sha256) {
      throw new ColdframeError("damaged", `${path}: the stored bytes are not those that were backed up`, {
        hint: "Run `coldframe check --deep` to see what else is affected.",
      });
    }
    try {
      // No fsync: after a power cut the same restore compares every file again by its hash.
      await this.#handle.chmod(mode & 0o777);
      await this.#handle.close();
      await utimes(this.#temporary, mtime / 1000, mtime / 1000);
      await this.#publish();
    } catch (error) {
      throw targetError(error, this.#path);
    }
  }

  /** Leaves nothing behind. */
  async discard(): Promise<void> {
    await this.#handle.close().catch(() => {}); // already closed when finish got that far
    await rm(this.#temporary, { force: true });
  }

  async #publish(): Promise<void> {
    if (this.#overwrite) return await rename(this.#temporary, this.#path);
    try {
      await link(this.#temporary, this.#path); // fails, rather than replaces, when something came in between
    } catch (error) {
      // A FAT stick has no hard links; the folder was looked at before, so rename.
      if (!["EPERM", "ENOTSUP", "EOPNOTSUPP", "ENOSYS"].includes(systemCode(error) ?? "")) throw error;
      return await rename(this.#temporary, this.#path);
    }
    await rm(this.#temporary, { force: true });
  }
}

async function hashOf(path: string): Promise<string> {
  const hash = createHash("sha256");
  for await (const piece of createReadStream(path, { highWaterMark: 1024 * 1024 })) hash.update(piece);
  return hash.digest("hex");
}

function fileInTheWay(path: string, cause: unknown): ColdframeError {
  return new ColdframeError("exists", `${path} cannot be made a folder: a file is in the way`, {
    hint: "Move that file away, or choose another folder with --to.",
    cause,
  });
}

function targetError(error: unknown, path: string): ColdframeError {
  if (error instanceof ColdframeError) return error;
  const code = systemCode(error);
  if (code === "ENOSPC" || code === "EDQUOT") {
    return new ColdframeError("store-full", `no space left for ${path}`, {
      hint: "Free some space and run the same command again: it goes on where it stopped.",
      cause: error,
    });
  }
  if (code === "EEXIST") {
    return new ColdframeError("exists", `${path} is already there`, {
      hint: "Add --overwrite to replace what differs.",
      cause: error,
    });
  }
  return new ColdframeError("store-denied", `cannot write ${path}: ${messageOf(error)}`, {
    hint: "Check that the folder given with --to can be written.",
    cause: error,
  });
}
