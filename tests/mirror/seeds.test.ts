/** What went wrong in the published script that mirrors grew out of (DESIGN §9): each is a test here. */

import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { mkdir, readFile, rename, writeFile } from "node:fs/promises";
import { test } from "node:test";
import { contents, filesBelow, put } from "../cli/files.ts";
import type { User } from "../cli/harness.ts";
import { type S3Archive, withArchive } from "../jobs/s3-archive.ts";
import { pseudoRandom } from "../tools.ts";
import { bucketOf, mirrorPhotos, namesIn, textOf, withMirrorUser } from "./tools.ts";

const fill = (user: User, ...flags: string[]) =>
  user.run("mirror", bucketOf(user), user.path("stick"), ...flags);

test("2019/IMG_1.jpg in the store does not hide a new IMG_1.jpg", () =>
  withMirrorUser(async (user) => {
    await put(user, "Photos/2019/IMG_1.jpg", "old");
    await mirrorPhotos(user);
    await put(user, "Photos/IMG_1.jpg", "new");
    const { copied } = await mirrorPhotos(user);
    assert.deepEqual(copied, { files: 1, bytes: 3 });
    assert.deepEqual(await namesIn(user), ["2019/IMG_1.jpg.age", "IMG_1.jpg.age"]);
    assert.equal(await textOf(user, "IMG_1.jpg.age"), "new");
  }));

test("a run with nothing new asks one list per 1,000 objects, and nothing else; one that fails to list sends nothing", () =>
  withArchive(async (archive) => {
    const { user, server, url } = archive;
    await manyPhotos(archive, 1_100);
    const args = ["mirror", user.path("Photos"), url, "--plain"];
    await user.ok(...args);
    const since = (from: number) => server.log.slice(from).map(({ operation }) => operation);
    const second = server.log.length;
    await user.ok(...args);
    assert.deepEqual(since(second), ["ListObjectsV2", "ListObjectsV2"]);

    await archive.put("another.jpg", 10, 1);
    server.faults.add({
      operation: "ListObjectsV2",
      skip: 1,
      times: 100,
      fault: { kind: "error", status: 403, code: "AccessDenied" },
    });
    const third = server.log.length;
    const { code, err } = await user.run(...args);
    assert.equal(code, 1);
    assert.match(err, /denied|permission/i);
    assert.deepEqual([...new Set(since(third))], ["ListObjectsV2"]);
    server.faults.clear();
    const report = await user.json(...args);
    assert.deepEqual([report["copied"], report["lost"]], [{ files: 1, bytes: 10 }, []]);
  }));

async function manyPhotos(archive: S3Archive, count: number): Promise<void> {
  const folder = archive.user.path("Photos");
  await mkdir(folder, { recursive: true });
  for (let i = 0; i < count; i++) await writeFile(`${folder}/${i}.jpg`, String(i));
}

test("a key that cannot encrypt ends the run before anything is in the store", () =>
  withMirrorUser(async (user) => {
    await put(user, "Photos/a.jpg", "a");
    await writeFile(`${user.home}/keys/recipients.txt`, "age1broken\n");
    const { code } = await user.run("mirror", user.path("Photos"), bucketOf(user));
    assert.equal(code, 1);
    assert.deepEqual(await namesIn(user), []);
  }));

test("a file that changes while others are copied leaves no object behind and is named", () =>
  withArchive(async (archive) => {
    const { user, server, url } = archive;
    for (const name of ["a.jpg", "b.jpg", "c.jpg"]) await archive.put(name, 100, 1);
    server.faults.schedule(({ operation, key }) => {
      if (operation === "PutObject" && key.endsWith("a.jpg")) {
        writeFileSync(user.path("Photos/b.jpg"), "changed");
      }
      return undefined;
    });
    const args = ["mirror", user.path("Photos"), url, "--plain", "--parallel", "1"];
    const { code, err } = await user.run(...args);
    assert.equal(code, 3);
    assert.match(err, /not copied: .*b\.jpg changed while it was being read/);
    assert.deepEqual(archive.keys("mirror/"), ["mirror/a.jpg", "mirror/c.jpg"]);
    server.faults.clear();
    await user.ok(...args);
    assert.equal(new TextDecoder().decode(server.bytes("bucket", "family/mirror/b.jpg")), "changed");
  }));

test("the first object of the listing is brought back like all others", () =>
  withMirrorUser(async (user) => {
    await put(user, "Photos/0-first.jpg", "first");
    await put(user, "Photos/second.jpg", "second");
    await mirrorPhotos(user);
    await mkdir(user.path("stick"));
    assert.equal((await fill(user)).code, 0);
    assert.deepEqual(await contents(user.path("stick")), await contents(user.path("Photos")));
  }));

test("an object that does not decrypt to its end leaves no part of a file, and is named", () =>
  withMirrorUser(async (user) => {
    await put(user, "Photos/big.mov", pseudoRandom(9_000_000));
    await put(user, "Photos/a.jpg", "a");
    await mirrorPhotos(user);
    const object = user.path("bucket/mirror/big.mov.age");
    const bytes = await readFile(object);
    const at = bytes.length - 10;
    bytes[at] = (bytes[at] ?? 0) ^ 1; // in the last chunk, when all before it has been written
    await writeFile(object, bytes);
    await mkdir(user.path("stick"));
    const { code, err } = await fill(user);
    assert.equal(code, 3);
    assert.match(err, /not brought: .*big\.mov/);
    assert.deepEqual(await filesBelow(user.path("stick")), ["a.jpg"]);
  }));

test("a partial file on the disk does not count as there", () =>
  withMirrorUser(async (user) => {
    await put(user, "Photos/a.jpg", "whole");
    await mirrorPhotos(user);
    await put(user, "stick/a.jpg", "who");
    const { code, err } = await fill(user);
    assert.equal(code, 3);
    assert.match(err, /a\.jpg differs from the mirror's/);
    assert.equal((await fill(user, "--repair")).code, 0);
    assert.equal(await readFile(user.path("stick/a.jpg"), "utf8"), "whole");
  }));

test("an unmounted stick is an error: its folder is empty, or not there", () =>
  withMirrorUser(async (user) => {
    await put(user, "Photos/a.jpg", "a");
    await mirrorPhotos(user);
    await rename(user.path("Photos"), user.path("elsewhere"));
    const missing = await user.run("mirror", user.path("Photos"), bucketOf(user));
    assert.equal(missing.code, 1);
    assert.match(missing.err, /Photos is not there/);
    await mkdir(user.path("Photos"));
    const empty = await user.run("mirror", user.path("Photos"), bucketOf(user));
    assert.equal(empty.code, 1);
    assert.match(empty.err, /is empty, but 1 files? (is|are) known of it/);
    assert.deepEqual(await namesIn(user), ["a.jpg.age"]);
  }));

test("a folder that is empty from the first run on is an error, too", () =>
  withMirrorUser(async (user) => {
    await mkdir(user.path("Photos"));
    const { code, err } = await user.run("mirror", user.path("Photos"), bucketOf(user));
    assert.equal(code, 1);
    assert.match(err, /there is no file in .*Photos/);
  }));

test("the folder to fill must be there: a stick that is not mounted is not filled beside its place", () =>
  withMirrorUser(async (user) => {
    await put(user, "Photos/a.jpg", "a");
    await mirrorPhotos(user);
    const { code, err } = await fill(user);
    assert.equal(code, 1);
    assert.match(err, /stick is not a folder that is there/);
  }));

test("names with newlines, double spaces and quotes make the way there and back", () =>
  withMirrorUser(async (user) => {
    for (
      const name of [
        "two  spaces.jpg",
        "new\nline.jpg",
        " a'b\"c ",
        "$(rm -rf).jpg",
        "%0A.jpg",
        "-n",
        "Ä\\b.jpg",
      ]
    ) {
      await put(user, `Photos/${name}`, name);
    }
    assert.deepEqual((await mirrorPhotos(user))["copied"], { files: 7, bytes: 64 });
    assert.equal((await mirrorPhotos(user))["lost"]?.toString(), "");
    await mkdir(user.path("stick"));
    assert.equal((await fill(user)).code, 0);
    assert.deepEqual(await contents(user.path("stick")), await contents(user.path("Photos")));
  }));

test("file times come back", () =>
  withMirrorUser(async (user) => {
    await put(user, "Photos/a.jpg", "a", "1999-12-31T23:59:58.123Z");
    await mirrorPhotos(user);
    await mkdir(user.path("stick"));
    await fill(user);
    assert.deepEqual(Object.values(await contents(user.path("stick"))), ["1999-12-31T23:59:58.123Z YQ=="]);
  }));

test("an object of 12 GB in the listing is an object like any other", () =>
  withArchive(async (archive) => {
    const { user, server, url } = archive;
    const film = server.addObject("bucket", "family/mirror/film.mov", pseudoRandom(1000));
    const versions = server.buckets.get("bucket")?.objects.get("family/mirror/film.mov") ?? [];
    versions.splice(0, versions.length, { ...film, size: 12_884_901_888 });
    await archive.put("film.mov", 1000, 1);
    const report = await user.json("mirror", user.path("Photos"), url, "--plain");
    assert.deepEqual([report["copied"], report["adopted"], report["foreign"]], [
      { files: 1, bytes: 1000 },
      { files: 0, bytes: 0 },
      1,
    ]);
    const [kept, version, ...rest] = archive.keys("mirror/");
    assert.equal(kept, "mirror/film.mov");
    assert.match(version ?? "", /^mirror\/film~20.*\.mov$/);
    assert.deepEqual(rest, []);
  }));
