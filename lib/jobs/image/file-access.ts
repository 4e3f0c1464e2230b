/** A file on a local disk as bytes that can be read anywhere. */

import { type FileHandle, open } from "node:fs/promises";
import type { Bytes } from "../../bytes.ts";
import { ColdframeError, messageOf, systemCode } from "../../errors.ts";
import { readInto } from "../../file-io.ts";
import type { RandomAccess } from "../../types.ts";

/** An open file. */
export interface FileAccess extends RandomAccess {
  close(): Promise<void>;
}

/**
 * Opens a file for reading.
 *
 * @throws ColdframeError `nothing-found` when there is none, `source-unreadable` when it cannot be opened;
 *   reads throw `damaged` where the disk fails or the file has become shorter
 */
export async function openFileAccess(path: string): Promise<FileAccess> {
  const handle = await open(path, "r").catch((error) => {
    throw cannotOpen(path, error);
  });
  const stats = await handle.stat();
  if (!stats.isFile()) {
    await handle.close();
    throw new ColdframeError("source-unreadable", `${path} is not a file`, {
      hint: "Name the image itself, such as volume.iso or volume.iso.age.",
    });
  }
  return {
    size: stats.size,
    readAt: (offset, length, into) =>
      readExactly(handle, path, offset, into?.subarray(0, length) ?? new Uint8Array(length)),
    close: () => handle.close(),
  };
}

async function readExactly(handle: FileHandle, path: string, offset: number, bytes: Bytes): Promise<Bytes> {
  const read = await readInto(handle, offset, bytes).catch((error) => {
    throw unreadable(path, offset, messageOf(error));
  });
  if (read < bytes.length) throw unreadable(path, offset + read, "the file ends there");
  return bytes;
}

function unreadable(path: string, offset: number, reason: string): ColdframeError {
  return new ColdframeError("damaged", `${path} cannot be read from byte ${offset}: ${reason}`, {
    hint: "Copy what can be read to another disk, and try again from there.",
  });
}

function cannotOpen(path: string, error: unknown): ColdframeError {
  if (systemCode(error) === "ENOENT") {
    return new ColdframeError("nothing-found", `there is no file ${path}`, {
      hint: "Name the image file, such as volume.iso.age, with the folder it is in.",
      cause: error,
    });
  }
  return new ColdframeError("source-unreadable", `cannot read ${path}: ${messageOf(error)}`, {
    hint: "Give the user who runs coldframe the right to read it.",
    cause: error,
  });
}
