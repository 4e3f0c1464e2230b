/** What a walk saw besides the files it gave: counts, and everything the user must hear about. */

import type { EmptyFolder } from "./found.ts";

/** Something in a source that could not be read; the report of a run names each (exit code 3). */
export interface Problem {
  /** Relative to the source; "" for the source itself. */
  readonly path: string;
  readonly kind: "file" | "folder" | "name" | "ignore-file";
  /** One clause, without the path. */
  readonly reason: string;
}

/**
 * Paths of which this walk can say nothing: below a folder that could not be listed, or a file that
 * could not be looked at. What is known of them stays as it is; they are never taken for gone.
 */
export class UnknownPaths {
  readonly #paths = new Set<string>();

  /** Adds a file, or a folder with all that is below it; "" is the whole source. */
  add(path: string): void {
    this.#paths.add(path);
  }

  get size(): number {
    return this.#paths.size;
  }

  /** Whether a path is one of these or below one of these. */
  covers(path: string): boolean {
    if (this.#paths.size === 0) return false;
    if (this.#paths.has("") || this.#paths.has(path)) return true;
    for (let at = path.indexOf("/"); at !== -1; at = path.indexOf("/", at + 1)) {
      if (this.#paths.has(path.slice(0, at))) return true;
    }
    return false;
  }
}

/** Filled while a walk runs; complete when it has ended. */
export class WalkReport {
  /** Regular files given, and their sizes in bytes. */
  files = 0;
  bytes = 0;
  /** Folders listed, the source included. */
  folders = 0;
  /** Symbolic links: neither followed nor stored. */
  symlinks = 0;
  /** Sockets, FIFOs and devices: there is nothing in them to store. */
  special = 0;
  /** Files and folders left out by patterns; a folder counts once. */
  ignored = 0;
  /** Listed, but gone a moment later. */
  vanished = 0;
  /** Folders where another file system is mounted. They are entered like any other. */
  readonly mounts: string[] = [];
  /** Folders that hold neither files nor folders to store; not the source itself. In no order. */
  readonly emptyFolders: EmptyFolder[] = [];
  readonly problems: Problem[] = [];
  readonly unknown = new UnknownPaths();
}
