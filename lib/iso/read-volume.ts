/** The volume descriptors of an image: which trees it has and where they begin (ECMA-119 §8, Joliet 3). */

import type { RandomAccess } from "../types.ts";
import { byteAt, decodeText, imageError, le32, longDate, SECTOR } from "./read-fields.ts";
import { type DirectoryRecord, parseRecord } from "./read-record.ts";

/** What the descriptors of an image say. */
export interface Volume {
  /** The volume identifier of the primary descriptor, without its padding. */
  readonly id: string;
  /** When the volume was made, ms since 1970; undefined where the image does not say. */
  readonly created: number | undefined;
  /** The record of the primary tree's root. */
  readonly root: DirectoryRecord;
  /** The record of the Joliet tree's root, where there is one. */
  readonly joliet: DirectoryRecord | undefined;
}

const FIRST_DESCRIPTOR = 16;
/** Real images have three to seven descriptors. */
const MOST_DESCRIPTORS = 32;

/**
 * Reads the volume descriptors, in one read.
 *
 * @throws ColdframeError `image` when there is no primary descriptor, or one that cannot be used
 */
export async function readVolume(access: RandomAccess): Promise<Volume> {
  const start = FIRST_DESCRIPTOR * SECTOR;
  const there = Math.floor((access.size - start) / SECTOR);
  if (there < 1) throw imageError(`is only ${access.size} bytes long: no ISO 9660 volume`);
  const bytes = await access.readAt(start, Math.min(there, MOST_DESCRIPTORS) * SECTOR);
  const descriptors = [...descriptorsIn(bytes)];
  const primary = descriptors.find((one) => one[0] === 1);
  if (primary === undefined) throw imageError("has no ISO 9660 volume descriptor");
  const joliet = descriptors.find(isJoliet);
  return {
    id: decodeText(primary.subarray(40, 72)).replace(/[ \0]+$/, ""),
    created: longDate(primary.subarray(813, 830)),
    root: rootRecord(primary),
    joliet: joliet === undefined ? undefined : rootRecord(joliet),
  };
}

/** The descriptors up to the terminator; those of other standards (UDF) lie between or behind ours. */
function* descriptorsIn(bytes: Uint8Array): Generator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += SECTOR) {
    const sector = bytes.subarray(at, at + SECTOR);
    const isIso = decodeText(sector.subarray(1, 6)) === "CD001";
    if (!isIso || sector[0] === 255) return;
    yield sector;
  }
}

/** A supplementary descriptor with one of the three UCS-2 escape sequences (`%/@`, `%/C`, `%/E`). */
function isJoliet(descriptor: Uint8Array): boolean {
  if (descriptor[0] !== 2 || descriptor[6] !== 1) return false;
  return /^%\/[@CE]/.test(decodeText(descriptor.subarray(88, 91)));
}

function rootRecord(descriptor: Uint8Array): DirectoryRecord {
  const blockSize = byteAt(descriptor, 128) + byteAt(descriptor, 129) * 256;
  if (blockSize !== SECTOR) throw imageError(`has blocks of ${blockSize} bytes; only 2048 can be read`);
  const record = parseRecord(descriptor.subarray(156, 190), 0, "/");
  if (!record.directory || le32(descriptor, 158) === 0) throw imageError("has no root folder");
  return record;
}
