import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { mkdir, readFile, symlink, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { fromHex, utf8 } from "../../lib/bytes.ts";
import { openImage, sliceExtents } from "../../lib/iso/read.ts";
import { run, testWith, withFolder } from "../tools.ts";
import {
  contentsOf,
  continued,
  DIR,
  entry,
  folder,
  image,
  memory,
  mode,
  name,
  nodesOf,
  record,
  type RecordSpec,
  ROOT,
  SECTOR,
  SP,
  withImageFile,
} from "./read-crafted.ts";

/** What the outside programs pack: deep folders, long names, links, an old date, empty things. */
const TREE: ReadonlyMap<string, string> = new Map([
  ["2019/Été/IMG_0001.jpg", "first"],
  ["2019/Été/a name with spaces, and much longer than ISO 9660 allows.jpeg", "second"],
  ["a/b/c/d/e/f/g/h/i/j/k/l/deep.txt", "deep"],
  ["a/b/c/d/e/f/g/h2/i/deep too.txt", "deep too"],
  ["empty", ""],
  ["UPPER.TXT", "upper"],
  ["upper.txt.txt", "lower"],
  [`${"n".repeat(245)}.jpg`, "long"],
]);
const LINKS: ReadonlyMap<string, string> = new Map([
  ["2019/link", "../a/b/./c"],
  ["absolute", `/${"component/".repeat(12)}end`],
]);
const OLD = Date.UTC(1985, 2, 4, 5, 6, 7);

async function writeTree(root: string, longNames = true): Promise<void> {
  await mkdir(join(root, "empty folder"), { recursive: true });
  for (const [path, text] of TREE) {
    if (!longNames && path.startsWith("nnn")) continue;
    const file = join(root, path);
    await mkdir(join(file, ".."), { recursive: true });
    await writeFile(file, text);
    await utimes(file, OLD / 1000, OLD / 1000);
  }
  for (const [path, target] of LINKS) await symlink(target, join(root, path));
}

function expected(links: boolean, longNames = true): Map<string, string> {
  const all = new Map<string, string>([["empty folder", "dir"]]);
  for (const [path, text] of TREE) {
    if (!longNames && path.startsWith("nnn")) continue;
    const names = path.split("/");
    for (let depth = 1; depth < names.length; depth++) all.set(names.slice(0, depth).join("/"), "dir");
    all.set(path, text);
  }
  if (links) { for (const [path, target] of LINKS) all.set(path, `→ ${target}`); }
  return all;
}

function sorted(map: ReadonlyMap<string, string>): [string, string][] {
  return [...map].sort(([a], [b]) => (a < b ? -1 : 1));
}

/** Programs and options, the names they are read by, and whether their view holds links and long names. */
const MAKERS = [
  { command: ["genisoimage", "-quiet", "-R"], naming: "rock-ridge", whole: true },
  { command: ["genisoimage", "-quiet", "-R", "-J", "-joliet-long"], naming: "rock-ridge", whole: true },
  { command: ["genisoimage", "-quiet", "-J", "-joliet-long", "-D"], naming: "joliet", whole: false },
  { command: ["xorriso", "-as", "mkisofs", "-quiet", "-R"], naming: "rock-ridge", whole: true },
  { command: ["xorriso", "-as", "mkisofs", "-quiet", "-R", "-J"], naming: "rock-ridge", whole: true },
  {
    command: ["xorriso", "-compliance", "deep_paths_off", "-as", "mkisofs", "-quiet", "-R"],
    naming: "rock-ridge",
    whole: true,
  },
] as const;

for (const { command, naming, whole } of MAKERS) {
  const [program, ...options] = command;
  testWith([program], `what ${command.join(" ")} packed comes out`, () =>
    withFolder(async (work) => {
      const [source, iso] = [join(work, "source"), join(work, "x.iso")];
      await writeTree(source, whole);
      await run(program, [...options, "-input-charset", "utf-8", "-o", iso, source], { timeout: 180_000 });
      await withImageFile(iso, async (access) => {
        const reader = await openImage(access);
        assert.equal(reader.naming, naming);
        assert.deepEqual(sorted(await contentsOf(access)), sorted(expected(whole, whole)));
        const file = await reader.find("a/b/c/d/e/f/g/h/i/j/k/l/deep.txt");
        assert.equal(file?.mtime, OLD);
        assert.equal(file?.kind, "file");
        assert.equal(await reader.find("a/b/c/d/e/f/g/nothing"), undefined);
        assert.equal(await reader.find("UPPER.TXT/x"), undefined);
      });
    }));
}

testWith(
  ["genisoimage"],
  "plain ISO names come without version and without the dot of an empty extension",
  () =>
    withFolder(async (work) => {
      const iso = join(work, "x.iso");
      await mkdir(join(work, "source/FOLDER"), { recursive: true });
      await writeFile(join(work, "source/FOLDER/README"), "read me");
      await writeFile(join(work, "source/PHOTO.JPG"), "photo");
      await run("genisoimage", ["-quiet", "-V", "PLAIN_1", "-o", iso, join(work, "source")], {
        timeout: 180_000,
      });
      await withImageFile(iso, async (access) => {
        assert.deepEqual(sorted(await contentsOf(access)), [
          ["FOLDER", "dir"],
          ["FOLDER/README", "read me"],
          ["PHOTO.JPG", "photo"],
        ]);
        const { volumeId, created = 0 } = await openImage(access);
        assert.equal(volumeId, "PLAIN_1");
        assert.ok(Math.abs(created - Date.now()) < 120_000, `made just now, not ${created}`);
      });
    }),
);

testWith(
  ["genisoimage"],
  "a file compressed by zisofs is refused rather than given as it stands",
  () =>
    withFolder(async (work) => {
      // Magic of a zisofs file of 6 bytes (header, two block pointers): -z recognises it and writes ZF.
      const header = fromHex("37 e4 53 96 c9 db d6 07 06000000 04 0f 0000 18000000 26000000");
      await mkdir(join(work, "source"));
      await writeFile(join(work, "source/z"), Buffer.concat([header, new Uint8Array(14)]));
      await run("genisoimage", ["-quiet", "-R", "-z", "-o", join(work, "x.iso"), join(work, "source")]);
      await withImageFile(join(work, "x.iso"), (access) =>
        assert.rejects(nodesOf(access), {
          code: "image",
          message: /z, which is stored compressed by zisofs/,
        }));
    }),
);

function rockRidge(records: readonly RecordSpec[], more: Readonly<Record<number, Uint8Array>> = {}) {
  return memory(image({ [ROOT]: folder(ROOT, ROOT, records, SP), ...more }));
}

const FILE = { block: 30, size: 3 };
const DATA = { 30: utf8("abcdefghi") };

test("a name that goes on in a second entry and in a continuation area is one name", async () => {
  const area = name("three");
  const systemUse = Buffer.concat([name("one-", 1), name("two-", 1), continued(40, 100, area.length)]);
  const sector = Buffer.concat([new Uint8Array(100), area]);
  const access = rockRidge([{ id: "A.;1", ...FILE, systemUse }], { ...DATA, 40: sector });
  assert.deepEqual([...await contentsOf(access)], [["one-two-three", "abc"]]);
});

test("a continuation area may continue in another one", async () => {
  const last = name("z");
  const first = Buffer.concat([name("y", 1), continued(41, 0, last.length)]);
  const systemUse = Buffer.concat([name("x", 1), continued(40, 0, first.length)]);
  const access = rockRidge([{ id: "A.;1", ...FILE, systemUse }], { ...DATA, 40: first, 41: last });
  assert.deepEqual([...await contentsOf(access)], [["xyz", "abc"]]);
});

test("the bytes that SP says to skip are skipped", async () => {
  const own = fromHex("53 50 07 01 be ef 0e");
  const systemUse = Buffer.concat([new Uint8Array(14).fill(0x41), name("named")]);
  const root = folder(ROOT, ROOT, [{ id: "A.;1", ...FILE, systemUse }], own);
  assert.deepEqual([...await contentsOf(memory(image({ [ROOT]: root, ...DATA })))], [["named", "abc"]]);
});

const TIMES: [string, string, number][] = [
  ["the record's date, where there is no TF", "", Date.UTC(2024, 1, 29, 12)],
  ["TF modify alone", "54 46 0c 01 02 46 01 01 00 00 00 00", 0],
  ["TF modify after creation", "54 46 13 01 03 46 01 01 00 00 00 00 64 01 01 00 00 00 00", 946_684_800_000],
  ["TF in a zone two hours east", "54 46 0c 01 02 64 01 01 02 00 00 08", 946_684_800_000],
  ["TF in a zone five hours west", "54 46 0c 01 02 63 0c 1f 13 00 00 ec", 946_684_800_000],
  ["TF in the year 2155", "54 46 0c 01 02 ff 0c 1f 17 3b 3b 00", Date.UTC(2155, 11, 31, 23, 59, 59)],
  [
    "TF in long form, to the hundredth",
    "54 46 16 01 82 32303234303232393132303030303337 00",
    Date.UTC(2024, 1, 29, 12) + 370,
  ],
  ["TF with access only", "54 46 0c 01 04 46 01 01 00 00 00 00", Date.UTC(2024, 1, 29, 12)],
  ["TF with an impossible month", "54 46 0c 01 02 46 0d 01 00 00 00 00", Date.UTC(2024, 1, 29, 12)],
];
for (const [what, hex, mtime] of TIMES) {
  test(`the time of a file is ${what}`, async () => {
    const systemUse = Buffer.concat([name("f"), fromHex(hex)]);
    const [node] = await nodesOf(rockRidge([{ id: "F.;1", ...FILE, systemUse }]));
    assert.equal(node?.mtime, mtime);
  });
}

const TARGETS: [string, string, string][] = [
  ["relative names", "00 00 01 61 00 01 62", "a/b"],
  ["the root", "00 08 00 00 01 61", "/a"],
  ["the root alone", "00 08 00", "/"],
  ["here and up", "00 02 00 04 00 00 01 61", "./../a"],
  ["a component in two pieces", "00 01 02 61 62 00 01 63", "abc"],
];
for (const [what, hex, target] of TARGETS) {
  test(`a symlink's target may hold ${what}`, async () => {
    const systemUse = Buffer.concat([mode(0o120777), name("l"), entry("SL", fromHex(hex))]);
    const [node] = await nodesOf(rockRidge([{ id: "L.;1", systemUse }]));
    assert.deepEqual(node, { kind: "symlink", path: "l", mtime: Date.UTC(2024, 1, 29, 12), target });
  });
}

test("a target goes on in a second SL entry, in the middle of a component", async () => {
  const links = [entry("SL", fromHex("01 00 01 61 01 01 62")), entry("SL", fromHex("00 00 01 63"))];
  const systemUse = Buffer.concat([mode(0o120777), name("l"), ...links]);
  const [node] = await nodesOf(rockRidge([{ id: "L.;1", systemUse }]));
  assert.equal(node?.kind === "symlink" && node.target, "a/bc");
});

test("pipes, sockets and devices are left out", async () => {
  const kinds = [0o010644, 0o140644, 0o020644, 0o060644];
  const records = kinds.map((kind, i) => ({
    id: `F${i}.;1`,
    systemUse: Buffer.concat([mode(kind), name(`f${i}`)]),
  }));
  assert.deepEqual(await nodesOf(rockRidge(records)), []);
});

test("sections that follow each other are one extent, others several", async () => {
  const records = [
    { id: "BIG.;1", block: 30, size: SECTOR, flags: 0x80 },
    { id: "BIG.;1", block: 31, size: SECTOR, flags: 0x80 },
    { id: "BIG.;1", block: 40, size: 5 },
  ];
  const [node] = await nodesOf(memory(image({ [ROOT]: folder(ROOT, ROOT, records) })));
  assert.deepEqual(node?.kind === "file" && [node.path, node.size, node.extents], ["BIG", 2 * SECTOR + 5, [
    { offset: 30 * SECTOR, length: 2 * SECTOR },
    { offset: 40 * SECTOR, length: 5 },
  ]]);
});

test("data stands behind the blocks of an extended attribute record", async () => {
  const records = [{ id: "A.;1", block: 29, size: 3, attributeBlocks: 1 }];
  const access = memory(image({ [ROOT]: folder(ROOT, ROOT, records), ...DATA }));
  assert.deepEqual([...await contentsOf(access)], [["A", "abc"]]);
});

test("an empty file has no extents, wherever its record points", async () => {
  const [node] = await nodesOf(
    memory(image({ [ROOT]: folder(ROOT, ROOT, [{ id: "E.;1", block: 0xffffffff }]) })),
  );
  assert.deepEqual(node?.kind === "file" && [node.size, node.extents], [0, []]);
});

test("names in an 8-bit set come out as Latin-1", async () => {
  const systemUse = entry("NM", fromHex("00 e9 74 e9"));
  assert.deepEqual([...await contentsOf(rockRidge([{ id: "E.;1", systemUse }]))], [["été", ""]]);
});

test("Joliet names are read where there is no Rock Ridge, emoji included", async () => {
  const id = Buffer.from("été 🎄;1", "utf16le").swap16();
  const sectors = {
    [ROOT]: folder(ROOT, ROOT, [{ id: "ETE.;1", ...FILE }]),
    21: folder(21, 21, [{ id, ...FILE }]),
    ...DATA,
  };
  assert.deepEqual([...await contentsOf(memory(image(sectors, 64, 21)))], [["été 🎄", "abc"]]);
});

test("the folder is read in one piece, and find reads only the folders on the way", async () => {
  const sectors = {
    [ROOT]: folder(ROOT, ROOT, [
      { id: "A", block: 21, size: SECTOR, flags: DIR },
      { id: "B", block: 22, size: SECTOR, flags: DIR },
    ]),
    21: folder(21, ROOT, [{ id: "X.;1", ...FILE }]),
    22: folder(22, ROOT, [{ id: "Y.;1", ...FILE }]),
  };
  const access = memory(image(sectors));
  const reader = await openImage(access);
  const opened = access.calls();
  assert.equal((await reader.find("B/Y"))?.path, "B/Y");
  assert.equal(access.calls() - opened, 2);
  assert.equal((await nodesOf(access)).length, 4);
});

test("any range of a file is found in its extents", () => {
  const extents = [{ offset: 100, length: 10 }, { offset: 500, length: 5 }];
  assert.deepEqual(sliceExtents(extents, 0, 15), extents);
  assert.deepEqual(sliceExtents(extents, 8, 4), [{ offset: 108, length: 2 }, { offset: 500, length: 2 }]);
  assert.deepEqual(sliceExtents(extents, 10, 5), [{ offset: 500, length: 5 }]);
  assert.deepEqual(sliceExtents(extents, 15, 0), []);
  assert.throws(() => sliceExtents(extents, 14, 2), RangeError);
  assert.throws(() => sliceExtents(extents, -1, 2), RangeError);
});

test("a record of the crafted images is the one of ECMA-119 §9.1", () => {
  assert.deepEqual(
    record({ id: "A.;1", block: 0x12345678, size: 3 }),
    fromHex("26 00 78563412 12345678 03000000 00000003 7c021d0c000000 00 00 00 0100 0001 04 41 2e 3b 31 00"),
  );
});

testWith(
  ["genisoimage", "isoinfo"],
  "what isoinfo extracts is what the extents hold",
  () =>
    withFolder(async (work) => {
      const iso = join(work, "x.iso");
      await writeTree(join(work, "source"));
      await run("genisoimage", ["-quiet", "-R", "-o", iso, join(work, "source")], { timeout: 180_000 });
      const { stdout } = await run("isoinfo", ["-R", "-i", iso, "-x", "/UPPER.TXT"]);
      const bytes = await readFile(iso);
      const node = await withImageFile(iso, async (access) => (await openImage(access)).find("UPPER.TXT"));
      assert.ok(node?.kind === "file");
      const [extent] = node.extents;
      assert.equal(stdout, bytes.subarray(extent?.offset, (extent?.offset ?? 0) + node.size).toString());
    }),
);
