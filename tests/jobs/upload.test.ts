/** `pack`, then `upload`: existing image files become volumes in the cold store. */

import { Buffer } from "node:buffer";
import assert from "node:assert/strict";
import { appendFile, copyFile, mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { test } from "node:test";
import { sha256Hex } from "../../lib/store/checksum.ts";
import { pseudoRandom } from "../tools.ts";
import { hashes, type S3Archive, withArchive } from "./s3-archive.ts";

/** Packs the sources into `images/`; the path of the one file made. */
async function pack(archive: S3Archive, ...flags: string[]): Promise<string> {
  await archive.user.ok("scan", archive.user.path("Photos"));
  await archive.user.ok("pack", "--out", archive.user.path("images"), "--seal", ...flags);
  const [name = ""] = await readdir(archive.user.path("images"));
  return archive.user.path("images", name);
}

async function photos(archive: S3Archive): Promise<void> {
  await archive.put("a.mov", 20_000_000, 1);
  await archive.put("b.jpg", 1000, 2);
  await archive.user.ok("init", "--yes");
}

const upload = (archive: S3Archive, ...args: string[]) =>
  archive.user.ok("upload", ...archive.stores, ...args);

/** Some image that coldframe did not make: all that is looked at is its first descriptor. */
async function foreignImage(archive: S3Archive, name: string, size = 18_000_000): Promise<string> {
  const image = pseudoRandom(size, 77);
  image.set([1, ...Buffer.from("CD001")], 16 * 2048);
  const path = archive.user.path(name);
  await writeFile(path, image);
  return path;
}

test("a dry run says what would be sent, and sends and notes nothing", () =>
  withArchive(async (archive) => {
    await photos(archive);
    const path = await pack(archive);
    const foreign = await foreignImage(archive, "disc.iso");
    const before = archive.server.log.length;
    const said = await upload(archive, path, foreign, "--dry-run");
    assert.match(said, /^Would upload .*: 20\.\d MB, 2 files\nWould upload .*disc\.iso: 18\.0 MB\n$/);
    assert.deepEqual([archive.server.log.length, archive.keys("volumes/")], [before, []]);
    assert.match(await upload(archive, path, foreign), /^Uploaded .*\nUploaded .*disc\.iso/);
    assert.match(await upload(archive, path, "--dry-run"), /^Stored before: /);
  }));

for (
  const [packFlags, uploadFlags, suffix] of [[[], [], ".iso.age"], [["--plain"], [], ".iso.age"], [
    ["--plain"],
    ["--plain"],
    ".iso",
  ]] as const
) {
  test(`pack ${packFlags} then upload ${uploadFlags}: the volume is stored as ${suffix} and its files come back`, () =>
    withArchive(async (archive) => {
      await photos(archive);
      const path = await pack(archive, ...packFlags);
      assert.match(
        await upload(archive, path, ...uploadFlags),
        /^Uploaded .*: 20\.\d MB, 2 files\nStored at s3:/,
      );
      const [key = ""] = archive.keys("volumes/");
      assert.ok(key.endsWith(suffix) && (suffix === ".iso.age" || !key.endsWith(".age")), key);
      await rm(archive.user.path("images"), { recursive: true });
      await archive.assertWhole();
      const status = await archive.user.json("status");
      assert.deepEqual((status["unprotected"] as { contents: number }).contents, 0);
      const report = await archive.user.json("sync", "--seal", ...archive.stores);
      assert.deepEqual(report["sealed"], [], "nothing is left to seal");
    }));
}

test("an encrypted file goes as it is, whatever the flags", () =>
  withArchive(async (archive) => {
    await photos(archive);
    const path = await pack(archive);
    await upload(archive, path);
    const [key = ""] = archive.keys("volumes/");
    assert.equal(sha256Hex(archive.server.bytes("bucket", `family/${key}`)), sha256Hex(await readFile(path)));
  }));

test("staged copies go once the uploaded volume and a snapshot that knows it are stored", () =>
  withArchive(async (archive) => {
    await photos(archive);
    await archive.user.ok("sync", archive.user.path("Photos"), ...archive.stores);
    assert.equal(archive.keys("staged/").length, 2);
    const snapshots = archive.keys("catalog/").length;
    await upload(archive, await pack(archive));
    assert.equal(archive.keys("staged/").length, 0);
    assert.equal(archive.keys("catalog/").length, snapshots + 1);
  }));

for (const flags of [[], ["--plain"]]) {
  test(`an upload ${flags} that was interrupted goes on where it was`, () =>
    withArchive(async (archive) => {
      await photos(archive);
      const path = await pack(archive, "--plain");
      archive.interruptAfterParts(2);
      assert.equal((await archive.user.run("upload", path, ...flags, ...archive.stores)).code, 1);
      archive.calm();
      const before = archive.server.count("UploadPart");
      await upload(archive, path, ...flags);
      assert.equal(archive.server.count("UploadPart") - before, 1);
      assert.equal(archive.server.count("CreateMultipartUpload"), 1);
      await archive.assertWhole();
    }));
}

test("--force begins again, with another key", () =>
  withArchive(async (archive) => {
    await photos(archive);
    const path = await pack(archive, "--plain");
    archive.interruptAfterParts(2);
    assert.equal((await archive.user.run("upload", path, ...archive.stores)).code, 1);
    archive.calm();
    const before = archive.sentParts;
    await upload(archive, path, "--force");
    const stored = archive.server.object("bucket", `family/${archive.keys("volumes/")[0]}`)?.parts ?? [];
    assert.ok(stored.every(({ sha256 }) => !before.includes(sha256)));
    await archive.assertWhole();
  }));

test("an upload begun in another way is not mixed with one of today", () =>
  withArchive(async (archive) => {
    await photos(archive);
    const path = await pack(archive, "--plain");
    archive.interruptAfterParts(2);
    assert.equal((await archive.user.run("upload", path, ...archive.stores)).code, 1);
    archive.calm();
    const { code, err } = await archive.user.run("upload", path, "--plain", ...archive.stores);
    assert.equal(code, 1);
    assert.match(err, /is on its way already, as volumes\/.*\.iso\.age to s3:/);
    await upload(archive, path, "--plain", "--force");
    await archive.assertWhole();
  }));

test("a file that is stored is not sent again", () =>
  withArchive(async (archive) => {
    await photos(archive);
    const path = await pack(archive);
    await upload(archive, path);
    const before = archive.server.count("UploadPart");
    assert.match(await upload(archive, path), /^Stored before: /);
    assert.match(await upload(archive, path, "--force"), /^Stored before: /);
    assert.equal(archive.server.count("UploadPart"), before);
  }));

test("a packed file that is damaged is refused before anything is sent", () =>
  withArchive(async (archive) => {
    await photos(archive);
    const path = await pack(archive, "--plain");
    const bytes = await readFile(path);
    bytes[10_000_000] = (bytes[10_000_000] ?? 0) ^ 1;
    await writeFile(path, bytes);
    const { code, err } = await archive.user.run("upload", path, ...archive.stores);
    assert.equal(code, 1);
    assert.match(err, /^Warning: not uploaded: .* does not hold the bytes that were packed under its name/);
    assert.equal(archive.server.count("CreateMultipartUpload"), 0);
    const status = await archive.user.json("status");
    assert.equal((status["unprotected"] as { contents: number }).contents, 2, "nothing counts as protected");
  }));

test("an image that coldframe did not make is stored as a volume without files", () =>
  withArchive(async (archive) => {
    await archive.user.ok("init", "--yes");
    const path = await foreignImage(archive, "Old disc 1.iso");
    assert.match(await upload(archive, path), /^Uploaded .*Old disc 1\.iso: 18\.0 MB\n/);
    assert.deepEqual(archive.keys("volumes/"), ["volumes/Old disc 1.iso.age"]);
    const image = await archive.image("volumes/Old disc 1.iso.age");
    assert.equal(sha256Hex(await image.readAt(0, image.size)), sha256Hex(await readFile(path)));
    const volume = JSON.parse(await archive.user.ok("ls", "volumes", "--json"));
    assert.deepEqual([volume.name, volume.state, volume.files], ["Old disc 1", "stored", 0]);
    assert.match(await upload(archive, path), /^Stored before: /);
  }));

test("a foreign image that changed since it was begun is begun again", () =>
  withArchive(async (archive) => {
    await archive.user.ok("init", "--yes");
    const path = await foreignImage(archive, "disc.iso");
    archive.interruptAfterParts(2);
    assert.equal((await archive.user.run("upload", path, ...archive.stores)).code, 1);
    archive.calm();
    await appendFile(path, new Uint8Array(2048));
    await upload(archive, path);
    assert.equal(archive.uploads, 0);
    const image = await archive.image("volumes/disc.iso.age");
    assert.equal(sha256Hex(await image.readAt(0, image.size)), sha256Hex(await readFile(path)));
  }));

test("two images of one name are two files to the user: the second is refused", () =>
  withArchive(async (archive) => {
    await archive.user.ok("init", "--yes");
    await upload(archive, await foreignImage(archive, "disc.iso"));
    await mkdir(archive.user.path("other"));
    const other = await foreignImage(archive, "other/disc.iso", 2_000_000);
    const { code, err } = await archive.user.run("upload", other, ...archive.stores);
    assert.equal(code, 1);
    assert.match(err, /another volume is called disc/);
  }));

test("what is no image is refused, and the others of a run are stored all the same", () =>
  withArchive(async (archive) => {
    await archive.user.ok("init", "--yes");
    const good = await foreignImage(archive, "good.iso", 100_000);
    await writeFile(archive.user.path("text.iso"), "no image at all");
    await writeFile(archive.user.path("text.iso.age"), "no age file at all");
    await copyFile(good, archive.user.path("photo.jpg"));
    const files = ["text.iso", "text.iso.age", "photo.jpg", "missing.iso", "good.iso"].map((name) =>
      archive.user.path(name)
    );
    const { code, err, out } = await archive.user.run("upload", ...files, ...archive.stores);
    assert.equal(code, 3);
    assert.match(err, /text\.iso is not an ISO image/);
    assert.match(err, /text\.iso\.age is not an age file/);
    assert.match(err, /photo\.jpg is not called \.iso or \.iso\.age/);
    assert.match(err, /cannot read .*missing\.iso: it is not there/);
    assert.match(out, /^Uploaded .*good\.iso: 10\d kB\n/);
  }));

test("a volume that was packed, then sealed by sync, is stored once more only if it is uploaded", () =>
  withArchive(async (archive) => {
    await photos(archive);
    const path = await pack(archive);
    await archive.user.ok("sync", "--seal", ...archive.stores);
    await archive.assertWhole();
    await upload(archive, path);
    await archive.assertWhole(2);
    assert.equal(Object.keys(await hashes(archive.user.path("Photos"))).length, 2);
  }));
