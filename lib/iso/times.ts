/** The three forms in which an image stores a moment. All in UTC: the zone bytes are 0. */

import { le16, putAscii } from "./fields.ts";

const EARLIEST = 0;
const LATEST = Date.UTC(2156, 0, 1) - 1;

/**
 * A moment inside what all three forms can hold, as a Date. A one-byte year counts from 1900, so 2155 is
 * the last; times before 1970 come from broken clocks and cannot be restored by every reader.
 *
 * @param time milliseconds since 1970; outside 1970..2155 the nearest moment inside is taken.
 */
function clamped(time: number): Date {
  return new Date(Math.min(Math.max(time, EARLIEST), LATEST));
}

/** Seven bytes, whole seconds (ECMA-119 9.1.5, and the short form of Rock Ridge TF). `time` in ms, clamped to 1970..2155. */
export function recordTime(time: number): Uint8Array {
  const date = clamped(time);
  return Uint8Array.of(
    date.getUTCFullYear() - 1900,
    date.getUTCMonth() + 1,
    date.getUTCDate(),
    date.getUTCHours(),
    date.getUTCMinutes(),
    date.getUTCSeconds(),
    0,
  );
}

/** Seventeen bytes: sixteen digits to the hundredth and a zone byte (ECMA-119 8.4.26.1). `undefined` gives the unset date. */
export function volumeTime(time: number | undefined): Uint8Array {
  const bytes = new Uint8Array(17);
  const digits = time === undefined
    ? "0".repeat(16)
    : clamped(time).toISOString().replace(/\D/g, "").slice(0, 16);
  putAscii(bytes, 0, digits);
  return bytes;
}

/** Twelve bytes to the microsecond (ECMA-167 1/7.3); type 1 with offset 0 means UTC. `time` in ms, clamped to 1970..2155. */
export function udfTime(time: number): Uint8Array {
  const date = clamped(time);
  const bytes = new Uint8Array(12);
  const milliseconds = date.getUTCMilliseconds();
  le16(bytes, 0, 0x1000);
  le16(bytes, 2, date.getUTCFullYear());
  bytes.set([date.getUTCMonth() + 1, date.getUTCDate(), date.getUTCHours(), date.getUTCMinutes()], 4);
  bytes.set([date.getUTCSeconds(), Math.floor(milliseconds / 10), (milliseconds % 10) * 10, 0], 8);
  return bytes;
}
