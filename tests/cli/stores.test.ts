/** Stores that are missing, full or cannot be understood. */

import assert from "node:assert/strict";
import { mkdir, readdir, rename, stat } from "node:fs/promises";
import { test } from "node:test";
import { pseudoRandom } from "../tools.ts";
import { testOnDisk } from "./disk.ts";
import { assertFails } from "./failing.ts";
import { assertRestorable, filesBelow, put } from "./files.ts";
import { withUser } from "./harness.ts";

test("a store that is not plugged in is an error, not a new empty store", () =>
  withUser(async (user) => {
    const url = `file:${user.path("usb/store")}`;
    await user.ok("init", "--yes", "--cold", url, "--staging", url);
    await put(user, "Photos/a.jpg", "a");
    await user.ok("sync", user.path("Photos"));
    await rename(user.path("usb"), user.path("unplugged"));
    await put(user, "Photos/b.jpg", "b");
    const failure = {
      code: "store-missing",
      says: /the store is missing: there is no folder .*usb\/store/,
      hint: /plug that in and mount it/,
    } as const;
    await assertFails(user, ["sync"], failure);
    await assertFails(user, ["restore", "a.jpg", "--to", user.path("out")], failure);
    await assert.rejects(stat(user.path("usb")), "no store was made in its place");
    await rename(user.path("unplugged"), user.path("usb"));
    await user.ok("sync", "--seal");
    await assertRestorable(user);
  }));

test("an empty folder where the store was mounted is an error, too", () =>
  withUser(async (user) => {
    const url = `file:${user.path("usb")}`;
    await user.ok("init", "--yes", "--cold", url, "--staging", url);
    await put(user, "Photos/a.jpg", "a");
    await user.ok("sync", user.path("Photos"));
    await rename(user.path("usb"), user.path("unplugged"));
    await mkdir(user.path("usb"));
    await put(user, "Photos/b.jpg", "b");
    await assertFails(user, ["sync", "--seal"], {
      code: "store-missing",
      says: /usb has no file \.coldframe-store/,
      hint: /mount that first/,
    });
    assert.deepEqual(await readdir(user.path("usb")), [], "nothing was written into it");
  }));

test("what is in the store that is there comes back, though the other is missing", () =>
  withUser(async (user) => {
    await user.ok(
      "init",
      "--yes",
      "--cold",
      `file:${user.path("one")}`,
      "--staging",
      `file:${user.path("two")}`,
    );
    await put(user, "Photos/a.jpg", "a");
    await user.ok("sync", user.path("Photos"), "--seal");
    await put(user, "Photos/b.jpg", "b");
    await user.ok("sync");
    await rename(user.path("two"), user.path("unplugged"));
    const { code, out, err } = await user.run("restore", "**", "--to", user.path("out"));
    assert.equal(code, 3);
    assert.match(out, /^Restored 1 file to /);
    assert.match(err, /Warning: not restored: Photos\/b\.jpg: the store is missing/);
    assert.deepEqual(await filesBelow(user.path("out")), ["Photos/a.jpg"]);
  }));

const BAD_URLS: readonly [url: string, says: RegExp, hint: RegExp][] = [
  ["/mnt/usb", /a store URL begins with its kind/, /file:\/mnt\/usb/],
  ["ftp://example.org/x", /there is no kind of store "ftp:"/, /./],
  ["D:\\backup", /a store URL begins with its kind/, /file:D:/],
];

for (const [url, says, hint] of BAD_URLS) {
  test(`${url} is no store: said by sync and, before a home is made, by init`, () =>
    withUser(async (user) => {
      await put(user, "Photos/a.jpg", "a");
      await assertFails(user, ["init", "--yes", "--cold", url], { code: "store-url", says, hint });
      await assert.rejects(stat(user.path("home/box")));
      await assertFails(user, ["sync", user.path("Photos"), "--staging", url], {
        code: "store-url",
        says,
        hint,
      });
    }));
}

test("a URL with a password in it is not repeated", () =>
  withUser(async (user) => {
    const { err, out } = await user.run("init", "--yes", "--cold", "ftp://me:hunter2@example.org/x");
    assert.doesNotMatch(err + out, /hunter2/);
  }));

testOnDisk(
  "a full store protects what fits, names what does not, and goes on when there is room",
  "2m",
  async (user, disk) => {
    for (let i = 0; i < 8; i++) await put(user, `Photos/${i}.jpg`, pseudoRandom(400_000, i + 1));
    const url = `file:${disk.path}/store`;
    await user.ok("init", "--yes", "--cold", url, "--staging", url);
    const first = await user.run("sync", user.path("Photos"));
    assert.ok(first.code === 3 || first.code === 1, first.err);
    assert.match(first.err, /full|no space/);
    assert.deepEqual((await filesBelow(disk.path)).filter((path) => path.includes("/volumes/")), []);
    await disk.remount("size=8m");
    await user.ok("sync");
    await assertRestorable(user);
  },
);

testOnDisk("a volume that finds no room is sealed when there is room", "2m", async (user, disk) => {
  for (let i = 0; i < 8; i++) await put(user, `Photos/${i}.jpg`, pseudoRandom(400_000, i + 1));
  const url = `file:${disk.path}/store`;
  await user.ok("init", "--yes", "--cold", url, "--staging", url);
  await assertFails(user, ["sync", user.path("Photos"), "--seal"], {
    code: "store-full",
    says: /no space is left/,
    hint: /Free some space/,
  });
  assert.deepEqual((await filesBelow(disk.path)).filter((path) => path.includes("volumes/")), []);
  await disk.remount("size=8m");
  await user.ok("sync");
  await assertRestorable(user);
  assert.equal((await filesBelow(disk.path)).filter((path) => path.includes("volumes/")).length, 1);
});

testOnDisk("a store on a read-only disk is an error", "1m", async (user, disk) => {
  await put(user, "Photos/a.jpg", "a");
  const url = `file:${disk.path}/store`;
  await user.ok("init", "--yes", "--cold", url, "--staging", url);
  await user.ok("sync", user.path("Photos"));
  await disk.remount("ro");
  await put(user, "Photos/b.jpg", "b");
  await assertFails(user, ["sync", "--seal"], {
    code: "store-denied",
    says: /the disk is mounted read-only/,
    hint: /Mount it writable/,
  });
  await user.ok("restore", "a.jpg", "--to", user.path("out")); // reading still works
});
