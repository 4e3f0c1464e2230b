/** The descriptors of a UDF volume: one function each (ECMA-167 part 3, UDF 1.02 2.2). */

import { le16, le32, SECTOR } from "./fields.ts";
import { udfTime } from "./times.ts";
import {
  PARTITION_START,
  putCharset,
  putDomain,
  putDstring,
  putEntity,
  putExtent,
  putImplementation,
  putLongAd,
  REVISION,
  TAG,
  tagged,
} from "./udf-fields.ts";

/** What the descriptors say of a volume. */
export interface UdfVolume {
  readonly volumeId: string;
  /** Milliseconds since 1970. */
  readonly created: number;
  /** Sectors of the partition. */
  readonly partitionSectors: number;
  readonly files: number;
  readonly folders: number;
  /** The first unique id that no file has. */
  readonly nextUniqueId: number;
  /** The block of the root's File Entry. */
  readonly rootBlock: number;
}

/** Where the two copies of the volume descriptor sequence stand, and the integrity sequence. */
export const MAIN_SEQUENCE = 32;
export const RESERVE_SEQUENCE = 48;
export const INTEGRITY_SEQUENCE = 64;
/** A sequence has at least 16 sectors (ECMA-167 3/8.4.2.2). */
const SEQUENCE_SECTORS = 16;

/** A name of the volume set whose first 16 characters are as good as unique (UDF 1.02 2.2.2.5). */
function volumeSetId(volume: UdfVolume): string {
  const seconds = Math.floor(volume.created / 1000) >>> 0;
  return `${seconds.toString(16).padStart(8, "0")}${
    volume.volumeId.slice(-8).padStart(8, "0")
  }${volume.volumeId}`;
}

/** Primary volume descriptor. A name of more than 30 characters is cut here, and whole in the logical volume. */
export function udfPrimary(volume: UdfVolume, location: number): Uint8Array {
  const bytes = new Uint8Array(512);
  putDstring(bytes, 24, 32, volume.volumeId);
  le16(bytes, 56, 1);
  le16(bytes, 58, 1);
  le16(bytes, 60, 2);
  le16(bytes, 62, 2);
  le32(bytes, 64, 1);
  le32(bytes, 68, 1);
  putDstring(bytes, 72, 128, volumeSetId(volume));
  putCharset(bytes, 200);
  putCharset(bytes, 264);
  putEntity(bytes, 344, "*coldframe");
  bytes.set(udfTime(volume.created), 376);
  putImplementation(bytes, 388);
  return tagged(bytes, TAG.primary, location);
}

/** Implementation use volume descriptor: the `*UDF LV Info` that UDF 1.02 2.2.7 asks for. */
export function udfImplementation(volume: UdfVolume, location: number): Uint8Array {
  const bytes = new Uint8Array(512);
  le32(bytes, 16, 1);
  putEntity(bytes, 20, "*UDF LV Info", [REVISION & 0xff, REVISION >> 8]);
  putCharset(bytes, 52);
  putDstring(bytes, 116, 128, volume.volumeId);
  putImplementation(bytes, 352);
  return tagged(bytes, TAG.implementation, location);
}

/** Partition descriptor: read-only, from sector 257. */
export function udfPartition(volume: UdfVolume, location: number): Uint8Array {
  const bytes = new Uint8Array(512);
  le32(bytes, 16, 2);
  le16(bytes, 20, 1);
  putEntity(bytes, 24, "+NSR02");
  le32(bytes, 184, 1);
  le32(bytes, 188, PARTITION_START);
  le32(bytes, 192, volume.partitionSectors);
  putImplementation(bytes, 196);
  return tagged(bytes, TAG.partition, location);
}

/** Logical volume descriptor: one partition map of type 1, the file set at block 0. */
export function udfLogicalVolume(volume: UdfVolume, location: number): Uint8Array {
  const bytes = new Uint8Array(446);
  le32(bytes, 16, 3);
  putCharset(bytes, 20);
  putDstring(bytes, 84, 128, volume.volumeId);
  le32(bytes, 212, SECTOR);
  putDomain(bytes, 216);
  putLongAd(bytes, 248, 2 * SECTOR, 0, 0);
  le32(bytes, 264, 6);
  le32(bytes, 268, 1);
  putImplementation(bytes, 272);
  putExtent(bytes, 432, 2 * SECTOR, INTEGRITY_SEQUENCE);
  bytes.set([1, 6, 1, 0, 0, 0], 440);
  return tagged(bytes, TAG.logical, location);
}

/** Unallocated space descriptor: none. */
export function udfUnallocated(location: number): Uint8Array {
  const bytes = new Uint8Array(24);
  le32(bytes, 16, 4);
  return tagged(bytes, TAG.unallocated, location);
}

/** Terminating descriptor. */
export function udfTerminating(location: number): Uint8Array {
  return tagged(new Uint8Array(512), TAG.terminating, location);
}

/** Logical volume integrity descriptor: closed, nothing free (UDF 1.02 2.2.6). */
export function udfIntegrity(volume: UdfVolume, location: number): Uint8Array {
  const bytes = new Uint8Array(134);
  bytes.set(udfTime(volume.created), 16);
  le32(bytes, 28, 1);
  le32(bytes, 40, volume.nextUniqueId);
  le32(bytes, 72, 1);
  le32(bytes, 76, 46);
  le32(bytes, 84, volume.partitionSectors);
  putImplementation(bytes, 88);
  le32(bytes, 120, volume.files);
  le32(bytes, 124, volume.folders);
  for (const at of [128, 130, 132]) le16(bytes, at, REVISION);
  return tagged(bytes, TAG.integrity, location);
}

/** Anchor volume descriptor pointer: the way in, at sector 256 and at the last. */
export function udfAnchor(location: number): Uint8Array {
  const bytes = new Uint8Array(512);
  putExtent(bytes, 16, SEQUENCE_SECTORS * SECTOR, MAIN_SEQUENCE);
  putExtent(bytes, 24, SEQUENCE_SECTORS * SECTOR, RESERVE_SEQUENCE);
  return tagged(bytes, TAG.anchor, location);
}

/** The six descriptors of a volume descriptor sequence that begins at sector `start`. */
export function udfSequence(volume: UdfVolume, start: number): Uint8Array[] {
  return [
    udfPrimary(volume, start),
    udfImplementation(volume, start + 1),
    udfPartition(volume, start + 2),
    udfLogicalVolume(volume, start + 3),
    udfUnallocated(start + 4),
    udfTerminating(start + 5),
  ];
}

/** File set descriptor, at block 0 of the partition (UDF 1.02 2.3.2). */
export function udfFileSet(volume: UdfVolume): Uint8Array {
  const bytes = new Uint8Array(512);
  bytes.set(udfTime(volume.created), 16);
  le16(bytes, 28, 3);
  le16(bytes, 30, 3);
  le32(bytes, 32, 1);
  le32(bytes, 36, 1);
  putCharset(bytes, 48);
  putDstring(bytes, 112, 128, volume.volumeId);
  putCharset(bytes, 240);
  putDstring(bytes, 304, 32, volume.volumeId);
  putLongAd(bytes, 400, SECTOR, volume.rootBlock, 0);
  putDomain(bytes, 416);
  return tagged(bytes, TAG.fileSet, 0);
}
