/** Turning values into text for people, on a terminal or in a message. Pure. */

import { formatSize } from "./size.ts";

/** A moment as local date and time, `2026-11-22 10:30`. */
export function formatTime(ms: number): string {
  const date = new Date(ms);
  const two = (n: number) => String(n).padStart(2, "0");
  return `${formatDay(ms)} ${two(date.getHours())}:${two(date.getMinutes())}`;
}

/** A local day, `2026-11-22`. */
export function formatDay(ms: number): string {
  const date = new Date(ms);
  const two = (n: number) => String(n).padStart(2, "0");
  return `${String(date.getFullYear()).padStart(4, "0")}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
}

/** A number of things: `1 file`, `12,034 files`. */
export function count(n: number, one: string, many = `${one}s`): string {
  return `${n.toLocaleString("en-US")} ${n === 1 ? one : many}`;
}

/** `12,034 files (3.21 GB)`. */
export function amount(files: number, bytes: number): string {
  return `${count(files, "file")} (${formatSize(bytes)})`;
}

/**
 * Text that cannot move the cursor or change colours: control characters in file names are shown as
 * escapes, so that a hostile name cannot forge a line of our output.
 */
export function printable(text: string): string {
  return text.replace(/[\p{Cc}\u2028\u2029\u202a-\u202e\u2066-\u2069]/gu, (character) => {
    const short: Readonly<Record<string, string>> = { "\n": "\\n", "\r": "\\r", "\t": "\\t" };
    return short[character] ?? `\\u${(character.codePointAt(0) ?? 0).toString(16).padStart(4, "0")}`;
  });
}
