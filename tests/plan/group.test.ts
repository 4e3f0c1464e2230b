/** Which files belong together. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { companionKey, groupCompanions } from "../../lib/plan/group.ts";

/** Paths of one row belong together. */
const TOGETHER = [
  ["a/IMG_1.HEIC", "a/IMG_1.MOV", "a/IMG_1.AAE", "a/IMG_1.JPG", "a/img_1.heic"],
  ["a/IMG_1.JPG", "a/IMG_1.JPG.xmp", "a/IMG_1.xmp", "a/IMG_1.JPG.json"],
  ["DSC_1.NEF", "DSC_1.JPG", "DSC_1.NEF.pp3"],
  ["clip.MP4", "clip.THM"],
  ["a.b/photo.jpg", "a.b/photo.xmp"],
  ["no extension", "no extension.jpg"],
];

for (const row of TOGETHER) {
  test(`${row.join(", ")} belong together`, () => {
    assert.equal(new Set(row.map(companionKey)).size, 1, row.map(companionKey).join(" | "));
  });
}

/** Paths of one row have nothing to do with each other. */
const APART = [
  ["a/IMG_1.HEIC", "b/IMG_1.HEIC"],
  ["IMG_1.HEIC", "IMG_10.HEIC", "IMG_1 (1).HEIC", "IMG_1_edit.HEIC"],
  ["a.b/c", "a/b"],
  ["holiday 2.jpg", "holiday.jpg"],
  ["a/.hidden.jpg", "a/hidden.jpg"],
];

for (const row of APART) {
  test(`${row.join(", ")} are kept apart`, () => {
    assert.equal(new Set(row.map(companionKey)).size, row.length, row.map(companionKey).join(" | "));
  });
}

const file = (path: string, mtime: number, content: number) => ({ path, mtime, content });

test("groups come in the order of their oldest files", () => {
  const groups = groupCompanions([file("b.jpg", 1, 1), file("a.jpg", 2, 2), file("b.mov", 3, 3)]);
  assert.deepEqual(groups.map(({ mtime, files }) => [mtime, files.map(({ path }) => path)]), [
    [1, ["b.jpg", "b.mov"]],
    [2, ["a.jpg"]],
  ]);
});

test("every path of one content is in one group", () => {
  const groups = groupCompanions([file("a.jpg", 1, 7), file("b.jpg", 2, 8), file("elsewhere/c.jpg", 3, 7)]);
  assert.deepEqual(groups.map(({ files }) => files.map(({ path }) => path)), [
    ["a.jpg", "elsewhere/c.jpg"],
    ["b.jpg"],
  ]);
});
