/** The main job with an S3 store, as the user meets it: storage classes, what goes wrong, and kill -9. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { okScript, startScript } from "../cli/process.ts";
import { pseudoRandom } from "../tools.ts";
import { type S3Archive, withArchive } from "./s3-archive.ts";

const sync = (archive: S3Archive, ...more: string[]) =>
  archive.user.run("sync", archive.user.path("Photos"), ...archive.stores, ...more);

async function stored(archive: S3Archive): Promise<void> {
  const { code, err } = await sync(archive, "--seal");
  assert.equal(code, 0, err);
}

test("what was sealed to S3 comes back, and nothing else is in the bucket", () =>
  withArchive(async (archive) => {
    await archive.put("a.jpg", 300_000, 1);
    await archive.put("2024/b.mov", 20_000_000, 2);
    await archive.put("empty.txt", 0, 3);
    await stored(archive);
    await archive.assertWhole();
    const folders = archive.keys("").map((key) => key.split("/")[0]).sort();
    assert.deepEqual(folders, ["catalog", "manifests", "volumes"]);
  }));

test("one small file out of a large volume takes few of its bytes", () =>
  withArchive(async (archive) => {
    await archive.put("a.mov", 20_000_000, 1);
    await archive.put("b.jpg", 1000, 2);
    await stored(archive);
    const before = archive.server.log.length;
    await archive.user.ok("restore", "b.jpg", "--to", archive.user.path("out"));
    const bytes = archive.server.log.slice(before).reduce((sum, { sent }) => sum + sent, 0);
    assert.ok(bytes < 400_000, `${bytes} bytes`);
  }));

test("only volumes are archived; staged files, manifests and snapshots can be read at once", () =>
  withArchive(async (archive) => {
    await archive.put("old.jpg", 300_000, 1);
    await stored(archive);
    await archive.put("new.jpg", 200_000, 2);
    assert.equal((await sync(archive)).code, 0);
    const classes = archive.keys("").map((key) =>
      `${key.split("/")[0]} ${archive.server.object("bucket", `family/${key}`)?.storageClass}`
    );
    assert.deepEqual([...new Set(classes)].sort(), [
      "catalog STANDARD",
      "manifests STANDARD",
      "staged STANDARD",
      "volumes DEEP_ARCHIVE",
    ]);
  }, { query: "&class=DEEP_ARCHIVE" }));

/** What the user reads when it cannot work. */
const REFUSALS: readonly [name: string, spoil: (archive: S3Archive) => void, message: RegExp][] = [
  [
    "a wrong secret key",
    ({ user }) => user.env["AWS_SECRET_ACCESS_KEY"] = "wrong",
    /^Error: the secret access key for bucket bucket is wrong \(SignatureDoesNotMatch\)\n→ Check AWS_/,
  ],
  [
    "an access key that the server does not know",
    ({ user }) => user.env["AWS_ACCESS_KEY_ID"] = "AKIANOBODY",
    /^Error: the server of bucket bucket does not know this access key \(InvalidAccessKeyId\)\n→ Check AWS_/,
  ],
  [
    "no credentials",
    ({ user }) => user.env = { HOME: user.folder },
    /^Error: .*credentials.*\n→ .*AWS_ACCESS_KEY_ID/,
  ],
  [
    "a bucket that is not there",
    ({ server }) => server.buckets.clear(),
    /^Error: there is no bucket bucket\n→ Make it, or check its name, region and endpoint/,
  ],
  [
    "a key that may not write",
    ({ server }) => server.deny.push({ action: "s3:PutObject" }),
    /^Error: \w+ bucket\/family\/.*: access denied; the permission s3:PutObject is missing\n→ .*doctor --policy/,
  ],
  [
    "a key that may not look",
    ({ server }) => server.deny.push({ operation: "HeadObject" }),
    /^Error: HeadObject bucket\/family\/.*the permission s3:GetObject \(and s3:ListBucket\) is missing\n→ /,
  ],
];

for (const [name, spoil, message] of REFUSALS) {
  test(`${name} is told in one line, without trying again`, () =>
    withArchive(async (archive) => {
      await archive.put("a.jpg", 1000, 1);
      await archive.user.ok("init", "--yes");
      spoil(archive);
      const { code, err } = await sync(archive, "--seal");
      assert.equal(code, 1);
      assert.match(err, message);
      assert.equal(err.trimEnd().split("\n").length, 2, err);
      const refused = archive.server.log.filter(({ status, method }) => status >= 400 && method !== "HEAD");
      assert.ok(refused.length <= 1, "nothing is tried again");
    }));
}

for (const parts of [1, 3]) {
  test(
    `a run killed by kill -9 after ${parts} of 3 parts goes on where it was`,
    { timeout: 120_000 },
    () =>
      withArchive(async (archive) => {
        await archive.put("a.mov", 19_000_000, 1);
        await archive.put("b.jpg", 1000, 2);
        await archive.user.ok("init", "--yes");
        const stalled = archive.stallAfterParts(parts);
        const child = startScript(
          archive.user,
          "sync",
          archive.user.path("Photos"),
          "--seal",
          ...archive.stores,
        );
        await stalled;
        child.signal("SIGKILL");
        assert.equal((await child.ended).code, 137);
        archive.calm();
        const before = archive.server.log.length;
        await okScript(archive.user, "sync", archive.user.path("Photos"), "--seal", ...archive.stores);
        const again = archive.server.log.slice(before).filter(({ operation }) => operation === "UploadPart");
        assert.equal(again.length, 3 - parts);
        await archive.assertWhole();
      }),
  );
}

test(
  "a line that breaks again and again only makes it slower",
  { timeout: 120_000 },
  () =>
    withArchive(async (archive) => {
      await archive.put("a.mov", 19_000_000, 1);
      for (let i = 0; i < 10; i++) await archive.put(`${i}.jpg`, 20_000 + i, i + 2);
      const dice = pseudoRandom(1000, 7);
      let request = 0;
      archive.server.faults.schedule(() => {
        const roll = dice[request++ % dice.length] ?? 0;
        if (roll < 20) return { kind: "drop", when: roll % 2 === 0 ? "before" : "after" };
        return roll < 30 ? { kind: "error", status: 503, code: "SlowDown" } : undefined;
      });
      const { code, err } = await sync(archive, "--seal");
      assert.equal(code, 0, err);
      archive.calm();
      await archive.assertWhole();
    }),
);
