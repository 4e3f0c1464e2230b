/** Sizes as people write them: `5G`, `1.5 GiB`, `700M`. */

import { ColdframeError } from "./errors.ts";

const UNITS: Readonly<Record<string, number>> = {
  "": 1,
  k: 1e3,
  m: 1e6,
  g: 1e9,
  t: 1e12,
  ki: 2 ** 10,
  mi: 2 ** 20,
  gi: 2 ** 30,
  ti: 2 ** 40,
};

/**
 * Bytes of a size. `k M G T` are powers of 1000, `Ki Mi Gi Ti` of 1024; a `B` may follow; decimals are
 * allowed, and the result is rounded down to whole bytes.
 *
 * @param what names the setting in the error
 * @throws ColdframeError `usage`
 */
export function parseSize(text: string, what = "size"): number {
  const match = /^\s*(\d+(?:\.\d+)?|\.\d+)\s*([kmgt]i?)?b?\s*$/i.exec(text);
  const factor = UNITS[(match?.[2] ?? "").toLowerCase()];
  const bytes = match?.[1] === undefined || factor === undefined
    ? NaN
    : Math.floor(Number(match[1]) * factor);
  if (!Number.isSafeInteger(bytes)) {
    throw new ColdframeError("usage", `${what}: "${text}" is not a size`, {
      hint:
        "Write a number with k, M, G, T (powers of 1000) or Ki, Mi, Gi, Ti (powers of 1024), such as 5G or 4.5GiB.",
    });
  }
  return bytes;
}

/** A size for people: three digits, powers of 1000, such as `4.98 GB`. */
export function formatSize(bytes: number): string {
  const units = ["B", "kB", "MB", "GB", "TB", "PB"];
  let value = bytes;
  let unit = 0;
  while (value >= 999.5 && unit < units.length - 1) {
    value /= 1000;
    unit++;
  }
  const digits = unit === 0 || value >= 99.95 ? 0 : value >= 9.995 ? 1 : 2;
  return `${value.toFixed(digits)} ${units[unit]}`;
}
