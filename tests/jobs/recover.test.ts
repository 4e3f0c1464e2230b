/** The disaster drill: home and photos are gone, the stores and the key are left. */

import assert from "node:assert/strict";
import {
  copyFile,
  cp,
  mkdir,
  readdir,
  readFile,
  rename,
  rm,
  stat,
  truncate,
  writeFile,
} from "node:fs/promises";
import { test } from "node:test";
import { contents, filesBelow, filesOfHome, isLog, put } from "../cli/files.ts";
import { type User, withUser } from "../cli/harness.ts";
import { openSession } from "../../lib/jobs/open.ts";
import { SILENT } from "../../lib/jobs/report.ts";
import { storeSnapshot } from "../../lib/jobs/snapshot.ts";
import { pseudoRandom } from "../tools.ts";

type Report = Record<string, unknown>;

/** A store on a disk of its own, the key on paper, and photos in volumes and in staging. */
async function archive(user: User): Promise<void> {
  await put(user, "Photos/2024/IMG_1.HEIC", pseudoRandom(300_000, 1));
  await put(
    user,
    'Photos/2023/it\'s "quoted" 😀\nline.jpg',
    pseudoRandom(65_536, 3),
    "2023-01-02T03:04:05.006Z",
  );
  await put(user, "Photos/empty.txt", "");
  await put(user, "Photos/copy of 1.HEIC", pseudoRandom(300_000, 1), "1999-12-31T23:59:59.999Z");
  await mkdir(user.path("Photos/nothing in it"));
  await user.ok("init", "--cold", storeOf(user), "--staging", storeOf(user), "--yes");
  await copyFile(user.path("home/keys/identity.txt"), user.path("key.txt"));
  user.clock = Date.parse("2026-01-01T00:00:00Z");
  await user.ok("sync", user.path("Photos"), "--seal");
}

/** A second volume, and one file that is only staged. */
async function grow(user: User): Promise<void> {
  await put(user, "Photos/2025/IMG_2.HEIC", pseudoRandom(200_000, 5), "2025-02-01T00:00:00.000Z");
  await put(user, "Photos/again/IMG_1.HEIC", pseudoRandom(300_000, 1));
  user.clock = Date.parse("2026-02-01T00:00:00Z");
  await user.ok("sync", "--seal");
}

async function stageOne(user: User): Promise<void> {
  await put(user, "Photos/2026/IMG_3.HEIC", pseudoRandom(100_000, 6), "2026-02-20T00:00:00.000Z");
  user.clock = Date.parse("2026-03-01T00:00:00Z");
  await user.ok("sync");
}

function storeOf(user: User): string {
  return `file:${user.path("disk")}`;
}

/** Home and photos burn; a copy of the photos shows what must come back. */
async function disaster(user: User): Promise<void> {
  await cp(user.path("Photos"), user.path("before/Photos"), { recursive: true, preserveTimestamps: true });
  await rm(user.path("Photos"), { recursive: true });
  await rm(user.home, { recursive: true });
}

async function recover(user: User, code: number, ...flags: string[]): Promise<Report> {
  const result = await user.run(
    "recover",
    storeOf(user),
    "--identity",
    user.path("key.txt"),
    "--json",
    ...flags,
  );
  assert.equal(result.code, code, result.err);
  const report: unknown = JSON.parse(result.out);
  assert.ok(typeof report === "object" && report !== null);
  return { ...report };
}

/** The code of the error that a recovery must end with. */
async function refusal(user: User, ...flags: string[]): Promise<string> {
  const { code, out } = await user.run("recover", storeOf(user), "--json", ...flags);
  assert.equal(code, 1);
  return JSON.parse(out).error.code;
}

async function assertAllBack(user: User): Promise<void> {
  await user.ok("restore", "**", "--to", user.path("out"));
  assert.deepEqual(await contents(user.path("out")), await contents(user.path("before")));
}

async function removeAll(user: User, ...prefixes: string[]): Promise<void> {
  for (const prefix of prefixes) await rm(user.path("disk", prefix), { recursive: true });
}

/** The paths of what the store keeps under a prefix, sorted. */
async function stored(user: User, prefix: string): Promise<string[]> {
  return (await readdir(user.path("disk", prefix))).sort().map((name) => user.path("disk", prefix, name));
}

async function newest(user: User, prefix: string): Promise<string> {
  const last = (await stored(user, prefix)).at(-1);
  assert.ok(last !== undefined);
  return last;
}

/** Turns one bit of the payload of an object. */
async function damage(path: string): Promise<void> {
  const bytes = await readFile(path);
  bytes.writeUInt8(bytes.readUInt8(bytes.length - 20) ^ 1, bytes.length - 20);
  await writeFile(path, bytes);
}

test("store and key bring back every file, sealed or staged, and the folders", () =>
  withUser(async (user) => {
    await archive(user);
    await grow(user);
    await stageOne(user);
    await disaster(user);
    const report = await recover(user, 0);
    assert.deepEqual([report["volumes"], report["staged"], report["files"]], [2, 1, 7]);
    assert.deepEqual([report["lost"], report["missing"], report["problems"]], [[], [], []]);
    await assertAllBack(user);
    assert.ok((await stat(user.path("out/Photos/nothing in it"))).isDirectory());
  }));

test("the stores are only read", () =>
  withUser(async (user) => {
    await archive(user);
    await disaster(user);
    const before = await contents(user.path("disk"));
    await recover(user, 0);
    assert.deepEqual(await contents(user.path("disk")), before);
  }));

test("without snapshots everything sealed comes back from the manifests, folders too", () =>
  withUser(async (user) => {
    await archive(user);
    await grow(user);
    await disaster(user);
    await removeAll(user, "catalog");
    const report = await recover(user, 0);
    assert.deepEqual([report["snapshot"], report["fromManifests"], report["fromVolumes"]], [null, 2, 0]);
    await assertAllBack(user);
    assert.ok((await stat(user.path("out/Photos/nothing in it"))).isDirectory());
  }));

test("without snapshots and manifests everything sealed comes back from the volumes", () =>
  withUser(async (user) => {
    await archive(user);
    await grow(user);
    await disaster(user);
    await removeAll(user, "catalog", "manifests");
    const report = await recover(user, 0);
    assert.deepEqual([report["fromManifests"], report["fromVolumes"]], [0, 2]);
    await assertAllBack(user);
  }));

test("without snapshots the volumes are recorded as they were, to the byte", () =>
  withUser(async (user) => {
    await archive(user);
    await grow(user);
    const volumes = await user.ok("ls", "volumes", "--json");
    await disaster(user);
    await removeAll(user, "catalog");
    await recover(user, 0);
    const sizes = (text: string) =>
      text.trim().split("\n").map((row) => {
        const { name, imageSize, objectSize, key, files, created } = JSON.parse(row);
        return { name, imageSize, objectSize, key, files, created };
      });
    assert.deepEqual(sizes(await user.ok("ls", "volumes", "--json")), sizes(volumes));
  }));

test("volumes that are newer than the snapshot are added from their manifests", () =>
  withUser(async (user) => {
    await archive(user);
    const first = await newest(user, "catalog");
    await grow(user);
    await disaster(user);
    for (const path of await stored(user, "catalog")) if (path !== first) await rm(path);
    const report = await recover(user, 0);
    assert.deepEqual([report["fromManifests"], report["volumes"]], [1, 2]);
    await assertAllBack(user);
  }));

test("a file that changed after the snapshot is current with its newer contents", () =>
  withUser(async (user) => {
    await archive(user);
    const first = await newest(user, "catalog");
    await put(user, "Photos/empty.txt", "no longer", "2026-01-15T00:00:00.000Z");
    await grow(user);
    await disaster(user);
    for (const path of await stored(user, "catalog")) if (path !== first) await rm(path);
    await recover(user, 0);
    await assertAllBack(user);
    await user.ok("restore", "empty.txt", "--to", user.path("then"), "--at", "2026-01-10");
    assert.equal(await readFile(user.path("then/Photos/empty.txt"), "utf8"), "");
  }));

test("a damaged newest snapshot is named, and the next older one is taken", () =>
  withUser(async (user) => {
    await archive(user);
    await grow(user);
    await disaster(user);
    const bad = await newest(user, "catalog");
    await damage(bad);
    const report = await recover(user, 4);
    const problems = JSON.stringify(report["problems"]);
    assert.ok(
      problems.includes(bad.slice(user.path("disk").length + 1)) && problems.includes('"damaged"'),
      problems,
    );
    assert.deepEqual(report["lost"], []);
    assert.equal(report["volumes"], 2);
    await assertAllBack(user);
  }));

test("a damaged manifest is named, and the volume itself is asked", () =>
  withUser(async (user) => {
    await archive(user);
    await disaster(user);
    await removeAll(user, "catalog");
    await damage(await newest(user, "manifests"));
    const report = await recover(user, 4);
    assert.equal(report["fromVolumes"], 1);
    await assertAllBack(user);
  }));

test("the wrong key opens nothing and leaves no home behind", () =>
  withUser(async (user) => {
    await archive(user);
    await disaster(user);
    await user.ok("init", "--yes", "--home", user.path("other"));
    for (const gone of [[], ["catalog"], ["manifests"]]) {
      await removeAll(user, ...gone);
      assert.equal(await refusal(user, "--identity", user.path("other/keys/identity.txt")), "key-wrong");
      await assert.rejects(stat(user.home), { code: "ENOENT" });
    }
  }));

test("the passphrase alone recovers, and the key stays protected in the new home", () =>
  withUser(async (user) => {
    await archive(user);
    user.env = { COLDFRAME_PASSPHRASE: "correct horse" };
    await user.ok("key", "protect", "--work-factor", "10", "--to-store");
    await disaster(user);
    user.env = { COLDFRAME_PASSPHRASE: "wrong horse" };
    assert.equal(await refusal(user, "--passphrase"), "passphrase");
    await assert.rejects(stat(user.home), { code: "ENOENT" });
    user.env = { COLDFRAME_PASSPHRASE: "correct horse" };
    await user.ok("recover", storeOf(user), "--passphrase");
    assert.match(
      await readFile(user.path("home/keys/identity.txt"), "utf8"),
      /^-----BEGIN AGE ENCRYPTED FILE-----/,
    );
    await assertAllBack(user);
  }));

test("--dry-run says what would come back, and makes no home", () =>
  withUser(async (user) => {
    await archive(user);
    await grow(user);
    await stageOne(user);
    await disaster(user);
    const left = await readdir(user.folder);
    const { dryRun, files, volumes, staged, box, ...would } = await recover(user, 0, "--dry-run");
    assert.deepEqual([dryRun, files, volumes, staged, box], [true, 7, 2, 1, null]);
    assert.deepEqual(await readdir(user.folder), left);
    const { out } = await user.run("recover", storeOf(user), "--identity", user.path("key.txt"), "--dry-run");
    assert.match(
      out,
      /Would recover: +.*home\n.*from the snapshot of .*\n.*7 files, 2 volumes, 1 staged object/,
    );
    assert.match(out, /would be kept at .*identity\.txt[^]*Nothing was made\.\n$/);
    const { files: real, dryRun: _, box: __, ...did } = await recover(user, 0);
    assert.deepEqual([real, did], [files, { ...would, volumes, staged }]);
  }));

test("--dry-run is a drill where the home still is, and finds a key that opens nothing", () =>
  withUser(async (user) => {
    await archive(user);
    const before = await filesOfHome(user.home);
    const { files } = await recover(user, 0, "--dry-run");
    assert.equal(files, 4);
    await user.ok("init", "--yes", "--home", user.path("other"));
    await copyFile(user.path("other/keys/identity.txt"), user.path("key.txt"));
    assert.equal(await refusal(user, "--identity", user.path("key.txt"), "--dry-run"), "key-wrong");
    assert.deepEqual(await filesOfHome(user.home), before);
  }));

test("a home that exists is not touched", () =>
  withUser(async (user) => {
    await archive(user);
    const home = async () => {
      const paths = await filesOfHome(user.home);
      return await Promise.all(
        paths.map(async (path) => [path, await readFile(user.path("home", path), "hex")]),
      );
    };
    const before = await home();
    const { code, err } = await user.run("recover", storeOf(user), "--identity", user.path("key.txt"));
    assert.equal(code, 1);
    assert.match(err, /already holds a coldframe home/);
    assert.deepEqual(await home(), before);
  }));

test("what a killed recovery left is cleared, and other files in the folder stay", () =>
  withUser(async (user) => {
    await archive(user);
    await disaster(user);
    await put(user, "home/recovered.db", "half a catalog");
    await put(user, "home/keys/google.json", "{}");
    await recover(user, 0);
    const names = (await readdir(user.home)).filter((name) => !isLog(name));
    assert.deepEqual(names.sort(), ["box", "catalog.db", "config.toml", "keys", "lock.db"]);
    assert.equal(await readFile(user.path("home/keys/google.json"), "utf8"), "{}");
    await assertAllBack(user);
  }));

test("where the home cannot be written, no part of one stays", () =>
  withUser(async (user) => {
    await archive(user);
    await disaster(user);
    await put(user, "home/keys", "a file in the way");
    assert.equal(await refusal(user, "--identity", user.path("key.txt")), "home");
    assert.deepEqual((await readdir(user.home)).sort(), ["keys", "lock.db"]);
  }));

test("volumes of another archive in the same store are left out and named", () =>
  withUser(async (user) => {
    await archive(user);
    await disaster(user);
    await put(user, "Others/theirs.jpg", pseudoRandom(1000, 40));
    const home = user.path("home2");
    const stores = ["--cold", storeOf(user), "--staging", storeOf(user)];
    await user.ok(
      "init",
      "--home",
      home,
      ...stores,
      "--recipient",
      await recipientOf(user),
      "--no-identity",
      "--yes",
    );
    user.clock = Date.parse("2025-12-01T00:00:00Z");
    await user.ok("sync", "--home", home, user.path("Others"), "--seal");
    const report = await recover(user, 3);
    assert.equal((report["foreign"] as unknown[]).length, 1);
    await assertAllBack(user);
  }));

async function recipientOf(user: User): Promise<string> {
  const [, recipient = ""] = /public key: (age1\S+)/.exec(await readFile(user.path("key.txt"), "utf8")) ?? [];
  return recipient;
}

test("--no-keep-identity leaves only the public key in the home", () =>
  withUser(async (user) => {
    await archive(user);
    await disaster(user);
    const report = await recover(user, 0, "--no-keep-identity");
    assert.equal(report["identity"], null);
    assert.deepEqual(await readdir(user.path("home/keys")), ["recipients.txt"]);
    await user.ok("restore", "**", "--to", user.path("out"), "--identity", user.path("key.txt"));
  }));

test("a store that stands elsewhere now is taken over under its new URL", () =>
  withUser(async (user) => {
    await archive(user);
    await stageOne(user);
    await disaster(user);
    await rename(user.path("disk"), user.path("moved"));
    const moved = `file:${user.path("moved")}`;
    const report = await user.json("recover", moved, "--identity", user.path("key.txt"));
    assert.deepEqual(report["lost"], []);
    assert.deepEqual([report["staging"], report["cold"]], [moved, moved]);
    const [move] = report["moved"] as { from: string; to: string }[];
    assert.deepEqual([move?.from, move?.to], [storeOf(user), moved]);
    await assertAllBack(user);
  }));

test("a volume that is gone does not count any more, and its files are named", () =>
  withUser(async (user) => {
    await archive(user);
    await grow(user);
    await disaster(user);
    const gone = (await stored(user, "volumes")).find((path) => path.includes("2025-02-01"));
    assert.ok(gone !== undefined);
    await rm(gone);
    const report = await recover(user, 4);
    assert.deepEqual(report["lost"], ["Photos/2025/IMG_2.HEIC"]);
    assert.deepEqual(report["missing"], [{
      store: storeOf(user),
      key: gone.slice(user.path("disk").length + 1),
      found: "nothing",
    }]);
    const status = await user.json("status");
    assert.equal((status["unprotected"] as Report)["contents"], 1);
    const restored = await user.run("restore", "**", "--to", user.path("out"));
    assert.equal(restored.code, 3);
  }));

test("a volume that was cut does not count any more", () =>
  withUser(async (user) => {
    await archive(user);
    await grow(user);
    await disaster(user);
    const [path = ""] = await stored(user, "volumes");
    await truncate(path, (await stat(path)).size - 65_552);
    const report = await recover(user, 4);
    const [missing] = report["missing"] as { found: string }[];
    assert.deepEqual([missing?.found, report["volumes"]], ["another size", 1]);
  }));

for (const cut of [1, 200, 65_552]) {
  test(`where the only volume is ${cut} bytes too short and there is no snapshot, no home is made`, () =>
    withUser(async (user) => {
      await archive(user);
      await disaster(user);
      await removeAll(user, "catalog");
      const path = await newest(user, "volumes");
      await truncate(path, (await stat(path)).size - cut);
      assert.equal(await refusal(user, "--identity", user.path("key.txt")), "damaged");
      await assert.rejects(stat(user.home), { code: "ENOENT" });
    }));
}

test("a manifest tells the size of its volume, which then need not be read, as it may be archived", () =>
  withUser(async (user) => {
    await archive(user);
    await disaster(user);
    await removeAll(user, "catalog");
    const path = await newest(user, "volumes");
    const { size } = await stat(path);
    await truncate(path, 0);
    await truncate(path, size);
    const report = await recover(user, 0);
    assert.deepEqual([report["fromManifests"], report["volumes"]], [1, 1]);
    const restored = await user.run("restore", "**", "--to", user.path("out"));
    assert.notEqual(restored.code, 0, "the bytes are not believed for that");
    for (const path of await filesBelow(user.path("out"))) {
      assert.equal((await stat(user.path("out", path))).size, 0, `${path} needs no bytes of the volume`);
    }
  }));

test("a staged object that is gone is lost, one that was tidied away is not missed", () =>
  withUser(async (user) => {
    await archive(user);
    await stageOne(user);
    await disaster(user);
    for (const path of await stored(user, "staged")) await rm(path);
    const report = await recover(user, 4);
    assert.deepEqual(report["lost"], ["Photos/2026/IMG_3.HEIC"]);
    assert.equal((report["missing"] as unknown[]).length, 1);
  }));

test("a staged object that no catalog names is counted", () =>
  withUser(async (user) => {
    await archive(user);
    await stageOne(user);
    await disaster(user);
    await removeAll(user, "catalog");
    const report = await recover(user, 3);
    assert.equal(report["unnamed"], 1);
  }));

test("a staged object that the snapshot had not seen is named by the content it holds", () =>
  withUser(async (user) => {
    await archive(user);
    await stageOne(user);
    await snapshotWithoutStaged(user);
    await disaster(user);
    const report = await recover(user, 0);
    assert.deepEqual([report["staged"], report["unnamed"], report["lost"]], [1, 0, []]);
    await assertAllBack(user);
  }));

/** The newest snapshot is that of a run which came as far as its scan. */
async function snapshotWithoutStaged(user: User): Promise<void> {
  const { session, close } = await openSession({
    root: user.home,
    create: false,
    lockFor: "test",
    staging: undefined,
    cold: undefined,
    env: {},
    signal: user.signal,
    report: SILENT,
    now: () => Date.parse("2026-04-01T00:00:00Z"),
  });
  try {
    await session.db.run("DELETE FROM staged");
    await storeSnapshot(session, await session.staging());
  } finally {
    await close();
  }
}

test("a store of the archive that was not named stops the recovery, unless it is given up", () =>
  withUser(async (user) => {
    await archive(user);
    await put(user, "Photos/new.jpg", pseudoRandom(1000, 8));
    const other = `file:${user.path("stick")}`;
    user.clock = Date.parse("2026-03-01T00:00:00Z");
    await user.ok("sync", "--staging", other);
    await disaster(user);
    const alone = await user.run("recover", other, "--identity", user.path("key.txt"));
    assert.equal(alone.code, 2);
    assert.ok(alone.err.includes(storeOf(user)), alone.err);
    await assert.rejects(stat(user.home), { code: "ENOENT" });
    const partial = await user.run(
      "recover",
      other,
      "--identity",
      user.path("key.txt"),
      "--partial",
      "--json",
    );
    assert.equal(partial.code, 4);
    assert.equal(JSON.parse(partial.out).staged, 1);
    await rm(user.home, { recursive: true });
    const report = await recover(user, 0, "--", other);
    assert.deepEqual([report["staging"], report["cold"]], [other, storeOf(user)]);
    await assertAllBack(user);
  }));

test("with --box the machine goes on with its folders, and stores nothing twice", () =>
  withUser(async (user) => {
    await archive(user);
    const box = (await readFile(user.path("home/box"), "utf8")).trim();
    await rm(user.home, { recursive: true });
    await recover(user, 0, "--box", box);
    const report = await user.json("sync", "--seal");
    assert.deepEqual([report["staged"], report["sealed"]], [{ files: 0, bytes: 0 }, []]);
  }));

test("as a new machine it protects the restored folder without sending a content again", () =>
  withUser(async (user) => {
    await archive(user);
    await disaster(user);
    await recover(user, 0);
    await user.ok("restore", "**", "--to", user.path("out"));
    const report = await user.json("sync", user.path("out/Photos"), "--seal");
    assert.deepEqual(report["staged"], { files: 0, bytes: 0 });
  }));

test("an empty folder is no archive, and no home is made of it", () =>
  withUser(async (user) => {
    await archive(user);
    await disaster(user);
    await mkdir(user.path("empty"));
    const { code, out } = await user.run(
      "recover",
      `file:${user.path("empty")}`,
      "--identity",
      user.path("key.txt"),
      "--json",
    );
    assert.equal(code, 1);
    assert.match(JSON.parse(out).error.code, /^(nothing-found|store-missing)$/);
    await assert.rejects(stat(user.home), { code: "ENOENT" });
  }));

test("it says where the key is kept and what to do next", () =>
  withUser(async (user) => {
    await archive(user);
    await disaster(user);
    const text = await user.ok("recover", storeOf(user), "--identity", user.path("key.txt"));
    assert.match(text, /^Recovered home: /);
    assert.match(text, /Your secret key: kept at .*identity\.txt/);
    assert.match(text, /Photos: 4 files, from .*Photos on machine [0-9a-f]{16}/);
    assert.match(text, /Next: coldframe restore/);
  }));
