/** Which snapshots stay. */

import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { snapshotsToKeep } from "../../lib/plan/keep.ts";

const DAY = 86_400_000;
const NOW = Date.parse("2026-11-22T10:00:00Z");

const kept = (times: readonly number[], now = NOW) =>
  [...snapshotsToKeep(times, now)].sort((a, b) => a - b).map((time) =>
    new Date(time).toISOString().slice(0, 10)
  );

test("up to seven snapshots all stay", () => {
  const times = [1, 2, 3, 4, 5, 6, 7].map((n) => NOW - n * 60_000);
  assert.equal(snapshotsToKeep(times, NOW).size, 7);
  assert.equal(snapshotsToKeep([], NOW).size, 0);
});

test("of daily ones for three years, seven days, a year's months and the years stay", () => {
  const first = Date.parse("2024-02-10T10:00:00Z");
  const times: number[] = [];
  for (let time = first; time <= NOW; time += DAY) times.push(time);
  assert.deepEqual(kept(times), [
    "2024-02-10",
    "2025-01-01",
    "2025-11-01",
    "2025-12-01",
    "2026-01-01",
    "2026-02-01",
    "2026-03-01",
    "2026-04-01",
    "2026-05-01",
    "2026-06-01",
    "2026-07-01",
    "2026-08-01",
    "2026-09-01",
    "2026-10-01",
    "2026-11-01",
    "2026-11-16",
    "2026-11-17",
    "2026-11-18",
    "2026-11-19",
    "2026-11-20",
    "2026-11-21",
    "2026-11-22",
  ]);
});

test("tidying every day for years leaves what tidying once would", () => {
  let held: number[] = [];
  const all: number[] = [];
  const start = Date.parse("2023-03-03T03:00:00Z");
  for (let day = 0; day < 1200; day++) {
    const now = start + day * DAY;
    all.push(now);
    held = [...snapshotsToKeep([...held, now], now)];
  }
  const now = start + 1199 * DAY;
  assert.deepEqual(kept(held, now), kept(all, now));
});

test("the newest snapshot always stays, and the order in which they are listed plays no part", () => {
  const time = fc.integer({ min: 0, max: NOW * 2 });
  fc.assert(
    fc.property(fc.array(time, { minLength: 1, maxLength: 60 }), time, (times, now) => {
      const keep = snapshotsToKeep(times, now);
      assert.ok(keep.has(Math.max(...times)));
      assert.deepEqual(new Set(keep), new Set(snapshotsToKeep([...times].reverse(), now)));
    }),
  );
});
