/** When a file is taken for written to its end. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { isAtRest } from "../../lib/scan/rest.ts";

const NOW = 1_700_000_100_000;
/** What a system says of a file: times in ms and seconds ago. */
const touched = (mtimeAgo: number, ctimeAgo: number | undefined) => ({
  mtime: NOW - mtimeAgo,
  ctime: ctimeAgo === undefined ? 0 : NOW / 1000 - ctimeAgo,
});

const CASES: readonly [what: string, file: ReturnType<typeof touched>, atRest: boolean][] = [
  ["was written just now", touched(0, 0), false],
  ["was written 10 s ago, within the second that its change time hides", touched(10_000, 10), false],
  ["was written 11 s ago", touched(11_000, 11), true],
  ["was given an old modification time just now", touched(1e12, 0), false],
  ["has a modification time in the future and an old change time", touched(-1e12, 60), true],
  ["is on a disk without change times and was written 9.999 s ago", touched(9_999, undefined), false],
  ["is on a disk without change times and was written 10 s ago", touched(10_000, undefined), true],
  ["is on a server whose clock is 5 s ahead", touched(0, -5), false],
  ["is on a server whose clock is an hour ahead", touched(0, -3600), true],
];

for (const [what, file, atRest] of CASES) {
  test(`a file that ${what} is ${atRest ? "" : "not "}at rest after 10 s`, () => {
    assert.equal(isAtRest(file, 10_000, NOW), atRest);
  });
}

test("without a time to rest, every file is taken", () => {
  assert.equal(isAtRest(touched(0, 0), 0, NOW), true);
});
