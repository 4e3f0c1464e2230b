/** Telling moved files from gone ones, once the new files are hashed. Pure. */

import type { KnownFile } from "./compare.ts";

/**
 * The gone files of a source, to be claimed by new files with the same bytes. Each is claimed once: a
 * file that now stands at two new paths has moved to one of them and been copied to the other.
 *
 * Memory: what is gone, nothing else.
 */
export class Departed<K extends KnownFile> {
  readonly #byContent = new Map<string, K[]>();
  #left = 0;

  /** @param gone in the order of their paths */
  constructor(gone: Iterable<K>) {
    for (const file of gone) {
      const same = this.#byContent.get(file.content);
      if (same === undefined) this.#byContent.set(file.content, [file]);
      else same.push(file);
      this.#left++;
    }
  }

  /**
   * The gone file that a new one was moved from, if there is one. Of several with the same bytes it is
   * the one with the same name, else the first.
   *
   * @param content SHA-256 of the new file, lower-case hex
   */
  claim(path: string, content: string): K | undefined {
    const same = this.#byContent.get(content);
    if (same === undefined) return undefined;
    const named = same.findIndex((file) => nameOf(file.path) === nameOf(path));
    const [file] = same.splice(Math.max(named, 0), 1);
    if (same.length === 0) this.#byContent.delete(content);
    this.#left--;
    return file;
  }

  /** How many nobody claimed. */
  get left(): number {
    return this.#left;
  }

  /** Those that nobody claimed: they are gone from the source. */
  *rest(): Generator<K> {
    for (const same of this.#byContent.values()) yield* same;
  }
}

function nameOf(path: string): string {
  return path.slice(path.lastIndexOf("/") + 1);
}
