/** Uploads that are not finished: listed, ended, and found again by the next sync. */

import assert from "node:assert/strict";
import { rm } from "node:fs/promises";
import { test } from "node:test";
import { hashes, PART, type S3Archive, withArchive } from "./s3-archive.ts";
import type { Operation } from "../servers/s3/server.ts";
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

/** Begins a sync that ends while the store is at one kind of request, which has its effect or not. */
async function killedIn(
  archive: S3Archive,
  operation: Operation,
  when: "before" | "after",
  ...flags: string[]
) {
  const controller = new AbortController();
  archive.user.signal = controller.signal;
  archive.server.faults.schedule((target) => {
    if (target.operation !== operation) return undefined;
    setTimeout(() => controller.abort(new Error("killed")), 100);
    return { kind: "stall", when };
  });
  const { code } = await archive.user.run("sync", archive.user.path("Photos"), ...flags, ...archive.stores);
  assert.equal(code, 1);
  archive.calm();
}

test("an upload whose beginning was never answered is ended when its volume is given up", () =>
  withArchive(async (archive) => {
    await archive.put("a.mov", 20_000_000, 1);
    await killedIn(archive, "CreateMultipartUpload", "after", "--seal");
    assert.equal(archive.uploads, 1);
    await archive.put("a.mov", 20_000_001, 2);
    await archive.user.ok("sync", "--seal", ...archive.stores);
    await archive.assertWhole();
  }));

for (const size of [1000, 20_000_000]) {
  test(`a file of ${size} bytes that went while its last answer was lost is kept as it is in staging`, () =>
    withArchive(async (archive) => {
      await archive.put("gone.jpg", size, 1);
      const last = size > PART ? "CompleteMultipartUpload" : "PutObject";
      await killedIn(archive, last, "after");
      const before = await hashes(archive.user.path("Photos"));
      await archive.put("other.jpg", 10, 2);
      await rm(archive.user.path("Photos/gone.jpg"));
      await archive.user.ok("sync", ...archive.stores);
      assert.equal(await archive.user.ok("ls", "uploads", ...archive.stores), "");
      await archive.user.ok("restore", "gone.jpg", "--to", archive.user.path("out"));
      assert.deepEqual(await hashes(archive.user.path("out/Photos")), before);
      assert.ok(
        !(await archive.user.json("sync", ...archive.stores))["snapshot"],
        "the first one knows of it",
      );
    }));

  test(`nothing of a file of ${size} bytes is left when it went before it was stored`, () =>
    withArchive(async (archive) => {
      await archive.put("gone.jpg", size, 1);
      await killedIn(archive, size > PART ? "UploadPart" : "PutObject", "before");
      await archive.put("other.jpg", 10, 2);
      await rm(archive.user.path("Photos/gone.jpg"));
      await archive.user.ok("sync", ...archive.stores);
      assert.equal(await archive.user.ok("ls", "uploads", ...archive.stores), "");
      assert.equal(archive.uploads, 0);
      assert.equal(archive.keys("staged/").length, 1);
    }));
}

test("an object with other bytes in the place of a file that went is not taken for it", () =>
  withArchive(async (archive) => {
    await archive.put("gone.jpg", 1000, 1);
    await killedIn(archive, "PutObject", "after");
    const [key = ""] = archive.keys("staged/");
    const bytes = archive.server.bytes("bucket", `family/${key}`).slice();
    bytes[bytes.length - 20] = (bytes[bytes.length - 20] ?? 0) ^ 1;
    archive.server.addObject("bucket", `family/${key}`, bytes);
    await archive.put("other.jpg", 10, 2);
    await rm(archive.user.path("Photos/gone.jpg"));
    await archive.user.ok("sync", ...archive.stores);
    assert.equal(await archive.user.ok("ls", "uploads", ...archive.stores), "");
    const { code } = await archive.user.run("restore", "gone.jpg", "--to", archive.user.path("out"));
    assert.equal(code, 1);
  }));

for (const size of [1000, 20_000_000]) {
  test(`a volume of ${size} bytes whose last answer was lost counts, though its files have changed since`, () =>
    withArchive(async (archive) => {
      await archive.put("a.mov", size, 1);
      await killedIn(archive, size > PART ? "CompleteMultipartUpload" : "PutObject", "after", "--seal");
      await archive.put("a.mov", size + 1, 2);
      await archive.user.ok("sync", "--seal", ...archive.stores);
      const known = (await archive.user.ok("ls", "volumes", "--json")).trim().split("\n");
      assert.deepEqual(known.map((line) => JSON.parse(line).key).sort(), archive.keys("volumes/").sort());
      await archive.assertWhole(2);
    }));
}
