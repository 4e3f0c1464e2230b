/** What the objects of a mirror are called. */

import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { detachedName, mirrorKey, mirrorName, versionName } from "../../lib/plan/mirror-name.ts";

const NOON = Date.parse("2026-11-22T10:30:00.999Z");
const bytesOf = (text: string) => new TextEncoder().encode(text).length;

/** Paths that are their own names: nothing in them troubles a store or a disk. */
const USUAL = [
  "IMG_1.jpg",
  "2019/IMG_1.jpg",
  "a  b/ c.jpg",
  ".profile",
  "Fotos/Ärger 😀.jpg",
  "100%.jpg",
  "a'b&c;d",
  "a.b/c",
];

for (const path of USUAL) {
  test(`${path} stands under its own name`, () => assert.equal(mirrorName(path), path));
}

const UNUSUAL: readonly [path: string, name: RegExp][] = [
  ["new\nline.jpg", /^new_line~[0-9a-f]{8}\.jpg$/],
  ["a/10:30.jpg", /^a\/10_30~[0-9a-f]{8}\.jpg$/],
  ["a\\b.jpg", /^a_b~[0-9a-f]{8}\.jpg$/],
  ["what?/a.jpg", /^what_~[0-9a-f]{8}\/a\.jpg$/],
  ["dot./a.jpg", /^dot_~[0-9a-f]{8}\/a\.jpg$/],
  ["space ", /^space_~[0-9a-f]{8}$/],
  [`${"x".repeat(201)}.jpg`, /^x{196}~[0-9a-f]{8}\.jpg$/],
];

for (const [path, name] of UNUSUAL) {
  test(`${JSON.stringify(path).slice(0, 30)} gets a name that every store holds`, () => {
    assert.match(mirrorName(path), name);
  });
}

test("two names that look alike after replacement stay apart", () => {
  assert.notEqual(mirrorName("a:b.jpg"), mirrorName("a?b.jpg"));
});

test("a name of 200 bytes is kept, one of 201 is not", () => {
  assert.equal(mirrorName("é".repeat(100)), "é".repeat(100));
  assert.notEqual(mirrorName("é".repeat(100) + "x"), "é".repeat(100) + "x");
});

test("a path that is too deep for S3 stands outside of its folders", () => {
  const path = `${"folder/".repeat(130)}IMG_1.jpg`;
  assert.match(mirrorName(path), /^~\/[0-9a-f]{40}\.jpg$/);
  assert.equal(mirrorName(path), detachedName(path));
});

test("a version has its time before the ending", () => {
  assert.equal(versionName("2019/IMG_1.jpg", NOON, 1), "2019/IMG_1~2026-11-22T10-30-00.jpg");
  assert.equal(versionName("2019/IMG_1.jpg", NOON, 2), "2019/IMG_1~2026-11-22T10-30-00-2.jpg");
  assert.equal(versionName("v1.2/README", NOON, 1), "v1.2/README~2026-11-22T10-30-00");
  assert.equal(versionName(".profile", NOON, 1), ".profile~2026-11-22T10-30-00");
});

test("a key says whether its object is encrypted", () => {
  assert.equal(mirrorKey("2019/IMG_1.jpg", true), "mirror/2019/IMG_1.jpg.age");
  assert.equal(mirrorKey("2019/IMG_1.jpg", false), "mirror/2019/IMG_1.jpg");
});

test("no path gets a key that a store or a disk cannot hold", () => {
  const segment = fc.string({ unit: "binary", minLength: 1, maxLength: 300 })
    .map((text) => text.replaceAll("/", "_").replaceAll("\0", "_").toWellFormed())
    .filter((text) => text !== "" && text !== "." && text !== "..");
  fc.assert(
    fc.property(fc.array(segment, { minLength: 1, maxLength: 5 }), (segments) => {
      const name = mirrorName(segments.join("/"));
      const key = mirrorKey(versionName(name, NOON, 12), true);
      assert.ok(bytesOf(key) <= 950, "the key leaves room for a prefix");
      for (const part of key.split("/")) {
        assert.ok(part !== "" && part !== "." && part !== ".." && bytesOf(part) <= 255, part);
        assert.doesNotMatch(part, /["*:<>?\\|\p{Cc}]/u);
      }
      assert.equal(mirrorName(segments.join("/")), name, "the same path has the same name");
    }),
    { numRuns: 20 },
  );
});
