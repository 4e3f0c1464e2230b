/** The index of a mirror as text. */

import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { hasCode } from "../../lib/errors.ts";
import { encodeIndex, MIRROR_FORMAT, parseIndex } from "../../lib/plan/mirror-index.ts";
import type { MirrorEntry } from "../../lib/types.ts";

const time = fc.integer({ min: 0, max: 4_000_000_000_000 });
const size = fc.integer({ min: 0, max: 1e13 });
const name = fc.string({ unit: "grapheme", minLength: 1 });
const entry: fc.Arbitrary<MirrorEntry> = fc.record({
  path: name,
  key: name,
  encrypted: fc.boolean(),
  size,
  mtime: time,
  mode: fc.integer({ min: 0, max: 0o7777 }),
  sha256: fc.string({ unit: fc.constantFrom(..."0123456789abcdef"), minLength: 64, maxLength: 64 }),
  objectSize: size,
  checksum: name,
  current: time,
  stored: time,
}, { noNullPrototype: true });

const encode = (entries: readonly MirrorEntry[]) =>
  encodeIndex({
    format: MIRROR_FORMAT,
    archive: "a",
    box: "b",
    created: "2026-01-01T00:00:00.000Z",
    files: entries.length,
  }, entries);

test("what is encoded is read back", () => {
  fc.assert(fc.property(fc.array(entry), (entries) => {
    assert.deepEqual(parseIndex(encode(entries), "x"), entries);
  }));
});

test("a text that was cut anywhere is not taken for a shorter index", () => {
  fc.assert(fc.property(fc.array(entry, { minLength: 1 }), fc.nat(), (entries, at) => {
    const text = encode(entries);
    assert.throws(
      () => parseIndex(text.slice(0, at % text.length), "x"),
      (error) => hasCode(error, "damaged"),
    );
  }));
});

test("a later format is refused by its name", () => {
  assert.throws(
    () => parseIndex('{"format":"coldframe-mirror/2","files":0}\n', "x.gz"),
    /x\.gz: its line 1 is not of the format/,
  );
});

test("a line tells a person what it says", () => {
  const [, line] = encode([{
    path: "2019/IMG_1.jpg",
    key: "mirror/2019/IMG_1.jpg.age",
    encrypted: true,
    size: 3,
    mtime: Date.parse("2019-05-01T10:00:00.123Z"),
    mode: 0o644,
    sha256: "0".repeat(64),
    objectSize: 200,
    checksum: "sha256:00",
    current: 0,
    stored: 0,
  }]).split("\n");
  assert.equal(
    line,
    `{"path":"2019/IMG_1.jpg","key":"mirror/2019/IMG_1.jpg.age","encrypted":true,"size":3,"sha256":"${
      "0".repeat(64)
    }",` +
      `"objectSize":200,"checksum":"sha256:00","mtime":"2019-05-01T10:00:00.123Z","mode":"0644",` +
      `"current":"1970-01-01T00:00:00.000Z","stored":"1970-01-01T00:00:00.000Z"}`,
  );
});
