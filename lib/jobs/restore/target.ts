/** The folder that files are restored into, and what stands in it. */

import { createHash } from "node:crypto";
import { createReadStream, lstatSync, type Stats } from "node:fs";
import { lutimes, mkdir, readlink, symlink } from "node:fs/promises";
import { dirname, join, resolve, sep } from "node:path";
import { ColdframeError, systemCode } from "../../errors.ts";
import { makeFolder } from "../../files.ts";
import { assertBytes, placeFile, RestoredFile, targetError, type WantedFile } from "./restored-file.ts";

/** What a path shall be beside a file. */
export interface WantedFolder {
  readonly path: string;
  /** ms since 1970. */
  readonly mtime: number;
}

/**
 * The folder that files are restored into. Nothing is written outside of it, whatever a manifest or an image
 * names: no path climbs out, and none leads through a symbolic link, be it one that was there before.
 */
export class Target {
  readonly root: string;
  readonly #overwrite: boolean;
  /** Folders known to be there. */
  readonly #folders = new Set<string>();
  readonly #made: { readonly path: string; readonly mtime: number }[] = [];

  constructor(root: string, overwrite: boolean) {
    this.root = resolve(root);
    this.#overwrite = overwrite;
  }

  /**
   * What stands where a file would go: nothing, the very same bytes, or something else.
   *
   * @param hash gives the SHA-256 of a file that comes without; asked for only where it decides
   * @throws ColdframeError `exists` for something else, unless overwriting is allowed
   */
  async standing(file: WantedFile, hash?: () => Promise<string>): Promise<"nothing" | "same"> {
    const path = this.#locate(file.path);
    const found = lookAt(path);
    if (found === undefined) return "nothing";
    if (found.isFile() && found.size === file.size) {
      if (await hashOf(path) === (file.sha256 ?? await hash?.())) return "same";
    }
    if (this.#overwrite && found.isFile()) return "nothing";
    throw new ColdframeError("exists", `${path} is already there with other contents`, {
      hint: "Restore to an empty folder, or add --overwrite to replace what differs.",
    });
  }

  /**
   * Begins a file under a temporary name.
   *
   * @throws ColdframeError `store-denied` when the folder cannot be written, `store-full`
   */
  async begin(file: WantedFile): Promise<RestoredFile> {
    const path = this.#locate(file.path);
    try {
      await this.#ensureFolder(dirname(path));
      return new RestoredFile(file, path, this.#overwrite);
    } catch (error) {
      throw targetError(error, path);
    }
  }

  /**
   * Writes a file whose bytes are all there.
   *
   * @throws ColdframeError `damaged` when they are not the right ones: then no file appears
   */
  async place(file: WantedFile, bytes: Uint8Array): Promise<void> {
    assertBytes(file, bytes);
    const path = this.#locate(file.path);
    try {
      await this.#ensureFolder(dirname(path));
      placeFile(file, bytes, path, this.#overwrite);
    } catch (error) {
      throw targetError(error, path);
    }
  }

  /**
   * Makes a folder, unless it is there. Its time is set by `finishFolders`, since what comes into it changes
   * that.
   *
   * @returns whether it was made
   * @throws ColdframeError `exists` when something else stands there
   */
  async makeFolder(folder: WantedFolder): Promise<boolean> {
    const path = this.#locate(folder.path);
    try {
      await this.#ensureFolder(dirname(path));
      const made = await this.#enter(path);
      if (made) this.#made.push({ path, mtime: folder.mtime });
      return made;
    } catch (error) {
      throw targetError(error, path);
    }
  }

  /** Gives the folders that were made their times. */
  async finishFolders(): Promise<void> {
    for (const { path, mtime } of this.#made) {
      await lutimes(path, mtime / 1000, mtime / 1000).catch((error) => {
        throw targetError(error, path);
      });
    }
  }

  /**
   * Makes a symbolic link. Links must come after all files: none of them is then ever written through, not
   * even where the disk takes two names for one (`A` and `a`, or `é` in one and in two characters).
   *
   * @returns false when that very link is there already
   * @throws ColdframeError `exists` when something else stands there
   */
  async makeLink(link: WantedFolder & { readonly target: string }): Promise<boolean> {
    const path = this.#locate(link.path);
    try {
      if (await readlink(path).catch(() => undefined) === link.target) return false;
      await this.#ensureFolder(dirname(path));
      await symlink(link.target, path);
      await lutimes(path, link.mtime / 1000, link.mtime / 1000);
      return true;
    } catch (error) {
      throw targetError(error, path);
    }
  }

  async #ensureFolder(path: string): Promise<void> {
    if (this.#folders.has(path)) return;
    if (path === this.root) {
      await makeFolder(path, 0o755).catch((error) => {
        throw ["EEXIST", "ENOTDIR"].includes(systemCode(error) ?? "") ? inTheWay(path, false, error) : error;
      });
    } else {
      await this.#ensureFolder(dirname(path));
      await this.#enter(path);
    }
    this.#folders.add(path);
  }

  /** Makes one folder below the root, or sees that it is a real one. */
  async #enter(path: string): Promise<boolean> {
    try {
      await mkdir(path, { mode: 0o755 });
      return true;
    } catch (error) {
      const found = lookAt(path);
      if (found?.isDirectory() === true) return false;
      throw found === undefined ? error : inTheWay(path, found.isSymbolicLink(), error);
    }
  }

  /** Manifests may come from a store that others can write: no path may leave the target. */
  #locate(path: string): string {
    const parts = path.split("/");
    const local = join(this.root, ...parts);
    const safe = parts.every((part) => part !== "" && part !== "." && part !== ".." && !part.includes("\0"));
    if (safe && local.startsWith(this.root.endsWith(sep) ? this.root : this.root + sep)) return local;
    throw new ColdframeError(
      "damaged",
      `refusing to restore outside of ${this.root}: ${JSON.stringify(path)}`,
    );
  }
}

/** What stands at a path itself, links not followed; undefined for nothing. Synchronous, as `place` is. */
function lookAt(path: string): Stats | undefined {
  try {
    return lstatSync(path, { throwIfNoEntry: false });
  } catch (error) {
    if (systemCode(error) === "ENOTDIR") return undefined;
    throw targetError(error, path);
  }
}

async function hashOf(path: string): Promise<string> {
  const hash = createHash("sha256");
  for await (const piece of createReadStream(path, { highWaterMark: 1024 * 1024 })) hash.update(piece);
  return hash.digest("hex");
}

function inTheWay(path: string, isLink: boolean, cause: unknown): ColdframeError {
  const what = isLink ? "a symbolic link" : "a file";
  return new ColdframeError("exists", `${path} cannot be made a folder: ${what} is in the way`, {
    hint: `Move that ${isLink ? "link" : "file"} away, or choose another folder with --to.`,
    cause,
  });
}
