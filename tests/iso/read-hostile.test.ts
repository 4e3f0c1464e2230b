/** Images from an enemy or a failing disk: an error in bounded time and memory, never a path that escapes. */

import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import process from "node:process";
import { test } from "node:test";
import fc from "fast-check";
import { type Bytes, fromHex, utf8 } from "../../lib/bytes.ts";
import { hasCode } from "../../lib/errors.ts";
import { type ImageNode, openImage } from "../../lib/iso/read.ts";
import {
  both32,
  continued,
  DIR,
  entry,
  folder,
  image,
  memory,
  mode,
  name,
  nodesOf,
  type RecordSpec,
  ROOT,
  SECTOR,
  SP,
} from "./read-crafted.ts";

const plain = (...records: RecordSpec[]) => image({ [ROOT]: folder(ROOT, ROOT, records) });
const rockRidge = (systemUse: Uint8Array, more: Readonly<Record<number, Uint8Array>> = {}) =>
  image({ [ROOT]: folder(ROOT, ROOT, [{ id: "A.;1", systemUse }], SP), ...more });
const subfolder = (block: number, size = SECTOR): RecordSpec => ({ id: "D", block, size, flags: DIR });

/** A good image with some bytes replaced. */
function patched(image: Bytes, at: number, hex: string): Bytes {
  const copy = image.slice();
  copy.set(fromHex(hex), at);
  return copy;
}

const root = ROOT * SECTOR;
const first = root + 68; // the first record after `.` and `..`

const HOSTILE: [string, Bytes][] = [
  ["no bytes at all", new Uint8Array(0)],
  ["no volume descriptor", new Uint8Array(64 * SECTOR)],
  ["ends in the descriptors", plain().slice(0, 16 * SECTOR + 100)],
  ["ends before the root", plain().slice(0, 19 * SECTOR)],
  ["blocks of 512 bytes", patched(plain(), 16 * SECTOR + 128, "00 02 02 00")],
  ["a root that is a file", patched(plain(), 16 * SECTOR + 156 + 25, "00")],
  ["a root without bytes", patched(plain(), 16 * SECTOR + 156 + 10, "00000000")],
  ["a root of 4 GiB", patched(plain(), 16 * SECTOR + 156 + 10, "ffffffff")],
  ["a root past the end", patched(plain(), 16 * SECTOR + 156 + 2, "ffffffff")],
  ["a root record of 33 bytes", patched(plain(), 16 * SECTOR + 156, "21")],
  ["a folder that is no folder", image({ [ROOT]: folder(ROOT, ROOT, [subfolder(30)]), 30: utf8("text") })],
  ["a folder of zeros", plain(subfolder(30))],
  ["a folder of 0 bytes", plain(subfolder(30, 0))],
  ["a folder in itself", plain(subfolder(ROOT))],
  [
    "a folder in its grandchild",
    image({ [ROOT]: folder(ROOT, ROOT, [subfolder(21)]), 21: folder(21, ROOT, [subfolder(ROOT)]) }),
  ],
  [
    "one folder in two places",
    image({
      [ROOT]: folder(ROOT, ROOT, [subfolder(21), { ...subfolder(21), id: "E" }]),
      21: folder(21, ROOT, []),
    }),
  ],
  [
    "folders that overlap",
    image({
      [ROOT]: folder(ROOT, ROOT, [subfolder(21, 2 * SECTOR), { ...subfolder(22), id: "E" }]),
      21: folder(21, ROOT, []),
      22: folder(22, ROOT, []),
    }),
  ],
  ["a folder past the end", plain(subfolder(64))],
  ["a folder larger than the image", plain(subfolder(30, 0xffffffff))],
  ["a folder in sections", plain({ ...subfolder(30), flags: DIR | 0x80 }, subfolder(31))],
  ["a file past the end", plain({ id: "A.;1", block: 63, size: SECTOR + 1 })],
  ["a file far past the end", plain({ id: "A.;1", block: 0xffffffff, size: 0xffffffff })],
  [
    "sections of one file that add up to more than the image",
    plain(...Array.from({ length: 40 }, (_, i) => ({
      id: "A.;1",
      block: 30,
      size: 2 * SECTOR,
      flags: i < 39 ? 0x80 : 0,
    }))),
  ],
  ["a last section that says that more follow", plain({ id: "A.;1", block: 30, size: 1, flags: 0x80 })],
  [
    "sections of two files mixed",
    plain({ id: "A.;1", block: 30, size: 1, flags: 0x80 }, { id: "B.;1", block: 31, size: 1 }),
  ],
  ["an interleaved file", plain({ id: "A.;1", block: 30, size: 1, interleave: 1 })],
  ["a record of 20 bytes", patched(plain({ id: "A.;1" }), first, "14")],
  ["a name longer than its record", patched(plain({ id: "A.;1" }), first + 32, "ff")],
  ["a name of 0 bytes", patched(plain({ id: "A.;1" }), first + 32, "00")],
  ["a record across two sectors", acrossSectors()],
  ["a plain name that climbs", plain({ id: ".." })],
  ["a plain name with a slash", plain({ id: "../A.;1" })],
  ["a plain name that is only a version", plain({ id: ";1" })],
  ["a name ..", rockRidge(name(".."))],
  ["a name .", rockRidge(name("."))],
  ["an absolute name", rockRidge(name("/etc/passwd"))],
  ["a name that climbs", rockRidge(name("../x"))],
  ["a name that climbs in two pieces", rockRidge(Buffer.concat([name(".", 1), name(".")]))],
  ["a name with NUL", rockRidge(name("a\0b"))],
  ["an empty name", rockRidge(name(""))],
  ["the name flag for the parent", rockRidge(entry("NM", fromHex("04")))],
  ["a Joliet name with a slash", joliet("../x")],
  ["a Joliet name ..", joliet("..")],
  ["an entry of length 0", rockRidge(fromHex("4e 4d 00 01 00 41"))],
  ["an entry of length 3", rockRidge(fromHex("4e 4d 03 01 00 41"))],
  ["an entry longer than its area", rockRidge(fromHex("4e 4d ff 01 00 41"))],
  ["a CE entry cut short", rockRidge(fromHex("43 45 08 01 00 00 00 00"))],
  ["a PX entry cut short", rockRidge(fromHex("50 58 06 01 00 00"))],
  ["a TF entry without its stamp", rockRidge(fromHex("54 46 06 01 02 46"))],
  ["an SL component longer than its entry", rockRidge(entry("SL", fromHex("00 00 ff 41")))],
  ["a continuation past the end", rockRidge(continued(64, 0, 100))],
  ["a continuation that runs over the end", rockRidge(continued(63, 0, SECTOR + 1))],
  ["a continuation of 4 GiB", rockRidge(continued(30, 0, 0xffffffff))],
  ["a continuation at offset 4 GiB", rockRidge(continued(30, 0xffffffff, 4))],
  ["a continuation of itself", rockRidge(continued(30, 0, 28), { 30: continued(30, 0, 28) })],
  [
    "two continuations in a circle",
    rockRidge(continued(30, 0, 28), { 30: continued(31, 0, 28), 31: continued(30, 0, 28) }),
  ],
  [
    "a name of 60 kB",
    rockRidge(continued(30, 0, 30_000), { 30: Buffer.concat(Array(120).fill(name("n".repeat(245), 1))) }),
  ],
  ["a moved folder that is not there", rockRidge(entry("CL", both32(30)))],
  ["a moved folder past the end", rockRidge(entry("CL", both32(0xffffffff)))],
  ["a folder moved into itself", rockRidge(entry("CL", both32(ROOT)))],
  ["a link and a folder of one name", linkAndFolder()],
  ["a compressed file", rockRidge(entry("ZF", utf8("pz"), fromHex("0200"), both32(1)))],
];

function acrossSectors(): Bytes {
  const records = Array.from({ length: 60 }, (_, i) => ({ id: `N${i + 10}.;1` }));
  const whole = image({ [ROOT]: folder(ROOT, ROOT, records, new Uint8Array(), 2) });
  return patched(whole, 16 * SECTOR + 156 + 10, "00100000");
}

function joliet(text: string): Bytes {
  const id = Buffer.from(text, "utf16le").swap16();
  return image({ [ROOT]: folder(ROOT, ROOT, []), 21: folder(21, 21, [{ id }]) }, 64, 21);
}

function linkAndFolder(): Bytes {
  const link = Buffer.concat([mode(0o120777), name("x"), entry("SL", fromHex("00 08 00"))]);
  const records = [
    { id: "A.;1", systemUse: link },
    { id: "B", block: 21, size: SECTOR, flags: DIR, systemUse: name("x") },
  ];
  return image({ [ROOT]: folder(ROOT, ROOT, records, SP), 21: folder(21, ROOT, []) });
}

for (const [what, bytes] of HOSTILE) {
  test(`refused, with the code image: ${what}`, async () => {
    await assert.rejects(nodesOf(memory(bytes)), (error) => hasCode(error, "image"));
  });
}

test("folders 1,000 deep are read, deeper ones refused", async () => {
  assert.equal((await nodesOf(memory(tower(999)))).length, 999);
  await assert.rejects(nodesOf(memory(tower(1000))), { code: "image", message: /1000 deep/ });
});

/** Folders in folders, each one holding the next. */
function tower(height: number): Bytes {
  const sectors: Record<number, Uint8Array> = {};
  for (let block = ROOT; block < ROOT + height; block++) {
    sectors[block] = folder(block, block, [subfolder(block + 1)]);
  }
  sectors[ROOT + height] = folder(ROOT + height, ROOT, []);
  return image(sectors, ROOT + height + 1);
}

test("folders that would multiply to 2^40 paths are refused after a few reads", async () => {
  const sectors: Record<number, Uint8Array> = {};
  for (let block = ROOT; block < 60; block++) {
    sectors[block] = folder(block, block, [subfolder(block + 1), { ...subfolder(block + 1), id: "E" }]);
  }
  sectors[60] = folder(60, 59, []);
  const access = memory(image(sectors));
  await assert.rejects(nodesOf(access), { code: "image" });
  assert.ok(access.calls() < 60, `${access.calls()} reads`);
});

test("a thousand records that all continue over the same large area are refused", async () => {
  const area = Buffer.concat([...Array(110).fill(entry("XX", new Uint8Array(250)))]);
  const one = { systemUse: Buffer.concat([name("n"), continued(40, 0, area.length)]) };
  const folders: Record<number, Uint8Array> = { 40: area };
  folders[ROOT] = folder(ROOT, ROOT, Array.from({ length: 20 }, (_, i) => ({ ...one, id: `A${i}.;1` })), SP);
  const access = memory(image(folders));
  await assert.rejects(nodesOf(access), { code: "image", message: /over and over/ });
  assert.ok(access.bytes() < 4 * access.size, `${access.bytes()} bytes read`);
});

test("folders that would fill the memory are refused before they are read", async () => {
  for (const id of ["D", "RR_MOVED", "rr_moved"]) {
    const small = memory(plain({ id, block: 30, size: 0x3ffff800, flags: DIR }));
    const access = { ...small, size: 2 ** 40 };
    await assert.rejects(nodesOf(access), { code: "image", message: /folders? of \d+ bytes/ });
    assert.ok(small.bytes() < 100_000, `${small.bytes()} bytes read`);
  }
});

test("a node that breaks the format does not hide the others from find", async () => {
  const bytes = plain({ id: "A.;1", block: 30, size: 5 }, { id: "B.;1", block: 0xffffffff, size: 5 });
  const reader = await openImage(memory(bytes));
  assert.equal((await reader.find("A"))?.kind, "file");
  await assert.rejects(reader.find("B"), { code: "image" });
});

test("find takes no path that climbs", async () => {
  const reader = await openImage(memory(plain({ id: "A.;1", block: 30, size: 5 })));
  for (const path of ["", "/", "/A", "A/", "./A", "../A", ".", "..", "\0"]) {
    assert.equal(await reader.find(path), undefined, JSON.stringify(path));
  }
});

/** A small image with everything the reader knows: Rock Ridge, Joliet, continuations, sections, a moved folder. */
function everything(): Bytes {
  const area = Buffer.concat([name("long", 1), continued(41, 8, 9)]);
  const long = Buffer.concat([mode(0o100644), name("very-", 1), continued(40, 0, area.length)]);
  const link = Buffer.concat([mode(0o120777), name("link"), entry("SL", fromHex("00 04 00 00 01 61"))]);
  const moved = Buffer.concat([name("moved"), entry("RE")]);
  const records: RecordSpec[] = [
    { id: "A.;1", block: 50, size: 5, systemUse: long },
    { id: "B.;1", block: 50, size: SECTOR, flags: 0x80, systemUse: name("big") },
    { id: "B.;1", block: 51, size: 9, systemUse: name("big") },
    { id: "C.;1", systemUse: link },
    { id: "D", block: 22, size: SECTOR, flags: DIR, systemUse: name("d") },
    { id: "RR_MOVED", block: 24, size: SECTOR, flags: DIR, systemUse: name("rr_moved") },
  ];
  const deep: RecordSpec[] = [
    { id: "E.;1", block: 23, size: 0, systemUse: Buffer.concat([name("e"), entry("CL", both32(23))]) },
  ];
  return image(
    {
      [ROOT]: folder(ROOT, ROOT, records, SP),
      21: folder(21, 21, [{ id: fromHex("0041"), block: 50, size: 5 }]),
      22: folder(22, ROOT, deep),
      23: folder(23, 24, [{ id: "F.;1", block: 52, size: 7, systemUse: name("f") }], entry("PL", both32(22))),
      24: folder(24, ROOT, [{ id: "E", block: 23, size: SECTOR, flags: DIR, systemUse: moved }]),
      40: area,
      41: Buffer.concat([new Uint8Array(8), name("name")]),
    },
    64,
    21,
  );
}

test("the image that the fuzzing starts from is read whole", async () => {
  const nodes = await nodesOf(memory(everything()));
  const paths = nodes.map(({ path }) => path);
  assert.deepEqual(paths, ["very-longname", "big", "link", "d", "d/e", "d/e/f"]);
  const reader = await openImage(memory(everything()));
  for (const node of nodes) assert.deepEqual(await reader.find(node.path), node);
  assert.equal(await reader.find("rr_moved"), undefined);
  assert.equal(await reader.find("rr_moved/moved"), undefined);
});

/** The bytes that mean something in `everything()`, so that most flips hit one. */
const MEANINGFUL = [16, 17, 20, 21, 22, 23, 24, 40, 41].flatMap((sector) => {
  const bytes = everything().subarray(sector * SECTOR, (sector + 1) * SECTOR);
  const used = bytes.findLastIndex((byte) => byte !== 0) + 40;
  return Array.from({ length: Math.min(used, SECTOR) }, (_, i) => sector * SECTOR + i);
});

test("whatever bytes are wrong, an image is read or refused within bounds, and no path escapes", async () => {
  const flips = fc.array(fc.tuple(fc.constantFrom(...MEANINGFUL), fc.integer({ min: 0, max: 255 })), {
    minLength: 1,
    maxLength: 12,
  });
  const outcomes = { read: 0, refused: 0 };
  await fc.assert(
    fc.asyncProperty(flips, async (changes) => {
      const bytes = everything();
      for (const [at, value] of changes) bytes[at] = value;
      outcomes[await survives(bytes)]++;
    }),
    { numRuns: Number(process.env["COLDFRAME_FUZZ_RUNS"] ?? 600) },
  );
  assert.ok(outcomes.read > 50 && outcomes.refused > 50, JSON.stringify(outcomes));
});

async function survives(bytes: Bytes): Promise<"read" | "refused"> {
  const access = memory(bytes);
  try {
    for (const node of await nodesOf(access)) assertHarmless(node, bytes.length);
    return "read";
  } catch (error) {
    if (hasCode(error, "image")) return "refused";
    throw error;
  } finally {
    assert.ok(access.calls() < 200 && access.bytes() < 20 * bytes.length, `${access.calls()} reads`);
  }
}

function assertHarmless(node: ImageNode, imageSize: number): void {
  const names = node.path.split("/");
  assert.ok(names.every((one) => one !== "" && one !== "." && one !== ".."), node.path);
  assert.ok(!node.path.includes("\0"));
  if (node.kind !== "file") return;
  assert.ok(node.extents.every(({ offset, length }) => length > 0 && offset + length <= imageSize));
  assert.equal(node.extents.reduce((sum, { length }) => sum + length, 0), node.size);
}
