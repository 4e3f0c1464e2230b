/**
 * Giving a finished file its name without ever replacing another: the heart of the `file:` store.
 *
 * link(2) does it in one atomic step: it fails with EEXIST when the name is taken. FAT, exFAT and some
 * network drives have no hard links, and rename(2) replaces silently; there, a lock file taken with O_EXCL
 * stands round "look, then rename". That is weaker in one case: a program stopped between the two for
 * longer than the lock's patience may replace what another wrote under the same key meanwhile.
 */

import { createHash, randomBytes } from "node:crypto";
import { readFile, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { StoreError, systemCode } from "../../errors.ts";
import { toHex } from "../../bytes.ts";
import { compareFiles, undefinedIfAbsent } from "./io.ts";

/** `link` of `node:fs/promises`; tests hand in one that behaves like FAT's. */
export type Link = (existing: string, path: string) => Promise<void>;

/** How a publication ended. */
export type Published = "made" | "same" | "different";

/** EISDIR is what Windows says on FAT. EPERM may also be a true refusal: then the rename fails as well. */
const NO_HARD_LINKS = ["EPERM", "ENOTSUP", "EOPNOTSUPP", "ENOSYS", "EISDIR"];

/** Where and how to publish. */
export interface Publishing {
  readonly link: Link;
  /** The folder for lock files. */
  readonly lockFolder: string;
  /** A lock that did not change for this long, in ms, was left by a crash: holding one takes a few. */
  readonly lockPatience: number;
}

/**
 * Lets the synced file `temp` appear as `path`. `temp` may still be there afterwards; the caller removes it,
 * and syncs the folder of `path`.
 *
 * @returns `same` when `path` already held the very same bytes, `different` when it held others
 */
export async function publish(temp: string, path: string, how: Publishing): Promise<Published> {
  try {
    await how.link(temp, path);
    return "made";
  } catch (error) {
    const code = systemCode(error) ?? "";
    if (code === "EEXIST") return await comparePresent(temp, path);
    if (NO_HARD_LINKS.includes(code)) return await publishByRename(temp, path, how);
    throw error;
  }
}

async function comparePresent(temp: string, path: string): Promise<Published> {
  const found = await compareFiles(temp, path);
  if (found !== "absent") return found;
  throw new StoreError("store-unreachable", `${path} was removed while it was being compared`, {
    transient: true,
  });
}

async function publishByRename(temp: string, path: string, how: Publishing): Promise<Published> {
  const release = await takeLock(path, how);
  try {
    const found = await compareFiles(temp, path);
    if (found !== "absent") return found;
    await rename(temp, path);
    return "made";
  } finally {
    await release();
  }
}

const POLL = 20;

/** Waits for the lock of one path. Compares no clocks: a network drive's may differ from ours. */
async function takeLock(path: string, how: Publishing): Promise<() => Promise<void>> {
  const lock = join(how.lockFolder, `${lockName(path)}.lock`);
  const ours = toHex(randomBytes(16));
  let seen: string | undefined;
  for (let waited = 0;; waited += POLL) {
    if (await tryLock(lock, ours)) return () => rm(lock, { force: true });
    const holder = await readFile(lock, "utf8").catch(undefinedIfAbsent);
    if (holder !== seen) waited = 0;
    if (holder !== undefined && holder === seen && waited >= how.lockPatience) {
      await rm(lock, { force: true });
    }
    seen = holder;
    await sleep(POLL);
  }
}

async function tryLock(lock: string, ours: string): Promise<boolean> {
  try {
    await writeFile(lock, ours, { flag: "wx" });
    return true;
  } catch (error) {
    if (systemCode(error) === "EEXIST") return false;
    throw error;
  }
}

/** Without case, since the file systems that need locks do not tell it. */
function lockName(path: string): string {
  return createHash("sha256").update(path.toLowerCase()).digest("hex").slice(0, 32);
}
