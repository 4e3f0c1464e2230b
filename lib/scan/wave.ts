/**
 * The guard against a wave of spoilt files: when many files that were known turn into random bytes at once,
 * that is not their owner's work. What is stored stays stored in any case; the guard keeps the spoilt ones
 * from taking the place of the good ones as what is current. Pure.
 */

/** Up to this many spoilt files may be anybody's work: an edit that went wrong, a tool that encrypts a few. */
const FEW = 10;

/** This many are too many of any number. */
export const MANY = 100;

/** Between the two, the share of the known files that makes a wave: one of so many. */
const SHARE = 10;

/**
 * Whether spoilt files are a wave.
 *
 * @param spoilt known files whose bytes have become random, and whose format is gone (`looksSpoilt`)
 * @param known current files of the source before the scan
 */
export function isWave(spoilt: number, known: number): boolean {
  if (spoilt <= FEW) return false;
  return spoilt >= MANY || spoilt * SHARE >= known;
}

/**
 * The name that a file had before ransomware added its own ending: `a.jpg` of `a.jpg.locked`.
 *
 * @param isGone whether a known path is not there any more
 */
export function nameBefore(path: string, isGone: (path: string) => boolean): string | undefined {
  const before = /^(.*[^/])\.[^./]+$/.exec(path)?.[1];
  return before !== undefined && isGone(before) ? before : undefined;
}
