/** Recovering from a bucket of archived volumes, when nothing but the volumes is left. */

import assert from "node:assert/strict";
import { cp, readFile, rm, stat } from "node:fs/promises";
import { test } from "node:test";
import { formatMoney } from "../../lib/cost/money.ts";
import { offerThaw } from "../../lib/jobs/recover/thaw.ts";
import { openS3 } from "../../lib/store/s3/s3.ts";
import { hashes, type S3Archive, withArchive } from "./s3-archive.ts";

const HOUR = 3_600_000;

/** An archive of two archived volumes in a bucket whose snapshots and manifests are gone, like the home. */
async function disaster(archive: S3Archive): Promise<void> {
  const { user, server } = archive;
  for (const n of [1, 2]) {
    await archive.put(`${n}.jpg`, 300_000, n);
    await user.ok("sync", user.path("Photos"), ...archive.stores, "--seal");
  }
  const objects = server.buckets.get("bucket")?.objects;
  for (const key of [...archive.keys("catalog/"), ...archive.keys("manifests/")]) {
    objects?.delete(`family/${key}`);
  }
  await cp(user.path("home/keys/identity.txt"), user.path("key.txt"));
  await rm(user.home, { recursive: true });
}

const recover = ({ user, url }: S3Archive, ...more: string[]) =>
  user.run("recover", url, "--identity", user.path("key.txt"), ...more);

const thaws = ({ server }: S3Archive) =>
  server.log.filter(({ operation }) => operation === "RestoreObject").length;

const cold = (body: (archive: S3Archive) => Promise<void>) =>
  withArchive(body, { query: "&class=DEEP_ARCHIVE" });

test("archived volumes are left out unless they are to be thawed, and it is said how", () =>
  cold(async (archive) => {
    await disaster(archive);
    const { code, err } = await recover(archive);
    assert.equal(code, 1);
    assert.match(err, /2 archived volumes left out, .*; --thaw bulk asks for them/);
    assert.equal(thaws(archive), 0);
  }));

test("thawing tells its price, and wants a yes where nobody can be asked", () =>
  cold(async (archive) => {
    await disaster(archive);
    const { code, err } = await recover(archive, "--thaw", "bulk");
    assert.equal(code, 2);
    assert.match(err, /^2 volumes, [\d.]+ MB, to be thawed for 7 days: what it costs is not known here\.$/m);
    assert.match(err, /Add --yes to agree/);
    assert.equal(thaws(archive), 0);
  }));

test("volumes are thawed once, and when they can be read the recovery has everything", () =>
  cold(async (archive) => {
    const { user, server } = archive;
    await disaster(archive);
    const before = await hashes(user.path("Photos"));
    const first = await recover(archive, "--thaw", "bulk", "--yes");
    assert.equal(first.code, 1);
    assert.match(
      first.err,
      /2 of 2 volumes are being thawed; they can be read in up to 48 hours\n→ Run the same/,
    );
    await assert.rejects(stat(user.home), { code: "ENOENT" });
    server.advance(24 * HOUR);
    assert.equal((await recover(archive, "--thaw", "bulk", "--yes")).code, 1);
    assert.equal(thaws(archive), 2, "each asked for once");
    server.advance(25 * HOUR);
    const last = await recover(archive, "--thaw", "bulk", "--yes");
    assert.equal(last.code, 0, last.err);
    assert.match(last.out, /the listings inside 2 volumes/);
    await user.ok("restore", "**", "--to", user.path("out"));
    assert.deepEqual(await hashes(user.path("out/Photos")), before);
    assert.equal((await readFile(user.path("key.txt"), "utf8")).length > 0, true);
  }));

test("a no on the terminal thaws nothing and makes no home", () =>
  cold(async (archive) => {
    await disaster(archive);
    archive.user.answers = ["n"];
    const { code, err } = await recover(archive, "--thaw", "standard");
    assert.equal(code, 1);
    assert.match(err, /nothing was thawed, and nothing recovered/);
    assert.equal(thaws(archive), 0);
    await assert.rejects(stat(archive.user.home), { code: "ENOENT" });
  }));

test("the price of thawing is that of AWS: 5 GB in Deep Archive by the Bulk tier, kept for a week", async () => {
  const env = { AWS_ACCESS_KEY_ID: "id", AWS_SECRET_ACCESS_KEY: "secret" };
  const store = await openS3("s3://bucket?region=us-east-1&class=DEEP_ARCHIVE", {
    env,
    fetch,
    now: () => 0,
    home: "/",
    warn: () => {},
  });
  const info = {
    key: "volumes/v.iso.age",
    size: 5_000_000_000,
    checksum: undefined,
    modified: undefined,
    availability: { state: "archived" } as const,
  };
  const offer = offerThaw([{ store, info }], { tier: "Bulk", days: 7 }, env);
  assert.deepEqual([offer.volumes, offer.bytes, offer.hours], [1, 5_000_000_000, 48]);
  // 5 × $0.0025 + $0.025 / 1000 + 8 × $0.0004 / 1000 + 5 × $0.023 × 7 / 30
  const dollars = 5 * 0.0025 + 0.000025 + 0.0000032 + 5 * 0.023 * 7 / 30;
  assert.ok(offer.price !== undefined);
  assert.equal(formatMoney(offer.price.total, offer.price.currency), `$${dollars.toFixed(2)}`);
});
