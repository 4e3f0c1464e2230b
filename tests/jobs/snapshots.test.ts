/** Which snapshots of the catalog are where, as days go by. */

import assert from "node:assert/strict";
import { chmod, mkdir, readdir, rename, writeFile } from "node:fs/promises";
import { test } from "node:test";
import { pseudoRandom } from "../tools.ts";
import { assertRestorable, put } from "../cli/files.ts";
import { type User, withUser } from "../cli/harness.ts";

const HOUR = 3_600_000;
const DAY = 24 * HOUR;
const START = Date.parse("2026-03-01T03:00:00Z");

/** A user whose staging and cold stores are two folders. */
function withStores(body: (user: User, sync: (...more: string[]) => Promise<void>) => Promise<void>) {
  return withUser(async (user) => {
    const stores = ["--staging", `file:${user.path("near")}`, "--cold", `file:${user.path("far")}`];
    user.clock = START;
    await body(user, async (...more) => {
      await user.ok("sync", user.path("Photos"), ...stores, ...more);
    });
  });
}

/** The moments of the snapshots in a store, without the rest of their names. */
async function snapshots(user: User, store: string): Promise<string[]> {
  const names = await readdir(user.path(store, "catalog")).catch(() => []);
  return names.map((name) => name.slice(0, 13)).sort();
}

test("every run that changed the catalog leaves a snapshot in staging, and the first of a day one in cold", () =>
  withStores(async (user, sync) => {
    for (const hour of [0, 8, 16, 25, 32]) {
      user.clock = START + hour * HOUR;
      await put(user, `Photos/${hour}.jpg`, String(hour));
      await sync();
    }
    assert.deepEqual(await snapshots(user, "near"), [
      "2026-03-01T03",
      "2026-03-01T11",
      "2026-03-01T19",
      "2026-03-02T04",
      "2026-03-02T11",
    ]);
    assert.deepEqual(await snapshots(user, "far"), ["2026-03-01T03", "2026-03-02T04"]);
  }));

test("what changed after the day's snapshot in cold is there the day after, though nothing new came", () =>
  withStores(async (user, sync) => {
    for (const hour of [0, 8]) {
      user.clock = START + hour * HOUR;
      await put(user, `Photos/${hour}.jpg`, String(hour));
      await sync();
    }
    for (const hour of [20, 24, 30, 48, 72]) {
      user.clock = START + hour * HOUR;
      await sync();
    }
    assert.equal((await snapshots(user, "near")).length, 2);
    assert.deepEqual(await snapshots(user, "far"), ["2026-03-01T03", "2026-03-02T03"]);
  }));

test("in staging the newest seven stay, with the first of each month and year; in cold all stay", () =>
  withStores(async (user, sync) => {
    for (let day = 0; day < 40; day++) {
      user.clock = START + day * DAY;
      await put(user, `Photos/${day}.jpg`, String(day));
      await sync();
    }
    assert.deepEqual((await snapshots(user, "near")).map((name) => name.slice(0, 10)), [
      "2026-03-01",
      "2026-04-01",
      "2026-04-03",
      "2026-04-04",
      "2026-04-05",
      "2026-04-06",
      "2026-04-07",
      "2026-04-08",
      "2026-04-09",
    ]);
    assert.equal((await snapshots(user, "far")).length, 40);
    await user.ok(
      "recover",
      ...[`file:${user.path("near")}`, `file:${user.path("far")}`],
      ...["--identity", user.path("home/keys/identity.txt"), "--home", user.path("again")],
    );
  }));

test("snapshots of another archive in the same store are left alone", () =>
  withStores(async (user, sync) => {
    await put(user, "Photos/a.jpg", "a");
    await sync();
    const foreign = user.path("near/catalog/2001-01-01T00-00-00.000Z.db.gz.age");
    await writeFile(foreign, "of another archive");
    for (let day = 1; day < 12; day++) {
      user.clock = START + day * DAY;
      await put(user, `Photos/${day}.jpg`, String(day));
      await sync();
    }
    assert.equal((await snapshots(user, "near"))[0], "2001-01-01T00");
  }));

test("a cold store that fails does not end the run, and is told after a week", () =>
  withStores(async (user, sync) => {
    await put(user, "Photos/a.jpg", "a");
    await sync();
    await rename(user.path("far"), user.path("unplugged"));
    const findings = async () => {
      const { findings } = await user.json("status");
      return (findings as { kind: string }[]).filter(({ kind }) => kind === "snapshot-missing");
    };
    for (const day of [1, 5]) {
      user.clock = START + day * DAY;
      await put(user, `Photos/${day}.jpg`, String(day));
      await sync();
    }
    const before = await findings();
    user.clock = START + 9 * DAY;
    await sync();
    const after = await findings();
    await rename(user.path("unplugged"), user.path("far"));
    await sync();
    assert.deepEqual([before, after.length, await findings()], [[], 1, []]);
  }));

test("files of a volume that the cold store does not take wait in staging, with a snapshot, until it does", () =>
  withStores(async (user, sync) => {
    await put(user, "Photos/first.jpg", pseudoRandom(900_000, 1));
    await sync("--volume-size", "2.5M");
    await rename(user.path("far"), user.path("unplugged"));
    await put(user, "Photos/second.jpg", pseudoRandom(900_000, 2), "2024-05-02T10:00:00Z");
    await put(user, "Photos/third.jpg", pseudoRandom(900_000, 3), "2024-05-03T10:00:00Z");
    const stores = ["--staging", `file:${user.path("near")}`, "--cold", `file:${user.path("far")}`];
    for (const hour of [1, 2]) {
      user.clock = START + hour * HOUR;
      const { code, err } = await user.run("sync", ...stores, "--volume-size", "2.5M");
      assert.equal(code, 1);
      assert.match(err, /the store is missing: .*far/);
      assert.equal((await readdir(user.path("near/staged"))).length, 3);
    }
    assert.deepEqual(await snapshots(user, "near"), ["2026-03-01T03", "2026-03-01T04"]);
    await rename(user.path("unplugged"), user.path("far"));
    user.clock = START + 3 * HOUR;
    await sync("--volume-size", "2.5M");
    assert.equal((await readdir(user.path("far/volumes"))).length, 2);
    await sync("--seal");
    assert.deepEqual(await readdir(user.path("near/staged")), []);
    await assertRestorable(user);
  }));

test("what is staged after the clock was set back is in the snapshot that a recovery takes", () =>
  withStores(async (user, sync) => {
    await put(user, "Photos/june.jpg", "june");
    await sync();
    user.clock = START - 30 * DAY;
    await put(user, "Photos/may.jpg", "may");
    await sync();
    await rename(user.home, user.path("lost"));
    await user.ok(
      "recover",
      ...[`file:${user.path("near")}`, `file:${user.path("far")}`],
      ...["--identity", user.path("lost/keys/identity.txt")],
    );
    await assertRestorable(user);
  }));

test("a copy of the catalog that a killed run left in the home is gone after the next", () =>
  withStores(async (user, sync) => {
    await put(user, "Photos/a.jpg", "a");
    await sync();
    await mkdir(user.path("home/tmp"), { recursive: true });
    await writeFile(user.path("home/tmp/snapshot-00000000.db"), "a catalog");
    await chmod(user.path("home/tmp"), 0o700);
    await sync();
    assert.equal((await readdir(user.path("home"))).includes("tmp"), false);
  }));
