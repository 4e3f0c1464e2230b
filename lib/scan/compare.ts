/**
 * What a source holds now against what is known of it. Pure: two sorted streams in, one stream out, in
 * constant memory however many files there are.
 */

import { type Difference, differences, type Fingerprint, type FoundFile, type InodeTrust } from "./found.ts";
import { type Batches, delegate } from "./feed.ts";
import { byPath } from "../order.ts";
import type { UnknownPaths } from "./report.ts";

/** A file of the source as it was last seen and hashed. A caller may add fields of its own. */
export interface KnownFile extends Fingerprint {
  readonly path: string;
  /** SHA-256, lower-case hex. */
  readonly content: string;
}

/** What became of one path. */
export type Comparison<K extends KnownFile = KnownFile> =
  | { readonly kind: "unchanged"; readonly found: FoundFile; readonly known: K }
  /** Nothing was known under this path. It may turn out to be a moved file once it is hashed. */
  | { readonly kind: "new"; readonly found: FoundFile }
  /** Its bytes may differ; the hash decides. */
  | {
    readonly kind: "changed";
    readonly found: FoundFile;
    readonly known: K;
    readonly differs: readonly Difference[];
  }
  | { readonly kind: "gone"; readonly known: K }
  /** This walk could not look there; what is known stays. */
  | { readonly kind: "unknown"; readonly known: K };

/** Comparisons given together, about. */
const BATCH = 250;

/**
 * Merges what is known with what is found, path by path.
 *
 * Nothing may be marked as gone before the stream has ended without an error: only then has the walk
 * confirmed that the source was there all the time, and only then can `assertPlausible` judge.
 *
 * @param known all current files of one source, in batches of any size, sorted by `byPath`
 * @param found what `walk` gives
 * @param unknown the unknown paths of the same walk, filled while it runs: whatever sorts before a found
 *   file is in it when that file is given
 * @throws RangeError when one of the streams is not sorted, since that would make files look gone
 */
export async function* compare<K extends KnownFile>(
  known: Batches<K>,
  found: Batches<FoundFile>,
  unknown: UnknownPaths,
  trust: InodeTrust,
): AsyncGenerator<Comparison<K>[]> {
  const rows = new Cursor(known);
  const files = new Cursor(found);
  let out: Comparison<K>[] = [];
  try {
    for (;;) {
      if (rows.used) await rows.refill();
      if (files.used) await files.refill();
      if (rows.item === undefined && files.item === undefined) break;
      out.push(step(rows, files, unknown, trust));
      if (out.length >= BATCH) {
        yield out;
        out = [];
      }
    }
    if (out.length > 0) yield out;
  } finally {
    await rows.close();
    await files.close();
  }
}

/** Compares the two smallest paths and takes the smaller one, or both. */
function step<K extends KnownFile>(
  rows: Cursor<K>,
  files: Cursor<FoundFile>,
  unknown: UnknownPaths,
  trust: InodeTrust,
): Comparison<K> {
  const known = rows.item;
  const found = files.item;
  const order = known === undefined ? 1 : found === undefined ? -1 : byPath(known.path, found.path);
  if (order <= 0) rows.take();
  if (order >= 0) files.take();
  if (known !== undefined && order < 0) {
    return { kind: unknown.covers(known.path) ? "unknown" : "gone", known };
  }
  if (found === undefined) throw new RangeError("nothing to compare");
  if (known === undefined || order > 0) return { kind: "new", found };
  const differs = differences(known, found, trust);
  if (differs.length === 0) return { kind: "unchanged", found, known };
  return { kind: "changed", found, known, differs };
}

/** A place in a sorted stream of batches. `item` may be looked at only when not `used`. */
class Cursor<T extends { readonly path: string }> {
  readonly #batches: AsyncGenerator<readonly T[]>;
  #batch: readonly T[] = [];
  #next = 0;
  #ended = false;

  constructor(batches: Batches<T>) {
    this.#batches = delegate(batches);
  }

  /** The batch at hand is used up and there may be another. */
  get used(): boolean {
    return !this.#ended && this.#next >= this.#batch.length;
  }

  /** The next item; undefined at the end of the stream. */
  get item(): T | undefined {
    return this.#batch[this.#next];
  }

  take(): void {
    const before = this.item;
    this.#next++;
    if (before !== undefined && this.item !== undefined) assertSorted(before, this.item);
  }

  async refill(): Promise<void> {
    const before = this.#batch.at(-1);
    while (this.used) {
      const { done, value } = await this.#batches.next();
      this.#ended = done === true;
      [this.#batch, this.#next] = [done ? [] : value, 0];
    }
    if (before !== undefined && this.item !== undefined) assertSorted(before, this.item);
  }

  /** Lets the stream clean up when it is not read to its end. */
  async close(): Promise<void> {
    await this.#batches.return(undefined);
  }
}

function assertSorted(a: { readonly path: string }, b: { readonly path: string }): void {
  if (byPath(a.path, b.path) < 0) return;
  throw new RangeError(`not sorted by path: ${JSON.stringify(a.path)} before ${JSON.stringify(b.path)}`);
}
