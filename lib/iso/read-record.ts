/** Directory records (ECMA-119 §9.1), the entries of a folder. */

import { byteAt, imageError, le32, SECTOR } from "./read-fields.ts";

/** One directory record: a file, a section of a file, or a folder. */
export interface DirectoryRecord {
  /** The raw identifier; one byte 00 or 01 for the folder itself and its parent. */
  readonly identifier: Uint8Array;
  /** Byte offset of the data in the image. */
  readonly offset: number;
  /** Bytes of the data, of this section alone. */
  readonly length: number;
  /** The recording date, 7 bytes. */
  readonly date: Uint8Array;
  readonly directory: boolean;
  /** A resource fork or the like beside a file of the same name. */
  readonly associated: boolean;
  /** More sections of the same file follow. */
  readonly continues: boolean;
  /** Stored in interleaved pieces: possible in the standard, made by no program for disk images. */
  readonly interleaved: boolean;
  /** What follows the identifier: the place of Rock Ridge. */
  readonly systemUse: Uint8Array;
}

/** Bytes of a record with an identifier of one byte and no system use. */
const SHORTEST = 34;

/**
 * The records of a folder in order, those of itself and its parent included.
 *
 * @param bytes the whole folder, from its first sector
 * @param where the folder's path, for errors
 * @throws ColdframeError `image` for a record of a wrong length or across the end of a sector
 */
export function* recordsIn(bytes: Uint8Array, where: string): Generator<DirectoryRecord> {
  for (let at = 0; at < bytes.length;) {
    const length = byteAt(bytes, at);
    if (length === 0) {
      at = nextSector(at);
    } else {
      yield parseRecord(bytes, at, where);
      at += length;
    }
  }
}

function nextSector(at: number): number {
  return (Math.floor(at / SECTOR) + 1) * SECTOR;
}

/**
 * One record.
 *
 * @param at byte offset of the record; sectors are counted from the start of `bytes`
 * @param where the folder's path, for errors
 * @throws ColdframeError `image`
 */
export function parseRecord(bytes: Uint8Array, at: number, where: string): DirectoryRecord {
  const length = byteAt(bytes, at);
  const fits = length >= SHORTEST && at % SECTOR + length <= SECTOR && at + length <= bytes.length;
  if (!fits) throw imageError(`has a record of ${length} bytes at byte ${at} of folder ${where}`);
  const record = bytes.subarray(at, at + length);
  const nameEnd = 33 + byteAt(record, 32);
  if (nameEnd === 33 || nameEnd > length) {
    throw imageError(`has a broken name at byte ${at} of folder ${where}`);
  }
  const flags = byteAt(record, 25);
  return {
    identifier: record.subarray(33, nameEnd),
    // An extended attribute record, counted in blocks, stands before the data (§9.1.2).
    offset: (le32(record, 2) + byteAt(record, 1)) * SECTOR,
    length: le32(record, 10),
    date: record.subarray(18, 25),
    directory: (flags & 0x02) !== 0,
    associated: (flags & 0x04) !== 0,
    continues: (flags & 0x80) !== 0,
    interleaved: byteAt(record, 26) !== 0 || byteAt(record, 27) !== 0,
    // The area begins at an even offset: a pad byte follows an identifier of even length.
    systemUse: record.subarray(Math.min(nameEnd + nameEnd % 2, length)),
  };
}

/** Whether the record stands for the folder itself (`.`) or its parent (`..`). */
export function isDot(record: DirectoryRecord): boolean {
  return record.identifier.length === 1 && byteAt(record.identifier, 0) <= 1;
}
