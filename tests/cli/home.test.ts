/** Homes that are damaged, read-only, full, or in use. */

import assert from "node:assert/strict";
import { copyFile, cp, mkdir, readFile, rm, stat, truncate, writeFile } from "node:fs/promises";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { pseudoRandom } from "../tools.ts";
import { testOnDisk } from "./disk.ts";
import { assertFails, assertNoSecret, assertOneLine } from "./failing.ts";
import { assertRestorable, filesBelow, filesOfHome, put } from "./files.ts";
import { type User, withUser } from "./harness.ts";
import { okScript, startScript } from "./process.ts";

async function onePhoto(user: User, ...flags: string[]): Promise<void> {
  await put(user, "Photos/a.jpg", pseudoRandom(1000, 1));
  await user.ok("sync", user.path("Photos"), ...flags);
}

/** The same by a process of its own, so that SQLite has let go of the catalog when it is damaged. */
async function onePhotoAndOut(user: User): Promise<void> {
  await put(user, "Photos/a.jpg", pseudoRandom(1000, 1));
  await okScript(user, "sync", user.path("Photos"));
}

test("the home and what is in it are for their owner alone", () =>
  withUser(async (user) => {
    await onePhoto(user);
    for (const path of ["home", "home/keys"]) {
      assert.equal((await stat(user.path(path))).mode & 0o777, 0o700, path);
    }
    const files = (await filesOfHome(user.home)).filter((path) => !path.startsWith("store/"));
    for (const path of ["box", "catalog.db", "config.toml", "keys/identity.txt"]) {
      assert.ok(files.includes(path));
    }
    for (const path of files) {
      assert.equal((await stat(user.path("home", path))).mode & 0o777, 0o600, path);
    }
  }));

for (
  const command of [
    ["status"],
    ["ls", "files"],
    ["find", "x"],
    ["tree", "x"],
    ["restore", "**", "--to", "out"],
    ["pack"],
    ["key", "show"],
  ]
) {
  test(`${command.join(" ")} without a home says how to make one, and makes none`, () =>
    withUser(async (user) => {
      await assertFails(user, command, {
        code: "home",
        says: /there is no coldframe home at .*home/,
        hint: /coldframe sync DIR.*coldframe init/,
      });
      await assert.rejects(stat(user.home));
    }));
}

test("a home cannot be made where a file stands", () =>
  withUser(async (user) => {
    await writeFile(user.path("home"), "mine");
    await put(user, "Photos/a.jpg", "a");
    await assertFails(user, ["sync", user.path("Photos")], {
      code: "home",
      says: /cannot use the home .*: a file is in the way/,
      hint: /--home DIR/,
    });
    assert.equal(await readFile(user.path("home"), "utf8"), "mine");
  }));

test("a second init leaves the first home as it is", () =>
  withUser(async (user) => {
    await user.ok("init", "--yes");
    const before = await readFile(user.path("home/keys/identity.txt"), "utf8");
    await assertFails(user, ["init", "--yes"], {
      code: "home",
      says: /is a coldframe home already/,
      hint: /config\.toml/,
    });
    assert.equal(await readFile(user.path("home/keys/identity.txt"), "utf8"), before);
  }));

test("a home whose making was cut short keeps the key that it has", () =>
  withUser(async (user) => {
    await user.ok("init", "--yes", "--classic");
    const key = await readFile(user.path("home/keys/identity.txt"), "utf8");
    await writeFile(user.path("home/unfinished"), "");
    for (const file of ["box", "catalog.db", "keys/recipients.txt"]) await rm(user.path("home", file));
    await onePhoto(user);
    assert.equal(await readFile(user.path("home/keys/identity.txt"), "utf8"), key);
    await assertRestorable(user);
  }));

const GARBAGE: Readonly<Record<string, (path: string) => Promise<void>>> = {
  "garbage": (path) => writeFile(path, pseudoRandom(50_000, 1)),
  "cut in half": async (path) => truncate(path, Math.floor((await stat(path)).size / 2 / 4096) * 4096),
  "a text": (path) => writeFile(path, "this is no database, but a rather long text that somebody put here"),
};

for (const [what, damage] of Object.entries(GARBAGE)) {
  test(`a catalog that is ${what} is named as damaged, and left as it is`, () =>
    withUser(async (user) => {
      await onePhotoAndOut(user);
      const catalog = user.path("home/catalog.db");
      await rm(`${catalog}-wal`, { force: true });
      await rm(`${catalog}-shm`, { force: true });
      await damage(catalog);
      const before = await readFile(catalog);
      for (const command of [["sync"], ["restore", "**", "--to", user.path("out")], ["status"]]) {
        await assertFails(user, command, {
          code: "catalog",
          says: /catalog .*catalog\.db: the file is damaged/,
          hint: /Move it aside.*coldframe recover/,
        });
      }
      assert.deepEqual(await readFile(catalog), before);
      assert.equal((await filesBelow(user.path("home/store/staged"))).length, 1);
    }));
}

for (const [what, damage] of [["missing", (path: string) => rm(path)], ["empty", truncate]] as const) {
  test(`a catalog that is ${what} is not silently made anew`, () =>
    withUser(async (user) => {
      await onePhotoAndOut(user);
      const before = await filesBelow(user.path("home/store"));
      await damage(user.path("home/catalog.db"));
      for (const command of [["sync", "--seal"], ["sync", "--dry-run"], ["status"]]) {
        await assertFails(user, command, {
          code: "catalog",
          says: new RegExp(`catalog .*catalog\\.db is ${what}`),
          hint: /Bring it back, or run `coldframe recover/,
        });
      }
      assert.deepEqual(await filesBelow(user.path("home/store")), before);
    }));
}

test("between runs the catalog is one file", () =>
  withUser(async (user) => {
    await onePhotoAndOut(user);
    const log = await stat(user.path("home/catalog.db-wal")).catch(() => undefined);
    assert.equal(log?.size ?? 0, 0);
  }));

test("a database of another program is not taken for a catalog", () =>
  withUser(async (user) => {
    await onePhotoAndOut(user);
    await withUser(async (other) => {
      const { connect } = await import("../../lib/catalog/database.ts");
      const db = connect(other.path("other.db"));
      await db.run("CREATE TABLE notes (text TEXT)");
      db.close();
      for (const end of ["-wal", "-shm"]) await rm(user.path(`home/catalog.db${end}`), { force: true });
      await copyFile(other.path("other.db"), user.path("home/catalog.db"));
    });
    await assertFails(user, ["sync"], {
      code: "catalog",
      says: /is a database, but not a coldframe catalog/,
      hint: /Choose another home/,
    });
  }));

testOnDisk(
  "a read-only home is an error, and its copy restores",
  "8m",
  async (user, disk) => {
    user.env = { COLDFRAME_HOME: `${disk.path}/home` };
    await put(user, "Photos/a.jpg", pseudoRandom(1000, 1));
    await okScript(user, "sync", user.path("Photos"));
    await disk.remount("ro");
    await put(user, "Photos/b.jpg", "b");
    await assertFails(user, ["sync"], { code: "home", says: /cannot lock .*home/, hint: /is writable/ });
    await cp(`${disk.path}/home`, user.path("copy"), { recursive: true });
    await user.ok("restore", "**", "--to", user.path("out"), "--home", user.path("copy"));
    assert.deepEqual(await filesBelow(user.path("out")), ["Photos/a.jpg"]);
  },
);

testOnDisk("a home on a read-only disk is not made", "1m", async (user, disk) => {
  user.env = { COLDFRAME_HOME: `${disk.path}/home` };
  await put(user, "Photos/a.jpg", "a");
  await disk.remount("ro");
  await assertFails(user, ["sync", user.path("Photos")], {
    code: "home",
    says: /cannot use the home .*: the disk is read-only/,
    hint: /--home DIR/,
  });
  await assertFails(user, ["init", "--yes"], {
    code: "home",
    says: /cannot use the home .*: the disk is read-only/,
    hint: /--home DIR/,
  });
});

testOnDisk(
  "a home on a full disk is an error, and the next sync goes on when there is room",
  "400k",
  async (user, disk) => {
    user.env = { COLDFRAME_HOME: `${disk.path}/home` };
    for (let i = 0; i < 40; i++) await put(user, `Photos/${i}.jpg`, pseudoRandom(20_000, i + 1));
    const { code, err } = await user.run("sync", user.path("Photos"));
    assert.ok(code === 1 || code === 3, err);
    assert.match(err, /disk is full|no space|is full/);
    assert.doesNotMatch(err, /\n\s+at /);
    await disk.remount("size=16m");
    await user.ok("sync", user.path("Photos"), "--seal");
    await user.ok("restore", "**", "--to", user.path("out"));
    assert.equal((await filesBelow(user.path("out"))).length, 40);
  },
);

test(
  "a second run at the same time is refused, and the first goes on",
  { timeout: 180_000 },
  () =>
    withUser(async (user) => {
      await onePhoto(user);
      const { lockHome } = await import("../../lib/home/lock.ts");
      const lock = await lockHome(user.home, "sync", Date.parse("2026-01-01T00:00:00Z"));
      try {
        await assertFails(user, ["sync"], {
          code: "busy",
          exit: 75,
          says: /another run holds .*home: sync, process \d+ on .*, since 2026-01-01T00:00:00\.000Z/,
          hint: /Wait for it to end/,
        });
        const other = await startScript(user, "sync").ended;
        assert.equal(other.code, 75);
        assertOneLine(other, { says: /another run holds/, hint: /Wait/ });
        await user.ok("status"); // looking is always possible
        await user.ok("restore", "**", "--to", user.path("out"));
      } finally {
        await lock.release();
      }
      await user.ok("sync");
    }),
);

test(
  "a run that was killed leaves no lock behind, and the next one finishes its work",
  { timeout: 120_000 },
  () =>
    withUser(async (user) => {
      for (let i = 0; i < 60; i++) await put(user, `Photos/${i}.jpg`, pseudoRandom(300_000, i + 1));
      const first = startScript(user, "sync", user.path("Photos"), "--volume-size", "4M", "--seal");
      await until(async () =>
        (await filesBelow(user.path("home/store"))).some((path) => path.endsWith(".age"))
      );
      first.signal("SIGKILL");
      const killed = await first.ended;
      assert.equal(killed.code, 137, `it ended before it was killed:\n${killed.err}`);
      assert.equal((await filesBelow(user.home)).includes("lock.json"), true, "it died with the lock");
      await user.ok("sync", "--volume-size", "4M", "--seal");
      await assertRestorable(user);
    }),
);

test("Ctrl-C stops cleanly and says how to go on", { timeout: 120_000 }, () =>
  withUser(async (user) => {
    for (let i = 0; i < 60; i++) await put(user, `Photos/${i}.jpg`, pseudoRandom(300_000, i + 1));
    const first = startScript(user, "sync", user.path("Photos"), "--volume-size", "4M", "--seal");
    await until(async () =>
      (await filesBelow(user.path("home/store"))).some((path) => path.endsWith(".age"))
    );
    first.signal("SIGINT");
    const stopped = await first.ended;
    assert.equal(stopped.code, 1, stopped.err);
    assertOneLine(stopped, { says: /stopped by SIGINT/, hint: /Run the same command again/ });
    await assertNoSecret(user, stopped);
    await user.ok("sync", "--volume-size", "4M", "--seal");
    await assertRestorable(user);
  }));

/** Waits until something is so, for half a minute at the most. */
async function until(condition: () => Promise<boolean>): Promise<void> {
  for (let tries = 0; tries < 3000; tries++) {
    if (await condition()) return;
    await sleep(10);
  }
  throw new Error("it did not happen within half a minute");
}

test("init takes ~ for the user's folder at its question, and names a folder that is not there", () =>
  withUser(async (user) => {
    user.env = { HOME: user.folder };
    await mkdir(user.path("Photos"));
    user.answers = ["~/Photos, ~/Stick", "", "", ""];
    const { code, err } = await user.run("init");
    assert.equal(code, 0);
    assert.match(err, /^Warning: .*\/Stick is not there yet$/m);
    assert.doesNotMatch(err, /Photos is not there/);
    const config = await readFile(user.path("home/config.toml"), "utf8");
    assert.match(config, /^sources = \["[^"]*\/Photos","[^"]*\/Stick"\]$/m);
  }));
