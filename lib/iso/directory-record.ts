/** Directory records and path table records: the two forms in which the ISO side names things. */

import { be16, be32, both16, both32, le16, le32 } from "./fields.ts";
import { recordTime } from "./times.ts";

/** File flag: the record names a directory (ECMA-119 9.1.6). */
export const DIRECTORY = 0x02;
/** File flag: more sections of the same file follow. */
export const MORE_SECTIONS = 0x80;

/** The largest section of a file: the largest multiple of a sector that 32 bits hold. */
export const SECTION_BYTES = 0xfffff800;

/** The identifiers of `.` and `..` (ECMA-119 7.6.2). */
export const SELF = Uint8Array.of(0);
export const PARENT = Uint8Array.of(1);

/** The longest directory record: its length is one byte and even. */
export const LONGEST_RECORD = 254;

/** What a directory record says. */
export interface DirectoryRecord {
  readonly identifier: Uint8Array;
  /** The first sector of the data. */
  readonly extent: number;
  /** Bytes of this section. */
  readonly size: number;
  /** Milliseconds since 1970. */
  readonly time: number;
  readonly flags: number;
  /** The system use area: Rock Ridge, or nothing. */
  readonly systemUse: Uint8Array;
}

/** The bytes of a record in front of its system use area: the identifier is padded to an even end. */
export function recordHead(identifierLength: number): number {
  return 33 + identifierLength + (identifierLength % 2 === 0 ? 1 : 0);
}

/** The bytes of a whole record; even. */
export function recordLength(identifierLength: number, systemUseLength: number): number {
  const length = recordHead(identifierLength) + systemUseLength;
  return length + (length % 2);
}

/** A directory record (ECMA-119 9.1). */
export function directoryRecord(record: DirectoryRecord): Uint8Array {
  const { identifier, systemUse } = record;
  const bytes = new Uint8Array(recordLength(identifier.length, systemUse.length));
  bytes[0] = bytes.length;
  both32(bytes, 2, record.extent);
  both32(bytes, 10, record.size);
  bytes.set(recordTime(record.time), 18);
  bytes[25] = record.flags;
  both16(bytes, 28, 1);
  bytes[32] = identifier.length;
  bytes.set(identifier, 33);
  bytes.set(systemUse, recordHead(identifier.length));
  return bytes;
}

/** The bytes of a path table record; even. */
export function pathTableRecordLength(identifierLength: number): number {
  return 8 + identifierLength + (identifierLength % 2);
}

/**
 * A path table record (ECMA-119 9.4).
 *
 * @param extent the first sector of the directory.
 * @param parent the number of the parent in the path table, from 1.
 * @param littleEndian true in the type L table, false in the type M table.
 */
export function pathTableRecord(
  identifier: Uint8Array,
  extent: number,
  parent: number,
  littleEndian: boolean,
): Uint8Array {
  const bytes = new Uint8Array(pathTableRecordLength(identifier.length));
  bytes[0] = identifier.length;
  (littleEndian ? le32 : be32)(bytes, 2, extent);
  (littleEndian ? le16 : be16)(bytes, 6, parent);
  bytes.set(identifier, 8);
  return bytes;
}
