/** When jobs are due. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { dueJobs } from "../../lib/jobs/due.ts";

const DAY = 86_400_000;

for (
  const [what, last, now, isDue, isOverdue] of [
    ["never ran, on the first day", undefined, 0, true, false],
    ["never ran, for twice its time", undefined, 2 * DAY, true, true],
    ["just ran", 5 * DAY, 5 * DAY, false, false],
    ["a ms before its time", 5 * DAY, 6 * DAY - 1, false, false],
    ["at its time", 5 * DAY, 6 * DAY, true, false],
    ["a ms before twice its time", 5 * DAY, 7 * DAY - 1, true, false],
    ["at twice its time", 5 * DAY, 7 * DAY, true, true],
    ["ran in the future, since the clock went back", 9 * DAY, 5 * DAY, false, false],
  ] as const
) {
  test(`a job that ${what} is ${isOverdue ? "overdue" : isDue ? "due" : "not due"}`, () => {
    const ended = new Map(last === undefined ? [] : [["sync", last]]);
    const [due] = dueJobs([{ job: "sync", every: DAY }], ended, 0, now);
    assert.deepEqual([due?.isDue, due?.isOverdue], [isDue, isOverdue]);
  });
}
