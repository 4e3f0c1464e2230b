/** What is in a mirror stays: changed files get a name beside the old one, removed ones keep theirs. */

import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { createHash } from "node:crypto";
import { mkdir, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { test } from "node:test";
import { contents, put } from "../cli/files.ts";
import type { User } from "../cli/harness.ts";
import { withArchive } from "../jobs/s3-archive.ts";
import { pseudoRandom } from "../tools.ts";
import { bucketOf, DAY, mirrorPhotos, namesIn, NOON, textOf, withMirrorUser } from "./tools.ts";

/** What filling an empty folder gives: the latest version of every path. */
async function filled(user: User, name: string): Promise<Record<string, string>> {
  await mkdir(user.path(name));
  await user.ok("mirror", bucketOf(user), user.path(name));
  return await contents(user.path(name));
}

test("a changed file stands beside its older version, under the time of the run", () =>
  withMirrorUser(async (user) => {
    await put(user, "Photos/2019/IMG_1.jpg", "one");
    await mirrorPhotos(user);
    const before = await readFile(user.path("bucket/mirror/2019/IMG_1.jpg.age"));
    await put(user, "Photos/2019/IMG_1.jpg", "two", "2025-01-01T00:00:00.000Z");
    user.clock = NOON + DAY;
    const { versions } = await mirrorPhotos(user);
    assert.equal(versions, 1);
    assert.deepEqual(await namesIn(user), ["2019/IMG_1.jpg.age", "2019/IMG_1~2026-03-02T12-00-00.jpg.age"]);
    assert.deepEqual(await readFile(user.path("bucket/mirror/2019/IMG_1.jpg.age")), before);
    assert.equal(await textOf(user, "2019/IMG_1~2026-03-02T12-00-00.jpg.age"), "two");
    assert.deepEqual(await filled(user, "stick"), await contents(user.path("Photos")));
  }));

test("a removed file stays in the mirror, and is brought back from it", () =>
  withMirrorUser(async (user) => {
    await put(user, "Photos/a.jpg", "a");
    await put(user, "Photos/b.jpg", "b");
    await mirrorPhotos(user);
    await rm(user.path("Photos/a.jpg"));
    await mirrorPhotos(user);
    assert.deepEqual(await namesIn(user), ["a.jpg.age", "b.jpg.age"]);
    assert.deepEqual(Object.keys(await filled(user, "stick")), ["a.jpg", "b.jpg"]);
  }));

test("a file that becomes what it once was is not sent again, and its latest version is that one", () =>
  withMirrorUser(async (user) => {
    for (const [text, time] of [["one", "2024-01"], ["two", "2024-02"], ["one", "2024-03"]] as const) {
      await put(user, "Photos/a.jpg", text, `${time}-01T10:00:00.000Z`);
      await mirrorPhotos(user);
      user.clock = (user.clock ?? 0) + DAY;
    }
    assert.equal((await namesIn(user)).length, 2);
    assert.deepEqual(await filled(user, "stick"), await contents(user.path("Photos")));
  }));

test("the latest version is so though the clock went back to 1970 meanwhile", () =>
  withMirrorUser(async (user) => {
    await put(user, "Photos/a.jpg", "one");
    await mirrorPhotos(user);
    await put(user, "Photos/a.jpg", "two", "2025-01-01T10:00:00.000Z");
    user.clock = 1000;
    await mirrorPhotos(user);
    assert.deepEqual(await filled(user, "stick"), await contents(user.path("Photos")));
  }));

test("a file that only got another time is not sent again, and has that time when it is brought back", () =>
  withMirrorUser(async (user) => {
    await put(user, "Photos/a.jpg", "a");
    await mirrorPhotos(user);
    await put(user, "Photos/a.jpg", "a", "2001-01-01T00:00:00.000Z");
    assert.deepEqual((await mirrorPhotos(user))["copied"], { files: 0, bytes: 0 });
    assert.deepEqual(await filled(user, "stick"), await contents(user.path("Photos")));
  }));

test("two names that differ only in case both have an object, on any disk", () =>
  withMirrorUser(async (user) => {
    await put(user, "Photos/IMG.jpg", "same");
    await put(user, "Photos/img.JPG", "same");
    await mirrorPhotos(user, "--plain");
    const names = await namesIn(user);
    assert.equal(new Set(names.map((name) => name.toLowerCase())).size, 2);
    assert.deepEqual((await mirrorPhotos(user, "--plain"))["lost"], []);
    assert.deepEqual(await filled(user, "stick"), await contents(user.path("Photos")));
  }));

test("a file where a folder was, and a folder where a file was, both come into a plain mirror", () =>
  withMirrorUser(async (user) => {
    await put(user, "Photos/x", "a file");
    await put(user, "Photos/y/a.jpg", "in a folder");
    await mirrorPhotos(user, "--plain");
    await rm(user.path("Photos"), { recursive: true });
    await put(user, "Photos/y", "a file");
    await put(user, "Photos/x/a.jpg", "in a folder");
    await mirrorPhotos(user, "--plain", "--accept-gone");
    const names = await namesIn(user);
    assert.equal(names.length, 4);
    assert.deepEqual(names.filter((name) => name.startsWith("x")), ["x"]);
    const texts = await Promise.all(names.map((name) => textOf(user, name)));
    assert.deepEqual(texts.toSorted(), ["a file", "a file", "in a folder", "in a folder"]);
    assert.deepEqual((await mirrorPhotos(user, "--plain"))["copied"], { files: 0, bytes: 0 });
  }));

test("what another program put under a file's name is not replaced: the file stands beside it", () =>
  withMirrorUser(async (user) => {
    await put(user, "Photos/a.jpg", "ours!");
    await put(user, "bucket/mirror/a.jpg", "other");
    await writeFile(user.path("bucket/.coldframe-store"), "");
    const report = await mirrorPhotos(user, "--plain");
    assert.deepEqual([report["foreign"], report["adopted"]], [1, { files: 0, bytes: 0 }]);
    assert.equal(await textOf(user, "a.jpg"), "other");
    assert.deepEqual(await namesIn(user), ["a.jpg", "a~2026-03-01T12-00-00.jpg"]);
  }));

test("a plain file that is there with the right bytes is ours by the store's checksum, and not sent", () =>
  withArchive(async (archive) => {
    const { user, server, url } = archive;
    await archive.put("a.jpg", 1000, 1);
    await archive.put("b.jpg", 1000, 2);
    const plant = (key: string, seed: number) =>
      server.addObject("bucket", `family/mirror/${key}`, pseudoRandom(1000, seed)); // an ETag is all it has
    plant("a.jpg", 1);
    plant("b.jpg", 7);
    const report = await user.json("mirror", user.path("Photos"), url, "--plain");
    assert.deepEqual(report["adopted"], { files: 1, bytes: 1000 });
    assert.deepEqual(report["copied"], { files: 1, bytes: 1000 });
    const puts = server.log.filter(({ operation, key }) => operation === "PutObject" && /mirror\//.test(key));
    const sent = [...new Set(puts.map(({ key }) => key))].join();
    assert.match(sent, /^family\/mirror\/b~[^,]*\.jpg$/, "only what was not there is sent, beside the other");
    assert.equal(server.count("GetObject"), 0);
    const again = await user.json("mirror", user.path("Photos"), url, "--plain");
    assert.deepEqual(again["present"], { files: 2, bytes: 2000 });
  }));

test("an object that somebody removed is sent again; one that was replaced is left, and sent beside it", () =>
  withMirrorUser(async (user) => {
    for (const name of ["a", "b", "c"]) await put(user, `Photos/${name}.jpg`, name);
    await mirrorPhotos(user);
    await rm(user.path("bucket/mirror/a.jpg.age"));
    await writeFile(user.path("bucket/mirror/b.jpg.age"), "not ours");
    user.clock = NOON + DAY;
    const report = await mirrorPhotos(user);
    assert.deepEqual(report["lost"], [
      { path: "a.jpg", key: "mirror/a.jpg.age", what: "removed" },
      { path: "b.jpg", key: "mirror/b.jpg.age", what: "replaced" },
    ]);
    assert.equal(report["notMended"], 0);
    assert.deepEqual(await namesIn(user), [
      "a.jpg.age",
      "b.jpg.age",
      "b~2026-03-02T12-00-00.jpg.age",
      "c.jpg.age",
    ]);
    assert.equal(await textOf(user, "a.jpg.age"), "a");
    assert.deepEqual((await mirrorPhotos(user))["lost"], []);
    assert.deepEqual(await filled(user, "stick"), await contents(user.path("Photos")));
  }));

test("a lost object whose file is gone, too, is damage until it is back", () =>
  withMirrorUser(async (user) => {
    await put(user, "Photos/a.jpg", "a");
    await put(user, "Photos/b.jpg", "b");
    await mirrorPhotos(user);
    await rm(user.path("Photos/a.jpg"));
    await rename(user.path("bucket/mirror/a.jpg.age"), user.path("a.jpg.age"));
    const { code, err } = await user.run("mirror", user.path("Photos"), bucketOf(user));
    assert.equal(code, 4);
    assert.match(err, /1 object is gone from the mirror/);
    const { findings } = await user.json("status");
    assert.match(JSON.stringify(findings), /"kind":"object-missing"/);
    await put(user, "Photos/a.jpg", "a");
    assert.equal((await user.run("mirror", user.path("Photos"), bucketOf(user))).code, 0);
    assert.deepEqual((await user.json("status"))["findings"], []);
  }));

test("a lost object that comes back, out of a bin perhaps, counts again when its bytes are right", () =>
  withMirrorUser(async (user) => {
    await put(user, "Photos/a.jpg", "a");
    await put(user, "Photos/b.jpg", "b");
    await mirrorPhotos(user);
    await rm(user.path("Photos/a.jpg"));
    const object = user.path("bucket/mirror/a.jpg.age");
    const bytes = await readFile(object);
    await rm(object);
    const run = async () => (await user.run("mirror", user.path("Photos"), bucketOf(user))).code;
    assert.equal(await run(), 4);
    await writeFile(object, Buffer.from(bytes).fill(0, bytes.length - 1));
    assert.equal(await run(), 4, "of the right size, with another byte");
    await writeFile(object, bytes);
    assert.equal(await run(), 0);
    assert.deepEqual(Object.keys(await filled(user, "stick")), ["a.jpg", "b.jpg"]);
  }));

test("a mirror is kept in the storage class of its URL, but never in an archive", () =>
  withArchive(async ({ user, server, url }) => {
    await put(user, "Photos/a.jpg", "a");
    await user.ok("mirror", user.path("Photos"), url.replace("/family", "/warm") + "&class=STANDARD_IA");
    await user.ok("mirror", user.path("Photos"), url.replace("/family", "/cold") + "&class=DEEP_ARCHIVE");
    assert.equal(server.object("bucket", "warm/mirror/a.jpg.age")?.storageClass, "STANDARD_IA");
    assert.equal(server.object("bucket", "cold/mirror/a.jpg.age")?.storageClass, "STANDARD");
  }));

test("a wave of files that became random bytes is not sent; what is there stays the latest version", () =>
  withMirrorUser(async (user) => {
    const jpeg = (seed: number) =>
      Buffer.concat([Buffer.from("ffd8ffe000104a464946", "hex"), pseudoRandom(5000, seed)]);
    for (let i = 0; i < 40; i++) await put(user, `Photos/${i}.jpg`, jpeg(i));
    await mirrorPhotos(user);
    const before = await namesIn(user);
    for (let i = 0; i < 40; i++) {
      await put(user, `Photos/${i}.jpg`, pseudoRandom(5010, 100 + i), "2025-01-01T00:00:00.000Z");
    }
    const { code, err } = await user.run("mirror", user.path("Photos"), bucketOf(user));
    assert.equal(code, 3);
    assert.match(err, /40 known files in Photos have become random bytes at once/);
    assert.deepEqual(await namesIn(user), before);
    assert.equal((await mirrorPhotos(user, "--accept-changes"))["versions"], 40);
  }));

test("opaque names tell the store neither names nor which files are alike", () =>
  withMirrorUser(async (user) => {
    await put(user, "Photos/2019/secret.jpg", "same");
    await put(user, "Photos/copy.jpg", "same");
    await mirrorPhotos(user, "--names", "opaque");
    const names = await namesIn(user);
    assert.equal(new Set(names).size, 2);
    for (const name of names) {
      assert.match(name, /^[0-9a-f]{40}\.age$/);
      assert.ok(!name.startsWith(createHash("sha256").update("same").digest("hex").slice(0, 10)));
    }
    assert.doesNotMatch((await readdir(user.path("bucket"), { recursive: true })).join(), /secret|2019|copy/);
    assert.deepEqual((await mirrorPhotos(user, "--names", "opaque"))["copied"], { files: 0, bytes: 0 });
    assert.deepEqual(await filled(user, "stick"), await contents(user.path("Photos")));
  }));

test("at most --max files, and --max-bytes of them, are copied; the rest is left to the next run", () =>
  withMirrorUser(async (user) => {
    for (let i = 0; i < 5; i++) await put(user, `Photos/${i}.jpg`, "xyz");
    const first = await mirrorPhotos(user, "--max", "2");
    assert.deepEqual([first["copied"], first["left"]], [{ files: 2, bytes: 6 }, { files: 3, bytes: 9 }]);
    const second = await mirrorPhotos(user, "--max-bytes", "8");
    assert.deepEqual([second["copied"], second["left"]], [{ files: 2, bytes: 6 }, { files: 1, bytes: 3 }]);
    assert.deepEqual((await mirrorPhotos(user))["copied"], { files: 1, bytes: 3 });
  }));

test("--dry-run says what would be copied, and copies nothing", () =>
  withMirrorUser(async (user) => {
    await put(user, "Photos/a.jpg", "a");
    const report = await mirrorPhotos(user, "--dry-run");
    assert.deepEqual([report["copied"], report["left"]], [{ files: 0, bytes: 0 }, { files: 1, bytes: 1 }]);
    assert.deepEqual(await namesIn(user), []);
  }));

test("a folder that is only mirrored does not go into staging or volumes until it is protected by name", () =>
  withMirrorUser(async (user) => {
    await put(user, "Photos/a.jpg", "a");
    await mirrorPhotos(user);
    const { code, err } = await user.run("sync");
    assert.equal(code, 2);
    assert.match(err, /no folder to protect yet/);
    const { onlyMirrored, unprotected } = await user.json("status");
    assert.deepEqual([onlyMirrored, unprotected], [{ contents: 1, bytes: 1 }, { contents: 0, bytes: 0 }]);
    const report = await user.json("sync", user.path("Photos"));
    assert.deepEqual(report["staged"], { files: 1, bytes: 1 });
  }));

test("a mirror inside of its own folder does not mirror itself", () =>
  withMirrorUser(async (user) => {
    await put(user, "Photos/a.jpg", "a");
    const inside = `file:${user.path("Photos/mirror")}`;
    for (let i = 0; i < 2; i++) await user.ok("mirror", user.path("Photos"), inside);
    assert.deepEqual((await user.json("mirror", user.path("Photos"), inside))["wanted"], {
      files: 1,
      bytes: 1,
    });
    const { code, err } = await user.run("mirror", user.path("Photos/mirror/mirror"), inside);
    assert.equal(code, 2);
    assert.match(err, /is inside the store/);
  }));

for (const flags of [[], ["--plain"], ["--names", "opaque"]]) {
  test(`restore brings files back from a mirror ${flags.join(" ")}, earlier versions included`, () =>
    withMirrorUser(async (user) => {
      await put(user, "Photos/a.jpg", "first");
      await put(user, "Photos/b.jpg.age", "only named so"); // a plain object whose name ends like an encrypted one
      await mirrorPhotos(user, ...flags);
      user.clock = NOON + DAY;
      await put(user, "Photos/a.jpg", "second", "2025-01-01T00:00:00.000Z");
      await mirrorPhotos(user, ...flags);
      await user.ok("restore", "**", "--to", user.path("now"));
      assert.deepEqual(await contents(user.path("now/Photos")), await contents(user.path("Photos")));
      await user.ok("restore", "a.jpg", "--to", user.path("then"), "--at", "2026-03-01T18:00:00Z");
      assert.equal(await readFile(user.path("then/Photos/a.jpg"), "utf8"), "first");
    }));
}
