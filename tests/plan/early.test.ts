/** Which files are sealed before they fill a volume. */

import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { splitEarly } from "../../lib/plan/early.ts";
import type { PlanFile } from "../../lib/plan/plan.ts";

const HEADER = 10;

function file(path: string, size: number, mtime: number, content = mtime): PlanFile {
  return { path, size, mtime, content };
}

/** Splits, and gives the paths of both halves. */
function split(
  files: readonly PlanFile[],
  room: number,
  staged: readonly number[] = [],
): [string[], string[]] {
  const { early, keep } = splitEarly(files, {
    room,
    objectSize: ({ size }) => size + HEADER,
    isStaged: ({ content }) => staged.includes(content),
  });
  return [early.map(({ path }) => path), keep.map(({ path }) => path)];
}

const days = (...sizes: number[]) => sizes.map((size, i) => file(`${i + 1}.jpg`, size, i + 1));

test("what fits to the byte waits", () => {
  assert.deepEqual(split(days(90, 190), 300), [[], ["1.jpg", "2.jpg"]]);
});

test("one byte too many, and the oldest files are sealed", () => {
  assert.deepEqual(split(days(90, 190), 299), [["1.jpg", "2.jpg"], []]);
  assert.deepEqual(split(days(90, 90, 90, 15), 299), [["1.jpg", "2.jpg", "3.jpg"], ["4.jpg"]]);
});

test("without a limit nothing is sealed early", () => {
  assert.deepEqual(split(days(9e15), Infinity), [[], ["1.jpg"]]);
});

test("what is staged already needs no room, and counts as room when it is sealed", () => {
  assert.deepEqual(split(days(500, 500, 40), 50, [1, 2]), [[], ["1.jpg", "2.jpg", "3.jpg"]]);
  // 49 free and 1,020 to be freed: the newest 50 are within a quarter of it.
  assert.deepEqual(split(days(500, 500, 40), 49, [1, 2]), [["1.jpg", "2.jpg"], ["3.jpg"]]);
});

test("the newest files stay up to a quarter of the room, and no more", () => {
  assert.deepEqual(split(days(300, 90, 90), 399, []), [["1.jpg", "2.jpg", "3.jpg"], []]);
  assert.deepEqual(split(days(390, 90, 90), 400, []), [["1.jpg", "2.jpg"], ["3.jpg"]]);
});

test("a file that staging could never hold is sealed with everything older, whatever is newer", () => {
  assert.deepEqual(split(days(5, 5000, 5), 1000), [["1.jpg", "2.jpg"], ["3.jpg"]]);
  assert.deepEqual(split(days(5, 5, 5000), 1000), [["1.jpg", "2.jpg", "3.jpg"], []]);
});

test("with no room at all everything is sealed", () => {
  assert.deepEqual(split(days(1, 1), 0), [["1.jpg", "2.jpg"], []]);
});

test("where staging holds too much already, it is relieved though nothing is new", () => {
  assert.deepEqual(split(days(90, 90, 15), -1, [1, 2, 3]), [["1.jpg", "2.jpg"], ["3.jpg"]]);
  assert.deepEqual(split(days(90, 90, 15), -500, [1, 2, 3]), [["1.jpg", "2.jpg", "3.jpg"], []]);
  assert.deepEqual(split([], -500), [[], []]);
});

test("companions and the paths of one content are sealed together or wait together", () => {
  const files = [
    file("IMG_1.HEIC", 300, 1),
    file("b.jpg", 300, 2),
    file("IMG_1.MOV", 20, 3),
    file("c.jpg", 20, 4),
    file("copy of c.jpg", 20, 5, 4),
  ];
  assert.deepEqual(split(files, 500), [["IMG_1.HEIC", "IMG_1.MOV", "b.jpg"], ["c.jpg", "copy of c.jpg"]]);
});

test("nothing is left out or doubled, the older part is sealed, and what is kept fits afterwards", () => {
  const arbitrary = fc.array(fc.record({ size: fc.nat(1000), staged: fc.boolean() }), { maxLength: 40 });
  fc.assert(fc.property(arbitrary, fc.nat(20_000), (sizes, room) => {
    const files = sizes.map(({ size }, i) => file(`${i}.jpg`, size, i));
    const isStaged = ({ content }: PlanFile) => sizes[content]?.staged === true;
    const objectSize = ({ size }: PlanFile) => size + HEADER;
    const { early, keep } = splitEarly(files, { room, objectSize, isStaged });
    assert.deepEqual([...early, ...keep], files);
    const sum = (part: readonly PlanFile[]) => part.reduce((total, one) => total + objectSize(one), 0);
    const freed = sum(early.filter(isStaged));
    assert.ok(sum(keep.filter((one) => !isStaged(one))) <= room + freed);
  }));
});
