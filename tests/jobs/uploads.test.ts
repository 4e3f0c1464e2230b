/** Uploads that are not finished: listed, ended, and found again by the next sync. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { type S3Archive, withArchive } from "./s3-archive.ts";
import { send } from "../servers/s3-client.ts";

const WEEK = 7 * 86_400_000;

/** A home with the upload of a volume that was interrupted after two parts. */
async function interrupted(archive: S3Archive): Promise<void> {
  await archive.put("a.mov", 20_000_000, 1);
  archive.interruptAfterParts(2);
  const { code } = await archive.user.run("sync", archive.user.path("Photos"), "--seal", ...archive.stores);
  assert.equal(code, 1);
  archive.calm();
}

/** An upload by somebody else, begun so many ms before now. */
async function foreign(archive: S3Archive, key: string, age = 0): Promise<void> {
  archive.server.advance(-age);
  const reply = await send(archive.server, "POST", `/bucket/family/${key}?uploads=`);
  archive.server.advance(age);
  assert.equal(reply.status, 200);
}

async function list(archive: S3Archive): Promise<Record<string, unknown>[]> {
  const out = await archive.user.ok("ls", "uploads", "--json", ...archive.stores);
  return out.split("\n").filter((line) => line !== "").map((line) => JSON.parse(line));
}

test("ls uploads names what the catalog knows and what only the store knows, and tells no secret", () =>
  withArchive(async (archive) => {
    await interrupted(archive);
    await foreign(archive, "volumes/other.iso.age");
    const uploads = await list(archive);
    assert.deepEqual(uploads.map((upload) => [upload["of"], upload["parts"], upload["sent"]]), [
      ["volume", 2, 16 * 1024 * 1024],
      ["unknown", null, null],
    ]);
    const fields = new Set(uploads.flatMap((upload) => Object.keys(upload)));
    assert.deepEqual([...fields].sort(), ["key", "of", "parts", "sent", "size", "started", "store"]);
    const text = await archive.user.ok("ls", "uploads", ...archive.stores);
    assert.match(text, /^16\.8 MB of 20\.\d MB +since .*volumes\/.*\.iso\.age at s3:\/\/bucket\/family/);
    assert.match(text, /volumes\/other\.iso\.age at .* +unknown to this catalog: perhaps another box's\n$/);
  }));

test("ls uploads lists what the catalog knows when the store does not answer", () =>
  withArchive(async (archive) => {
    await interrupted(archive);
    archive.server.deny.push({ operation: "ListMultipartUploads" });
    const { code, out, err } = await archive.user.run("ls", "uploads", ...archive.stores);
    assert.equal(code, 0);
    assert.match(out, /^16\.8 MB of/);
    assert.match(err, /^Warning: unfinished uploads cannot be listed: .*s3:ListBucketMultipartUploads/);
  }));

test("an upload ended by the name of its volume is gone, and its files are stored anew", () =>
  withArchive(async (archive) => {
    await interrupted(archive);
    const [upload] = await list(archive);
    const name = String(upload?.["key"]).slice("volumes/".length, -".iso.age".length);
    const before = archive.sentParts;
    await archive.user.ok("uploads", "abort", name, ...archive.stores);
    assert.equal(archive.uploads, 0);
    assert.deepEqual(await list(archive), []);
    assert.equal(await archive.user.ok("ls", "volumes"), "");
    await archive.user.ok("sync", "--seal", ...archive.stores);
    await archive.assertWhole();
    const [key = ""] = archive.keys("volumes/");
    const stored = archive.server.object("bucket", `family/${key}`)?.parts ?? [];
    assert.ok(stored.every(({ sha256 }) => !before.includes(sha256)), "with a new key");
  }));

test("--all ends uploads that the catalog does not know, too; a name only the one it names", () =>
  withArchive(async (archive) => {
    await interrupted(archive);
    await foreign(archive, "volumes/one.iso.age");
    await foreign(archive, "volumes/two.iso.age");
    await archive.user.ok("uploads", "abort", "volumes/one.iso.age", ...archive.stores);
    assert.deepEqual((await list(archive)).map(({ of }) => of), ["volume", "unknown"]);
    const report = await archive.user.json("uploads", "abort", "--all", ...archive.stores);
    assert.equal((report["aborted"] as unknown[]).length, 2);
    assert.equal(archive.uploads, 0);
  }));

test("--dry-run ends nothing", () =>
  withArchive(async (archive) => {
    await interrupted(archive);
    const out = await archive.user.ok("uploads", "abort", "--all", "--dry-run", ...archive.stores);
    assert.match(out, /^Would end: /);
    assert.equal(archive.uploads, 1);
    assert.equal((await list(archive)).length, 1);
  }));

test("abort without a name or --all, and with a name that nothing has, ends nothing", () =>
  withArchive(async (archive) => {
    await interrupted(archive);
    assert.equal((await archive.user.run("uploads", "abort", ...archive.stores)).code, 2);
    const { code, err } = await archive.user.run("uploads", "abort", "nothing", ...archive.stores);
    assert.equal(code, 1);
    assert.match(err, /^Error: no unfinished upload is called nothing\n→ /);
    assert.equal(archive.uploads, 1);
  }));

test("an upload that the store refuses to end stays in the catalog", () =>
  withArchive(async (archive) => {
    await interrupted(archive);
    archive.server.deny.push({ operation: "AbortMultipartUpload" });
    const { code, err } = await archive.user.run("uploads", "abort", "--all", ...archive.stores);
    assert.equal(code, 1);
    assert.match(err, /not ended: .*s3:AbortMultipartUpload/);
    assert.equal((await list(archive)).length, 1);
  }));

test("an upload is forgotten with the store that is gone for good", () =>
  withArchive(async (archive) => {
    await interrupted(archive);
    archive.server.buckets.clear();
    const elsewhere = [
      "--cold",
      `file:${archive.user.path("disk")}`,
      "--staging",
      `file:${archive.user.path("disk")}`,
    ];
    const { code, err } = await archive.user.run("uploads", "abort", "--all", ...elsewhere);
    assert.equal(code, 0);
    assert.match(err, /there is no bucket bucket; the upload of volumes\/.* is forgotten all the same/);
    await archive.user.ok("sync", "--seal", ...elsewhere);
  }));

test("sync tells of uploads that nobody has gone on with for a week, and leaves younger ones alone", () =>
  withArchive(async (archive) => {
    await archive.put("a.jpg", 1000, 1);
    await foreign(archive, "volumes/old.iso.age", WEEK + 60_000);
    await foreign(archive, "volumes/young.iso.age", WEEK - 60_000);
    const args = ["sync", archive.user.path("Photos"), ...archive.stores];
    const { abandoned } = await archive.user.json(...args) as { abandoned: { key: string }[] };
    assert.deepEqual(abandoned.map(({ key }) => key), ["volumes/old.iso.age"]);
    const { code, err } = await archive.user.run(...args);
    assert.equal(code, 0);
    assert.match(err, /^Warning: 1 upload in the stores, begun over a week ago and unknown here, take/);
    assert.equal(archive.uploads, 2);
  }));

test("an upload whose beginning was never answered is ended when its object is stored", () =>
  withArchive(async (archive) => {
    await archive.put("a.mov", 20_000_000, 1);
    archive.server.faults.add({ operation: "CreateMultipartUpload", fault: { kind: "drop", when: "after" } });
    await archive.user.ok("sync", archive.user.path("Photos"), "--seal", ...archive.stores);
    assert.equal(archive.server.count("CreateMultipartUpload"), 2);
    await archive.assertWhole();
  }));
