/** Asking the system about many files at once (lstat), fast on a warm disk and on a slow network. */

import { lstatSync, type Stats } from "node:fs";
import { lstat } from "node:fs/promises";

/** What lstat said of one path. */
export type Look =
  | { readonly ok: true; readonly stats: Stats }
  | { readonly ok: false; readonly error: unknown };

/** Files looked at as one group; side by side, that many calls are in flight: enough to fill a network's round trip. */
const GROUP = 32;
/** A call that takes longer than this many ms has waited for a disk or a server, or for a turn of the processor. */
const SLOW = 0.1;
/** A busy machine takes the processor away once or twice in a group; a disk that is slow is so for many calls. */
const MANY = 4;
/** Groups asked side by side before one is tried again one by one, at most. */
const LONGEST = 64;

/**
 * Looks at files in runs. One call after the other is cheapest while the system answers from memory
 * (a tenth of the time of a promise for each); where each answer takes a round trip to a disk or a
 * server, many are asked side by side. Which of the two it is shows in how many calls of a group were slow,
 * and is tried again from time to time.
 */
export class Looker {
  /** Groups still to be asked side by side. */
  #aside: number;
  /** How many it will be when the next try finds it slow. */
  #patience = 1;

  /** @param aside groups to ask side by side at first; for tests */
  constructor(aside = 0) {
    this.#aside = aside;
  }

  /** One answer for each path, in their order. Never throws. */
  async look(paths: readonly string[]): Promise<Look[]> {
    const looks: Look[] = [];
    while (looks.length < paths.length) {
      const end = Math.min(looks.length + GROUP, paths.length);
      if (this.#aside > 0) this.#aside--;
      else this.#tryOneByOne(paths, end, looks);
      if (looks.length < end) looks.push(...await sideBySide(paths.slice(looks.length, end)));
    }
    return looks;
  }

  /** Adds looks up to `end`, or until many calls were slow. */
  #tryOneByOne(paths: readonly string[], end: number, looks: Look[]): void {
    let slow = 0;
    let before = performance.now();
    for (let i = looks.length; i < end && slow < MANY; i++) {
      looks.push(lookNow(paths[i] ?? ""));
      const after = performance.now();
      if (after - before > SLOW) slow++;
      before = after;
    }
    if (slow < MANY) {
      this.#patience = 1;
    } else {
      this.#aside = this.#patience;
      this.#patience = Math.min(LONGEST, 2 * this.#patience);
    }
  }
}

/** One path, at once. */
export function lookNow(path: string): Look {
  try {
    return { ok: true, stats: lstatSync(path) };
  } catch (error) {
    return { ok: false, error };
  }
}

function sideBySide(paths: readonly string[]): Promise<Look[]> {
  return Promise.all(paths.map(lookLater));
}

function lookLater(path: string): Promise<Look> {
  return lstat(path).then(
    (stats): Look => ({ ok: true, stats }),
    (error: unknown): Look => ({ ok: false, error }),
  );
}
