/** Sources that are missing, emptied or swapped: an error, never a wave of deletions. */

import assert from "node:assert/strict";
import { mkdir, rename, rm, symlink, writeFile } from "node:fs/promises";
import { test } from "node:test";
import { testOnDisk } from "./disk.ts";
import { assertFails } from "./failing.ts";
import { filesBelow, put } from "./files.ts";
import { type User, withUser } from "./harness.ts";

async function manyPhotos(user: User, n: number): Promise<void> {
  for (let i = 0; i < n; i++) await put(user, `Photos/${i}.jpg`, `photo ${i}`);
}

async function currentFiles(user: User): Promise<unknown> {
  return (await user.json("status"))["files"];
}

test("a source that was never there is named", () =>
  withUser(async (user) => {
    await assertFails(user, ["sync", user.path("Photos")], {
      code: "source-missing",
      says: /Photos is not there/,
      hint: /mount its disk, or correct the path/,
    });
  }));

test("a source that is a file is named", () =>
  withUser(async (user) => {
    await writeFile(user.path("photo.jpg"), "a");
    await assertFails(user, ["sync", user.path("photo.jpg")], {
      code: "source-missing",
      says: /photo\.jpg is not a folder/,
      hint: /Name the folder/,
    });
  }));

test("a source that is a symlink to nowhere is named", () =>
  withUser(async (user) => {
    await symlink(user.path("nowhere"), user.path("Photos"));
    await assertFails(user, ["sync", user.path("Photos")], {
      code: "source-missing",
      says: /Photos is not there/,
      hint: /correct the path/,
    });
  }));

test("a source that went away loses nothing", () =>
  withUser(async (user) => {
    await manyPhotos(user, 3);
    await user.ok("sync", user.path("Photos"));
    await rename(user.path("Photos"), user.path("away"));
    await assertFails(user, ["sync"], {
      code: "source-missing",
      says: /Photos is not there/,
      hint: /Nothing was marked as gone/,
    });
    assert.equal(await currentFiles(user), 3);
  }));

test("a missing source does not keep another from being protected", () =>
  withUser(async (user) => {
    await manyPhotos(user, 3);
    await put(user, "Videos/a.mov", "a");
    await user.ok("sync", user.path("Photos"), user.path("Videos"));
    await rename(user.path("Photos"), user.path("away"));
    await put(user, "Videos/b.mov", "b");
    const { code, out, err } = await user.run("sync");
    assert.equal(code, 3);
    assert.match(err, /^Warning: .*Photos is not there\. Plug in or mount its disk/m);
    assert.match(out, /Videos: 2 files .*1 new/);
    assert.equal(await currentFiles(user), 5);
  }));

test("an emptied source loses nothing, unless the user says so", () =>
  withUser(async (user) => {
    await manyPhotos(user, 3);
    await user.ok("sync", user.path("Photos"));
    await rm(user.path("Photos"), { recursive: true });
    await mkdir(user.path("Photos"));
    await assertFails(user, ["sync"], {
      code: "source-emptied",
      says: /Photos is empty, but 3 files are known of it/,
      hint: /disk is mounted.*--accept-gone/,
    });
    assert.equal(await currentFiles(user), 3);
    await user.ok("sync", "--accept-gone");
    assert.equal(await currentFiles(user), 0);
    await user.ok("restore", "**", "--to", user.path("out")); // gone from the folder, not from the archive
    assert.equal((await filesBelow(user.path("out"))).length, 3);
  }));

test("a source that lost most of its files loses nothing, unless the user says so", () =>
  withUser(async (user) => {
    await manyPhotos(user, 30);
    await user.ok("sync", user.path("Photos"));
    for (let i = 0; i < 25; i++) await rm(user.path("Photos", `${i}.jpg`));
    await assertFails(user, ["sync"], {
      code: "source-emptied",
      says: /25 of 30 known files are gone/,
      hint: /--accept-gone/,
    });
    assert.equal(await currentFiles(user), 30);
  }));

testOnDisk("a disk that was unmounted loses nothing", "1m", async (user, disk) => {
  await put(user, "disk/Photos/a.jpg", "a");
  await user.ok("sync", disk.path);
  await disk.hide();
  await assertFails(user, ["sync"], {
    code: "source-missing",
    says: /another disk stands at .*disk, and 1 of 1 known files are not on it/,
    hint: /Mount the right disk.*--accept-device/,
  });
  assert.equal(await currentFiles(user), 1);
  await user.ok("sync", "--accept-device");
  assert.equal(await currentFiles(user), 0);
});

test("a sync of a source inside the home's own store does not store the store", () =>
  withUser(async (user) => {
    await put(user, "home/note.txt", "not a photo");
    await put(user, "a.jpg", "a");
    await user.ok("sync", user.folder);
    const before = (await filesBelow(user.path("home/store/staged"))).length;
    await user.ok("sync");
    assert.equal(before, 1);
    assert.equal((await filesBelow(user.path("home/store/staged"))).length, 1);
  }));
