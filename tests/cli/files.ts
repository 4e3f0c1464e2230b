/** Making and comparing the files of a user. */

import assert from "node:assert/strict";
import { mkdir, readdir, readFile, stat, utimes, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { User } from "./harness.ts";

/** Writes a file below the user's folder, with its folders and its time. */
export async function put(
  user: User,
  path: string,
  bytes: Uint8Array | string,
  mtime = "2024-05-01T10:00:00.123Z",
): Promise<void> {
  const full = user.path(path);
  await mkdir(dirname(full), { recursive: true });
  await writeFile(full, bytes, { mode: 0o644 });
  await utimes(full, new Date(mtime), new Date(mtime));
}

/** Every file below a folder, by path: its time and bytes. A folder that is not there holds none. */
export async function contents(root: string): Promise<Record<string, string>> {
  const found: Record<string, string> = {};
  for (const path of await filesBelow(root)) {
    const full = join(root, path);
    const bytes = await readFile(full);
    found[path] = `${(await stat(full)).mtime.toISOString()} ${bytes.toString("base64")}`;
  }
  return found;
}

/** The paths of the files below a folder, sorted; temporary ones, too. */
export async function filesBelow(root: string): Promise<string[]> {
  const entries = await readdir(root, { recursive: true, withFileTypes: true }).catch(() => []);
  return entries.filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(root.length + 1)).sort();
}

/** The same of a home, without the logs that SQLite takes away whenever it lets go of a catalog. */
export async function filesOfHome(home: string): Promise<string[]> {
  return (await filesBelow(home)).filter((path) => !isLog(path));
}

/** Whether a path is one of these logs. */
export function isLog(path: string): boolean {
  return /-(wal|shm)$/.test(path);
}

/** Asserts that a restore of everything into a new folder gives what stands in `Photos`. */
export async function assertRestorable(user: User, to = "restored"): Promise<void> {
  await user.ok("restore", "**", "--to", user.path(to));
  assert.deepEqual(await contents(user.path(to, "Photos")), await contents(user.path("Photos")));
}

/** The path of the only file in a folder of the user. */
export async function onlyFile(user: User, folder: string): Promise<string> {
  const found = (await readdir(user.path(folder))).map((name) => user.path(folder, name));
  const [only] = found;
  if (only === undefined || found.length !== 1) throw new Error(`${found.length} files in ${folder}`);
  return only;
}
