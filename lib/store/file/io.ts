/** New files, hashing and comparing two files, without ever holding more than a piece. */

import { createHash } from "node:crypto";
import { constants } from "node:fs";
import { type FileHandle, open, rm, stat } from "node:fs/promises";
import { equal } from "../../bytes.ts";
import { systemCode } from "../../errors.ts";
import { readAt, writeAt } from "../../file-io.ts";

/** Bytes read at once: large enough for a disk's full speed, small enough to have many under way. */
export const PIECE = 1024 * 1024;

/** Opens a file, and closes it whatever `body` does. */
export async function withFile<T>(
  path: string,
  flags: string | number,
  mode: number,
  body: (file: FileHandle) => Promise<T>,
): Promise<T> {
  const file = await open(path, flags, mode);
  try {
    return await body(file);
  } finally {
    await file.close();
  }
}

/**
 * Makes a new file whose bytes are on the disk when this returns. Leaves none behind when it fails.
 *
 * @throws the system's error; `EEXIST` when the name is taken
 */
export async function writeNewFile(path: string, bytes: Uint8Array, mode: number): Promise<void> {
  const file = await open(path, "wx", mode);
  let whole = false;
  try {
    await writeAt(file, bytes, 0);
    await file.datasync();
    whole = true;
  } finally {
    await file.close();
    if (!whole) await rm(path, { force: true });
  }
}

/** SHA-256 of a range of a file, lower-case hex; undefined when the file ends before the range does. */
export async function hashRange(
  file: FileHandle,
  offset: number,
  length: number,
): Promise<string | undefined> {
  const hash = createHash("sha256");
  for (let done = 0; done < length;) {
    const piece = await readAt(file, offset + done, Math.min(PIECE, length - done));
    if (piece.length === 0) return undefined;
    hash.update(piece);
    done += piece.length;
  }
  return hash.digest("hex");
}

/** What stands at `path`, compared with the regular file `ours`. */
export type Comparison = "absent" | "same" | "different";

/** Compares byte by byte. Anything but a regular file (a folder, a FIFO) is `different` and never opened. */
export async function compareFiles(ours: string, path: string): Promise<Comparison> {
  const theirs = await stat(path).catch(undefinedIfAbsent);
  if (theirs === undefined) return "absent";
  const mine = await stat(ours);
  if (!theirs.isFile() || theirs.size !== mine.size) return "different";
  return await sameBytes(ours, path, mine.size) ? "same" : "different";
}

async function sameBytes(a: string, b: string, size: number): Promise<boolean> {
  return await withFile(
    a,
    constants.O_RDONLY,
    0,
    (fileA) =>
      withFile(b, constants.O_RDONLY, 0, async (fileB) => {
        for (let at = 0; at < size; at += PIECE) {
          const [pieceA, pieceB] = await Promise.all([readAt(fileA, at, PIECE), readAt(fileB, at, PIECE)]);
          if (!equal(pieceA, pieceB)) return false;
        }
        return true;
      }),
  );
}

/** For `.catch`: nothing there is an answer, not an error. */
export function undefinedIfAbsent(error: unknown): undefined {
  if (isAbsent(error)) return undefined;
  throw error;
}

/** True when a path, or a folder on the way to it, does not exist. */
export function isAbsent(error: unknown): boolean {
  const code = systemCode(error);
  return code === "ENOENT" || code === "ENOTDIR";
}
