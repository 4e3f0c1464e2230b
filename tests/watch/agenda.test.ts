/** What a watch does next. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { Agenda } from "../../lib/jobs/watch/agenda.ts";
import type { DueJob } from "../../lib/jobs/watch/plan.ts";

const NOW = 1_700_000_000_000;
const MINUTE = 60_000;
const HOUR = 60 * MINUTE;

function due(job: DueJob["job"], at: number): DueJob {
  return { job, due: at };
}

/** An agenda that has just looked at everything. */
function settled(jobs: readonly DueJob[] = []): Agenda {
  const agenda = new Agenda();
  agenda.foldersChecked(NOW);
  agenda.looked(jobs, NOW);
  return agenda;
}

const text = ({ task, at }: ReturnType<Agenda["next"]>) =>
  `${task.kind === "job" ? task.job : task.kind} +${(at - NOW) / 1000}`;

test("a new one looks at the folders and the home first", () => {
  const agenda = new Agenda();
  assert.equal(agenda.next(NOW, false).task.kind, "folders");
  agenda.foldersChecked(NOW);
  assert.equal(agenda.next(NOW, false).task.kind, "look");
});

test("without changes it only looks after the folders, every 30 s", () => {
  assert.equal(text(settled([due("sync", NOW + HOUR)]).next(undefined, false)), "folders +30");
});

test("changes are synced when they are at rest", () => {
  assert.equal(text(settled().next(NOW + 10_000, false)), "sync +10");
});

test("what is due comes first, the longest due before", () => {
  const agenda = settled([due("sync", NOW - 5000), due("check", NOW - 9000)]);
  assert.equal(text(agenda.next(NOW, false)), "check +-9");
});

test("a sync is due without a change, too: the full scan as a safety net", () => {
  assert.equal(text(settled([due("sync", NOW + 20_000)]).next(undefined, false)), "sync +20");
});

test("folders that cannot be watched are scanned every 15 minutes", () => {
  const agenda = settled();
  agenda.done("sync", NOW);
  agenda.looked([], NOW);
  agenda.foldersChecked(NOW + 15 * MINUTE);
  assert.equal(text(agenda.next(undefined, true)), "sync +900");
});

test("after a failure the waits double from a minute to an hour, whatever changes meanwhile", () => {
  const agenda = settled();
  const waits = Array.from({ length: 9 }, () => (agenda.failed("sync", false, NOW) - NOW) / MINUTE);
  assert.deepEqual(waits, [1, 2, 4, 8, 16, 32, 60, 60, 60]);
  agenda.foldersChecked(NOW + HOUR);
  agenda.looked([], NOW + HOUR);
  assert.equal(text(agenda.next(NOW, false)), "sync +3600");
});

test("a home that another run holds is tried again every minute", () => {
  const agenda = settled();
  for (let i = 0; i < 5; i++) assert.equal(agenda.failed("sync", true, NOW), NOW + MINUTE);
});

test("a job that fails does not hold up another", () => {
  const agenda = settled([due("check", NOW)]);
  agenda.failed("check", false, NOW);
  assert.equal(text(agenda.next(NOW, false)), "sync +0");
});

test("a success ends the waiting", () => {
  const agenda = settled();
  agenda.failed("sync", false, NOW);
  agenda.done("sync", NOW);
  agenda.looked([], NOW);
  assert.equal(text(agenda.next(NOW, false)), "sync +0");
  assert.equal(agenda.failed("sync", false, NOW), NOW + MINUTE);
});

test("a job that stays due, though it ended well, runs once an hour", () => {
  const agenda = settled([due("check", NOW - HOUR)]);
  agenda.done("check", NOW);
  agenda.looked([due("check", NOW - HOUR)], NOW);
  agenda.foldersChecked(NOW + HOUR);
  agenda.looked([due("check", NOW - HOUR)], NOW + HOUR);
  assert.equal(text(agenda.next(undefined, false)), "check +3600");
});

test("after a job it looks what is due now", () => {
  const agenda = settled();
  agenda.done("check", NOW);
  assert.equal(agenda.next(undefined, false).task.kind, "look");
});

test("when the clock was set back it starts over", () => {
  const agenda = settled([due("sync", NOW)]);
  agenda.restart();
  assert.equal(agenda.next(undefined, false).task.kind, "folders");
  assert.ok(agenda.next(undefined, false).at < NOW);
});
