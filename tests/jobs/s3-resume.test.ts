/**
 * The main job with an S3 store, interrupted: killed after each part in turn, resumed a week later, forgotten
 * by the server, with sources that changed meanwhile. What is stored at the end is right in every byte.
 */

import assert from "node:assert/strict";
import { statSync, utimesSync, writeFileSync } from "node:fs";
import { test } from "node:test";
import { connect } from "../../lib/catalog/database.ts";
import { pseudoRandom } from "../tools.ts";
import { PART, type S3Archive, type Stalling, withArchive } from "./s3-archive.ts";

/** Four parts: a file in one, a file over all of them, small ones behind. */
async function photos(archive: S3Archive): Promise<void> {
  await archive.put("a.jpg", 5_000_000, 1);
  await archive.put("b.mov", 24_000_000, 2);
  await archive.put("c.jpg", 3_000_000, 3);
  await archive.put("d.jpg", 1000, 4);
}

/** A run that is interrupted when the first so many parts are confirmed. */
async function interruptedSync(archive: S3Archive, parts: number, how?: Stalling): Promise<void> {
  archive.interruptAfterParts(parts, how);
  const { code } = await archive.user.run("sync", archive.user.path("Photos"), "--seal", ...archive.stores);
  assert.equal(code, 1, "the run was to be interrupted");
  assert.equal(archive.sentParts.length, parts);
  archive.calm();
}

/** The parts that the server has taken since it had taken so many requests. */
function partsSince(archive: S3Archive, requests: number): number[] {
  return archive.server.log.slice(requests)
    .filter(({ operation, status }) => operation === "UploadPart" && status === 200)
    .map(({ url }) => Number(/partNumber=(\d+)/.exec(url)?.[1])).toSorted((a, b) => a - b);
}

const sync = (archive: S3Archive) =>
  archive.user.ok("sync", archive.user.path("Photos"), "--seal", ...archive.stores);

for (let parts = 0; parts <= 4; parts++) {
  test(`an upload killed after ${parts} of 4 parts and resumed decrypts to the right image`, () =>
    withArchive(async (archive) => {
      await photos(archive);
      await interruptedSync(archive, parts);
      const before = archive.server.log.length;
      const sent = partsSince(archive, 0); // side by side, so not always the first ones
      await sync(archive);
      const missing = [1, 2, 3, 4].filter((part) => !sent.includes(part));
      assert.deepEqual(partsSince(archive, before), missing, "only missing parts are sent");
      assert.equal(archive.server.count("CreateMultipartUpload"), 1);
      await archive.assertWhole();
    }));
}

test("a run whose completion was never answered finds its volume and sends nothing again", () =>
  withArchive(async (archive) => {
    await photos(archive);
    const controller = new AbortController();
    archive.user.signal = controller.signal;
    archive.server.faults.schedule(({ operation }) => {
      if (operation !== "CompleteMultipartUpload") return undefined;
      setTimeout(() => controller.abort(new Error("killed")), 500);
      return { kind: "stall", when: "after" };
    });
    const first = await archive.user.run("sync", archive.user.path("Photos"), "--seal", ...archive.stores);
    assert.equal(first.code, 1);
    archive.calm();
    const before = archive.server.log.length;
    await sync(archive);
    assert.deepEqual(partsSince(archive, before), []);
    await archive.assertWhole();
  }));

test("an upload is resumed after a week", () =>
  withArchive(async (archive) => {
    await photos(archive);
    const start = Date.parse("2026-03-01T00:00:00Z");
    archive.user.clock = start;
    archive.server.advance(start - Date.now());
    await interruptedSync(archive, 2);
    archive.user.clock = start + 7 * 86_400_000;
    archive.server.advance(7 * 86_400_000);
    await sync(archive);
    assert.equal(archive.server.count("CreateMultipartUpload"), 1);
    await archive.assertWhole();
  }));

test("an upload that the server has forgotten begins again", () =>
  withArchive(async (archive) => {
    await photos(archive);
    await interruptedSync(archive, 2);
    archive.server.buckets.get("bucket")?.uploads.clear();
    await sync(archive);
    assert.equal(archive.server.count("CreateMultipartUpload"), 2);
    await archive.assertWhole();
  }));

test("a file that changed before all of it was sent: the volume is planned anew with another key", () =>
  withArchive(async (archive) => {
    await photos(archive);
    await interruptedSync(archive, 2);
    const before = archive.sentParts;
    await archive.put("b.mov", 24_000_001, 9);
    await sync(archive);
    await archive.assertWhole(2);
    const stored = archive.keys("volumes/").flatMap((key) =>
      archive.server.object("bucket", `family/${key}`)?.parts.map(({ sha256 }) => sha256) ?? []
    );
    assert.ok(before.every((sha256) => !stored.includes(sha256)));
    assert.equal(archive.server.count("AbortMultipartUpload"), 1);
  }));

test("a file that changed when all of it was sent is stored as it was, and as it is", () =>
  withArchive(async (archive) => {
    await photos(archive);
    // All four parts are made: else the film's first part, which holds the photo's end, is made once more.
    await interruptedSync(archive, 2, { stalled: 2 });
    const then = Date.now();
    await archive.put("a.jpg", 5_000_001, 9);
    await sync(archive);
    await archive.assertWhole(2);
    assert.equal(archive.server.count("AbortMultipartUpload"), 0);
    const at = new Date(then).toISOString();
    await archive.user.ok("restore", "a.jpg", "--to", archive.user.path("then"), "--at", at);
    assert.equal(statSync(archive.user.path("then/Photos/a.jpg")).size, 5_000_000);
  }));

/** Gives a file other bytes, and leaves its size and times. */
function swap(archive: S3Archive, path: string, bytes: Uint8Array): void {
  const full = archive.user.path("Photos", path);
  const { atime, mtime } = statSync(full);
  writeFileSync(full, bytes);
  utimesSync(full, atime, mtime);
}

/** As if the run had been killed before it made the parts that no answer came for. */
async function forgetUnanswered(archive: S3Archive): Promise<void> {
  const db = connect(archive.user.path("home/catalog.db"));
  await db.write([{ sql: "DELETE FROM upload_parts WHERE tag IS NULL" }]);
  db.close();
}

for (const others of ["others on their way", "no other made"]) {
  test(`a file that was another one while the first parts were sent, with ${others}, is not stored half and half`, () =>
    withArchive(async (archive) => {
      await photos(archive);
      await interruptedSync(archive, 2, {
        meanwhile: () => swap(archive, "b.mov", pseudoRandom(24_000_000, 99)),
      });
      if (others === "no other made") await forgetUnanswered(archive);
      const wrong = archive.sentParts;
      await archive.put("b.mov", 24_000_000, 2);
      await sync(archive);
      await archive.assertWhole();
      const stored = archive.server.object("bucket", `family/${archive.keys("volumes/")[0]}`)?.parts ?? [];
      assert.ok(stored.every(({ sha256 }) => !wrong.includes(sha256)), "all parts have another key");
      assert.equal(archive.server.count("AbortMultipartUpload"), 1);
    }));
}

test("a part whose answer was lost is not sent again with other bytes under the same key", () =>
  withArchive(async (archive) => {
    await photos(archive);
    // Parts 2 to 4 leave with what b.mov is then, and nobody knows whether they arrived.
    await interruptedSync(archive, 1, {
      meanwhile: () => swap(archive, "b.mov", pseudoRandom(24_000_000, 99)),
    });
    archive.server.buckets.get("bucket")?.uploads.clear();
    await archive.put("b.mov", 24_000_000, 2);
    await sync(archive);
    await archive.assertWhole();
    const sent = archive.server.log.filter(({ operation }) => operation === "UploadPart");
    const first = sent.filter(({ url }) => url.includes("partNumber=2&"));
    assert.equal(new Set(first.map(({ headers }) => headers.get("x-amz-content-sha256"))).size, first.length);
    assert.equal(
      archive.server.count("CreateMultipartUpload"),
      3,
      "one began again, was spoilt, and planned anew",
    );
  }));

test("parts are as large as the store makes them, whatever their number", () =>
  withArchive(async (archive) => {
    await photos(archive);
    await sync(archive);
    const [key = ""] = archive.keys("volumes/");
    const parts = archive.server.object("bucket", `family/${key}`)?.parts.map(({ size }) => size) ?? [];
    assert.equal(parts.length, 4);
    assert.ok(parts.slice(0, 3).every((size) => size === PART));
  }));
