/** What a watch is told of the home, and what it passes over. */

import assert from "node:assert/strict";
import { mkdir, realpath } from "node:fs/promises";
import { test } from "node:test";
import { ignoring } from "../../lib/jobs/watch/ignores.ts";
import { parsePlan } from "../../lib/jobs/watch/plan.ts";
import { withUser } from "../cli/harness.ts";

test("without folders, those of the settings and those protected so far are watched", () =>
  withUser(async (user) => {
    for (const name of ["Photos", "Films"]) await mkdir(user.path(name));
    await user.ok("init", user.path("Photos"), "--yes");
    await user.ok("sync", user.path("Films"));
    const plan = parsePlan(await user.json("watch", "--dry-run"));
    assert.deepEqual(plan.folders, [await realpath(user.path("Photos")), await realpath(user.path("Films"))]);
    assert.match(await user.ok("watch", "--dry-run"), /^Would watch .*Photos\.\nWould watch .*Films\.\n/);
  }));

test("a sync is due half a day after the last one", () =>
  withUser(async (user) => {
    await mkdir(user.path("Photos"));
    user.clock = 1_700_000_000_000;
    await user.ok("sync", user.path("Photos"));
    const { jobs } = parsePlan(await user.json("watch", "--dry-run"));
    assert.equal(jobs.find(({ job }) => job === "sync")?.due, user.clock + 12 * 3_600_000);
  }));

test("where there is no home yet, --dry-run makes none", () =>
  withUser(async (user) => {
    await mkdir(user.path("Photos"));
    const plan = parsePlan(await user.json("watch", "--dry-run", user.path("Photos")));
    assert.deepEqual(plan.folders, [await realpath(user.path("Photos"))]);
    await assert.rejects(realpath(user.home));
  }));

test("an error in place of a plan keeps its message", () => {
  assert.throws(() => parsePlan({ error: { code: "config", message: "line 3: no" } }), /line 3: no/);
  assert.throws(() => parsePlan(undefined), /cut short/);
});

const PASSED_OVER: readonly [path: string, ignored: boolean][] = [
  ["/me/Photos/a.jpg", false],
  ["/me/Photos/deep/er/a.jpg", false],
  ["/me/Photos/a.part", true],
  ["/me/Photos/.DS_Store", true],
  ["/me/Photos/.git/objects/12", true],
  ["/me/Photos/Screenshots/a.png", true],
  ["/me/Photos/home/catalog.db-wal", true],
  ["/me/Photos/homes/a.jpg", false],
  ["/me/Photos", false],
  ["/me/store/volumes/a", true],
];

for (const [path, ignored] of PASSED_OVER) {
  test(`a change of ${path} is ${ignored ? "passed over" : "worth a run"}`, () => {
    const plan = {
      folders: ["/me/Photos"],
      own: ["/me/Photos/home", "/me/store"],
      ignore: ["/Screenshots/"],
    };
    assert.equal(ignoring({ ...plan, jobs: [] })(path), ignored);
  });
}
