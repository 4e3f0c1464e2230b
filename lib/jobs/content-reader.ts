/**
 * Reads the files of a volume for the last time before they leave: every content is hashed again as it
 * passes, and one that is no longer what the catalog says stops the volume. So a file that is edited,
 * truncated or swapped during the hours of an upload is never stored wrong.
 */

import { createHash, type Hash } from "node:crypto";
import { closeSync, constants, fstatSync, openSync } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { join } from "node:path";
import type { Bytes } from "../bytes.ts";
import { messageOf, SourceChangedError, systemCode } from "../errors.ts";
import { readInto, readIntoSync } from "../file-io.ts";
import { sha256Hex } from "../store/checksum.ts";

/** A content and a place where it can be read. */
export interface ReadableContent {
  readonly sha256: string;
  /** Bytes. */
  readonly size: number;
  /** Absolute. */
  readonly path: string;
}

/** Up to this size a file is read in one synchronous call: the awaits would cost more than the reading. */
const SMALL = 256 * 1024;
/** Piece for hashing what lies between two ranges asked for. */
const PIECE = 4 * 1024 * 1024;

/** A FIFO or device swapped in for a file must not hang or be followed. */
const OPEN_FLAGS = constants.O_RDONLY | (constants.O_NOFOLLOW ?? 0) | (constants.O_NONBLOCK ?? 0);

/** A large content that is being read from front to back. */
interface Current {
  readonly content: ReadableContent;
  readonly file: FileHandle;
  readonly hash: Hash;
  position: number;
}

/** Reads contents by range, in image order, and proves each one whole. */
export class ContentReader {
  #current: Current | undefined;

  /**
   * Fills `target` with the content's bytes from `offset`.
   *
   * @throws SourceChangedError when the file is gone, unreadable, or not what was hashed
   */
  async fill(target: Bytes, content: ReadableContent, offset: number): Promise<void> {
    if (content.size <= SMALL) return fillSmall(target, content, offset);
    const current = await this.#seek(content, offset);
    await readExactly(current, target);
    if (current.position === content.size) await this.settle();
  }

  /**
   * Proves the content that is being read: reads the rest of it and compares the hash.
   *
   * @throws SourceChangedError
   */
  async settle(): Promise<void> {
    const current = this.#current;
    if (current === undefined) return;
    try {
      await hashUpTo(current, current.content.size);
      if (current.hash.digest("hex") !== current.content.sha256) throw changed(current.content);
    } finally {
      await this.close();
    }
  }

  /** Lets go of the open file without proving it. */
  async close(): Promise<void> {
    const current = this.#current;
    this.#current = undefined;
    await current?.file.close();
  }

  /** Stands at `offset` of a content, with everything before it hashed. */
  async #seek(content: ReadableContent, offset: number): Promise<Current> {
    const open = this.#current;
    if (open !== undefined && (open.content.sha256 !== content.sha256 || open.position > offset)) {
      await this.settle();
    }
    this.#current ??= await openCurrent(content);
    await hashUpTo(this.#current, offset);
    return this.#current;
  }
}

function fillSmall(target: Bytes, content: ReadableContent, offset: number): void {
  const isWhole = target.length === content.size;
  const bytes = readSmall(content, isWhole ? target : new Uint8Array(content.size));
  if (sha256Hex(bytes) !== content.sha256) throw changed(content);
  if (!isWhole) target.set(bytes.subarray(offset, offset + target.length));
}

/** Reads a file whole into `into`, which has its size. */
function readSmall(content: ReadableContent, into: Bytes): Bytes {
  try {
    return readWhole(content, into);
  } catch (error) {
    throw error instanceof SourceChangedError ? error : unreadable(content, error);
  }
}

function readWhole(content: ReadableContent, into: Bytes): Bytes {
  const fd = openSync(content.path, OPEN_FLAGS);
  try {
    const stat = fstatSync(fd);
    if (!stat.isFile() || stat.size !== content.size) throw changed(content);
    if (readIntoSync(fd, 0, into) < into.length) throw changed(content);
    return into;
  } finally {
    closeSync(fd);
  }
}

async function openCurrent(content: ReadableContent): Promise<Current> {
  const file = await open(content.path, OPEN_FLAGS).catch((error) => {
    throw unreadable(content, error);
  });
  const stat = await file.stat();
  if (stat.isFile() && stat.size === content.size) {
    return { content, file, hash: createHash("sha256"), position: 0 };
  }
  await file.close();
  throw changed(content);
}

async function hashUpTo(current: Current, offset: number): Promise<void> {
  if (current.position >= offset) return;
  const piece = new Uint8Array(Math.min(PIECE, offset - current.position));
  while (current.position < offset) {
    await readExactly(current, piece.subarray(0, Math.min(piece.length, offset - current.position)));
  }
}

async function readExactly(current: Current, target: Bytes): Promise<void> {
  const read = await readInto(current.file, current.position, target).catch((error) => {
    throw unreadable(current.content, error);
  });
  if (read < target.length) throw changed(current.content);
  current.position += read;
  current.hash.update(target);
}

function changed(content: ReadableContent): SourceChangedError {
  return new SourceChangedError(content.path, content.sha256, "changed");
}

function unreadable(content: ReadableContent, error: unknown): SourceChangedError {
  const what = systemCode(error) === "ENOENT" ? "disappeared" : `became unreadable (${messageOf(error)})`;
  return new SourceChangedError(content.path, content.sha256, what, { cause: error });
}

/** The absolute path of a file of a source. */
export function absolutePath(root: string, below: string): string {
  return join(root, ...below.split("/"));
}
