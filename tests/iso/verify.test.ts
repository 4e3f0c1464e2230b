/** The verifier itself: good images have no faults, and each single change of a good one is noticed. */

import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import process from "node:process";
import { test } from "node:test";
import fc from "fast-check";
import { type Bytes, concat, fromHex, utf8 } from "../../lib/bytes.ts";
import { openImage } from "../../lib/iso/read.ts";
import { layoutImage } from "../../lib/iso/image.ts";
import type { RandomAccess } from "../../lib/types.ts";
import { imageBytes, NOON, specOf, type TreeOf } from "./images.ts";
import { manifests } from "./manifests.ts";
import { contentsOf, memory, nodesOf } from "./read-crafted.ts";
import { verifyImage } from "./verify.ts";
import {
  ANCHOR,
  DESCRIPTOR,
  type Field,
  FILE_ENTRY,
  FILE_IDENTIFIER,
  FILE_SET,
  type Form,
  INTEGRITY,
  RECORD,
  SEQUENCE,
  SYSTEM_USE,
  TABLE_ENTRY,
  TAG,
} from "./verify-fields.ts";
import { Subject } from "./verify-places.ts";
import { SECTOR } from "./verify-structure.ts";

const LONG = "n".repeat(200);
/** Something of everything: shared content, empty things, long and wide names, links that need several areas. */
const TREE: TreeOf = {
  "a.txt": "hello",
  "b/c.txt": "x".repeat(3000),
  "b/d/e.txt": "deep",
  "empty": "",
  "emptydir": null,
  [LONG]: "long",
  "é日.txt": "wide",
  "link": { link: "../x" },
  "longlink": { link: `/${Array.from({ length: 250 }, (_, i) => `component${i}`).join("/")}` },
  "same.txt": "hello",
};

function imageOf(tree: TreeOf, udf: boolean): Bytes {
  const { spec, read } = specOf(tree, udf);
  return concat(...imageBytes(spec, layoutImage(spec), read));
}

const BRIDGE = new Subject(imageOf(TREE, true));
const PLAIN = new Subject(imageOf(TREE, false));

async function assertNoticed(subject: Subject): Promise<void> {
  const faults = await verifyImage(memory(subject.bytes));
  assert.notDeepEqual(faults, []);
}

for (const [what, subject] of [["with", BRIDGE], ["without", PLAIN]] as const) {
  test(`a good image ${what} UDF has no faults, and the reader gives back what went in`, async () => {
    const access = memory(subject.bytes);
    assert.deepEqual(await verifyImage(access), []);
    const contents = await contentsOf(access);
    for (const [path, content] of Object.entries(TREE)) {
      const wanted = content === null ? "dir" : typeof content === "string" ? content : `→ ${content.link}`;
      assert.equal(contents.get(path), wanted, path);
    }
    assert.deepEqual([...contents.keys()].filter((path) => !(path in TREE)).sort(), ["b", "b/d"]);
  });
}

test("no generated image has a fault, and the reader finds each of its files", async () => {
  await fc.assert(
    fc.asyncProperty(manifests(), fc.boolean(), async (tree, udf) => {
      const access = memory(imageOf(tree, udf));
      assert.deepEqual(await verifyImage(access), []);
      const reader = await openImage(access);
      for (const node of await nodesOf(access)) assert.deepEqual(await reader.find(node.path), node);
    }),
    { numRuns: Number(process.env["COLDFRAME_FUZZ_RUNS"] ?? 40) },
  );
});

/** An image of files too large for memory; changed bytes lie over it. */
function largeImage(changes: ReadonlyMap<number, number> = new Map()): RandomAccess {
  const spec = {
    volumeId: "LARGE",
    created: NOON,
    udf: true,
    entries: [5 * 2 ** 30 + 1, 0xfffff800, 9 * 2 ** 30].map((size, i) => ({
      kind: "file" as const,
      path: `${i}.mov`,
      size,
      mtime: NOON,
      content: `${i}`,
    })),
  };
  const image = layoutImage(spec);
  const read = (_: string, __: number, length: number) => new Uint8Array(length);
  return {
    size: image.size,
    readAt(offset, length) {
      const bytes = concat(...imageBytes(spec, image, read, offset, length));
      for (const [at, value] of changes) if (at >= offset && at < offset + length) bytes[at - offset] = value;
      return Promise.resolve(bytes);
    },
  };
}

test("files over 4 GiB have full sections, contiguous, in all trees, and are read as one extent", async () => {
  const access = largeImage();
  assert.deepEqual(await verifyImage(access), []);
  const sizes = (await nodesOf(access)).map((node) =>
    node.kind === "file" && [node.size, node.extents.length]
  );
  assert.deepEqual(sizes, [[5 * 2 ** 30 + 1, 1], [0xfffff800, 1], [9 * 2 ** 30, 1]]);
});

test("caught: a section of a large file that is not full, not in its place, or without its flag", async () => {
  const head = new Subject(await largeImage().readAt(0, 1 << 20));
  const first = head.record(head.folder(16), "0.MOV;1");
  for (
    const [at, value] of [[first + 11, 0xf0], [first + 2, 0], [first + 25, 0], [first + 25, 0x81]] as const
  ) {
    assert.notDeepEqual(await verifyImage(largeImage(new Map([[at, value]]))), []);
  }
});

/** The changes of a field: the number one higher, in each byte order and in both; or one bit of the first byte. */
function changesOf(form: Form): [string, (view: DataView, at: number) => void][] {
  const bump = (offset: number) => (view: DataView, at: number) =>
    view.setUint8(at + offset, (view.getUint8(at + offset) + 1) & 0xff);
  const both = (little: number, big: number): [string, (view: DataView, at: number) => void][] => [
    [" little-endian", bump(little)],
    [" big-endian", bump(big)],
    [" in both orders", (view, at) => [bump(little), bump(big)].forEach((change) => change(view, at))],
  ];
  if (form === "both16") return both(0, 3);
  if (form === "both32") return both(0, 7);
  if (form === "be32") return [["", bump(3)]];
  if (form === "bytes") return [["", (view, at) => view.setUint8(at, view.getUint8(at) ^ 1)]];
  return [["", bump(0)]];
}

/** One test for each change of each field of a structure. */
function testFields(what: string, from: Subject, at: number, fields: readonly Field[], sealed = false): void {
  for (const [name, offset, form] of fields) {
    for (const [how, change] of changesOf(form)) {
      test(`caught: ${what}, ${name}${how}`, async () => {
        const subject = from.copy();
        change(subject.view, at + offset);
        if (sealed) reseal(subject, at, offset);
        await assertNoticed(subject);
      });
    }
  }
}

/** A changed checksum is left; a changed CRC, or length of what it covers, needs a new checksum only. */
function reseal(subject: Subject, at: number, offset: number): void {
  if (offset === 4) return;
  if (offset === 8 || offset === 10) subject.sealTag(at);
  else subject.seal(at);
}

testFields("primary descriptor", PLAIN, 16 * SECTOR, DESCRIPTOR);
testFields("Joliet descriptor", PLAIN, 17 * SECTOR, DESCRIPTOR);
const BARE: readonly Field[] = [
  ["type", 0, "u8"],
  ["identifier", 1, "bytes"],
  ["version", 6, "u8"],
  ["rest", 7, "u8"],
];
testFields("terminator", PLAIN, 18 * SECTOR, BARE);

for (const [name, descriptor] of [["ISO", 16], ["Joliet", 17]] as const) {
  const size = PLAIN.u32(descriptor * SECTOR + 132);
  for (const [order, field] of [["L", 140], ["M", 148]] as const) {
    const table = PLAIN.view.getUint32(descriptor * SECTOR + field, order === "L") * SECTOR;
    testFields(`${name} path table ${order}, root`, PLAIN, table, TABLE_ENTRY(order));
    testFields(`${name} path table ${order}, first folder`, PLAIN, table + 10, TABLE_ENTRY(order));
    testFields(`${name} path table ${order}`, PLAIN, table, [["byte behind its end", size, "u8"]]);
  }
}

const ROOT = PLAIN.folder(16);
const JOLIET = PLAIN.folder(17);
const inner = PLAIN.folder(16, ["B"]);
const wide = (text: string) => Buffer.from(text, "utf16le").swap16().toString("latin1");
const RECORDS: readonly (readonly [string, number])[] = [
  ["the root's .", ROOT],
  ["the root's ..", PLAIN.records(ROOT)[1] ?? 0],
  ["a folder's .", inner],
  ["a folder's ..", PLAIN.records(inner)[1] ?? 0],
  ["a folder", PLAIN.record(ROOT, "B")],
  ["a file", PLAIN.record(ROOT, "A.TXT;1")],
  ["a file in a folder", PLAIN.record(inner, "C.TXT;1")],
  ["an empty file", PLAIN.record(ROOT, "EMPTY.;1")],
  ["a link", PLAIN.record(ROOT, "LINK.;1")],
  ["a file with a long name", PLAIN.record(ROOT, "NNNNNNNN.;1")],
];
for (const [what, at] of RECORDS) testFields(`ISO record of ${what}`, PLAIN, at, RECORD);
for (const id of ["a.txt", "b", "empty", LONG.slice(0, 103)]) {
  testFields(`Joliet record of ${id}`, PLAIN, PLAIN.record(JOLIET, wide(id)), RECORD);
}
testFields("Joliet record of the root's .", PLAIN, JOLIET, RECORD);
testFields("Joliet record of the root's ..", PLAIN, PLAIN.records(JOLIET)[1] ?? 0, RECORD);

const FIELDS: readonly (readonly [string, number, readonly string[]])[] = [
  ["the root's .", ROOT, ["SP", "PX", "TF", "ER"]],
  ["a folder's .", inner, ["PX", "TF"]],
  ["a folder's ..", PLAIN.records(inner)[1] ?? 0, ["PX", "TF"]],
  ["a folder", PLAIN.record(ROOT, "B"), ["PX", "TF", "NM"]],
  ["a file", PLAIN.record(ROOT, "A.TXT;1"), ["PX", "TF", "NM"]],
  ["a link", PLAIN.record(ROOT, "LINK.;1"), ["PX", "TF", "NM", "SL"]],
  ["a long link", PLAIN.record(ROOT, "LONGLINK.;1"), ["SL"]],
];
for (const [what, record, signatures] of FIELDS) {
  for (const signature of signatures) {
    testFields(`${signature} of ${what}`, PLAIN, PLAIN.field(record, signature), SYSTEM_USE[signature] ?? []);
  }
}
for (
  const [what, record] of [["the root's .", ROOT], [
    "a long name",
    PLAIN.record(ROOT, "NNNNNNNN.;1"),
  ]] as const
) {
  const ce = lastField(record);
  testFields(`CE of ${what}`, PLAIN, ce, SYSTEM_USE["CE"] ?? []);
  if (what === "a long name") testFields("continued NM", PLAIN, PLAIN.area(ce), SYSTEM_USE["NM"] ?? []);
}

/** The CE at the end of a record, which may have a pad byte behind it. */
function lastField(record: number): number {
  const end = record + PLAIN.view.getUint8(record);
  return PLAIN.text(end - 28, 2) === "CE" ? end - 28 : end - 29;
}

for (const [i, identifier] of ["BEA01", "NSR02", "TEA01"].entries()) {
  testFields(`UDF ${identifier}`, BRIDGE, (19 + i) * SECTOR, BARE);
}
const last = BRIDGE.bytes.length - SECTOR;
for (const [what, at] of [["first", 256 * SECTOR], ["last", last]] as const) {
  testFields(`${what} anchor`, BRIDGE, at, [...TAG, ...ANCHOR], true);
}
for (const [i, [what, fields]] of SEQUENCE.entries()) {
  testFields(`main ${what}`, BRIDGE, (32 + i) * SECTOR, TAG, true);
  testFields(`reserve ${what}`, BRIDGE, (48 + i) * SECTOR, [...TAG, ...fields.slice(0, 2)], true);
  testFieldsTwice(what, i, fields);
}

/** Changes both sequences alike, so that it is not their difference that is noticed. */
function testFieldsTwice(what: string, index: number, fields: readonly Field[]): void {
  for (const [name, offset, form] of fields) {
    for (const [how, change] of changesOf(form)) {
      test(`caught: both copies of the ${what}, ${name}${how}`, async () => {
        const subject = BRIDGE.copy();
        for (const start of [32, 48]) {
          change(subject.view, (start + index) * SECTOR + offset);
          subject.seal((start + index) * SECTOR);
        }
        await assertNoticed(subject);
      });
    }
  }
}

testFields("integrity descriptor", BRIDGE, 64 * SECTOR, [...TAG, ...INTEGRITY], true);
testFields("end of the integrity sequence", BRIDGE, 65 * SECTOR, [...TAG, ["rest", 16, "u8"]], true);
testFields("file set descriptor", BRIDGE, BRIDGE.block(0), [...TAG, ...FILE_SET], true);
testFields("end of the file set", BRIDGE, BRIDGE.block(1), [...TAG, ["rest", 16, "u8"]], true);
const top = BRIDGE.rootEntry();
const fileId = BRIDGE.identifier(top, "a.txt");
const folderId = BRIDGE.identifier(top, "b");
testFields("File Entry of the root", BRIDGE, top, [...TAG, ...FILE_ENTRY], true);
testFields("File Entry of a folder", BRIDGE, BRIDGE.entryOf(folderId), [...TAG, ...FILE_ENTRY], true);
testFields("File Entry of a file", BRIDGE, BRIDGE.entryOf(fileId), [...TAG, ...FILE_ENTRY], true);
testFields(
  "File Identifier of a file",
  BRIDGE,
  fileId,
  [...TAG, ...FILE_IDENTIFIER, ["name", 39, "u8"]],
  true,
);
testFields(
  "File Identifier of a folder",
  BRIDGE,
  folderId,
  [...TAG, ...FILE_IDENTIFIER, ["name", 39, "u8"]],
  true,
);
testFields("File Identifier of the parent", BRIDGE, BRIDGE.identifiers(BRIDGE.entryOf(folderId))[0] ?? 0, [
  ...TAG,
  ...FILE_IDENTIFIER,
], true);

/** Mistakes of more than one field, as a writer would make them. */
const MISTAKES: readonly (readonly [string, Subject, (s: Subject) => void])[] = [
  ["path tables in the wrong order, L as M", PLAIN, (s) => {
    for (const [field, order] of [[140, true], [148, false]] as const) {
      const start = s.view.getUint32(16 * SECTOR + field, order) * SECTOR;
      swap(s, start + 10, start + 20, 10);
    }
  }],
  ["a wrong parent in both path tables", PLAIN, (s) => {
    for (const [field, order] of [[140, true], [148, false]] as const) {
      const start = s.view.getUint32(16 * SECTOR + field, order) * SECTOR;
      s.view.setUint16(start + 16, 2, order);
    }
  }],
  ["the path table M written little-endian", PLAIN, (s) => {
    const size = s.u32(16 * SECTOR + 132);
    const l = s.u32(16 * SECTOR + 140) * SECTOR;
    s.bytes.copyWithin(s.view.getUint32(16 * SECTOR + 148) * SECTOR, l, l + size);
  }],
  ["a .. that points at its own folder", PLAIN, (s) => {
    const up = s.records(s.folder(16, ["B"]))[1] ?? 0;
    s.bytes.copyWithin(up + 2, s.folder(16, ["B"]) + 2, s.folder(16, ["B"]) + 18);
  }],
  [
    "two ISO records in the wrong order",
    PLAIN,
    (s) => rename(s, s.record(s.folder(16), "A.TXT;1"), "Z.TXT;1"),
  ],
  ["two ISO identifiers the same", PLAIN, (s) => {
    rename(s, s.record(s.folder(16), "EMPTY.;1"), "EMPTZ.;1");
    rename(s, s.record(s.folder(16), "A.TXT;1"), "B.TXT;1");
  }],
  ["an ISO identifier in lower case", PLAIN, (s) => rename(s, s.record(s.folder(16), "A.TXT;1"), "a.TXT;1")],
  [
    "an ISO identifier without version",
    PLAIN,
    (s) => rename(s, s.record(s.folder(16), "A.TXT;1"), "A.TXT_1"),
  ],
  [
    "a Joliet name with a colon",
    PLAIN,
    (s) => rename(s, s.record(s.folder(17), wide("a.txt")), wide("a:txt")),
  ],
  ["a Joliet name with a control character", PLAIN, (s) => {
    rename(s, s.record(s.folder(17), wide("a.txt")), wide("a.tx\x01"));
  }],
  ["a Joliet name that ends in a dot", PLAIN, (s) => {
    rename(s, s.record(s.folder(17), wide("empty")), wide("empt."));
  }],
  ["a Joliet name that ends in a space", PLAIN, (s) => {
    rename(s, s.record(s.folder(17), wide("empty")), wide("empt "));
  }],
  ["half a surrogate pair in a Joliet name", PLAIN, (s) => {
    rename(s, s.record(s.folder(17), wide("empty")), "\0e\0m\0p\0t\xd8\x3d");
  }],
  ["two Joliet names that differ by case alone", PLAIN, (s) => {
    rename(s, s.record(s.folder(17), wide("same.txt")), wide("LINK.txt"));
    rename(s, s.record(s.folder(17), wide("empty")), wide("EMPTY"));
    rename(s, s.record(s.folder(17), wide("b")), wide("B"));
  }],
  ["a Rock Ridge name with a slash", PLAIN, (s) => {
    s.bytes.set(utf8("a/txt"), s.field(s.record(s.folder(16), "A.TXT;1"), "NM") + 5);
  }],
  ["two Rock Ridge names the same", PLAIN, (s) => {
    s.bytes.set(utf8("link"), s.field(s.record(s.folder(16), "EMPTY.;1"), "NM") + 5);
    s.bytes.set(utf8("b.txt"), s.field(s.record(s.folder(16), "A.TXT;1"), "NM") + 5);
  }],
  ["a Rock Ridge name that is not UTF-8", PLAIN, (s) => {
    s.bytes[s.field(s.record(s.folder(16), "A.TXT;1"), "NM") + 5] = 0xff;
  }],
  ["the ER id of RRIP 1.12", PLAIN, (s) => s.bytes.set(utf8("IEEE_P1282"), s.field(s.folder(16), "ER") + 8)],
  ["no ER: the root's . without continuation", PLAIN, (s) => dropContinuation(s, s.folder(16))],
  ["a continuation across a sector's end", PLAIN, (s) => {
    const ce = lastField(s.folder(16));
    both32(s, ce + 12, SECTOR - 10);
  }],
  ["a continuation before its directory", PLAIN, (s) => {
    const ce = lastField(s.folder(16));
    const area = s.bytes.slice(s.area(ce), s.area(ce) + s.u32(ce + 20));
    both32(s, ce + 4, 18);
    both32(s, ce + 12, 1024);
    s.bytes.set(area, 18 * SECTOR + 1024);
  }],
  ["a continuation behind the data", PLAIN, (s) => {
    const ce = lastField(s.record(s.folder(16), "NNNNNNNN.;1"));
    const area = s.bytes.slice(s.area(ce), s.area(ce) + s.u32(ce + 20));
    s.bytes.fill(0, s.area(ce), s.area(ce) + area.length);
    const sector = s.bytes.length / SECTOR - 100;
    both32(s, ce + 4, sector);
    both32(s, ce + 12, 0);
    s.bytes.set(area, sector * SECTOR);
  }],
  ["two continuations that overlap", PLAIN, (s) => {
    const ce = lastField(s.folder(16));
    const name = lastField(s.record(s.folder(16), "NNNNNNNN.;1"));
    s.bytes.copyWithin(name + 4, ce + 4, ce + 28);
  }],
  ["a volume size of one sector less", PLAIN, (s) => {
    for (const sector of [16, 17]) both32(s, sector * SECTOR + 80, s.bytes.length / SECTOR - 1);
  }],
  ["no terminator", PLAIN, (s) => s.bytes.fill(0, 18 * SECTOR, 19 * SECTOR)],
  ["no Joliet descriptor", PLAIN, (s) => s.bytes.copyWithin(17 * SECTOR, 18 * SECTOR, 19 * SECTOR)],
  ["a volume sequence number of 0", PLAIN, (s) => s.bytes.fill(0, 16 * SECTOR + 124, 16 * SECTOR + 128)],
  ["31 April as the creation date", PLAIN, (s) => {
    for (const sector of [16, 17]) {
      for (const at of [813, 830]) s.bytes.set(utf8("20210431"), sector * SECTOR + at);
    }
  }],
  ["a byte in the system area", PLAIN, (s) => s.bytes.set([1], 100)],
  ["a byte behind the data", PLAIN, (s) => s.bytes.set([1], s.bytes.length - 1)],
  [
    "a byte behind the last record of a folder",
    PLAIN,
    (s) => s.bytes.set([1], s.folder(16) + 2 * SECTOR - 1),
  ],
  ["a byte in the sector of empty files", PLAIN, (s) => {
    s.bytes.set([1], s.u32(s.record(s.folder(16), "EMPTY.;1") + 2) * SECTOR);
  }],
  ["a byte behind the contents of a file", PLAIN, (s) => {
    s.bytes.set([1], s.u32(s.record(s.folder(16), "A.TXT;1") + 2) * SECTOR + 5);
  }],
  ["a byte between continuation areas", PLAIN, (s) => {
    const ce = lastField(s.folder(16));
    s.bytes.set([1], s.area(ce) + s.u32(ce + 20));
  }],
  ["an empty file that points past the volume", PLAIN, (s) => {
    both32(s, s.record(s.folder(16), "EMPTY.;1") + 2, s.bytes.length / SECTOR);
    both32(s, s.record(s.folder(17), wide("empty")) + 2, s.bytes.length / SECTOR);
  }],
  ["an empty file that points at a folder above it", PLAIN, (s) => {
    both32(s, s.record(s.folder(16), "EMPTY.;1") + 2, s.folder(16) / SECTOR);
    both32(s, s.record(s.folder(17), wide("empty")) + 2, s.folder(16) / SECTOR);
  }],
  ["contents that overlap others, in every tree", BRIDGE, (s) => {
    moveFile(s, "A.TXT;1", "a.txt", s.u32(s.record(s.folder(16, ["B"]), "C.TXT;1") + 2) + 1);
  }],
  ["contents before the directories, in every tree", BRIDGE, (s) => moveFile(s, "A.TXT;1", "a.txt", 300)],
  ["contents past the end, in every tree", BRIDGE, (s) => {
    moveFile(s, "A.TXT;1", "a.txt", s.bytes.length / SECTOR + 5);
  }],
  ["other contents in Joliet than in Rock Ridge", PLAIN, (s) => {
    both32(s, s.record(s.folder(17), wide("a.txt")) + 2, s.u32(s.record(s.folder(16, ["B"]), "C.TXT;1") + 2));
  }],
  ["other contents in UDF than in Rock Ridge", BRIDGE, (s) => {
    const entry = s.entryOf(s.identifier(s.rootEntry(), "a.txt"));
    s.view.setUint32(entry + 180, s.u32(entry + 180) + 1, true);
    s.seal(entry);
  }],
  ["a UDF size that all UDF fields agree on", BRIDGE, (s) => {
    const entry = s.entryOf(s.identifier(s.rootEntry(), "a.txt"));
    s.view.setUint32(entry + 56, 4, true);
    s.view.setUint32(entry + 176, 4, true);
    s.seal(entry);
  }],
  ["a UDF time that all UDF fields agree on", BRIDGE, (s) => {
    const entry = s.entryOf(s.identifier(s.rootEntry(), "a.txt"));
    for (const at of [72, 84, 96]) s.view.setUint8(entry + at + 8, 1);
    s.seal(entry);
  }],
  ["a file of another name in UDF", BRIDGE, (s) => {
    const identifier = s.identifier(s.rootEntry(), "a.txt");
    s.bytes.set(utf8("z"), identifier + 39);
    s.seal(identifier);
  }],
  ["two UDF names that lead to one entry", BRIDGE, (s) => {
    const identifier = s.identifier(s.rootEntry(), "same.txt");
    const other = s.identifier(s.rootEntry(), "a.txt");
    s.bytes.copyWithin(identifier + 20, other + 20, other + 36);
    s.seal(identifier);
  }],
  ["a UDF folder in itself", BRIDGE, (s) => {
    const folder = s.identifier(s.rootEntry(), "b");
    const deeper = s.identifier(s.entryOf(folder), "d");
    s.bytes.copyWithin(deeper + 20, folder + 20, folder + 36);
    s.seal(deeper);
  }],
  ["a UDF parent that is not the parent", BRIDGE, (s) => {
    const folder = s.entryOf(s.identifier(s.rootEntry(), "b"));
    const [parent = 0] = s.identifiers(s.entryOf(s.identifier(folder, "d")));
    s.bytes.copyWithin(parent + 24, s.block(0) + 404, s.block(0) + 408);
    s.seal(parent);
  }],
  ["a wide UDF name without need", BRIDGE, (s) => {
    const identifier = s.identifier(s.rootEntry(), "a.txt");
    s.bytes.set(fromHex("10 00 61 00 62"), identifier + 38);
    s.seal(identifier);
  }],
  ["a deleted UDF identifier", BRIDGE, (s) => {
    const identifier = s.identifier(s.rootEntry(), "a.txt");
    s.view.setUint8(identifier + 18, 4);
    s.seal(identifier);
  }],
  ["no UDF announcement", BRIDGE, (s) => s.bytes.fill(0, 19 * SECTOR, 22 * SECTOR)],
  ["no first anchor", BRIDGE, (s) => s.bytes.fill(0, 256 * SECTOR, 257 * SECTOR)],
  ["no last anchor", BRIDGE, (s) => s.bytes.fill(0, s.bytes.length - SECTOR)],
  ["no reserve sequence", BRIDGE, (s) => s.bytes.fill(0, 48 * SECTOR, 64 * SECTOR)],
  ["an open integrity descriptor", BRIDGE, (s) => {
    s.view.setUint32(64 * SECTOR + 28, 0, true);
    s.seal(64 * SECTOR);
  }],
  ["a partition that ends before its last file", BRIDGE, (s) => {
    for (const at of [34, 50]) {
      s.view.setUint32(at * SECTOR + 192, 30, true);
      s.seal(at * SECTOR);
    }
    s.view.setUint32(64 * SECTOR + 84, 30, true);
    s.seal(64 * SECTOR);
  }],
];

for (const [what, from, mistake] of MISTAKES) {
  test(`caught: ${what}`, async () => {
    const subject = from.copy();
    mistake(subject);
    assert.notDeepEqual(subject.bytes, from.bytes, "nothing was changed");
    await assertNoticed(subject);
  });
}

test("caught: an image without its last sector, and one with a sector more", async () => {
  await assertNoticed(new Subject(PLAIN.bytes.slice(0, -SECTOR)));
  await assertNoticed(new Subject(concat(PLAIN.bytes, new Uint8Array(SECTOR))));
  await assertNoticed(new Subject(PLAIN.bytes.slice(0, -1)));
});

test("caught: a record across the end of a sector", async () => {
  const many = Object.fromEntries(Array.from({ length: 40 }, (_, i) => [`photo ${100 + i}.jpg`, `${i}`]));
  const subject = new Subject(imageOf(many, false));
  assert.deepEqual(await verifyImage(memory(subject.bytes)), []);
  const second = subject.folder(16) + SECTOR;
  const before = subject.records(subject.folder(16)).filter((at) => at < second).at(-1) ?? 0;
  const end = before + subject.view.getUint8(before);
  assert.ok(end < second, "there is a gap to close");
  subject.bytes.copyWithin(end, second, second + SECTOR);
  await assertNoticed(subject);
});

/** Names that Joliet holds too, one of them continued: no byte of this image stands for itself alone. */
const { spec: twice, read } = specOf({
  "a.txt": "hello",
  "b/d/e.txt": "deep",
  "empty": "",
  "emptydir": null,
  ["é".repeat(103)]: "long",
  "日.txt": "wide",
  "same.txt": "hello",
}, false);

const sampled = layoutImage(twice);
const sample = concat(...imageBytes(twice, sampled, read));
/** Every byte that is not zero and some that are; one in five of them, with COLDFRAME_ALL_BYTES=1 all. */
const places = [...sample.keys()]
  .filter((at) => at < sampled.offsetOf(0) && (sample[at] !== 0 || at % 61 === 0))
  .filter((_, i) => process.env["COLDFRAME_ALL_BYTES"] === "1" || i % 5 === 0);

test("the image whose bytes are changed one by one has no faults", async () => {
  assert.ok(places.length > 300);
  assert.deepEqual(await verifyImage(memory(sample)), []);
});

for (const sector of new Set(places.map((at) => Math.floor(at / SECTOR)))) {
  test(`caught: any byte of sector ${sector}, changed`, async () => {
    for (const at of places.filter((one) => Math.floor(one / SECTOR) === sector)) {
      const bytes = sample.slice();
      bytes[at] = (bytes[at] ?? 0) ^ 0x10;
      assert.notDeepEqual(await verifyImage(memory(bytes)), [], `byte ${at % SECTOR}`);
    }
  });
}

function both32(subject: Subject, at: number, value: number): void {
  subject.view.setUint32(at, value, true);
  subject.view.setUint32(at + 4, value, false);
}

function swap(subject: Subject, a: number, b: number, length: number): void {
  const first = subject.bytes.slice(a, a + length);
  subject.bytes.copyWithin(a, b, b + length);
  subject.bytes.set(first, b);
}

/** Another identifier of the same length. */
function rename(subject: Subject, record: number, id: string): void {
  const bytes = Buffer.from(id, "latin1");
  assert.equal(bytes.length, subject.view.getUint8(record + 32));
  subject.bytes.set(bytes, record + 33);
}

/** Replaces CE by nothing: the record ends before it. */
function dropContinuation(subject: Subject, record: number): void {
  const ce = lastField(record);
  const area = subject.area(ce);
  subject.bytes.fill(0, area, area + subject.u32(ce + 20));
  const end = record + subject.view.getUint8(record);
  subject.bytes.copyWithin(ce, end, record + SECTOR - 28);
  subject.view.setUint8(record, ce - record);
}

/** Points a file at other sectors in all three trees, as a writer would that has put it there. */
function moveFile(subject: Subject, id: string, name: string, sector: number): void {
  both32(subject, subject.record(subject.folder(16), id) + 2, sector);
  both32(subject, subject.record(subject.folder(17), wide(name)) + 2, sector);
  const entry = subject.entryOf(subject.identifier(subject.rootEntry(), name));
  subject.view.setUint32(entry + 180, sector - 257, true);
  subject.seal(entry);
}
