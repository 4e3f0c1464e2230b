/** The small structures of UDF 1.02: tags, strings, identifiers, times, extents (ECMA-167 part 1 and 3). */

import { type Faults, hex, isZero, latin1, moment, Structure, utf16 } from "./verify-structure.ts";

/** CRC of ECMA-167 1/7.2.6: polynomial x¹⁶+x¹²+x⁵+1, bit by bit, starting with 0. */
export function crc(bytes: Uint8Array): number {
  let sum = 0;
  for (const byte of bytes) {
    sum ^= byte << 8;
    for (let bit = 0; bit < 8; bit++) sum = ((sum << 1) ^ ((sum & 0x8000) === 0 ? 0 : 0x1021)) & 0xffff;
  }
  return sum;
}

/** The sum of a tag's bytes but its own (ECMA-167 3/7.2.3). */
export function tagSum(bytes: Uint8Array): number {
  return bytes.subarray(0, 16).reduce((sum, byte, i) => (i === 4 ? sum : (sum + byte) & 0xff), 0);
}

/**
 * Opens a descriptor and checks its tag (ECMA-167 3/7.2, 4/7.2).
 *
 * @param bytes from the descriptor's start; may be longer than it
 * @param length of the descriptor, all of which its CRC must cover
 */
export function descriptor(
  faults: Faults,
  what: string,
  bytes: Uint8Array,
  id: number,
  location: number,
  length: number,
): Structure {
  const s = new Structure(faults, what, bytes.subarray(0, length));
  s.u16(0, "tag identifier", id);
  s.u16(2, "descriptor version", 2);
  s.u8(4, "tag checksum", tagSum(s.bytes));
  s.u8(5, "reserved byte of the tag", 0);
  s.u16(6, "tag serial number", 0);
  s.u16(10, "CRC length", length - 16);
  s.u16(8, "CRC", crc(s.bytes.subarray(16)));
  s.u32(12, "tag location", location);
  return s;
}

/** OSTA CS0 (UDF 1.02 §2.1.1): 8 and Latin-1, or 16 and UTF-16BE where one character needs it. */
export function cs0(s: Structure, bytes: Uint8Array, name: string): string {
  const [id] = bytes;
  const wide = id === 16;
  s.check(wide || id === 8, `${name} has compression id ${id}`);
  const text = wide ? utf16(bytes.subarray(1)) : latin1(bytes.subarray(1));
  s.check(text !== undefined, `${name} is not UTF-16`);
  if (wide) s.check(/[^\0-\xff]/.test(text ?? ""), `${name} is wide without need`);
  return text ?? "";
}

/** A string in a field of fixed length, with its length in the last byte (ECMA-167 1/7.2.12). */
export function dstring(s: Structure, at: number, length: number, name: string): string {
  const field = s.take(at, length);
  const used = field[length - 1] ?? 0;
  s.check(used < length, `${name} is ${used} bytes long`);
  s.check(isZero(field.subarray(used, length - 1)), `${name} has rubbish behind it`);
  const text = used === 0 ? "" : cs0(s, field.subarray(0, used), name);
  s.check(!text.includes("\0"), `${name} is counted longer than it is`);
  return text;
}

/** UDF 1.02 §2.1.2: the one character set there is. */
export function charset(s: Structure, at: number): void {
  s.u8(at, "character set type", 0);
  s.ascii(at + 1, 63, "character set", "OSTA Compressed Unicode".padEnd(63, "\0"));
}

/** An entity identifier (ECMA-167 1/7.4, UDF 1.02 §2.1.4) with the suffix in hex. */
export function entity(
  s: Structure,
  at: number,
  name: string,
  identifier: string,
  suffix = "00".repeat(8),
): void {
  s.u8(at, `flags of ${name}`, 0);
  s.ascii(at + 1, 23, name, identifier.padEnd(23, "\0"));
  const found = hex(s.take(at + 24, 8));
  s.check(found === suffix, `suffix of ${name} is ${found}`);
}

/** UDF 1.02 §2.1.4.3: the domain at revision 1.02, write-protected in hardware and software. */
export function domain(s: Structure, at: number): void {
  entity(s, at, "domain", "*OSTA UDF Compliant", "0201030000000000");
}

/** Whoever wrote the image names itself the same way everywhere. */
export function implementation(s: Structure, at: number): void {
  entity(s, at, "implementation", "*coldframe");
}

/** Twelve bytes of a time in UTC (ECMA-167 1/7.3). @returns ms since 1970 */
export function timestamp(s: Structure, at: number, name: string): number {
  s.u16(at, `type and zone of ${name}`, 0x1000);
  const year = s.u16(at + 2, name);
  const [month = 0, day = 0, hour = 0, minute = 0, second = 0, centi = 0, hundred = 0, micro = 0] = s.take(
    at + 4,
    8,
  );
  const time = moment([year, month, day, hour, minute, second]);
  s.check(time !== undefined && centi < 100 && hundred < 100 && micro === 0, `${name} is no time of ours`);
  s.check(hundred % 10 === 0, `${name} is finer than a millisecond`);
  return (time ?? 0) + centi * 10 + Math.floor(hundred / 10);
}

/** A length in bytes and a location (extent_ad, short_ad). */
export function extent(s: Structure, at: number, name: string): { bytes: number; at: number } {
  return { bytes: s.u32(at, `length of ${name}`), at: s.u32(at + 4, `location of ${name}`) };
}

/** An extent in partition 0 (long_ad), for ICBs and sequences. */
export function longAd(
  s: Structure,
  at: number,
  name: string,
): { bytes: number; at: number; uniqueId: number } {
  const { bytes, at: block } = extent(s, at, name);
  s.u16(at + 8, `partition of ${name}`, 0);
  s.u16(at + 10, `flags of ${name}`, 0);
  return { bytes, at: block, uniqueId: s.u32(at + 12, `unique id of ${name}`) };
}
