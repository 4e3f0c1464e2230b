/**
 * A restored file on its way. It grows under a temporary name and gets its own only when its hash is right,
 * with time and mode already set; what is there is never replaced unless the user said so.
 */

import { createHash, type Hash, randomBytes } from "node:crypto";
import {
  closeSync,
  fchmodSync,
  linkSync,
  openSync,
  renameSync,
  rmSync,
  unlinkSync,
  utimesSync,
} from "node:fs";
import { basename, dirname, join } from "node:path";
import { ColdframeError, messageOf, systemCode } from "../../errors.ts";
import { writeAtLater, writeAtSync } from "../../file-io.ts";
import { sha256Hex } from "../../store/checksum.ts";

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

  /**
   * Begins it, under a temporary name.
   *
   * @param path absolute; its folder is there
   * @throws the system's error
   */
  constructor(wanted: WantedFile, path: string, overwrite: boolean) {
    this.#wanted = wanted;
    this.#temporary = temporaryFor(path);
    this.#fd = openSync(this.#temporary, "wx", 0o600);
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

/** @throws ColdframeError `damaged` when the bytes of a file are not those that it should have */
export function assertBytes(file: WantedFile, bytes: Uint8Array): void {
  assertRight(file, bytes.length, sha256Hex(bytes));
}

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

/**
 * Writes a file at once, in synchronous calls: for small files the waits of asynchronous ones take longer
 * than the work.
 *
 * @param path absolute; its folder is there
 * @throws the system's error: then no file appears
 */
export function placeFile(file: WantedFile, bytes: Uint8Array, path: string, overwrite: boolean): void {
  const temporary = temporaryFor(path);
  try {
    writeWhole(temporary, file, bytes);
    publish(temporary, path, overwrite);
  } catch (error) {
    rmSync(temporary, { force: true });
    throw error;
  }
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

/** A system error at a path of the target, in words for who restores. */
export function targetError(error: unknown, path: string): ColdframeError {
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
