/** What `doctor` finds, and the policy it prints. */

import assert from "node:assert/strict";
import {
  appendFile,
  chmod,
  copyFile,
  readdir,
  readFile,
  rm,
  stat,
  utimes,
  writeFile,
} from "node:fs/promises";
import { test } from "node:test";
import { type User, withUser } from "../cli/harness.ts";
import { run } from "../tools.ts";
import { type S3Archive, withArchive } from "./s3-archive.ts";

interface Finding {
  readonly about: string;
  readonly severity: string;
  readonly message: string;
  readonly hint: string | null;
}

/** The exit code of `doctor`, and what it found that is not good. */
async function examine(archive: S3Archive): Promise<{ code: number; bad: Finding[] }> {
  const { code, out } = await archive.user.run("doctor", "--json", ...archive.stores);
  const { findings } = JSON.parse(out) as { findings: Finding[] };
  assert.ok(findings.length >= 4);
  return { code, bad: findings.filter(({ severity }) => severity !== "good") };
}

/** A home with alerts and a bucket that is set up as `doctor --policy` says. */
async function setUp(archive: S3Archive): Promise<void> {
  const bucket = archive.server.buckets.get("bucket");
  if (bucket?.versioning === "") bucket.versioning = "Enabled";
  bucket?.configs.set("lifecycle", "<LifecycleConfiguration><Rule/></LifecycleConfiguration>");
  await archive.user.ok("init", "--yes");
  await appendFile(archive.user.path("home/config.toml"), ALERTS);
}

/** The same when it has stored something. */
async function synced(archive: S3Archive): Promise<void> {
  await setUp(archive);
  await archive.put("a.jpg", 1000, 1);
  await archive.user.ok("sync", archive.user.path("Photos"), "--seal", ...archive.stores);
  await checkKit(archive.user);
}

/** Types the key from the paper. */
async function checkKit(user: User): Promise<void> {
  user.input = await readFile(user.path("home/keys/identity.txt"), "utf8");
  await user.ok("key", "kit", "--verify");
}

const ALERTS = '[alerts.ntfy]\nurl = "https://ntfy.example.org/photos"\n';

test("in a home that is as it should be, doctor finds nothing and writes nothing", () =>
  withArchive(async (archive) => {
    await synced(archive);
    const keys = archive.keys("");
    assert.deepEqual(await examine(archive), { code: 0, bad: [] });
    assert.deepEqual(archive.keys(""), keys);
    const out = await archive.user.ok("doctor", ...archive.stores);
    assert.match(out, /^good {5}permissions: only you can read /);
    assert.match(out, /^good {5}store s3:.*: its clock agrees with ours$/m);
  }));

test("doctor asks for the recovery kit until a copy of it was found right", () =>
  withUser(async (user) => {
    await user.ok("init", "--yes", "--classic");
    assert.match(await user.ok("doctor"), /^warning {2}kit: no copy of the key on paper was checked yet$/m);
    user.clock = Date.parse("2026-11-22T10:00:00Z");
    await checkKit(user);
    assert.match(
      await user.ok("doctor"),
      /^good {5}kit: a copy of the key on paper was found right on 2026-11-22$/m,
    );
  }));

test("in a fresh home, a store that is not there yet is no trouble, and is not made", () =>
  withUser(async (user) => {
    await user.ok("init", "--yes");
    assert.match(await user.ok("doctor"), /it is not there yet; the first sync makes it/);
    await assert.rejects(readFile(user.path("home/store/.coldframe-store")));
  }));

/** What is spoilt, and what doctor says of it. */
const TROUBLE: readonly [
  name: string,
  spoil: (archive: S3Archive) => unknown,
  severity: string,
  about: RegExp,
  message: RegExp,
  hint: RegExp,
][] = [
  [
    "a secret key that others can read",
    ({ user }) => chmod(user.path("home/keys/identity.txt"), 0o644),
    "broken",
    /permissions/,
    /others on this machine can use .*identity\.txt/,
    /chmod 600/,
  ],
  [
    "a home that others can look into",
    ({ user }) => chmod(user.path("home"), 0o755),
    "warning",
    /permissions/,
    /others on this machine can use .*home/,
    /chmod 700/,
  ],
  [
    "a secret key that is kept elsewhere",
    ({ user }) => rm(user.path("home/keys/identity.txt")),
    "warning",
    /key/,
    /the secret key is not at /,
    /Restoring needs it/,
  ],
  [
    "a secret key of another home",
    async ({ user }) => {
      await user.ok("init", "--yes", "--home", user.path("other"));
      await copyFile(user.path("other/keys/identity.txt"), user.path("home/keys/identity.txt"));
    },
    "broken",
    /key/,
    /opens nothing that is stored from now on/,
    /recipients\.txt/,
  ],
  [
    "a bucket that is gone",
    ({ server }) => server.buckets.clear(),
    "broken",
    /store s3:/,
    /there is no bucket bucket/,
    /make it/,
  ],
  [
    "a key that may not list",
    ({ server }) => server.deny.push({ operation: "ListObjectsV2" }),
    "broken",
    /store s3:/,
    /the permission s3:ListBucket is missing/,
    /doctor --policy/,
  ],
  [
    "a key that may not write",
    ({ server }) => server.deny.push({ operation: "CreateMultipartUpload" }),
    "broken",
    /store s3:/,
    /the permission s3:PutObject is missing/,
    /doctor --policy/,
  ],
  [
    "a bucket without versioning",
    ({ server }) => {
      const bucket = server.buckets.get("bucket");
      if (bucket !== undefined) bucket.versioning = "Suspended";
    },
    "warning",
    /store s3:/,
    /the bucket has not versioning/,
    /doctor --policy/,
  ],
  [
    "a bucket without a lifecycle",
    ({ server }) => server.buckets.get("bucket")?.configs.clear(),
    "warning",
    /store s3:/,
    /unfinished uploads and old versions cost money/,
    /doctor --policy/,
  ],
  [
    "a home that nobody hears of",
    async ({ user }) => {
      const path = user.path("home/config.toml");
      await writeFile(path, (await readFile(path, "utf8")).replace(ALERTS, ""));
    },
    "warning",
    /alerts/,
    /nobody is told when something goes wrong/,
    /coldframe alert/,
  ],
  [
    "a file that a power cut left half-written",
    async ({ user }) => {
      const path = user.path("home/config.toml.0123456789ab.tmp");
      await writeFile(path, "half");
      await utimes(path, 1_700_000_000, 1_700_000_000);
    },
    "warning",
    /leftovers/,
    /config\.toml\.0123456789ab\.tmp was never finished/,
    /doctor --fix/,
  ],
  [
    "a clock that is wrong",
    ({ user }) => user.clock = Date.now() - 7 * 60_000,
    "warning",
    /store s3:/,
    /our clock is 7 minutes behind the server's/,
    /NTP/,
  ],
];

for (const [name, spoil, severity, about, message, hint] of TROUBLE) {
  test(`doctor finds ${name}: ${severity}`, () =>
    withArchive(async (archive) => {
      await synced(archive);
      await spoil(archive);
      const { code, bad } = await examine(archive);
      assert.equal(code, severity === "broken" ? 4 : 0);
      assert.equal(bad.length, 1, JSON.stringify(bad));
      const [found] = bad;
      assert.equal(found?.severity, severity);
      assert.match(found?.about ?? "", about);
      assert.match(found?.message ?? "", message);
      assert.match(found?.hint ?? "", hint);
    }));
}

test("doctor finds a damaged catalog: broken", () =>
  withArchive(async (archive) => {
    for (let i = 0; i < 300; i++) await archive.put(`${i}.jpg`, 10, i + 1);
    await archive.user.ok("init", "--yes");
    await archive.user.ok("scan", archive.user.path("Photos"));
    const path = archive.user.path("home/catalog.db");
    const bytes = await readFile(path);
    // The order of the entries of an index over the hashes: some page in the middle says otherwise.
    for (let at = bytes.length >> 1; at < (bytes.length >> 1) + 3000; at++) {
      bytes[at] = (bytes[at] ?? 0) ^ 0x11;
    }
    await writeFile(path, bytes);
    const { code, out } = await archive.user.run("doctor", ...archive.stores);
    assert.equal(code, 4);
    assert.match(out, /^BROKEN {3}catalog: .*catalog\.db.* damaged/m);
  }));

test("doctor finds a mistake in the settings: broken", () =>
  withUser(async (user) => {
    await user.ok("init", "--yes");
    await writeFile(user.path("home/config.toml"), "cold = 5\n");
    const { code, out } = await user.run("doctor");
    assert.equal(code, 4);
    assert.match(out, /^BROKEN {3}config: .*config\.toml, line 1: cold must be a text/);
  }));

test("doctor finds uploads that were left: warning", () =>
  withArchive(async (archive) => {
    await setUp(archive);
    await archive.put("a.mov", 10_000_000, 1);
    archive.interruptAfterParts(1);
    await archive.user.run("sync", archive.user.path("Photos"), "--seal", ...archive.stores);
    archive.calm();
    await checkKit(archive.user);
    assert.deepEqual((await examine(archive)).bad, [], "not yet");
    archive.user.clock = Date.now() + 2 * 86_400_000;
    archive.server.advance(2 * 86_400_000);
    const { code, bad } = await examine(archive);
    assert.equal(code, 0);
    assert.match(bad[0]?.message ?? "", /^the upload of volumes\/.* has been unfinished for over a day$/);
  }));

test("--fix takes rights from others and removes what was never finished, and nothing else", () =>
  withArchive(async (archive) => {
    await synced(archive);
    const { user } = archive;
    const [old, fresh] = ["config.toml.0123456789ab.tmp", "config.toml.ba9876543210.tmp"];
    for (const name of [old, fresh, "notes.tmp"]) await writeFile(user.path("home", name), "half");
    for (const name of [old, "notes.tmp"]) {
      await utimes(user.path("home", name), 1_700_000_000, 1_700_000_000);
    }
    for (const name of ["", "keys", "keys/identity.txt"]) await chmod(user.path("home", name), 0o755);
    const keys = archive.keys("");
    const out = await user.ok("doctor", "--fix", ...archive.stores);
    assert.equal(out.match(/^Only you can use .* now\.$/gm)?.length, 3);
    assert.match(out, /^Removed .*0123456789ab\.tmp\.$/m);
    for (const [name, mode] of [["", 0o700], ["keys", 0o700], ["keys/identity.txt", 0o600]] as const) {
      assert.equal((await stat(user.path("home", name))).mode & 0o777, mode);
    }
    const left = (await readdir(user.path("home"))).filter((name) => name.endsWith(".tmp"));
    assert.deepEqual(left.toSorted(), [fresh, "notes.tmp"].toSorted());
    assert.deepEqual(archive.keys(""), keys);
    assert.deepEqual((await examine(archive)).bad, []);
  }));

test("a key that may not see the settings of the bucket is as it should be", () =>
  withArchive(async (archive) => {
    await synced(archive);
    for (const operation of ["GetBucketVersioning", "GetBucketLifecycleConfiguration"] as const) {
      archive.server.deny.push({ operation });
    }
    assert.deepEqual(await examine(archive), { code: 0, bad: [] });
    assert.match(
      await archive.user.ok("doctor", ...archive.stores),
      /its settings are not shown to this key/,
    );
  }));

test("where a lock is asked for, a bucket that cannot lock is broken", () =>
  withArchive(async (archive) => {
    await synced(archive);
    const { code, out } = await archive.user.run("doctor", "--object-lock", "365d", ...archive.stores);
    assert.equal(code, 4);
    assert.match(out, /^BROKEN .*the bucket cannot lock objects$/m);
  }));

test("doctor --policy needs no home, and prints what a shell can run", () =>
  withUser(async (user) => {
    const url = "s3://photos/home?region=eu-central-1&lock=365d";
    const out = await user.ok("doctor", "--policy", "--cold", url);
    const script = `aws() { printf '%s\\n' "$*" >> calls; }\n${out}`;
    await writeFile(user.path("script.sh"), script);
    await run("sh", ["-eu", user.path("script.sh")], { cwd: user.folder });
    const policy = JSON.parse(await readFile(user.path("coldframe-policy.json"), "utf8"));
    const allowed = policy.Statement.flatMap((one: { Action: string[] }) => one.Action);
    assert.ok(allowed.includes("s3:PutObject") && allowed.includes("s3:PutObjectRetention"));
    const removing = policy.Statement.filter((one: { Action: string[] }) =>
      one.Action.includes("s3:DeleteObject")
    );
    assert.deepEqual(removing.map((one: { Resource: string[] }) => one.Resource), [
      ["arn:aws:s3:::photos/home/staged/*", "arn:aws:s3:::photos/home/catalog/*"],
    ]);
    const calls = await readFile(user.path("calls"), "utf8");
    for (
      const verb of ["put-user-policy", "put-bucket-versioning", "put-object-lock", "put-bucket-lifecycle"]
    ) {
      assert.match(calls, new RegExp(verb));
    }
  }));

test("doctor --policy takes the stores of the settings", () =>
  withUser(async (user) => {
    await user.ok("init", "--yes", "--cold", "s3://photos/home?region=eu-central-1");
    const { stores } = await user.json("doctor", "--policy") as { stores: { bucket: string }[] };
    assert.deepEqual(stores.map(({ bucket }) => bucket), ["photos"]);
  }));

test("doctor --policy without an s3: store is a mistake of usage", () =>
  withUser(async (user) => {
    const { code, err } = await user.run("doctor", "--policy");
    assert.equal(code, 2);
    assert.match(err, /^Error: there is no s3: store to make a policy for\n→ /);
  }));

test("--object-lock keeps volumes and manifests from being deleted, and nothing else", () =>
  withArchive(async (archive) => {
    const bucket = archive.server.buckets.get("bucket");
    assert.ok(bucket !== undefined);
    bucket.versioning = "Enabled";
    bucket.objectLock = true;
    await synced(archive);
    assert.equal(
      archive.server.object("bucket", `family/${archive.keys("volumes/")[0]}`)?.retention,
      undefined,
    );
    await archive.put("b.jpg", 2000, 2);
    await archive.user.ok("sync", "--seal", "--object-lock", "365d", ...archive.stores);
    const locked = archive.keys("").filter((key) => {
      const until = archive.server.object("bucket", `family/${key}`)?.retention?.until ?? 0;
      return until > Date.now() + 364 * 86_400_000;
    });
    assert.deepEqual(locked.map((key) => key.split("/")[0]).sort(), ["manifests", "volumes"]);
    await archive.user.ok("restore", "**", "--to", archive.user.path("out"));
  }));

test("--object-lock on a store that has none, and one that contradicts the URL, are refused", () =>
  withUser(async (user) => {
    await writeFile(user.path("a.jpg"), "a");
    const on = (...flags: string[]) => user.run("sync", user.folder, "--object-lock", "365d", ...flags);
    assert.match((await on()).err, /^Error: only an s3: store can lock objects\n/m);
    const other = await on("--cold", "s3://bucket?region=eu-central-1&lock=10y");
    assert.match(other.err, /^Error: the store URL says lock=10y, and not 365d\n/m);
  }));
