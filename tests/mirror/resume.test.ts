/** Mirrors that are killed: the next run goes on with the same bytes, and a changed file gets a new file key. */

import assert from "node:assert/strict";
import { mkdir } from "node:fs/promises";
import { test } from "node:test";
import { connect } from "../../lib/catalog/database.ts";
import { contents, put } from "../cli/files.ts";
import { PART, type S3Archive, withArchive } from "../jobs/s3-archive.ts";
import { bucketOf, mirrorPhotos, namesIn, withMirrorUser } from "./tools.ts";

/** A film of four parts. */
const SIZE = 3 * PART + 1000;

const args = ({ user, url }: S3Archive) => ["mirror", user.path("Photos"), url];

/** A run that is interrupted when so many parts are confirmed. */
async function interrupted(archive: S3Archive, parts: number): Promise<void> {
  archive.interruptAfterParts(parts);
  assert.equal((await archive.user.run(...args(archive))).code, 1);
  archive.calm();
}

async function assertWhole(archive: S3Archive): Promise<void> {
  const { user, url } = archive;
  await mkdir(user.path("stick"));
  await user.ok("mirror", url, user.path("stick"));
  assert.deepEqual(await contents(user.path("stick")), await contents(user.path("Photos")));
  assert.deepEqual(archive.server.crashes, []);
}

test("a large file is taken up where it was killed: only missing parts are sent, and it decrypts", () =>
  withArchive(async (archive) => {
    await archive.put("film.mov", SIZE, 1);
    await archive.put("a.jpg", 100, 2);
    await interrupted(archive, 2);
    assert.deepEqual(archive.keys("mirror/").filter((key) => /film/.test(key)), []);
    const before = archive.server.log.length;
    await archive.user.ok(...args(archive));
    const sent = archive.server.log.slice(before).filter(({ operation }) => operation === "UploadPart");
    assert.equal(sent.length, 2);
    assert.equal(archive.server.count("CreateMultipartUpload"), 1);
    await assertWhole(archive);
  }));

test("an upload that was killed is not gone on with when its file has changed: another file key is used", () =>
  withArchive(async (archive) => {
    await archive.put("film.mov", SIZE, 1);
    await interrupted(archive, 2);
    const before = new Set(archive.sentParts);
    await archive.put("film.mov", SIZE - 1, 3);
    await archive.user.ok(...args(archive));
    assert.equal(archive.server.count("CreateMultipartUpload"), 2);
    assert.equal(archive.uploads, 0, "the first one is ended");
    assert.ok(before.size > 0);
    await assertWhole(archive);
  }));

test("an object that was stored, and the answer lost, is not stored twice", () =>
  withArchive(async (archive) => {
    await archive.put("a.jpg", 100, 1);
    await archive.put("b.jpg", 100, 2);
    const controller = new AbortController();
    archive.user.signal = controller.signal;
    archive.server.faults.add({
      operation: "PutObject",
      key: /b\.jpg/,
      times: 100,
      fault: { kind: "stall", when: "after" },
    });
    setTimeout(() => controller.abort(new Error("killed")), 3_000);
    assert.equal((await archive.user.run(...args(archive), "--parallel", "1")).code, 1);
    archive.calm();
    assert.deepEqual(archive.keys("mirror/").length, 2);
    await archive.user.ok(...args(archive));
    assert.deepEqual(archive.keys("mirror/"), ["mirror/a.jpg.age", "mirror/b.jpg.age"]);
    await assertWhole(archive);
  }));

test("no file key is kept once a mirror is done, and none is used twice", () =>
  withMirrorUser(async (user) => {
    for (let i = 0; i < 5; i++) await put(user, `Photos/${i}.jpg`, "the same bytes");
    await mirrorPhotos(user);
    const db = connect(`${user.home}/catalog.db`);
    const left = await db.first("SELECT count(*) AS n FROM uploads", [], (row) => row.int("n"));
    db.close();
    assert.equal(left, 0);
    assert.equal((await namesIn(user)).length, 5);
  }));

test("a run that ends before its index is written leaves that to the next", () =>
  withArchive(async (archive) => {
    await archive.put("a.jpg", 100, 1);
    archive.server.faults.add({
      operation: "PutObject",
      key: /mirror-index/,
      times: 100,
      fault: { kind: "error", status: 403, code: "AccessDenied" },
    });
    assert.equal((await archive.user.run(...args(archive))).code, 1);
    assert.deepEqual([archive.keys("mirror/").length, archive.keys("mirror-index/").length], [1, 0]);
    archive.calm();
    await archive.user.ok(...args(archive));
    assert.equal(archive.keys("mirror-index/").length, 1);
    await archive.user.ok(...args(archive));
    assert.equal(archive.keys("mirror-index/").length, 1, "and says it once");
  }));

test("a store that fails in the midst keeps what it confirmed, and the next run goes on from there", () =>
  withArchive(async (archive) => {
    for (let i = 0; i < 6; i++) await archive.put(`${i}.jpg`, 100, i);
    archive.server.faults.add({
      operation: "PutObject",
      key: /[345]\.jpg/,
      times: 100,
      fault: { kind: "error", status: 403, code: "AccessDenied" },
    });
    assert.equal((await archive.user.run(...args(archive), "--parallel", "1")).code, 1);
    archive.calm();
    const report = await archive.user.json(...args(archive));
    assert.deepEqual([report["present"], report["copied"]], [{ files: 3, bytes: 300 }, {
      files: 3,
      bytes: 300,
    }]);
    await assertWhole(archive);
  }));

test("an encrypted mirror can be filled from by the key alone, without home and catalog", () =>
  withMirrorUser(async (user) => {
    await put(user, "Photos/2019/a.jpg", "a");
    await mirrorPhotos(user);
    await mkdir(user.path("stick"));
    const identity = `${user.home}/keys/identity.txt`;
    user.env = { COLDFRAME_HOME: user.path("nowhere") };
    await user.ok("mirror", bucketOf(user), user.path("stick"), "--identity", identity);
    assert.deepEqual(await contents(user.path("stick")), await contents(user.path("Photos")));
  }));
