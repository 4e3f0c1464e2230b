/** File Entries and File Identifier Descriptors (ECMA-167 part 4, UDF 1.02 2.3). */

import { le16, le32, le64, SECTOR, sectorsOf } from "./fields.ts";
import { udfTime } from "./times.ts";
import { putExtent, putImplementation, putLongAd, TAG, tagged, UDF_EXTENT_BYTES } from "./udf-fields.ts";

const ENTRY_HEAD = 176;
/** What one sector holds: 234 allocation descriptors. */
const MOST_EXTENTS = (SECTOR - ENTRY_HEAD) / 8;
/** The largest file whose File Entry fits its sector, bytes. */
export const LARGEST_UDF_FILE = MOST_EXTENTS * UDF_EXTENT_BYTES;

/** What a File Entry says. */
export interface UdfFile {
  readonly folder: boolean;
  /** Bytes of the data. */
  readonly size: number;
  /** The block of the data; of no meaning when there is none. */
  readonly dataBlock: number;
  /** Milliseconds since 1970. */
  readonly mtime: number;
  /** File identifiers that name it. */
  readonly links: number;
  readonly uniqueId: number;
}

/** Others may read, the owner may write; folders may be searched (ECMA-167 4/14.9.5). */
const PERMISSIONS = { file: 0x1884, folder: 0x1ca5 };
const TYPE = { folder: 4, file: 5 };

/** A File Entry with its allocation descriptors (ECMA-167 4/14.9), at most a sector. */
export function udfFileEntry(file: UdfFile, block: number): Uint8Array {
  const extents = Math.ceil(file.size / UDF_EXTENT_BYTES);
  const bytes = new Uint8Array(ENTRY_HEAD + 8 * extents);
  le16(bytes, 20, 4);
  le16(bytes, 24, 1);
  bytes[27] = file.folder ? TYPE.folder : TYPE.file;
  le32(bytes, 44, file.folder ? PERMISSIONS.folder : PERMISSIONS.file);
  le16(bytes, 48, Math.min(file.links, 0xffff));
  le64(bytes, 56, file.size);
  le64(bytes, 64, sectorsOf(file.size));
  const time = udfTime(file.mtime);
  for (const at of [72, 84, 96]) bytes.set(time, at);
  le32(bytes, 108, 1);
  putImplementation(bytes, 128);
  le32(bytes, 160, file.uniqueId);
  le32(bytes, 172, 8 * extents);
  putExtents(bytes, file);
  return tagged(bytes, TAG.fileEntry, block);
}

function putExtents(bytes: Uint8Array, file: UdfFile): void {
  let at = ENTRY_HEAD;
  for (let done = 0; done < file.size; done += UDF_EXTENT_BYTES, at += 8) {
    putExtent(bytes, at, Math.min(UDF_EXTENT_BYTES, file.size - done), file.dataBlock + done / SECTOR);
  }
}

/** What a File Identifier Descriptor says. */
export interface UdfName {
  /** OSTA CS0, or nothing for the parent. */
  readonly identifier: Uint8Array;
  readonly folder: boolean;
  /** The block of the File Entry it names. */
  readonly entryBlock: number;
  readonly uniqueId: number;
}

const DIRECTORY = 0x02;
const PARENT = 0x08;

/** The bytes of a File Identifier Descriptor: a multiple of 4. */
export function udfIdentifierLength(identifierLength: number): number {
  return (38 + identifierLength + 3) & ~3;
}

/** A File Identifier Descriptor (ECMA-167 4/14.4); an empty identifier makes it the one of the parent. */
export function udfFileIdentifier(name: UdfName, block: number): Uint8Array {
  const bytes = new Uint8Array(udfIdentifierLength(name.identifier.length));
  le16(bytes, 16, 1);
  bytes[18] = (name.folder ? DIRECTORY : 0) | (name.identifier.length === 0 ? PARENT : 0);
  bytes[19] = name.identifier.length;
  putLongAd(bytes, 20, SECTOR, name.entryBlock, name.uniqueId);
  bytes.set(name.identifier, 38);
  return tagged(bytes, TAG.fileIdentifier, block);
}
