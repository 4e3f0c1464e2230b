/**
 * Writing restored files. A file grows under a temporary name and gets its own only when its hash is
 * right, with time and mode already set; what is there is never replaced unless the user said so.
 */

import { createHash, type Hash, randomBytes } from "node:crypto";
import {
  closeSync,
  createReadStream,
  fchmodSync,
  linkSync,
  lstatSync,
  openSync,
  renameSync,
  rmSync,
  type Stats,
  unlinkSync,
  utimesSync,
} from "node:fs";
import { lutimes, mkdir, readlink, symlink } from "node:fs/promises";
import { basename, dirname, join, resolve, sep } from "node:path";
import { ColdframeError, messageOf, systemCode } from "../../errors.ts";
import { writeAtLater, writeAtSync } from "../../file-io.ts";
import { makeFolder } from "../../files.ts";

/** What a restored file must become. */
export interface WantedFile {
  /** `/`-separated, below the target folder. */
  readonly path: string;
  readonly size: number;
  /** ms since 1970. */
  readonly mtime: number;
  readonly mode: number;
  /** Undefined where nothing says what it should be: then only the size is checked. */
  readonly sha256: string | undefined;
}

/** What a path shall be beside a file. */
export interface WantedFolder {
  readonly path: string;
  /** ms since 1970. */
  readonly mtime: number;
}

/**
 * The folder that files are restored into. Nothing is written outside of it, whatever a manifest or an image
 * names: no path climbs out, and none leads through a symbolic link, be it one that was there before.
 */
export class Target {
  readonly root: string;
  readonly #overwrite: boolean;
  /** Folders known to be there. */
  readonly #folders = new Set<string>();
  readonly #made: { readonly path: string; readonly mtime: number }[] = [];

  constructor(root: string, overwrite: boolean) {
    this.root = resolve(root);
    this.#overwrite = overwrite;
  }

  /**
   * What stands where a file would go: nothing, the very same bytes, or something else.
   *
   * @param hash gives the SHA-256 of a file that comes without; asked for only where it decides
   * @throws ColdframeError `exists` for something else, unless overwriting is allowed
   */
  async standing(file: WantedFile, hash?: () => Promise<string>): Promise<"nothing" | "same"> {
    const path = this.#locate(file.path);
    const found = lookAt(path);
    if (found === undefined) return "nothing";
    if (found.isFile() && found.size === file.size) {
      if (await hashOf(path) === (file.sha256 ?? await hash?.())) return "same";
    }
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
    const temporary = temporaryFor(path);
    try {
      await this.#ensureFolder(dirname(path));
      const fd = openSync(temporary, "wx", 0o600);
      return new RestoredFile(file, fd, temporary, path, this.#overwrite);
    } catch (error) {
      throw targetError(error, path);
    }
  }

  /**
   * Writes a file whose bytes are all there. In synchronous calls: for small files the waits of asynchronous
   * ones take longer than the work.
   *
   * @throws ColdframeError `damaged` when they are not the right ones: then no file appears
   */
  async place(file: WantedFile, bytes: Uint8Array): Promise<void> {
    assertRight(file, bytes.length, createHash("sha256").update(bytes).digest("hex"));
    const path = this.#locate(file.path);
    const temporary = temporaryFor(path);
    try {
      await this.#ensureFolder(dirname(path));
      this.#placeSync(file, bytes, temporary, path);
    } catch (error) {
      throw targetError(error, path);
    }
  }

  #placeSync(file: WantedFile, bytes: Uint8Array, temporary: string, path: string): void {
    try {
      writeWhole(temporary, file, bytes);
      publish(temporary, path, this.#overwrite);
    } catch (error) {
      rmSync(temporary, { force: true });
      throw error;
    }
  }

  /**
   * Makes a folder, unless it is there. Its time is set by `finishFolders`, since what comes into it changes
   * that.
   *
   * @returns whether it was made
   * @throws ColdframeError `exists` when something else stands there
   */
  async makeFolder(folder: WantedFolder): Promise<boolean> {
    const path = this.#locate(folder.path);
    try {
      await this.#ensureFolder(dirname(path));
      const made = await this.#enter(path);
      if (made) this.#made.push({ path, mtime: folder.mtime });
      return made;
    } catch (error) {
      throw targetError(error, path);
    }
  }

  /** Gives the folders that were made their times. */
  async finishFolders(): Promise<void> {
    for (const { path, mtime } of this.#made) {
      await lutimes(path, mtime / 1000, mtime / 1000).catch((error) => {
        throw targetError(error, path);
      });
    }
  }

  /**
   * Makes a symbolic link. Links must come after all files: none of them is then ever written through, not
   * even where the disk takes two names for one (`A` and `a`, or `é` in one and in two characters).
   *
   * @returns false when that very link is there already
   * @throws ColdframeError `exists` when something else stands there
   */
  async makeLink(link: WantedFolder & { readonly target: string }): Promise<boolean> {
    const path = this.#locate(link.path);
    try {
      if (await readlink(path).catch(() => undefined) === link.target) return false;
      await this.#ensureFolder(dirname(path));
      await symlink(link.target, path);
      await lutimes(path, link.mtime / 1000, link.mtime / 1000);
      return true;
    } catch (error) {
      throw targetError(error, path);
    }
  }

  async #ensureFolder(path: string): Promise<void> {
    if (this.#folders.has(path)) return;
    if (path === this.root) {
      await makeFolder(path, 0o755).catch((error) => {
        throw ["EEXIST", "ENOTDIR"].includes(systemCode(error) ?? "") ? inTheWay(path, false, error) : error;
      });
    } else {
      await this.#ensureFolder(dirname(path));
      await this.#enter(path);
    }
    this.#folders.add(path);
  }

  /** Makes one folder below the root, or sees that it is a real one. */
  async #enter(path: string): Promise<boolean> {
    try {
      await mkdir(path, { mode: 0o755 });
      return true;
    } catch (error) {
      const found = lookAt(path);
      if (found?.isDirectory() === true) return false;
      throw found === undefined ? error : inTheWay(path, found.isSymbolicLink(), error);
    }
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

/**
 * A file that is being restored. Its bytes are written by another thread; what else there is to do takes less
 * than waiting for a turn there, among the chunks that are being decrypted.
 */
export class RestoredFile {
  readonly #wanted: WantedFile;
  /** Undefined once it is closed. */
  #fd: number | undefined;
  readonly #temporary: string;
  readonly #path: string;
  readonly #overwrite: boolean;
  readonly #hash: Hash = createHash("sha256");
  #position = 0;
  /** The write that is on its way, or the last one. */
  #writing: Promise<void> = Promise.resolve();

  constructor(wanted: WantedFile, fd: number, temporary: string, path: string, overwrite: boolean) {
    this.#wanted = wanted;
    this.#fd = fd;
    this.#temporary = temporary;
    this.#path = path;
    this.#overwrite = overwrite;
  }

  /** Adds bytes at the end. */
  async write(bytes: Uint8Array): Promise<void> {
    this.#writing = this.#append(bytes);
    this.#hash.update(bytes); // while another thread writes
    await this.#writing;
  }

  async #append(bytes: Uint8Array): Promise<void> {
    try {
      await writeAtLater(this.#open, bytes, this.#position);
      this.#position += bytes.length;
    } catch (error) {
      throw targetError(error, this.#path);
    }
  }

  get #open(): number {
    if (this.#fd === undefined) throw new Error(`${this.#path} is finished`);
    return this.#fd;
  }

  /**
   * Gives the file its name, if its bytes are right.
   *
   * @param late what was only known once the bytes were there
   * @throws ColdframeError `damaged` when they are not: then no file appears
   */
  finish(late: Partial<Pick<WantedFile, "size" | "mtime" | "sha256">> = {}): void {
    const wanted = { ...this.#wanted, ...late };
    const { mtime, mode } = wanted;
    assertRight(wanted, this.#position, this.#hash.digest("hex"));
    try {
      // No fsync: after a power cut the same restore compares every file again by its hash.
      fchmodSync(this.#open, mode & 0o777);
      this.#close();
      utimesSync(this.#temporary, mtime / 1000, mtime / 1000);
      publish(this.#temporary, this.#path, this.#overwrite);
    } catch (error) {
      throw targetError(error, this.#path);
    }
  }

  /** Leaves nothing behind but a finished file. */
  async discard(): Promise<void> {
    // The number of a closed file is given to the next one: what is on its way must not be written there.
    await this.#writing.catch(() => {});
    try {
      this.#close();
    } finally {
      rmSync(this.#temporary, { force: true });
    }
  }

  #close(): void {
    const fd = this.#fd;
    this.#fd = undefined;
    if (fd !== undefined) closeSync(fd);
  }
}

/** Gives a file that is done its name. */
function publish(temporary: string, path: string, overwrite: boolean): void {
  if (overwrite) return renameSync(temporary, path);
  try {
    linkSync(temporary, path); // fails, rather than replaces, when something came in between
  } catch (error) {
    // A FAT stick has no hard links; the folder was looked at before, so rename.
    if (!NO_LINKS.has(systemCode(error) ?? "")) throw error;
    return renameSync(temporary, path);
  }
  unlinkSync(temporary);
}

/** What a disk without hard links says to one. */
const NO_LINKS: ReadonlySet<string> = new Set(["EPERM", "ENOTSUP", "EOPNOTSUPP", "ENOSYS"]);

function temporaryFor(path: string): string {
  return join(dirname(path), `.${basename(path).slice(0, 40)}.${randomBytes(6).toString("hex")}.part`);
}

/** @throws ColdframeError `damaged` */
function assertRight(
  { path, size, sha256 }: WantedFile,
  actualSize: number,
  actualHash: string,
): void {
  if (actualSize === size && actualHash === (sha256 ?? actualHash)) return;
  throw new ColdframeError("damaged", `${path}: the stored bytes are not those that were backed up`, {
    hint: "Run `coldframe check volumes --deep` to see what else is affected.",
  });
}

function writeWhole(path: string, { mode, mtime }: WantedFile, bytes: Uint8Array): void {
  const fd = openSync(path, "wx", 0o600);
  try {
    writeAtSync(fd, bytes, 0);
    fchmodSync(fd, mode & 0o777);
  } finally {
    closeSync(fd);
  }
  utimesSync(path, mtime / 1000, mtime / 1000); // by its path: Deno's futimes loses a ms of every other time
}

/** What stands at a path itself, links not followed; undefined for nothing. Synchronous, as `place` is. */
function lookAt(path: string): Stats | undefined {
  try {
    return lstatSync(path, { throwIfNoEntry: false });
  } catch (error) {
    if (systemCode(error) === "ENOTDIR") return undefined;
    throw targetError(error, path);
  }
}

async function hashOf(path: string): Promise<string> {
  const hash = createHash("sha256");
  for await (const piece of createReadStream(path, { highWaterMark: 1024 * 1024 })) hash.update(piece);
  return hash.digest("hex");
}

function inTheWay(path: string, isLink: boolean, cause: unknown): ColdframeError {
  const what = isLink ? "a symbolic link" : "a file";
  return new ColdframeError("exists", `${path} cannot be made a folder: ${what} is in the way`, {
    hint: `Move that ${isLink ? "link" : "file"} away, or choose another folder with --to.`,
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
