/** An image as a file: what `pack` made, or any other `.iso` or `.iso.age`. */

import { createHash } from "node:crypto";
import { type FileHandle, open } from "node:fs/promises";
import { basename, dirname, resolve } from "node:path";
import { headerEnd, MAX_HEADER_SIZE } from "../age/header.ts";
import { plainSize } from "../age/payload.ts";
import type { Bytes } from "../bytes.ts";
import { ColdframeError, messageOf, systemCode } from "../errors.ts";
import { readAt } from "../file-io.ts";
import type { RandomAccess } from "../types.ts";
import { ContentReader } from "./content-reader.ts";

/** An image file as it was found. */
export interface ImageFile {
  /** Absolute. */
  readonly path: string;
  readonly folder: string;
  /** The file's name without `.iso` or `.iso.age`. */
  readonly name: string;
  /** Bytes. */
  readonly size: number;
  /** ms since 1970. */
  readonly mtime: number;
  readonly encrypted: boolean;
  /** Bytes of its age header; 0 for a plain image. */
  readonly headerSize: number;
  /** Bytes of the image itself. */
  readonly imageSize: number;
  /** Hex, of the file. */
  readonly sha256: string;
}

/** Bytes read at once. */
const PIECE = 4 * 1024 * 1024;

/**
 * Looks at a file, and reads it once.
 *
 * @param onBytes told of bytes read
 * @throws ColdframeError `source-unreadable`; `image` for what is no image by its name or its bytes;
 *   `not-age` and `damaged` for a `.age` that is none, or was cut
 */
export async function inspectImage(
  given: string,
  onBytes: (bytes: number) => void,
  signal: AbortSignal,
): Promise<ImageFile> {
  const path = resolve(given);
  const [, name, age] = /^(.+)\.iso(\.age)?$/i.exec(basename(path)) ?? [];
  if (name === undefined) {
    throw new ColdframeError("image", `${path} is not called .iso or .iso.age`, {
      hint: "Only images of volumes can be uploaded; `coldframe sync` stores other files.",
    });
  }
  const file = await open(path, "r").catch((error) => {
    throw unreadable(path, error);
  });
  try {
    const stat = await file.stat();
    if (!stat.isFile()) throw new ColdframeError("image", `${path} is not a file`);
    const { size } = stat;
    const headerSize = age === undefined ? await assertIso(file, path) : await ageHeaderSize(file, path);
    return {
      path,
      folder: dirname(path),
      name,
      size,
      mtime: Math.floor(stat.mtimeMs),
      encrypted: age !== undefined,
      headerSize,
      imageSize: age === undefined ? size : plainSize(size - headerSize, path),
      sha256: await hashOf(file, path, onBytes, signal),
    };
  } finally {
    await file.close();
  }
}

/** ISO 9660 says `CD001` in its first descriptor (ECMA-119 8.1), an image of UDF alone `BEA01` (ECMA-167 2/9.2). */
async function assertIso(file: FileHandle, path: string): Promise<number> {
  const identifier = String.fromCharCode(...await readAt(file, 16 * 2048 + 1, 5));
  if (identifier === "CD001" || identifier === "BEA01") return 0;
  throw new ColdframeError("image", `${path} is not an ISO image, though it is called so`);
}

async function ageHeaderSize(file: FileHandle, path: string): Promise<number> {
  const size = headerEnd(await readAt(file, 0, MAX_HEADER_SIZE), path);
  if (size !== undefined) return size;
  throw new ColdframeError("damaged", `${path} ends inside its age header; it was cut short`);
}

async function hashOf(
  file: FileHandle,
  path: string,
  onBytes: (bytes: number) => void,
  signal: AbortSignal,
): Promise<string> {
  const hash = createHash("sha256");
  const piece = new Uint8Array(PIECE);
  for (let at = 0;;) {
    signal.throwIfAborted();
    const { bytesRead } = await file.read(piece, 0, PIECE, at).catch((error) => {
      throw unreadable(path, error);
    });
    if (bytesRead === 0) return hash.digest("hex");
    hash.update(piece.subarray(0, bytesRead));
    at += bytesRead;
    onBytes(bytesRead);
  }
}

function unreadable(path: string, error: unknown): ColdframeError {
  const why = systemCode(error) === "ENOENT" ? "it is not there" : messageOf(error);
  return new ColdframeError("source-unreadable", `cannot read ${path}: ${why}`, {
    hint: "Check the name, and the right to read it.",
    cause: error,
  });
}

/** The bytes of an image file by range, which must be those that were hashed. */
export class ImageFileReader implements RandomAccess {
  readonly #file: ImageFile;
  readonly #reader = new ContentReader();

  constructor(file: ImageFile) {
    this.#file = file;
  }

  get size(): number {
    return this.#file.size;
  }

  /** @throws SourceChangedError */
  async readAt(offset: number, length: number, into?: Bytes): Promise<Bytes> {
    const out = into?.subarray(0, length) ?? new Uint8Array(length);
    if (length > 0) await this.#reader.fill(out, this.#file, offset);
    return out;
  }

  /** As in `VolumeReader`: a file is proven only when all of it was read. */
  unprovenFrom(end: number): number {
    return end < this.#file.size ? 0 : end;
  }

  settle(): Promise<void> {
    return this.#reader.settle();
  }

  close(): Promise<void> {
    return this.#reader.close();
  }
}
