/** What goes wrong in the middle of a run: it says so or goes round it, and the next one completes. */

import assert from "node:assert/strict";
import { createClient } from "@libsql/client";
import { rename } from "node:fs/promises";
import { test } from "node:test";
import { contents, put } from "../cli/files.ts";
import { type User, withUser } from "../cli/harness.ts";
import type { Operation } from "../servers/s3/routes.ts";
import { type S3Server, withS3 } from "../servers/s3/server.ts";
import { okScript, startScript } from "../cli/process.ts";
import { pseudoRandom } from "../tools.ts";

/** A user whose staging is in a bucket, so that the middle of a run can be seen, and whose volumes go to a disk. */
function withArchive(body: (user: User, s3: S3Server) => Promise<void>): Promise<void> {
  return withUser((user) =>
    withS3({ buckets: ["bucket"] }, async (s3) => {
      user.env = { AWS_ACCESS_KEY_ID: s3.accessKey, AWS_SECRET_ACCESS_KEY: s3.secretKey, HOME: user.folder };
      const bucket = `s3://bucket/family?region=${s3.region}&endpoint=${s3.url}`;
      await user.ok("init", "--yes", "--classic", "--staging", bucket, "--cold", `file:${user.path("disk")}`);
      for (let i = 0; i < 30; i++) await put(user, `Photos/${i}.jpg`, pseudoRandom(60_000, i + 1));
      await user.ok("sync", user.path("Photos"), "--seal"); // from now on the disk is known
      for (let i = 30; i < 60; i++) await put(user, `Photos/${i}.jpg`, pseudoRandom(60_000, i + 1));
      await body(user, s3);
    })
  );
}

/** Lets something happen once, as the nth request of a kind comes; the request itself waits for it. */
function meanwhile(s3: S3Server, operation: Operation, nth: number, act: () => Promise<void>): Promise<void> {
  return new Promise((done, failed) => {
    let left = nth;
    s3.faults.schedule((target) => {
      if (target.operation !== operation || --left !== 0) return undefined;
      act().then(done, failed);
      return { kind: "delay", ms: 200 };
    });
  });
}

async function assertAllBack(user: User): Promise<void> {
  await user.ok("restore", "**", "--to", user.path("out"));
  assert.deepEqual(await contents(user.path("out/Photos")), await contents(user.path("Photos")));
}

test("a source that is unplugged in the middle loses nothing, and is gone on with when it is back", () =>
  withArchive(async (user, s3) => {
    const unplugged = meanwhile(s3, "PutObject", 2, () => rename(user.path("Photos"), user.path("away")));
    const { code, err } = await user.run("sync");
    await unplugged;
    assert.ok(code === 1 || code === 3, `ended with ${code}\n${err}`);
    assert.doesNotMatch(err, /\n\s+at /);
    assert.equal((await user.json("status"))["files"], 60, "none is taken for gone");
    await rename(user.path("away"), user.path("Photos"));
    await user.ok("sync", "--seal");
    await assertAllBack(user);
  }));

test("a cold store that goes in the middle is named, and its volume is sealed when it is back", () =>
  withArchive(async (user, s3) => {
    const gone = meanwhile(s3, "PutObject", 2, () => rename(user.path("disk"), user.path("away")));
    const { code, err } = await user.run("sync", "--volume-size", "1M");
    await gone;
    assert.equal(code, 1, err);
    assert.match(err, /^Error: .*disk.*\n→ /m);
    await rename(user.path("away"), user.path("disk"));
    await user.ok("sync", "--seal");
    await assertAllBack(user);
  }));

test("a staging store that goes in the middle keeps no volume from being sealed", () =>
  withArchive(async (user, s3) => {
    const gone = meanwhile(s3, "PutObject", 2, () => Promise.resolve(void s3.deny.push({})));
    const { code, err } = await user.run("sync", "--volume-size", "1M");
    await gone;
    assert.equal(code, 3, err);
    assert.match(err, /access denied/);
    s3.deny.length = 0;
    await user.ok("sync", "--seal");
    await assertAllBack(user);
  }));

test("two files that are swapped while their volume is sealed are stored as they are", () =>
  withUser((user) =>
    withS3({ buckets: ["bucket"] }, async (s3) => {
      user.env = { AWS_ACCESS_KEY_ID: s3.accessKey, AWS_SECRET_ACCESS_KEY: s3.secretKey, HOME: user.folder };
      const bucket = `s3://bucket/family?region=${s3.region}&endpoint=${s3.url}`;
      for (const [i, name] of ["a", "b"].entries()) {
        await put(user, `Photos/${name}.mov`, pseudoRandom(12_000_000, i + 1)); // of one size and one time
      }
      const swapped = meanwhile(s3, "CreateMultipartUpload", 1, async () => {
        await rename(user.path("Photos/a.mov"), user.path("Photos/c.mov"));
        await rename(user.path("Photos/b.mov"), user.path("Photos/a.mov"));
        await rename(user.path("Photos/c.mov"), user.path("Photos/b.mov"));
      });
      const { code, err } = await user.run(
        "sync",
        user.path("Photos"),
        "--seal",
        "--cold",
        bucket,
        "--staging",
        bucket,
      );
      await swapped;
      assert.ok(code === 0 || code === 3, err);
      await user.ok("sync", "--seal", "--cold", bucket, "--staging", bucket);
      await assertAllBack(user);
      assert.equal(s3.buckets.get("bucket")?.uploads.size, 0);
    })
  ));

test("with a clock that was set back, runs complete and what they stored comes back", () =>
  withUser(async (user) => {
    const disk = `file:${user.path("disk")}`;
    user.clock = Date.parse("2026-06-01T00:00:00Z");
    await put(user, "Photos/a.jpg", pseudoRandom(1000, 1));
    await user.ok("sync", user.path("Photos"), "--cold", disk, "--staging", disk);
    user.clock = Date.parse("2001-01-01T00:00:00Z");
    await put(user, "Photos/b.jpg", pseudoRandom(1000, 2));
    await put(user, "Photos/a.jpg", pseudoRandom(1001, 3));
    await user.ok("sync", "--seal", "--cold", disk, "--staging", disk);
    user.clock = Date.parse("2026-06-02T00:00:00Z");
    await put(user, "Photos/c.jpg", pseudoRandom(1000, 4));
    await user.ok("sync", "--cold", disk, "--staging", disk);
    await assertAllBack(user);
  }));

test(
  "a catalog that another program holds is named, and the next run completes",
  { timeout: 180_000 },
  () =>
    withUser(async (user) => {
      await put(user, "Photos/a.jpg", pseudoRandom(1000, 1));
      await okScript(user, "sync", user.path("Photos"));
      await put(user, "Photos/b.jpg", pseudoRandom(1000, 2));
      const other = createClient({ url: `file:${user.path("home/catalog.db")}` });
      const held = await other.transaction("write");
      const { code, err } = await startScript(user, "sync").ended;
      await held.rollback();
      other.close();
      assert.equal(code, 1, err);
      assert.match(err, /^Error: catalog .*: another program is using it\n→ Wait for the other run to end/m);
      await okScript(user, "sync", "--seal");
      await assertAllBack(user);
    }),
);
