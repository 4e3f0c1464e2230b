/**
 * Which objects to read: those whose last proof is the oldest, any of equals by chance. Since every proof is
 * remembered, samples taken again and again cover the whole archive. Pure.
 */

import { ColdframeError } from "../../errors.ts";
import { parseSize } from "../../size.ts";

/** How much to read. */
export type Sample =
  | { readonly kind: "count"; readonly count: number }
  | { readonly kind: "bytes"; readonly bytes: number }
  /** Of the bytes there are, above 0 and at most 1. */
  | { readonly kind: "share"; readonly share: number }
  | { readonly kind: "all" };

/** Reads `20`, `500M` or `2%`. @throws ColdframeError `usage` */
export function parseSample(text: string): Sample {
  const percent = /^(\d+(?:\.\d+)?)\s*%$/.exec(text)?.[1];
  if (percent !== undefined) return { kind: "share", share: assertShare(Number(percent) / 100, text) };
  if (/^\d{1,9}$/.test(text) && Number(text) > 0) return { kind: "count", count: Number(text) };
  const bytes = /^\d+$/.test(text) ? 0 : parseSize(text, "--sample");
  if (bytes > 0) return { kind: "bytes", bytes };
  throw wrongSample(text);
}

function assertShare(share: number, text: string): number {
  if (share > 0 && share <= 1) return share;
  throw wrongSample(text);
}

function wrongSample(text: string): ColdframeError {
  return new ColdframeError("usage", `--sample: "${text}" is not a sample`, {
    hint: "Write a number of files such as 20, an amount such as 500M, or a share such as 2%.",
  });
}

/**
 * Things in the order in which they should have their turn: never proven ones first, then by the time of
 * their last proof, equals by chance.
 *
 * @param last when a thing was last proven, ms since 1970
 * @param random gives numbers from 0 to below 1
 */
export function inTurn<T>(
  things: readonly T[],
  last: (thing: T) => number | undefined,
  random: () => number,
): T[] {
  const keyed = things.map((thing) => ({ thing, last: last(thing) ?? -Infinity, chance: random() }));
  keyed.sort((a, b) => a.last === b.last ? a.chance - b.chance : a.last < b.last ? -1 : 1);
  return keyed.map(({ thing }) => thing);
}

/** Takes a sample piece by piece. */
export class Sampler {
  #count: number;
  #bytes: number;
  #taken = 0;

  /** @param total bytes of everything that a share is a share of */
  constructor(sample: Sample, total: number) {
    this.#count = sample.kind === "count" ? sample.count : Infinity;
    this.#bytes = sample.kind === "bytes"
      ? sample.bytes
      : sample.kind === "share"
      ? total * sample.share
      : Infinity;
  }

  /** Whether nothing more is wanted. */
  get full(): boolean {
    return this.#taken > 0 && (this.#count <= 0 || this.#bytes <= 0);
  }

  /** Whether to take a thing of that size. The first is taken however large: its turn would never come. */
  takes(size: number): boolean {
    if (this.#count <= 0 || (this.#taken > 0 && size > this.#bytes)) return false;
    this.#count--;
    this.#bytes -= size;
    this.#taken++;
    return true;
  }
}

/** The first things, in their order, that a sample has room for. */
export function takeSample<T>(
  ordered: readonly T[],
  sample: Sample,
  sizeOf: (thing: T) => number,
): T[] {
  const sampler = new Sampler(sample, ordered.reduce((sum, thing) => sum + sizeOf(thing), 0));
  return ordered.filter((thing) => sampler.takes(sizeOf(thing)));
}
