/** Renewing what is stored for a public key that was added later. */

import assert from "node:assert/strict";
import { copyFile, cp, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { readHeader } from "../../lib/age/header.ts";
import { formatIdentityFile, generateKeyPair, type KeyPair } from "../../lib/age/keys.ts";
import { hasCode } from "../../lib/errors.ts";
import { pseudoRandom } from "../tools.ts";
import { assertRestorable, contents, filesBelow, put } from "../cli/files.ts";
import { type User, withUser } from "../cli/harness.ts";

/** A volume, two staged files, and a public key that was added after them. */
function withSpouse(body: (user: User, spouse: KeyPair) => Promise<void>): Promise<void> {
  return withUser(async (user) => {
    user.clock = Date.parse("2026-03-01T00:00:00Z");
    await user.ok("init", "--classic", "--yes");
    await put(user, "Photos/old.jpg", pseudoRandom(200_000, 1));
    await user.ok("sync", user.path("Photos"), "--seal");
    await put(user, "Photos/new.jpg", pseudoRandom(100_000, 2));
    await put(user, "Photos/empty.txt", "");
    await user.ok("sync");
    const spouse = await generateKeyPair("x25519");
    await writeFile(user.path("spouse.txt"), formatIdentityFile(spouse, 0), { mode: 0o600 });
    await user.ok("key", "add", spouse.recipient);
    await body(user, spouse);
  });
}

const storeOf = (user: User) => user.path("home/store");

/** The objects that a key opens, by folder. */
async function opened(user: User, { identity }: KeyPair): Promise<Record<string, number>> {
  const counts: Record<string, number> = {};
  for (const path of await filesBelow(storeOf(user))) {
    const [folder = ""] = path.split("/");
    if (!path.endsWith(".age")) continue;
    const bytes = await readFile(join(storeOf(user), path));
    const access = {
      size: bytes.length,
      readAt: (at: number, length: number) =>
        Promise.resolve(new Uint8Array(bytes.subarray(at, at + length))),
    };
    try {
      await readHeader(access, { identities: [identity] });
      counts[folder] = (counts[folder] ?? 0) + 1;
    } catch (error) {
      assert.ok(hasCode(error, "key-wrong"), String(error));
    }
  }
  return counts;
}

test("a key that was added later opens manifests, staged files and the snapshot after a rewrap, not before", () =>
  withSpouse(async (user, spouse) => {
    assert.deepEqual(await opened(user, spouse), {});
    const out = await user.ok("key", "rewrap");
    assert.match(out, /1 manifest, 2 staged files, 1 snapshot/);
    assert.match(out, /Volumes that were sealed before still open with the keys of their day only/);
    assert.deepEqual(await opened(user, spouse), { catalog: 1, manifests: 1, staged: 2 });
    await assertRestorable(user);
  }));

test("a rewrap replaces nothing, and removes only the staged objects that it renewed", () =>
  withSpouse(async (user) => {
    const before = await contents(storeOf(user));
    await user.ok("key", "rewrap");
    const after = await contents(storeOf(user));
    const gone = Object.keys(before).filter((path) => !(path in after));
    assert.deepEqual(gone.map((path) => path.split("/")[0]), ["staged", "staged"]);
    for (const path of Object.keys(after)) if (path in before) assert.equal(after[path], before[path], path);
  }));

test("a second rewrap finds nothing but the snapshot to renew", () =>
  withSpouse(async (user) => {
    await user.ok("key", "rewrap");
    assert.match(await user.ok("key", "rewrap", "--dry-run"), /0 manifests, 0 staged files, and a snapshot/);
    assert.match(await user.ok("key", "rewrap"), /0 manifests, 0 staged files, 1 snapshot/);
    await user.ok("check", "volumes");
    await user.ok("check", "staging");
    assert.deepEqual((await user.json("status"))["findings"], []);
    await user.ok("sync", "--seal");
    await assertRestorable(user);
  }));

test("--dry-run writes nothing", () =>
  withSpouse(async (user) => {
    const before = await contents(storeOf(user));
    assert.match(await user.ok("key", "rewrap", "--dry-run"), /1 manifest, 2 staged files/);
    assert.deepEqual(await contents(storeOf(user)), before);
  }));

test("a rewrap that was cut short before the catalog knew its object is gone on with", () =>
  withSpouse(async (user, spouse) => {
    await copyFile(user.path("home/catalog.db"), user.path("catalog.db"));
    await rename(storeOf(user), user.path("whole"));
    await cp(user.path("whole"), storeOf(user), { recursive: true, preserveTimestamps: true });
    await user.ok("key", "rewrap");
    // As if the power had gone before the catalog's transaction: old objects and rows, and the new objects.
    for (const name of await readdir(user.path("whole/staged"))) {
      await copyFile(user.path("whole/staged", name), join(storeOf(user), "staged", name));
    }
    await copyFile(user.path("catalog.db"), user.path("home/catalog.db"));
    assert.equal((await readdir(join(storeOf(user), "staged"))).length, 4);
    await user.ok("key", "rewrap");
    assert.equal((await readdir(join(storeOf(user), "staged"))).length, 2);
    assert.equal((await opened(user, spouse))["staged"], 2);
    await assertRestorable(user);
  }));

test("a staged object that was swapped for another is not made a good one", () =>
  withSpouse(async (user) => {
    const [a = "", b = ""] = (await readdir(join(storeOf(user), "staged"))).map((name) =>
      join(storeOf(user), "staged", name)
    );
    await rename(a, `${a}.away`);
    await rename(b, a);
    await rename(`${a}.away`, b);
    const { code, err } = await user.run("key", "rewrap");
    assert.equal(code, 3);
    assert.equal(err.match(/stays as it was: .* holds another file than was stored under it/g)?.length, 2);
  }));

test("a home is recovered from renewed manifests alone by the key that was added", () =>
  withSpouse(async (user) => {
    await user.ok("key", "rewrap");
    await rm(join(storeOf(user), "catalog"), { recursive: true });
    await rename(storeOf(user), user.path("disk"));
    await rm(user.home, { recursive: true });
    const { code, out } = await user.run(
      "recover",
      `file:${user.path("disk")}`,
      "--identity",
      user.path("spouse.txt"),
      "--json",
    );
    assert.equal(code, 3, "the staged objects are named by no catalog");
    const report: unknown = JSON.parse(out);
    assert.ok(
      typeof report === "object" && report !== null && "fromManifests" in report && "problems" in report,
    );
    assert.deepEqual([report.fromManifests, report.problems], [1, []]);
    assert.match(await user.ok("ls", "files"), /old\.jpg/);
  }));
