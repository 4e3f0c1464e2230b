/** The descriptors of the UDF bridge, byte by byte. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { fromHex, toHex, utf8 } from "../../lib/bytes.ts";
import { crc16, cs0, putDomain, putDstring } from "../../lib/iso/udf-fields.ts";
import { LARGEST_UDF_FILE, udfFileEntry, udfFileIdentifier } from "../../lib/iso/udf-file.ts";
import {
  udfAnchor,
  udfFileSet,
  udfIntegrity,
  udfLogicalVolume,
  udfPartition,
  udfPrimary,
  udfSequence,
  udfUnallocated,
} from "../../lib/iso/udf-volume.ts";
import { NOON } from "./images.ts";

function same(actual: Uint8Array, hex: string): void {
  assert.equal(toHex(actual), toHex(fromHex(hex)));
}

const VOLUME = {
  volumeId: "COLDFRAME_1",
  created: NOON,
  partitionSectors: 0x1000,
  files: 7,
  folders: 3,
  nextUniqueId: 25,
  rootBlock: 9,
};
const UTC_NOON = "0010 e507 06 07 0c 22 38 00 00 00";
const US = "00" + toHex(utf8("*coldframe")) + "00".repeat(13) + "00".repeat(8);

test("the CRC of 70 6A 77 is 3299 (ECMA-167 1/7.2.6)", () => {
  assert.equal(crc16(Uint8Array.of(0x70, 0x6a, 0x77)), 0x3299);
});

test("CS0 takes one byte per character up to U+00FF, then two", () => {
  same(cs0("né"), "08 6e e9");
  same(cs0("nж"), "10 006e 0436");
  same(cs0("😀"), "10 d83d de00");
});

test("a dstring has its length in the last byte", () => {
  const bytes = new Uint8Array(8);
  putDstring(bytes, 0, 8, "ABC");
  same(bytes, "08 41 42 43 00 00 00 04");
  putDstring(bytes, 0, 8, "ABCDEFGHIJ");
  same(bytes, "08 41 42 43 44 45 46 07");
});

test("the domain is UDF 1.02, write-protected", () => {
  const bytes = new Uint8Array(32);
  putDomain(bytes, 0);
  same(bytes, "00" + toHex(utf8("*OSTA UDF Compliant")) + "00".repeat(4) + "0201 03 0000000000");
});

test("an unallocated space descriptor: tag, checksum, CRC, location", () => {
  const bytes = udfUnallocated(36);
  const crc = crc16(bytes.subarray(16));
  same(bytes.subarray(16), "04000000 00000000");
  same(bytes.subarray(0, 4), "0700 0200");
  same(bytes.subarray(5, 8), "00 0000");
  same(bytes.subarray(8, 16), toHex(Uint8Array.of(crc & 255, crc >> 8)) + "0800 24000000");
  const sum = bytes.subarray(0, 16).reduce((total, byte, i) => i === 4 ? total : total + byte, 0);
  assert.equal(bytes[4], sum & 0xff);
});

test("an anchor points at both sequences of 16 sectors", () => {
  same(udfAnchor(256).subarray(16, 40), "00800000 20000000 00800000 30000000 00000000 00000000");
});

test("the primary volume descriptor", () => {
  const bytes = udfPrimary(VOLUME, 32);
  assert.equal(bytes.length, 512);
  same(bytes.subarray(16, 24), "00000000 00000000");
  same(bytes.subarray(24, 56), "08" + toHex(utf8("COLDFRAME_1")) + "00".repeat(19) + "0c");
  same(bytes.subarray(56, 72), "0100 0100 0200 0200 01000000 01000000");
  same(bytes.subarray(200, 264), "00" + toHex(utf8("OSTA Compressed Unicode")) + "00".repeat(40));
  same(bytes.subarray(376, 388), UTC_NOON);
  same(bytes.subarray(388, 420), US);
});

test("the partition is read-only and begins at sector 257", () => {
  const bytes = udfPartition(VOLUME, 34);
  same(bytes.subarray(16, 24), "02000000 0100 0000");
  same(bytes.subarray(24, 56), "00" + toHex(utf8("+NSR02")) + "00".repeat(25));
  same(bytes.subarray(184, 196), "01000000 01010000 00100000");
});

test("the logical volume has one partition map and its file set at block 0", () => {
  const bytes = udfLogicalVolume(VOLUME, 35);
  assert.equal(bytes.length, 446);
  same(bytes.subarray(212, 216), "00080000");
  same(bytes.subarray(248, 272), "00100000 00000000 0000 000000000000 06000000 01000000");
  same(bytes.subarray(432, 446), "00100000 40000000 01 06 0100 0000");
});

test("the integrity descriptor is closed and counts files and folders", () => {
  const bytes = udfIntegrity(VOLUME, 64);
  assert.equal(bytes.length, 134);
  same(bytes.subarray(16, 40), UTC_NOON + "01000000 00000000 00000000");
  same(bytes.subarray(40, 48), "19000000 00000000");
  same(bytes.subarray(72, 88), "01000000 2e000000 00000000 00100000");
  same(bytes.subarray(88), US + "07000000 03000000 0201 0201 0201");
});

test("the file set names the root", () => {
  const bytes = udfFileSet(VOLUME);
  assert.equal(bytes.length, 512);
  same(bytes.subarray(28, 48), "0300 0300 01000000 01000000 00000000 00000000");
  same(bytes.subarray(400, 416), "00080000 09000000 0000 000000000000");
});

test("a sequence has the six descriptors in order, each with its own location", () => {
  const tags = udfSequence(VOLUME, 48).map((bytes) => [bytes[0], bytes[12]]);
  assert.deepEqual(tags, [[1, 48], [4, 49], [5, 50], [6, 51], [7, 52], [8, 53]]);
});

test("the File Entry of a file of 3,000 bytes", () => {
  const file = { folder: false, size: 3000, dataBlock: 0x77, mtime: NOON, links: 1, uniqueId: 17 };
  const bytes = udfFileEntry(file, 5);
  assert.equal(bytes.length, 184);
  same(bytes.subarray(0, 4), "0501 0200");
  same(bytes.subarray(12, 16), "05000000");
  same(bytes.subarray(16, 36), "00000000 0400 0000 0100 00 05 00000000 0000 0000");
  same(bytes.subarray(36, 56), "00000000 00000000 84180000 0100 00 00 00000000");
  same(bytes.subarray(56, 72), "b80b000000000000 0200000000000000");
  same(bytes.subarray(72, 112), UTC_NOON.repeat(3) + "01000000");
  same(bytes.subarray(112, 128), "00".repeat(16));
  same(bytes.subarray(128, 160), US);
  same(bytes.subarray(160, 184), "1100000000000000 00000000 08000000 b80b0000 77000000");
});

test("a file above 1 GiB has extents of 3FFFF800 bytes, and none when it is empty", () => {
  const file = { folder: false, size: 2 ** 31, dataBlock: 0x100, mtime: 0, links: 1, uniqueId: 17 };
  const bytes = udfFileEntry(file, 0);
  same(bytes.subarray(172), "18000000 00f8ff3f 00010000 00f8ff3f ff000800 00100000 fe001000");
  assert.equal(udfFileEntry({ ...file, size: 0 }, 0).length, 176);
  assert.equal(udfFileEntry({ ...file, size: LARGEST_UDF_FILE }, 0).length, 2048);
});

test("file identifiers of a file and of the parent", () => {
  const name = { identifier: cs0("abc"), folder: false, entryBlock: 0x21, uniqueId: 0x30 };
  const bytes = udfFileIdentifier(name, 6);
  same(bytes.subarray(12), `06000000 0100 00 04 00080000 21000000 0000 0000 30000000 0000 08 616263 0000`);
  const parent = udfFileIdentifier({ ...name, folder: true, identifier: new Uint8Array(0) }, 6);
  same(parent.subarray(16), `0100 0a 00 00080000 21000000 0000 0000 30000000 0000 0000`);
});
