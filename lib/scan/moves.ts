/** Telling moved files from gone ones, once the new files are hashed. Pure. */

import type { KnownFile } from "./compare.ts";

/**
 * The gone files of a source, to be claimed by new files with the same bytes. Each is claimed once: a
 * file that now stands at two new paths has moved to one of them and been copied to the other.
 *
 * Memory: what is gone, nothing else.
 */
export class Departed<K extends KnownFile> {
  /** By content, then by name; the later paths first, so that taking one from the end is cheap. */
  readonly #gone = new Map<string, Map<string, K[]>>();
  #left = 0;

  /** @param gone in the order of their paths */
  constructor(gone: readonly K[]) {
    for (const file of gone.toReversed()) this.#add(file);
  }

  #add(file: K): void {
    const named = this.#gone.get(file.content) ?? new Map<string, K[]>();
    const same = named.get(nameOf(file.path)) ?? [];
    same.push(file);
    named.set(nameOf(file.path), same);
    this.#gone.set(file.content, named);
    this.#left++;
  }

  /**
   * The gone file that a new one was moved from, if there is one. Of several with the same bytes it is
   * one with the same name, if there is such a one.
   *
   * @param content SHA-256 of the new file, lower-case hex
   */
  claim(path: string, content: string): K | undefined {
    const named = this.#gone.get(content);
    if (named === undefined) return undefined;
    const name = named.has(nameOf(path)) ? nameOf(path) : firstOf(named.keys());
    const same = named.get(name);
    const file = same?.pop();
    if (same?.length === 0) named.delete(name);
    if (named.size === 0) this.#gone.delete(content);
    if (file !== undefined) this.#left--;
    return file;
  }

  /** How many nobody claimed. */
  get left(): number {
    return this.#left;
  }

  /** Those that nobody claimed, in no promised order: they are gone from the source. */
  *rest(): Generator<K> {
    for (const named of this.#gone.values()) {
      for (const same of named.values()) yield* same;
    }
  }
}

function nameOf(path: string): string {
  return path.slice(path.lastIndexOf("/") + 1);
}

function firstOf(names: Iterable<string>): string {
  for (const name of names) return name;
  return "";
}
