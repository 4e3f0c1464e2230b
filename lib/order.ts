/** The one order of paths: by Unicode code point, which is the order of their UTF-8 bytes. */

/**
 * Compares two paths for sorting. A catalog that sorts text by its bytes (`ORDER BY path` in SQLite)
 * gives the same order, so both sides can be merged as streams. JavaScript's own `<` compares UTF-16
 * code units, which puts an emoji (0xD83D…) before U+FF01 and so would not.
 */
export function byPath(a: string, b: string): number {
  const length = Math.min(a.length, b.length);
  for (let i = 0; i < length; i++) {
    const x = a.charCodeAt(i);
    const y = b.charCodeAt(i);
    if (x !== y) return rank(x) - rank(y);
  }
  return a.length - b.length;
}

/** Lifts surrogates, which stand for code points from U+10000, above U+E000 to U+FFFF. */
function rank(unit: number): number {
  return unit >= 0xd800 && unit <= 0xdfff ? unit + 0x10000 : unit;
}
