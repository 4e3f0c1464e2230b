/** Writing local files so that a power cut leaves either the old file or the new one. */

import { randomBytes } from "node:crypto";
import { type FileHandle, link, mkdir, open, rename, rm } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import process from "node:process";
import { systemCode } from "./errors.ts";

/** Some network and FUSE file systems cannot sync a folder; they order their own writes. */
const CANNOT_SYNC = ["EINVAL", "ENOTSUP", "EOPNOTSUPP", "ENOSYS", "EISDIR"];

/**
 * Syncs one folder, so that names made in it before the call are on the disk.
 *
 * Tolerated is only a file system that has no way to do so. A folder that we may write to but not read
 * (EACCES; EPERM under macOS's privacy rules) might be synced by somebody else, not by us: whoever counts on
 * a name must hear of it. What may be lost is made without: see `makeFolder`.
 *
 * @throws the system's error
 */
export async function syncFolder(path: string): Promise<void> {
  // Windows has no way to sync a folder; NTFS journals its names.
  if (process.platform === "win32") return;
  let folder: FileHandle | undefined;
  try {
    folder = await open(path, "r");
    await folder.sync();
  } catch (error) {
    if (!CANNOT_SYNC.includes(systemCode(error) ?? "")) throw error;
  } finally {
    await folder?.close();
  }
}

/**
 * Makes a folder and those above it where they are missing; only new ones get `mode`. Not synced, so that it
 * also works below a folder that may not be read: for scratch, and for what a second run makes again, as a
 * restore does.
 */
export async function makeFolder(path: string, mode: number): Promise<void> {
  await mkdir(path, { recursive: true, mode });
}

/**
 * As `makeFolder`, each new folder synced into its parent: for what is kept nowhere else. The parent of one
 * that was there is left alone; it may well be closed to us, as `/home` is with mode 711.
 *
 * @throws the system's error, also when a parent cannot be synced
 */
export async function makeFolderDurably(path: string, mode: number): Promise<void> {
  const made = await mkdir(path, { recursive: true, mode });
  if (made === undefined) return;
  const first = resolve(made);
  for (let folder = resolve(path);; folder = dirname(folder)) {
    await syncFolder(dirname(folder));
    if (folder === first || folder === dirname(folder)) return;
  }
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
