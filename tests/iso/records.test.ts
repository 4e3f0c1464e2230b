/** Each record of ISO 9660 and Rock Ridge, byte by byte. */

import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { concat, fromHex, toHex, utf8 } from "../../lib/bytes.ts";
import {
  directoryRecord,
  MORE_SECTIONS,
  pathTableRecord,
  recordLength,
  SELF,
} from "../../lib/iso/directory-record.ts";
import { ascii, SECTOR, utf16be } from "../../lib/iso/fields.ts";
import { ce, er, nm, px, sl, sp, systemUse, tf } from "../../lib/iso/rock-ridge.ts";
import { recordTime, udfTime, volumeTime } from "../../lib/iso/times.ts";
import {
  jolietDescriptor,
  primaryDescriptor,
  recognition,
  terminator,
} from "../../lib/iso/volume-descriptors.ts";
import { NOON } from "./images.ts";

function same(actual: Uint8Array, hex: string): void {
  assert.equal(toHex(actual), toHex(fromHex(hex)));
}

test("a directory record of a file", () => {
  const record = directoryRecord({
    identifier: ascii("A.TXT;1"),
    extent: 0x12345678,
    size: 0xfedcba98,
    time: NOON,
    flags: 0,
    systemUse: new Uint8Array(0),
  });
  same(
    record,
    `28 00 78563412 12345678 98badcfe fedcba98 79 06 07 0c 22 38 00
     00 00 00 0100 0001 07 41 2e 54 58 54 3b 31`,
  );
});

test("a record whose identifier is even is padded, and one whose system use area is odd", () => {
  const record = directoryRecord({
    identifier: ascii("AB"),
    extent: 1,
    size: 2048,
    time: 0,
    flags: MORE_SECTIONS,
    systemUse: Uint8Array.of(9, 8, 7),
  });
  same(
    record,
    `28 00 01000000 00000001 00080000 00000800 46 01 01 00 00 00 00
     80 00 00 0100 0001 02 41 42 00 09 08 07 00`,
  );
  for (const [identifier, use, length] of [[1, 0, 34], [2, 0, 36], [14, 206, 254], [13, 207, 254]] as const) {
    assert.equal(recordLength(identifier, use), length);
  }
});

test("a path table record in both forms", () => {
  same(pathTableRecord(ascii("ABC"), 0x1234, 0x56, true), "03 00 34120000 5600 41 42 43 00");
  same(pathTableRecord(ascii("ABC"), 0x1234, 0x56, false), "03 00 00001234 0056 41 42 43 00");
  same(pathTableRecord(SELF, 0x20, 1, true), "01 00 20000000 0100 00 00");
});

test("SP, PX, TF, NM and CE", () => {
  same(sp(), "53 50 07 01 be ef 00");
  same(
    px(0o100644, 1),
    "50 58 24 01 a4810000 000081a4 01000000 00000001 00000000 00000000 00000000 00000000",
  );
  same(tf(NOON), "54 46 0c 01 02 79 06 07 0c 22 38 00");
  same(nm(utf8("é"), true), "4e 4d 07 01 01 c3 a9");
  same(ce(0x11, 0x22, 0x33), "43 45 1c 01 11000000 00000011 22000000 00000022 33000000 00000033");
});

test("ER names RRIP_1991A with the lengths of its texts", () => {
  const bytes = er();
  same(bytes.subarray(0, 18), "45 52 ed 01 0a 54 87 01 52 52 49 50 5f 31 39 39 31 41");
  assert.equal(bytes.length, 237);
});

test("SL stores components", () => {
  assert.deepEqual(sl("../a/./b").map(toHex), ["534c0f01" + "00" + "0400" + "000161" + "0200" + "000162"]);
  assert.deepEqual(sl("/x//y/").map(toHex), ["534c0d01" + "00" + "0800" + "000178" + "000179"]);
});

test("SL goes on in another field inside a component, so that readers agree about slashes", () => {
  const part = fc.oneof(
    fc.constantFrom(".", "..", "a", "ab"),
    fc.integer({ min: 1, max: 255 }).map((length) => "x".repeat(length)),
  );
  fc.assert(fc.property(fc.array(part, { minLength: 1, maxLength: 300 }), fc.boolean(), (parts, rooted) => {
    const target = (rooted ? "/" : "") + parts.join("/");
    const fields = sl(target);
    for (const [i, field] of fields.entries()) {
      assert.equal(field[2], field.length);
      assert.equal(field[4], i < fields.length - 1 ? 1 : 0);
    }
    assert.equal(followed(fields, ""), target);
    assert.equal(followed(fields, "/"), target);
  }));
});

/** The target, as a reader understands it that puts `between` after a field that ends with a whole component. */
function followed(fields: readonly Uint8Array[], between: "" | "/"): string {
  let text = "";
  for (const field of fields) {
    let separator = "";
    for (let at = 5; at < field.length; at += 2 + (field[at + 1] ?? 0)) {
      text += separator + componentText(field, at);
      separator = (field[at] ?? 0) & 1 ? "" : "/";
    }
    if (field[4] === 1 && separator === "/") text += between;
  }
  return text;
}

function componentText(field: Uint8Array, at: number): string {
  const named = { 2: ".", 4: "..", 8: "" }[(field[at] ?? 0) & ~1];
  return named ?? new TextDecoder().decode(field.subarray(at + 2, at + 2 + (field[at + 1] ?? 0)));
}

test("a name fits a record up to 153 bytes, above that 125 stay and the rest goes on in a continuation area", () => {
  const head = 48;
  const fixed = [px(0, 1), tf(0)];
  const fits = systemUse(head, fixed, new Uint8Array(153), []);
  assert.equal(fits.areas.length, 0);
  assert.equal(concat(...fits.inline).length, 206);
  const split = systemUse(head, fixed, new Uint8Array(154), []);
  assert.equal(split.inline[2]?.length, 130);
  assert.equal(split.inline[2]?.[4], 1);
  assert.deepEqual(split.areas.map((fields) => fields.map((field) => field.length)), [[34]]);
  assert.equal(concat(...split.inline).length + 28, 206);
});

test("a system use area that no sector holds is split over several", () => {
  const use = systemUse(48, [px(0, 1), tf(0)], utf8("link"), sl("component/".repeat(400)));
  assert.ok(use.areas.length > 1);
  for (const fields of use.areas) assert.ok(concat(...fields).length + 28 <= SECTOR);
});

test("times are stored to the second, the hundredth and the microsecond", () => {
  const time = Date.UTC(1999, 11, 31, 23, 59, 58, 987);
  same(recordTime(time), "63 0c 1f 17 3b 3a 00");
  assert.equal(toHex(volumeTime(time)), toHex(utf8("1999123123595898")) + "00");
  assert.equal(toHex(volumeTime(undefined)), toHex(utf8("0000000000000000")) + "00");
  same(udfTime(time), "0010 cf07 0c 1f 17 3b 3a 62 46 00");
});

test("times outside 1970..2155 are stored as the nearest inside", () => {
  same(recordTime(Date.UTC(1969, 11, 31)), "46 01 01 00 00 00 00");
  same(recordTime(Date.UTC(2155, 11, 31, 23, 59, 59)), "ff 0c 1f 17 3b 3b 00");
  same(recordTime(Date.UTC(2156, 0, 1)), "ff 0c 1f 17 3b 3b 00");
});

const PLACE = {
  pathTableBytes: 0x0a0b,
  pathTableL: 19,
  pathTableM: 20,
  root: directoryRecord({
    identifier: SELF,
    extent: 23,
    size: 2048,
    time: 0,
    flags: 2,
    systemUse: new Uint8Array(0),
  }),
};
const FACTS = { volumeId: "COLDFRAME_1", created: NOON, sectors: 0x010203 };

test("the primary descriptor, field by field", () => {
  const bytes = primaryDescriptor(FACTS, PLACE);
  assert.equal(bytes.length, SECTOR);
  same(bytes.subarray(0, 8), "01 43 44 30 30 31 01 00");
  assert.equal(text(bytes, 8, 32), "".padEnd(32));
  assert.equal(text(bytes, 40, 32), "COLDFRAME_1".padEnd(32));
  same(bytes.subarray(72, 80), "00".repeat(8));
  same(bytes.subarray(80, 88), "03020100 00010203");
  same(bytes.subarray(88, 120), "00".repeat(32));
  same(bytes.subarray(120, 132), "0100 0001 0100 0001 0008 0800");
  same(bytes.subarray(132, 156), "0b0a0000 00000a0b 13000000 00000000 00000014 00000000");
  same(
    bytes.subarray(156, 190),
    "22 00 17000000 00000017 00080000 00000800 46 01 01 00 00 00 00 02 00 00 0100 0001 01 00",
  );
  assert.equal(text(bytes, 190, 128), "COLDFRAME_1".padEnd(128));
  assert.equal(text(bytes, 574, 128), "COLDFRAME".padEnd(128));
  assert.equal(text(bytes, 702, 111), "".padEnd(111));
  assert.equal(text(bytes, 813, 34), "2021060712345600\0".repeat(2));
  assert.equal(text(bytes, 847, 34), "0000000000000000\0".repeat(2));
  same(bytes.subarray(881, 884), "01 00 00");
  assert.ok(bytes.subarray(882).every((byte) => byte === 0));
});

test("the Joliet descriptor differs in type, escape sequence and character set", () => {
  const bytes = jolietDescriptor(FACTS, PLACE);
  same(bytes.subarray(0, 8), "02 43 44 30 30 31 01 00");
  same(bytes.subarray(88, 92), "25 2f 45 00");
  same(bytes.subarray(40, 72), toHex(utf16be("COLDFRAME_1     ")));
  same(bytes.subarray(702, 739), "0020".repeat(18) + "00");
  same(bytes.subarray(80, 88), "03020100 00010203");
});

test("terminator and UDF recognition", () => {
  same(terminator().subarray(0, 8), "ff 43 44 30 30 31 01 00");
  same(recognition("NSR02").subarray(0, 8), "00 4e 53 52 30 32 01 00");
});

function text(bytes: Uint8Array, at: number, length: number): string {
  return new TextDecoder().decode(bytes.subarray(at, at + length));
}
