/**
 * The numbers, dates and names of ISO 9660 as a reader meets them (ECMA-119 §7.2, §7.3, §8.4.26, §9.1.5).
 * Numbers stored in both byte orders are read from their little-endian half; whether the other half agrees
 * is a verifier's business, not that of someone who wants their photos back.
 */

import { Buffer } from "node:buffer";
import { ColdframeError } from "../errors.ts";

/** Bytes of a logical sector, and of a logical block in every image this reader accepts. */
export const SECTOR = 2048;

const NEXT_STEP = "try another copy of this volume; isoinfo or bsdtar may tell more about this one";

/** The error for an image that breaks its format. `what` completes "the image …". */
export function imageError(what: string): ColdframeError {
  return new ColdframeError("image", `the image ${what}`, { hint: NEXT_STEP });
}

/** An unsigned 32-bit little-endian number. @throws RangeError past the end of `bytes` */
export function le32(bytes: Uint8Array, at: number): number {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.length).getUint32(at, true);
}

/** One byte. @throws RangeError past the end of `bytes` */
export function byteAt(bytes: Uint8Array, at: number): number {
  const value = bytes[at];
  if (value === undefined) throw new RangeError(`no byte ${at} in ${bytes.length}`);
  return value;
}

const strictUtf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/**
 * The text of bytes that are UTF-8 in all likelihood. Old images hold names in 8-bit sets that nothing in
 * the image names: those come out as Latin-1, so that every file still has some name.
 */
export function decodeText(bytes: Uint8Array): string {
  try {
    return strictUtf8.decode(bytes);
  } catch {
    return Buffer.from(bytes).toString("latin1");
  }
}

/** The text of UCS-2 or UTF-16 big-endian bytes (Joliet); halves of surrogate pairs become U+FFFD. */
export function decodeUtf16(bytes: Uint8Array): string {
  const even = Buffer.from(bytes.subarray(0, bytes.length & ~1));
  return even.swap16().toString("utf16le").replace(/\p{Surrogate}/gu, "\ufffd");
}

/**
 * A date in 7 bytes (ECMA-119 §9.1.5): year − 1900, month, day, hour, minute, second, zone.
 *
 * @returns ms since 1970, or undefined when the date is unset or impossible
 */
export function shortDate(bytes: Uint8Array): number | undefined {
  const [year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0, zone = 0] = bytes;
  return instant([1900 + year, month, day, hour, minute, second], 0, zone);
}

/**
 * A date in 17 bytes (ECMA-119 §8.4.26.1): sixteen digits down to hundredths of a second, then the zone.
 *
 * @returns ms since 1970, or undefined when the date is unset or impossible
 */
export function longDate(bytes: Uint8Array): number | undefined {
  const digits = Buffer.from(bytes.subarray(0, 16)).toString("latin1");
  const match = /^(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)$/.exec(digits);
  if (match === null) return undefined;
  const [year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0, hundredths = 0] = match
    .slice(1).map(Number);
  return instant([year, month, day, hour, minute, second], hundredths * 10, bytes[16] ?? 0);
}

type Civil = readonly [number, number, number, number, number, number];

/** `zone` is an int8 of quarter hours east of Greenwich; anything outside −48…52 is taken for 0, as Linux does. */
function instant(civil: Civil, ms: number, zone: number): number | undefined {
  const [year, month, day, hour, minute, second] = civil;
  if (month < 1 || month > 12 || day < 1 || day > 31 || hour > 23 || minute > 59 || second > 60) {
    return undefined;
  }
  const signed = zone > 127 ? zone - 256 : zone;
  const quarters = signed >= -48 && signed <= 52 ? signed : 0;
  const date = new Date(0);
  date.setUTCFullYear(year, month - 1, day);
  date.setUTCHours(hour, minute, second, ms);
  return date.getTime() - quarters * 15 * 60_000;
}
