/** Writing local files so that a power cut leaves either the old file or the new one. */

import { randomBytes } from "node:crypto";
import { type FileHandle, link, mkdir, open, rename, rm } from "node:fs/promises";
import { dirname } from "node:path";
import { systemCode } from "./errors.ts";

/** Flushes a folder's entries to disk, where the system can (Windows cannot, and does not need it). */
export async function syncFolder(path: string): Promise<void> {
  let handle: FileHandle | undefined;
  try {
    handle = await open(path, "r");
    await handle.sync();
  } catch (error) {
    if (!["EISDIR", "EPERM", "EINVAL", "EACCES", "ENOTSUP"].includes(systemCode(error) ?? "")) throw error;
  } finally {
    await handle?.close();
  }
}

/** Makes a folder and its parents; only newly made ones get `mode`. */
export async function makeFolder(path: string, mode: number): Promise<void> {
  await mkdir(path, { recursive: true, mode });
}

/**
 * Writes a small text file: temporary name, sync, rename, sync of the folder.
 *
 * @param mode permission bits, set before the first byte is written
 * @param replace whether a file that is there may be replaced; else EEXIST is thrown
 */
export async function writeFileDurably(
  path: string,
  text: string,
  { mode, replace }: { mode: number; replace: boolean },
): Promise<void> {
  const temporary = `${path}.${randomBytes(6).toString("hex")}.tmp`;
  try {
    const handle = await open(temporary, "wx", mode);
    try {
      await handle.writeFile(text);
      await handle.sync();
    } finally {
      await handle.close();
    }
    if (replace) await rename(temporary, path);
    else await link(temporary, path);
    await syncFolder(dirname(path));
  } finally {
    await rm(temporary, { force: true });
  }
}

/**
 * Makes an empty file that only its owner may read, if there is none: for files that a library would make
 * with the permissions of any other file. One that is there is not even opened, as closing it again would
 * drop the locks that this process holds on it (POSIX, fcntl).
 */
export async function makePrivateFile(path: string): Promise<void> {
  try {
    await (await open(path, "wx", 0o600)).close();
  } catch (error) {
    if (systemCode(error) !== "EEXIST") throw error;
  }
}

/** A path as a `file:` address for SQLite: `%`, `?` and `#` would otherwise be read as parts of a URL. */
export function databaseUrl(path: string): string {
  return "file:" + encodeURI(path.replaceAll("\\", "/")).replace(/[?#]/g, encodeURIComponent);
}
