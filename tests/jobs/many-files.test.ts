/** More files than are planned at once: the first run with a large archive. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { openSession } from "../../lib/jobs/open.ts";
import { SILENT } from "../../lib/jobs/report.ts";
import { sync } from "../../lib/jobs/sync.ts";
import { assertRestorable, put } from "../cli/files.ts";
import { type User, withUser } from "../cli/harness.ts";
import { pseudoRandom } from "../tools.ts";

/** Syncs with plans of so few files. */
async function syncBy(user: User, planAtOnce: number) {
  const { session, close } = await openSession({
    root: user.home,
    create: true,
    lockFor: "sync",
    staging: undefined,
    cold: undefined,
    env: user.env,
    signal: user.signal,
    report: SILENT,
    now: () => Date.now(),
  });
  try {
    const accept = { gone: false };
    return await sync(session, {
      dirs: [user.path("Photos")],
      accept,
      seal: false,
      volumeSize: 2_000_000,
      planAtOnce,
    });
  } finally {
    await close();
  }
}

test("what cannot be planned at once is sealed oldest first, each file once, and the rest is staged", () =>
  withUser(async (user) => {
    await user.ok("init", "--classic", "--yes");
    for (let i = 0; i < 24; i++) {
      const day = String(i + 1).padStart(2, "0");
      await put(user, `Photos/${i}.jpg`, pseudoRandom(300_000, i), `2024-05-${day}T10:00:00Z`);
    }
    const report = await syncBy(user, 10);
    const files = report.sealed.map((volume) => volume.files);
    assert.ok(files.length >= 4, `${files}`);
    assert.equal(files.reduce((sum, count) => sum + count, 0) + report.waiting.files, 24);
    assert.equal(report.unstaged, 0);
    const days = report.sealed.map(({ name }) => name.slice(0, 10));
    assert.deepEqual(days, [...days].sort(), "the oldest come first");
    await assertRestorable(user);
  }));

test("as many files as a plan takes are planned at once", () =>
  withUser(async (user) => {
    await user.ok("init", "--classic", "--yes");
    for (let i = 0; i < 10; i++) await put(user, `Photos/${i}.jpg`, pseudoRandom(1000, i));
    const report = await syncBy(user, 10);
    assert.deepEqual([report.sealed.length, report.staged.files], [0, 10]);
  }));
