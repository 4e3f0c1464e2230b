/** What an image is as a function of its manifest. */

import assert from "node:assert/strict";
import process from "node:process";
import { Buffer } from "node:buffer";
import { spawnSync } from "node:child_process";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import fc from "fast-check";
import { concat, equal } from "../../lib/bytes.ts";
import { hasCode } from "../../lib/errors.ts";
import { imageSize, layoutImage } from "../../lib/iso/image.ts";
import type { ImageEntry, ImageSpec } from "../../lib/types.ts";
import { imageBytes, imageHash, NOON, type ReadContent, specOf } from "./images.ts";
import { KNOWN } from "./known.ts";
import { manifests } from "./manifests.ts";

/** Contents that can be made at any offset: byte i of content c depends on both. */
const made: ReadContent = (content, offset, length) =>
  Uint8Array.from({ length }, (_, i) => (offset + i) * 31 + content.charCodeAt(0));

function whole(spec: ImageSpec, read: ReadContent): Uint8Array {
  return concat(...imageBytes(spec, layoutImage(spec), read));
}

function file(path: string, size: number, content = path): ImageEntry {
  return { kind: "file", path, size, mtime: NOON, content };
}

function specWith(...entries: ImageEntry[]): ImageSpec {
  return { volumeId: "V", created: NOON, entries, udf: true };
}

function refuses(what: string, ...entries: ImageEntry[]): void {
  test(`${what} is refused`, () => {
    for (const make of [layoutImage, imageSize]) {
      assert.throws(() => make(specWith(...entries)), (error) => hasCode(error, "image"));
    }
  });
}

const dir = (path: string, mtime = NOON): ImageEntry => ({ kind: "dir", path, mtime });
const link = (path: string, target: string): ImageEntry => ({ kind: "symlink", path, target, mtime: NOON });

refuses("a path twice", file("a", 1), file("a", 1));
refuses("a folder twice", dir("a"), dir("a"));
refuses("a path that is file and folder", file("a", 1), dir("a"));
refuses("a path that is file and implied folder", file("a", 1), file("a/b", 1));
refuses("a path that is link and folder", link("a", "x"), file("a/b", 1));
for (const path of ["", "/a", "a/", "a//b", ".", "..", "a/./b", "a/..", "a\0b", "\ud800", "a\udc00/b"]) {
  refuses(`the path ${JSON.stringify(path)}`, file(path, 1));
}
refuses("an empty link", link("a", ""));
refuses("a link with NUL", link("a", "b\0"));
refuses("a negative size", file("a", -1));
refuses("half a byte", file("a", 0.5));
refuses("a time that is none", { kind: "dir", path: "a", mtime: NaN });
refuses("one content with two sizes", file("a", 1, "same"), file("b", 2, "same"));
refuses("a file beyond 234 extents in UDF", file("a", 234 * 0x3ffff800 + 1));
refuses("more than 8 TiB", ...Array.from({ length: 40 }, (_, i) => file(`f${i}`, 234 * 0x3ffff800)));

test("dots and spaces are allowed where they are only part of a name", () => {
  layoutImage(specWith(file("..a", 1), file("a..", 1), file("...", 1), file(" ", 1), file("a/.b", 1)));
});

test("data stands in the order of the manifest, each content once, each at a sector", () => {
  const spec = specWith(
    file("z", 5000, "Z"),
    file("b/a", 1, "B"),
    file("a", 5000, "Z"),
    file("c", 2048, "C"),
  );
  const image = layoutImage(spec);
  const offsets = spec.entries.map((_, i) => image.offsetOf(i));
  const start = offsets[0] ?? 0;
  assert.deepEqual(offsets, [start, start + 3 * 2048, start, start + 4 * 2048]);
  assert.equal(image.size, start + 5 * 2048 + 150 * 2048);
});

test("empty files stand at a sector of zeros of their own, in front of the data", () => {
  const image = layoutImage(specWith(file("a", 0), file("b", 0, "other"), file("c", 1)));
  assert.equal(image.offsetOf(0), image.offsetOf(1));
  assert.equal(image.offsetOf(2), image.offsetOf(0) + 2048);
  assert.deepEqual([...image.segments(image.offsetOf(0), 2048)], [{ kind: "zero", length: 2048 }]);
});

test("an offset does not depend on the size of a later file", () => {
  const fixed = [file("a/b", 3_000_000), file("c", 5_000_000_000), dir("d")];
  const image = (...sizes: number[]) =>
    layoutImage(specWith(...fixed, ...sizes.map((size, i) => file(`LAST${i}`, size))));
  const first = image(1, 1, 1);
  const second = image(2 ** 31, 77_777, 2 ** 32 - 2049);
  for (const i of [0, 1, 3]) assert.equal(first.offsetOf(i), second.offsetOf(i));
});

test("an implied folder has the time of the newest thing in it, a listed one its own", () => {
  const spec = (...entries: ImageEntry[]) => whole(specWith(...entries), made);
  const young: ImageEntry = { kind: "file", path: "a/b/y", size: 1, mtime: NOON + 60_000, content: "y" };
  const implied = spec(file("a/x", 1), young);
  const listed = spec(file("a/x", 1), young, dir("a", NOON + 60_000), dir("a/b", NOON + 60_000));
  assert.ok(equal(implied, listed));
  assert.ok(!equal(implied, spec(file("a/x", 1), young, dir("a", NOON))));
});

test("an image without entries is an image", () => {
  for (const udf of [true, false]) {
    const image = layoutImage({ volumeId: "EMPTY", created: NOON, entries: [], udf });
    assert.equal(image.size % 2048, 0);
    assert.equal(concat(...imageBytes({ ...specWith(), udf }, image, made)).length, image.size);
  }
});

test("any range equals the same bytes of the whole", () => {
  fc.assert(
    fc.property(
      manifests(),
      fc.boolean(),
      fc.infiniteStream(fc.double({ min: 0, max: 0.999999, noNaN: true })),
      (tree, udf, random) => {
        const { spec, read } = specOf(tree, udf);
        const image = layoutImage(spec);
        const bytes = whole(spec, read);
        assert.equal(bytes.length, image.size);
        const pick = (most: number) => Math.floor(Number(random.next().value) * (most + 1));
        for (let i = 0; i < 20; i++) {
          const offset = pick(image.size);
          const length = pick(Math.min(image.size - offset, i < 10 ? 3000 : Infinity));
          const range = concat(...imageBytes(spec, image, read, offset, length));
          assert.ok(
            Buffer.compare(range, bytes.subarray(offset, offset + length)) === 0,
            `${offset} + ${length}`,
          );
        }
      },
    ),
    { numRuns: 40 },
  );
});

test("segments follow each other without a gap, and none is empty", () => {
  const { spec } = specOf({ "a/b": "text", "c": "x".repeat(5000), "e": "", "l": { link: "c" } }, true);
  const image = layoutImage(spec);
  for (
    const [offset, length] of [[0, image.size], [1, image.size - 1], [image.size, 0], [700_000, 1]] as const
  ) {
    const lengths = [...image.segments(offset, length)].map((segment) =>
      segment.kind === "bytes" ? segment.bytes.length : segment.length
    );
    assert.ok(lengths.every((one) => one > 0));
    assert.equal(lengths.reduce((sum, one) => sum + one, 0), length);
  }
});

test("a range outside the image is refused", () => {
  const image = layoutImage(specWith());
  for (
    const [offset, length] of [[-1, 1], [0, image.size + 1], [image.size, 1], [0.5, 1], [0, NaN]] as const
  ) {
    assert.throws(() => image.segments(offset, length), (error) => hasCode(error, "image"));
  }
});

test("imageSize is the size of the image", () => {
  fc.assert(
    fc.property(manifests(), fc.boolean(), (tree, udf) => {
      const { spec } = specOf(tree, udf);
      assert.equal(imageSize(spec), layoutImage(spec).size);
    }),
    { numRuns: 50 },
  );
});

test("the same manifest gives the same bytes on every runtime, in every time zone and locale", () => {
  const hash = "2730e4d8a31a2022658489b9f159a7d0ac5559e13a46d951e831d3b43ccf5df1";
  assert.equal(imageHash(KNOWN.spec, KNOWN.read), hash);
  const program = fileURLToPath(new URL("known.ts", import.meta.url));
  for (const [TZ, LC_ALL] of [["Pacific/Kiritimati", "tr_TR.UTF-8"], ["America/St_Johns", "C"]] as const) {
    const env = { ...process.env, TZ, LC_ALL, LANG: LC_ALL };
    const args = "Deno" in globalThis ? ["run", "-A", program] : [program];
    const done = spawnSync(process.execPath, args, { env, encoding: "utf8" });
    assert.equal(done.stdout.trim(), hash, done.stderr);
  }
});
