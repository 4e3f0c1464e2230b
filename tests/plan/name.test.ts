/** Names of volumes. */

import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { volumeId, volumeName } from "../../lib/plan/name.ts";

const OWNER = { archive: "a".repeat(32), box: "b".repeat(16) };
const FILES = [
  { path: "Photos/b.jpg", sha256: "2".repeat(64), mtime: Date.parse("2024-06-30T23:59:59.999Z") },
  { path: "Photos/a.jpg", sha256: "1".repeat(64), mtime: Date.parse("2024-05-01T00:00:00Z") },
];

test("a name is the oldest day, the newest day and eight hex digits", () => {
  assert.match(volumeName(OWNER, FILES, 0), /^2024-05-01--2024-06-30--[0-9a-f]{8}$/);
});

test("the same files have the same name", () => {
  assert.equal(volumeName(OWNER, FILES, 0), volumeName({ ...OWNER }, FILES.map((file) => ({ ...file })), 0));
});

const name = volumeName(OWNER, FILES, 0);
const OTHERS: Readonly<Record<string, string>> = {
  "another archive": volumeName({ ...OWNER, archive: "c" }, FILES, 0),
  "another box": volumeName({ ...OWNER, box: "c" }, FILES, 0),
  "another salt": volumeName(OWNER, FILES, 1),
  "another order": volumeName(OWNER, FILES.toReversed(), 0),
  "another content": volumeName(OWNER, FILES.map((file) => ({ ...file, sha256: "3".repeat(64) })), 0),
  "another path": volumeName(OWNER, FILES.map((file) => ({ ...file, path: `${file.path}x` })), 0),
};
for (const [what, other] of Object.entries(OTHERS)) {
  test(`${what} makes another name over the same days`, () => {
    assert.notEqual(other, name);
    assert.equal(other.slice(0, 22), name.slice(0, 22));
  });
}

test("two files cannot be shifted into one another: no path ends where a hash begins", () => {
  const one = volumeName(OWNER, [{ path: "a", sha256: "bc", mtime: 0 }], 0);
  const two = volumeName(OWNER, [{ path: "ab", sha256: "c", mtime: 0 }], 0);
  assert.notEqual(one, two);
});

test("times that no calendar has are pulled in, and the name keeps its form", () => {
  fc.assert(fc.property(fc.array(fc.integer({ min: -1e17, max: 1e17 }), { minLength: 1 }), (mtimes) => {
    const files = mtimes.map((mtime, i) => ({ path: String(i), sha256: "", mtime }));
    assert.match(volumeName(OWNER, files, 0), /^\d{4}-\d\d-\d\d--\d{4}-\d\d-\d\d--[0-9a-f]{8}$/);
  }));
});

test("the id in the image has at most 32 characters of those that ISO 9660 allows", () => {
  assert.equal(volumeId("2024-05-01--2024-06-30--1a2b3c4d"), "2024_05_01__2024_06_30__1A2B3C4D");
  fc.assert(fc.property(fc.string(), (text) => assert.match(volumeId(text), /^[A-Z0-9_]{0,32}$/)));
});
