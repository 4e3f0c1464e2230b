/** The small structures that UDF's descriptors are made of (ECMA-167, restricted by UDF 1.02). */

import { le16, le32, putAscii, utf16be } from "./fields.ts";
import { isWide } from "./names.ts";

/** The first sector of the partition: UDF counts its blocks from here. */
export const PARTITION_START = 257;
/** The largest extent: 30 bits of length, whole sectors (ECMA-167 4/14.14.1.1). */
export const UDF_EXTENT_BYTES = 0x3ffff800;

/** UDF 1.02 in its suffixes and revision fields. */
export const REVISION = 0x0102;

const CRC_TABLE = Uint16Array.from({ length: 256 }, (_, byte) => {
  let crc = byte << 8;
  for (let bit = 0; bit < 8; bit++) crc = crc & 0x8000 ? (crc << 1) ^ 0x1021 : crc << 1;
  return crc & 0xffff;
});

/** CRC-16 with polynomial 1021 and start 0 (ECMA-167 1/7.2.6, there with test data). */
export function crc16(bytes: Uint8Array): number {
  let crc = 0;
  for (const byte of bytes) crc = ((crc << 8) & 0xffff) ^ (CRC_TABLE[(crc >>> 8) ^ byte] ?? 0);
  return crc;
}

/** Identifiers of descriptor tags (ECMA-167 3/7.2.1 and 4/7.2.1). */
export const TAG = {
  primary: 1,
  anchor: 2,
  implementation: 4,
  partition: 5,
  logical: 6,
  unallocated: 7,
  terminating: 8,
  integrity: 9,
  fileSet: 256,
  fileIdentifier: 257,
  fileEntry: 261,
} as const;

/**
 * Writes the 16-byte tag in front of a finished descriptor (ECMA-167 3/7.2): checksum over itself, CRC over
 * all that follows it.
 *
 * @param location the sector, or in the partition the block, where the descriptor begins.
 */
export function tagged(bytes: Uint8Array, tag: number, location: number): Uint8Array {
  le16(bytes, 0, tag);
  le16(bytes, 2, 2);
  le16(bytes, 8, crc16(bytes.subarray(16)));
  le16(bytes, 10, bytes.length - 16);
  le32(bytes, 12, location);
  let sum = 0;
  for (let i = 0; i < 16; i++) sum += i === 4 ? 0 : bytes[i] ?? 0;
  bytes[4] = sum & 0xff;
  return bytes;
}

/** Characters of OSTA CS0: a compression id of 8 or 16, then one or two bytes per unit (UDF 1.02 2.1.1). */
export function cs0(text: string): Uint8Array {
  const wide = isWide(text);
  const bytes = new Uint8Array(1 + text.length * (wide ? 2 : 1));
  bytes[0] = wide ? 16 : 8;
  if (wide) bytes.set(utf16be(text), 1);
  else putAscii(bytes, 1, text);
  return bytes;
}

/** A dstring field: CS0 characters, zeros, and in the last byte their length (ECMA-167 1/7.2.12). Too long a text is cut. */
export function putDstring(bytes: Uint8Array, at: number, length: number, text: string): void {
  if (text === "") return;
  const characters = cs0(text).subarray(0, length - 1);
  bytes.set(characters, at);
  bytes[at + length - 1] = characters.length;
}

/** A charspec field of 64 bytes: OSTA Compressed Unicode (UDF 1.02 2.1.2). */
export function putCharset(bytes: Uint8Array, at: number): void {
  putAscii(bytes, at + 1, "OSTA Compressed Unicode");
}

/** An entity identifier of 32 bytes with its 8-byte suffix (ECMA-167 1/7.4). */
export function putEntity(
  bytes: Uint8Array,
  at: number,
  identifier: string,
  suffix: readonly number[] = [],
): void {
  putAscii(bytes, at + 1, identifier);
  bytes.set(suffix, at + 24);
}

/** Who wrote this. */
export function putImplementation(bytes: Uint8Array, at: number): void {
  putEntity(bytes, at, "*coldframe");
}

/** The domain: UDF 1.02, write-protected (UDF 1.02 2.1.4.3). */
export function putDomain(bytes: Uint8Array, at: number): void {
  putEntity(bytes, at, "*OSTA UDF Compliant", [REVISION & 0xff, REVISION >> 8, 3]);
}

/** An extent_ad of 8 bytes: length in bytes, first sector (ECMA-167 3/7.1). A short_ad has the same form. */
export function putExtent(bytes: Uint8Array, at: number, length: number, location: number): void {
  le32(bytes, at, length);
  le32(bytes, at + 4, location);
}

/** A long_ad of 16 bytes into partition 0, with the unique id of what it points at (ECMA-167 4/14.14.2, UDF 1.02 2.3.10.1). */
export function putLongAd(
  bytes: Uint8Array,
  at: number,
  length: number,
  block: number,
  uniqueId: number,
): void {
  putExtent(bytes, at, length, block);
  le32(bytes, at + 12, uniqueId);
}
