/** Files above 4 GiB and images of 120,000 files, to outside readers. */

import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { open } from "node:fs/promises";
import { join } from "node:path";
import { concat } from "../../lib/bytes.ts";
import type { ImageEntry, ImageSpec } from "../../lib/types.ts";
import { run, testWith, withFolder } from "../tools.ts";
import { NOON, writeImage } from "./images.ts";
import { seenByKernel, UML_TOOLS, type View } from "./uml.ts";

const FIVE_GIB = 5 * 2 ** 30 + 12_345;

/** Where a reader goes wrong first: the edges of UDF extents, of 2^32, of the first ISO section, and the end. */
const WINDOWS = [0, 0x3ffff000, 2 ** 31, 0xfffff000, 2 ** 32 - 100, FIVE_GIB - 4096];

/** 4,096 bytes that differ from window to window. */
const windowBytes = (at: number) => new Uint8Array(4096).map((_, i) => i * 7 + at / 100);

const SMALL = new TextEncoder().encode("behind the large one");

function largeSpec(): ImageSpec {
  const entries: ImageEntry[] = [
    { kind: "file", path: "film/five.mov", size: FIVE_GIB, mtime: NOON, content: "large" },
    { kind: "file", path: "film/same five.mov", size: FIVE_GIB, mtime: NOON, content: "large" },
    { kind: "file", path: "small", size: SMALL.length, mtime: NOON, content: "small" },
  ];
  return { volumeId: "LARGE", created: NOON, entries, udf: true };
}

/** The image as a file that is a hole but for the windows. */
async function writeLarge(path: string): Promise<void> {
  const spec = largeSpec();
  const image = writeImage(path, spec, () => SMALL, new Set(["large"]));
  const file = await open(path, "r+");
  for (const at of WINDOWS) await file.write(windowBytes(at), 0, 4096, image.offsetOf(0) + at);
  await file.close();
}

/** What of a window a later one did not overwrite. */
function expectedHash(): string {
  return createHash("sha256").update(concat(...WINDOWS.map(seenAt))).digest("hex");
}

function seenAt(at: number): Uint8Array {
  const bytes = new Uint8Array(4096);
  for (const other of WINDOWS) {
    const from = Math.max(at, other);
    const to = Math.min(at, other) + 4096;
    if (from < to) bytes.set(windowBytes(other).subarray(from - other, to - other), from - at);
  }
  return bytes;
}

testWith(UML_TOOLS, "Linux reads a file of 5 GiB, and what stands behind it, in every view", async () => {
  await withFolder(async (folder) => {
    const path = join(folder, "large.iso");
    await writeLarge(path);
    const views: View[] = ["rock", "joliet", "plain", "udf"];
    const [seen] = await seenByKernel([{ path, views, windows: WINDOWS }]);
    const small = createHash("sha256").update(SMALL).digest("hex");
    for (const view of views) {
      const files = (seen?.get(view)?.entries ?? []).filter((one) => one.kind === "file");
      const facts = files.map(({ size, sha256 }) => [size, sha256]).sort(([a], [b]) => Number(a) - Number(b));
      const large = [FIVE_GIB, expectedHash()];
      assert.deepEqual(facts, [[SMALL.length, small], large, large], view);
    }
  });
});

testWith(["bsdtar", "7zz", "xorriso"], "bsdtar, 7-Zip and xorriso see 5 GiB", async () => {
  await withFolder(async (folder) => {
    const path = join(folder, "large.iso");
    await writeLarge(path);
    for (
      const [tool, ...args] of [
        ["bsdtar", "-tvf", path],
        ["bsdtar", "-tvf", path, "--options", "!rockridge"],
        ["7zz", "l", path],
        ["xorriso", "-indev", path, "-find", "/film", "-exec", "lsdl"],
      ] as const
    ) {
      const { stdout } = await run(tool, args);
      const lines = stdout.split("\n").filter((line) => /five.mov/.test(line));
      assert.ok(
        lines.length >= 1 && lines.some((line) => line.includes(` ${FIVE_GIB} `)),
        `${tool}: ${stdout}`,
      );
    }
  });
});

/** 120,000 small files: 20,000 in one folder, the others 250 to a folder. */
function manySpec(udf: boolean): ImageSpec {
  const entries = Array.from({ length: 120_000 }, (_, i): ImageEntry => {
    const folder = i < 20_000 ? "one folder" : `${2000 + i % 20}/album ${Math.floor(i / 250)}`;
    const path = `${folder}/IMG_2024 holiday at the sea ${i}.jpg`;
    return { kind: "file", path, size: 10, mtime: NOON + i * 1000, content: `c${i % 1000}` };
  });
  return { volumeId: "MANY", created: NOON, entries, udf };
}

const tenBytes = (content: string) => new TextEncoder().encode(content.padEnd(10));

testWith(["bsdtar", "7zz", "isovfy"], "bsdtar, 7-Zip and isovfy list 120,000 files", async () => {
  const large = { maxBuffer: 1 << 28 };
  await withFolder(async (folder) => {
    for (const udf of [false, true]) {
      const path = join(folder, `many-${udf}.iso`);
      const spec = manySpec(udf);
      writeImage(path, spec, tenBytes);
      const listed = await run("bsdtar", ["-tf", path], large);
      const paths = new Set(listed.stdout.split("\n"));
      assert.deepEqual(spec.entries.filter((entry) => !paths.has(entry.path)), []);
      assert.match((await run("isovfy", [path], large)).stdout, /No errors found/);
      assert.match((await run("7zz", ["t", path], large)).stdout, /^Files: 120000$/m);
    }
  });
});

testWith(
  UML_TOOLS,
  "Linux lists 20,000 files in a folder and opens files all over an image of 120,000",
  async () => {
    await withFolder(async (folder) => {
      const path = join(folder, "many.iso");
      const spec = manySpec(true);
      writeImage(path, spec, tenBytes);
      const some = spec.entries.filter((_, i) => i % 997 === 0 || i === 119_999);
      const only = some.map((entry) => entry.path);
      const views = ["rock", "udf"] as const;
      const [shown] = await seenByKernel([{ path, views, windows: [], only, list: ["one folder"] }]);
      for (const view of views) {
        const { entries = [], names = {} } = shown?.get(view) ?? {};
        assert.deepEqual(
          names["one folder"]?.sort(),
          spec.entries.slice(0, 20_000).map((entry) => entry.path.slice("one folder/".length)).sort(),
        );
        assert.deepEqual(entries.map((one) => one.kind === "file" ? one.sha256 : one.kind), some.map(hashOf));
      }
    });
  },
);

function hashOf(entry: ImageEntry): string {
  return entry.kind === "file"
    ? createHash("sha256").update(tenBytes(entry.content)).digest("hex")
    : entry.kind;
}
