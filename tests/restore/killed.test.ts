/**
 * A restore from an archive class that is ended at every step, and goes on: by Ctrl-C at each request of a small
 * one, by kill -9 again and again in a larger one.
 */

import assert from "node:assert/strict";
import { readFile, rm } from "node:fs/promises";
import { test } from "node:test";
import { setTimeout } from "node:timers/promises";
import { filesBelow } from "../cli/files.ts";
import { startScript } from "../cli/process.ts";
import { type ColdArchive, DAY, HOUR, withCold } from "./cold-archive.ts";

const restoring = ({ user }: ColdArchive) => user.run("restore", "w*", "--to", user.path("out"), "--yes");

/** Ends the next run when the server has done so many requests; the last one is done, but never answered. */
function interruptAfter(archive: ColdArchive, requests: number): void {
  const controller = new AbortController();
  archive.user.signal = controller.signal;
  let asked = 0;
  archive.server.faults.schedule(() => {
    if (++asked < requests) return undefined;
    controller.abort(new Error("killed"));
    return { kind: "stall", when: "after" };
  });
}

/**
 * A run that was ended while it read ahead may have sent requests that the server, which shares this process,
 * has not come to yet.
 */
async function settled({ server }: ColdArchive): Promise<void> {
  for (let quiet = 0, seen = server.log.length; quiet < 20; quiet++) {
    await setTimeout(5);
    if (server.log.length === seen) continue;
    seen = server.log.length;
    quiet = 0;
  }
}

/** Everything as it was before the restore. */
async function forget(archive: ColdArchive): Promise<void> {
  const { user, server } = archive;
  archive.calm();
  const { restores } = await user.json("thaw");
  for (const { id } of Array.isArray(restores) ? restores : []) await user.ok("thaw", "cancel", String(id));
  for (const key of archive.keys("volumes/")) {
    const object = server.object("bucket", `family/${key}`);
    if (object !== undefined) object.restore = undefined;
  }
  await rm(user.path("out"), { recursive: true, force: true });
  server.log.length = 0;
}

async function assertComplete({ user }: ColdArchive, files: number): Promise<void> {
  const found = await filesBelow(user.path("out"));
  assert.equal(found.length, files, "files, and nothing half done beside them");
  for (const path of found) {
    assert.deepEqual(await readFile(user.path("out", path)), await readFile(user.path(path)), path);
  }
}

/** Requests that reached the server and were done: an answer that was lost was done, too. */
function assertAskedOnce(archive: ColdArchive, volumes: number, when: string): void {
  const done = archive.asked("RestoreObject").filter(({ code }) => code === "");
  const keys = done.map(({ key }) => key);
  assert.equal(new Set(keys).size, volumes, `${when}: volumes asked for`);
  assert.equal(keys.length, volumes, `${when}: requests`);
}

test("ended at any request, it asks for each volume once, reads each range once and ends complete", () =>
  withCold(async (archive) => {
    const points = { thaw: 0, fetch: 0 };
    for (let n = 1;; n++) {
      interruptAfter(archive, n);
      const { code } = await restoring(archive);
      archive.calm();
      if (code === 0) break;
      points.thaw++;
      await settled(archive);
      assert.equal((await restoring(archive)).code, 0, `ended at request ${n}`);
      archive.pass(49 * HOUR);
      assert.equal((await restoring(archive)).code, 0);
      await assertComplete(archive, 5);
      assertAskedOnce(archive, 2, `ended at request ${n} of the thaw`);
      await forget(archive);
    }
    await forget(archive);
    for (let n = 1;; n++) {
      await restoring(archive);
      archive.pass(49 * HOUR);
      interruptAfter(archive, n);
      const { code } = await restoring(archive);
      archive.calm();
      if (code === 0) break;
      points.fetch++;
      await settled(archive);
      const there = (await filesBelow(archive.user.path("out"))).length;
      const from = archive.server.log.length;
      assert.equal((await archive.user.run("restore", "--continue")).code, 0);
      assert.equal(archive.ranges(from), 5 - there, `ended at request ${n}: what is there is not read again`);
      await assertComplete(archive, 5);
      assertAskedOnce(archive, 2, `ended at request ${n} of the fetch`);
      await forget(archive);
    }
    assert.ok(points.thaw >= 6 && points.fetch >= 10, JSON.stringify(points));
  }, { volumes: 2 }));

test("30 files of 12 volumes, killed again and again: each volume asked for once, complete at the end", () =>
  withCold(async (archive) => {
    const { user, server } = archive;
    user.clock = undefined; // a process of its own has the clock of the machine
    const args = ["w*", "--to", user.path("out"), "--yes"];
    let kills = 0;
    for (let done = false; !done; kills++) {
      assert.ok(kills < 40, "it gets on");
      const running = startScript(user, "restore", ...args);
      let asked = 0;
      server.faults.schedule(() => {
        if (++asked < 34) return undefined;
        if (asked === 34) running.signal("SIGKILL");
        return { kind: "stall", when: "after" };
      });
      const { code, err } = await running.ended;
      assert.ok(code === 0 || code === 137, err);
      server.faults.clear();
      const before = (await filesBelow(user.path("out"))).filter((path) => !path.endsWith(".part")).length;
      if (code === 0) done = before === 30;
      if (code === 0 && !done) makeReady(archive);
    }
    await removeHalves(archive);
    await assertComplete(archive, 30);
    assertAskedOnce(archive, 12, "killed");
    assert.ok(kills >= 4, `${kills} runs`);
  }));

/** Thaws what was asked for, as two days would. */
function makeReady(archive: ColdArchive): void {
  for (const key of archive.keys("volumes/")) {
    const object = archive.server.object("bucket", `family/${key}`);
    const now = archive.server.now();
    if (object?.restore !== undefined) {
      object.restore = { tier: "Bulk", readyAt: now - 1, expires: now + DAY };
    }
  }
}

/** What kill -9 leaves under temporary names. */
async function removeHalves({ user }: ColdArchive): Promise<void> {
  for (const path of await filesBelow(user.path("out"))) {
    if (/\.[0-9a-f]{12}\.part$/.test(path)) await rm(user.path("out", path));
  }
}
