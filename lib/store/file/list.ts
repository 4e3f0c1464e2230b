/** Every object of a `file:` store, folder by folder: in the memory of the names of one folder. */

import type { Stats } from "node:fs";
import { readdir, realpath, stat } from "node:fs/promises";
import { join } from "node:path";
import type { ObjectInfo } from "../store.ts";
import type { Disk } from "./disk.ts";
import { undefinedIfAbsent } from "./io.ts";
import { isOwnName } from "./path.ts";

/** Names looked at side by side: one after another would wait for the disk each time. */
const BATCH = 64;

/** A folder still to be read. */
interface Pending {
  /** What every key in it begins with: "" or "a/b/". */
  readonly prefix: string;
  readonly path: string;
  /** The true paths of this folder and those above it, so that a loop of symlinks ends. */
  readonly via: readonly string[];
}

/**
 * The objects whose keys begin with `prefix`. Symlinks are followed: what can be read by its key is listed.
 *
 * @throws StoreError `store-missing` also when the disk goes away meanwhile
 */
export async function* listObjects(disk: Disk, prefix: string): AsyncIterable<ObjectInfo> {
  await disk.verify();
  const first = await firstFolder(disk, prefix);
  const pending = first === undefined ? [] : [first];
  for (let folder = pending.pop(); folder !== undefined; folder = pending.pop()) {
    const names = (await namesIn(disk, folder.path)).filter((name) => isWanted(folder, name, prefix));
    while (names.length > 0) {
      // Off the array, so that what is done need not be held.
      const batch = names.splice(-BATCH);
      for (const found of await Promise.all(batch.map((name) => inspect(disk, folder, name)))) {
        if (found === undefined) continue;
        if ("key" in found) yield found;
        else pending.push(found);
      }
    }
  }
  // A folder that vanished may be a disk that did.
  await disk.verify();
}

async function firstFolder(disk: Disk, prefix: string): Promise<Pending | undefined> {
  const folders = prefix.slice(0, prefix.lastIndexOf("/") + 1);
  const path = folders === "" ? disk.root : disk.objectPath(folders.slice(0, -1));
  return await enter(disk, path, folders, []);
}

/**
 * The names in a folder, as the disk gives them; none when there is no such folder. All at once: behind
 * `opendir`, both runtimes read the whole folder too, into objects that take three times the memory.
 */
export async function namesIn(disk: Disk, path: string): Promise<string[]> {
  return await disk.run("list", path, () => readdir(path).catch(undefinedIfAbsent)) ?? [];
}

function isWanted(folder: Pending, name: string, prefix: string): boolean {
  if (folder.prefix === "" && isOwnName(name)) return false;
  return (folder.prefix + name).startsWith(prefix);
}

async function inspect(disk: Disk, folder: Pending, name: string): Promise<ObjectInfo | Pending | undefined> {
  const path = join(folder.path, name);
  const key = folder.prefix + name;
  const found = await disk.run("look at", path, () => stat(path).catch(undefinedIfAbsent));
  if (found === undefined) {
    // The runtime decodes names as UTF-8; one that is something else cannot be asked for.
    if (name.includes("\uFFFD")) disk.context.warn(`${path} is not listed: its name is not valid UTF-8`);
    return undefined;
  }
  if (found.isFile()) return infoOf(key, found);
  if (!found.isDirectory()) return undefined;
  return await enter(disk, path, `${key}/`, folder.via);
}

/** Undefined when there is no such folder, or when a symlink leads back to one that we are in. */
async function enter(
  disk: Disk,
  path: string,
  prefix: string,
  via: readonly string[],
): Promise<Pending | undefined> {
  const real = await disk.run("look at", path, () => realpath(path).catch(undefinedIfAbsent));
  if (real === undefined || via.includes(real)) return undefined;
  return { prefix, path, via: [...via, real] };
}

const READY = { state: "ready" } as const;

/** What a `stat` says of an object. A disk keeps no checksums. */
export function infoOf(key: string, found: Stats): ObjectInfo {
  return {
    key,
    size: found.size,
    checksum: undefined,
    modified: Math.floor(found.mtimeMs),
    availability: READY,
  };
}
