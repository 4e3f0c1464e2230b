/** Filling a disk from a mirror. */

import assert from "node:assert/strict";
import { mkdir, readFile, rm, utimes, writeFile } from "node:fs/promises";
import { test } from "node:test";
import { contents, filesBelow, put } from "../cli/files.ts";
import type { User } from "../cli/harness.ts";
import { withArchive } from "../jobs/s3-archive.ts";
import { bucketOf, mirrorPhotos, NOON, withMirrorUser } from "./tools.ts";

/** A mirror of three files, and an empty stick. */
function withMirror(body: (user: User) => Promise<void>): Promise<void> {
  return withMirrorUser(async (user) => {
    await put(user, "Photos/a.jpg", "aaa");
    await put(user, "Photos/2019/b.jpg", "bbbb");
    await put(user, "Photos/c.jpg", "ccccc");
    await mirrorPhotos(user);
    await mkdir(user.path("stick"));
    await body(user);
  });
}

const fill = (user: User, ...flags: string[]) =>
  user.json("mirror", bucketOf(user), user.path("stick"), ...flags);

test("what is there is compared and kept; what is missing is brought, with its time", () =>
  withMirror(async (user) => {
    await put(user, "stick/a.jpg", "aaa");
    await put(user, "stick/other.txt", "of nobody's concern");
    const report = await fill(user);
    assert.deepEqual([report["wanted"], report["existing"], report["fromStore"]], [
      { files: 3, bytes: 12 },
      { files: 1, bytes: 3 },
      { files: 2, bytes: 9 },
    ]);
    await rm(user.path("stick/other.txt"));
    assert.deepEqual(await contents(user.path("stick")), await contents(user.path("Photos")));
  }));

test("a file that was copied without its time gets it back", () =>
  withMirror(async (user) => {
    await put(user, "stick/a.jpg", "aaa", "2026-02-02T00:00:00.000Z");
    assert.equal((await fill(user))["retimed"], 1);
    assert.deepEqual(await contents(user.path("stick")), await contents(user.path("Photos")));
    assert.equal((await fill(user))["retimed"], 0);
  }));

test("a damaged file is reported, and left as it is; with --repair the good one comes, and the bad one stays aside", () =>
  withMirror(async (user) => {
    await fill(user);
    const time = new Date("2024-05-01T10:00:00.123Z");
    await writeFile(user.path("stick/c.jpg"), "ccXcc");
    await utimes(user.path("stick/c.jpg"), time, time);
    const first = await user.run("mirror", bucketOf(user), user.path("stick"));
    assert.equal(first.code, 4);
    assert.match(first.err, /c\.jpg is damaged: same size and time, other bytes/);
    assert.equal(await readFile(user.path("stick/c.jpg"), "utf8"), "ccXcc");
    user.clock = NOON;
    const report = await fill(user, "--repair");
    const aside = "c.jpg~2026-03-01T12-00-00.damaged";
    assert.deepEqual(report["differing"], [{ path: "c.jpg", what: "damaged", aside }]);
    assert.equal(await readFile(user.path(`stick/${aside}`), "utf8"), "ccXcc");
    assert.deepEqual(await filesBelow(user.path("stick")), ["2019/b.jpg", "a.jpg", "c.jpg", aside]);
    assert.equal((await user.run("mirror", bucketOf(user), user.path("stick"))).code, 0);
  }));

test("a bad file whose good copy cannot be had is not touched by --repair", () =>
  withMirror(async (user) => {
    await put(user, "stick/c.jpg", "other");
    await rm(user.path("bucket/mirror/c.jpg.age"));
    const { code } = await user.run("mirror", bucketOf(user), user.path("stick"), "--repair");
    assert.equal(code, 3);
    assert.deepEqual(await filesBelow(user.path("stick")), ["2019/b.jpg", "a.jpg", "c.jpg"]);
    assert.equal(await readFile(user.path("stick/c.jpg"), "utf8"), "other");
  }));

test("another disk is asked first, and the store for what is missing or damaged there", () =>
  withMirror(async (user) => {
    await put(user, "old stick/a.jpg", "aaa", "2000-01-01T00:00:00.000Z");
    await put(user, "old stick/c.jpg", "bad!!");
    const { code, err } = await user.run(
      "mirror",
      bucketOf(user),
      user.path("stick"),
      "--from",
      user.path("old stick"),
      "--json",
    );
    assert.equal(code, 0);
    assert.match(err, /c\.jpg is taken from the store/);
    assert.deepEqual(await contents(user.path("stick")), await contents(user.path("Photos")));
  }));

test("all that another disk has is fetched from it: the store is only listed, and its indexes read", () =>
  withArchive(async (archive) => {
    const { user, server, url } = archive;
    await archive.put("a.jpg", 100, 1);
    await archive.put("b.jpg", 100, 2);
    await user.ok("mirror", user.path("Photos"), url);
    await mkdir(user.path("stick"));
    const before = server.log.length;
    const report = await user.json("mirror", url, user.path("stick"), "--from", user.path("Photos"));
    assert.deepEqual(report["fromDisk"], { files: 2, bytes: 200 });
    const reads = server.log.slice(before).filter(({ operation }) => operation === "GetObject");
    assert.deepEqual([...new Set(reads.map(({ key }) => /mirror-index/.test(key)))], [true]);
  }));

test("without --max all is brought; with it, the rest is left to the next run", () =>
  withMirror(async (user) => {
    assert.deepEqual((await fill(user, "--max", "2", "--parallel", "1"))["left"], { files: 1, bytes: 5 });
    assert.deepEqual((await fill(user))["fromStore"], { files: 1, bytes: 5 });
  }));

test("--dry-run brings nothing, and says what it would", () =>
  withMirror(async (user) => {
    assert.deepEqual((await fill(user, "--dry-run"))["left"], { files: 3, bytes: 12 });
    assert.deepEqual(await filesBelow(user.path("stick")), []);
  }));

test("--include and --exclude choose what is brought", () =>
  withMirror(async (user) => {
    await fill(user, "--include", "2019");
    assert.deepEqual(await filesBelow(user.path("stick")), ["2019/b.jpg"]);
    await fill(user, "--exclude", "a.jpg");
    assert.deepEqual(await filesBelow(user.path("stick")), ["2019/b.jpg", "c.jpg"]);
  }));

test("a wrong key ends the run at once, with no file written", () =>
  withMirror(async (user) => {
    await user.ok("init", "--yes", "--classic", "--home", user.path("other"));
    const { code, err } = await user.run(
      "mirror",
      bucketOf(user),
      user.path("stick"),
      "--identity",
      user.path("other/keys/identity.txt"),
    );
    assert.equal(code, 1);
    assert.match(err, /the identity does not open it/);
    assert.deepEqual(await filesBelow(user.path("stick")), []);
  }));

test("an index that is damaged is named; what the catalog knows is brought all the same", () =>
  withMirror(async (user) => {
    const [name = ""] = await filesBelow(user.path("bucket/mirror-index"));
    const path = user.path("bucket/mirror-index", name);
    await writeFile(path, (await readFile(path)).subarray(0, 300));
    const { code, err } = await user.run("mirror", bucketOf(user), user.path("stick"));
    assert.equal(code, 3);
    assert.match(err, /not brought: mirror-index\/.*cut|mirror-index\/.*damaged|not brought/);
    assert.deepEqual(await contents(user.path("stick")), await contents(user.path("Photos")));
  }));

test("an index that names a path outside of the disk writes nothing there", () =>
  withMirrorUser(async (user) => {
    await put(user, "Photos/a.jpg", "a");
    await mirrorPhotos(user, "--plain");
    await mkdir(user.path("stick/deep"), { recursive: true });
    const { gzipSync, gunzipSync } = await import("node:zlib");
    const [name = ""] = await filesBelow(user.path("bucket/mirror-index"));
    const path = user.path("bucket/mirror-index", name);
    const text = gunzipSync(await readFile(path)).toString().replace(
      '"path":"a.jpg"',
      '"path":"../../evil.jpg"',
    );
    await writeFile(path, gzipSync(text));
    user.env = { COLDFRAME_HOME: user.path("nowhere") };
    const { code, err } = await user.run("mirror", bucketOf(user), user.path("stick/deep"));
    assert.equal(code, 3);
    assert.match(err, /refusing to write outside/);
    assert.deepEqual((await filesBelow(user.folder)).filter((found) => /evil/.test(found)), []);
  }));

test("a store without a mirror is an error, not an empty disk", () =>
  withMirrorUser(async (user) => {
    await mkdir(user.path("stick"));
    await put(user, "bucket/.coldframe-store", "");
    const { code, err } = await user.run("mirror", bucketOf(user), user.path("stick"));
    assert.equal(code, 1);
    assert.match(err, /there is no mirror in/);
  }));

test("an object that no index names is named, not delivered: nothing proves what it should be", () =>
  withMirror(async (user) => {
    await put(user, "bucket/mirror/unknown.jpg", "?");
    const { code, err } = await user.run("mirror", bucketOf(user), user.path("stick"));
    assert.equal(code, 3);
    assert.match(err, /1 object in the mirror is in no index.*unknown\.jpg/);
  }));
