/** When changes have come to rest. */

import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { Changes } from "../../lib/jobs/watch/changes.ts";

const fresh = () => new Changes({ rest: 10, longest: 100 });

test("without a change there is nothing to do", () => {
  assert.equal(fresh().due, undefined);
});

test("a run comes when nothing has changed for the time of rest", () => {
  const changes = fresh();
  changes.note(1000);
  assert.equal(changes.due, 1010);
  changes.note(1009);
  assert.equal(changes.due, 1019);
});

test("where changes go on and on, a run comes all the same", () => {
  const changes = fresh();
  for (let time = 1000; time <= 2000; time += 5) changes.note(time);
  assert.equal(changes.due, 1100);
});

test("what changes once a run has begun is for the next one", () => {
  const changes = fresh();
  changes.note(1000);
  changes.clear();
  assert.equal(changes.due, undefined);
  changes.note(1500);
  assert.equal(changes.due, 1510);
});

test("only the first change since a run says so", () => {
  const changes = fresh();
  assert.deepEqual([1, 2, 3].map((time) => changes.note(time)), [true, false, false]);
  changes.clear();
  assert.equal(changes.note(4), true);
});

test("a run is never due before the rest, nor later than the longest wait", () => {
  fc.assert(fc.property(fc.array(fc.nat(50), { minLength: 1 }), (gaps) => {
    const changes = fresh();
    let time = 0;
    for (const gap of gaps) changes.note(time += gap);
    const first = gaps[0] ?? 0;
    const due = changes.due ?? NaN;
    assert.ok(due <= first + 100 && (due === time + 10 || due === first + 100));
  }));
});
