/**
 * Folders that survive a power cut. A new name is on the disk only once the folder that holds it has been
 * synced, and so has every folder above it that is new.
 */

import { mkdir } from "node:fs/promises";
import { dirname } from "node:path";
import { systemCode } from "../../errors.ts";
import { syncFolder } from "../../files.ts";

async function ensureFolder(path: string, mode: number): Promise<void> {
  try {
    await mkdir(path, { mode });
  } catch (error) {
    if (systemCode(error) !== "EEXIST") throw error;
  }
  // Also when it was there: whoever made it may have been cut off before this.
  await syncFolder(dirname(path));
}

interface Syncing {
  readonly current: Promise<void>;
  next: Promise<void> | undefined;
}

/** The folders of one store: each made once, and synced together for callers that come together. */
export class Folders {
  readonly #root: string;
  readonly #made = new Map<string, Promise<void>>();
  readonly #syncing = new Map<string, Syncing>();

  constructor(root: string) {
    this.#root = root;
  }

  /**
   * Makes a folder below the root, once in the life of this object. The root itself is never made.
   *
   * @param mode for folders that are new, less the umask
   */
  ensure(path: string, mode: number): Promise<void> {
    if (path === this.#root) return Promise.resolve();
    const known = this.#made.get(path);
    if (known !== undefined) return known;
    const made = this.ensure(dirname(path), mode).then(() => ensureFolder(path, mode));
    this.#made.set(path, made);
    made.catch(() => this.#made.delete(path));
    return made;
  }

  /** Forgets which folders are there; for when somebody removed one. */
  forget(): void {
    this.#made.clear();
  }

  /**
   * Syncs a folder. Many callers at once share a sync, as in a database's group commit: one that began
   * before a caller's write cannot serve it, so late comers share the next.
   */
  sync(path: string): Promise<void> {
    const syncing = this.#syncing.get(path);
    if (syncing === undefined) return this.#start(path);
    syncing.next ??= syncing.current.catch(() => {}).then(() => this.#start(path));
    return syncing.next;
  }

  #start(path: string): Promise<void> {
    const syncing: Syncing = { current: syncFolder(path), next: undefined };
    this.#syncing.set(path, syncing);
    const done = () => {
      if (syncing.next === undefined) this.#syncing.delete(path);
    };
    syncing.current.then(done, done);
    return syncing.current;
  }
}
