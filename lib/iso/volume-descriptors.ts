/** The descriptors at sector 16 and after: primary, Joliet, terminator, and the three that announce UDF. */

import { be32, both16, both32, le32, putAscii, putPadded, SECTOR, utf16be } from "./fields.ts";
import { volumeTime } from "./times.ts";

/** Where one of the two trees of an image stands. Locations are sectors. */
export interface TreePlace {
  /** The bytes of the path table, in either byte order. */
  readonly pathTableBytes: number;
  readonly pathTableL: number;
  readonly pathTableM: number;
  /** The directory record of the root, 34 bytes. */
  readonly root: Uint8Array;
}

/** What the primary and the Joliet descriptor say alike. */
export interface VolumeFacts {
  readonly volumeId: string;
  /** Milliseconds since 1970. */
  readonly created: number;
  /** The sectors of the whole image. */
  readonly sectors: number;
}

const APPLICATION = "COLDFRAME";

type PutText = (bytes: Uint8Array, at: number, length: number, text: string) => void;

/** Joliet text: UCS-2BE padded with 0020; a field of odd length ends in NUL. */
const putJoliet: PutText = (bytes, at, length, text) => {
  const characters = Math.floor(length / 2);
  bytes.set(utf16be(text.slice(0, characters).padEnd(characters, " ")), at);
};

/** The primary volume descriptor (ECMA-119 8.4). */
export function primaryDescriptor(facts: VolumeFacts, place: TreePlace): Uint8Array {
  const bytes = new Uint8Array(SECTOR);
  bytes[0] = 1;
  putCommon(bytes, facts, place, putPadded);
  return bytes;
}

/** The supplementary volume descriptor of Joliet level 3 (ECMA-119 8.5, escape sequence `%/E`). */
export function jolietDescriptor(facts: VolumeFacts, place: TreePlace): Uint8Array {
  const bytes = new Uint8Array(SECTOR);
  bytes[0] = 2;
  putAscii(bytes, 88, "%/E");
  putCommon(bytes, facts, place, putJoliet);
  return bytes;
}

function putCommon(bytes: Uint8Array, facts: VolumeFacts, place: TreePlace, put: PutText): void {
  putAscii(bytes, 1, "CD001");
  bytes[6] = 1;
  put(bytes, 8, 32, "");
  put(bytes, 40, 32, facts.volumeId);
  both32(bytes, 80, facts.sectors);
  both16(bytes, 120, 1);
  both16(bytes, 124, 1);
  both16(bytes, 128, SECTOR);
  both32(bytes, 132, place.pathTableBytes);
  le32(bytes, 140, place.pathTableL);
  be32(bytes, 148, place.pathTableM);
  bytes.set(place.root, 156);
  putIdentifiers(bytes, facts, put);
  putDates(bytes, facts.created);
  bytes[881] = 1;
}

/** Volume set, publisher, preparer, application; then the three file identifiers, all blank. */
function putIdentifiers(bytes: Uint8Array, facts: VolumeFacts, put: PutText): void {
  put(bytes, 190, 128, facts.volumeId);
  put(bytes, 318, 128, "");
  put(bytes, 446, 128, "");
  put(bytes, 574, 128, APPLICATION);
  for (const at of [702, 739, 776]) put(bytes, at, 37, "");
}

/** Created and modified; expiry and effective date stay unset. */
function putDates(bytes: Uint8Array, created: number): void {
  bytes.set(volumeTime(created), 813);
  bytes.set(volumeTime(created), 830);
  bytes.set(volumeTime(undefined), 847);
  bytes.set(volumeTime(undefined), 864);
}

/** The volume descriptor set terminator (ECMA-119 8.3). */
export function terminator(): Uint8Array {
  return structureDescriptor(0xff, "CD001");
}

/** `BEA01`, `NSR02` and `TEA01`: the volume recognition sequence that announces UDF (ECMA-167 2/9 and 3/9). */
export function recognition(identifier: "BEA01" | "NSR02" | "TEA01"): Uint8Array {
  return structureDescriptor(0, identifier);
}

function structureDescriptor(type: number, identifier: string): Uint8Array {
  const bytes = new Uint8Array(SECTOR);
  bytes[0] = type;
  putAscii(bytes, 1, identifier);
  bytes[6] = 1;
  return bytes;
}
