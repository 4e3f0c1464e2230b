/** Folders that hold no file: they come back, too. */

import assert from "node:assert/strict";
import { mkdir, readdir, rm, stat, utimes } from "node:fs/promises";
import { test } from "node:test";
import { openCatalog } from "../../lib/catalog/catalog.ts";
import type { Database } from "../../lib/catalog/database.ts";
import { foldersOfVolume, recordFolders, unlistedFolders } from "../../lib/catalog/folders.ts";
import { ensureSource } from "../../lib/catalog/sources.ts";
import { dropPlanned, planVolume } from "../../lib/catalog/volumes.ts";
import { onlyFile, put } from "../cli/files.ts";
import { type User, withUser } from "../cli/harness.ts";
import { run, testWith, withFolder } from "../tools.ts";

const TIME = new Date("2021-02-03T04:05:06.789Z");

async function makeEmpty(user: User, ...paths: string[]): Promise<void> {
  for (const path of paths) {
    await mkdir(user.path(path), { recursive: true });
    await utimes(user.path(path), TIME, TIME);
  }
}

testWith(
  ["diff"],
  "what is restored is the same tree as the source, empty folders included",
  () =>
    withUser(async (user) => {
      await put(user, "Photos/2024/a.jpg", "a");
      await makeEmpty(user, "Photos/2025", "Photos/2024/to sort", "Photos/deep/er/still", "Photos/ü\n");
      const same = (folder: string) => run("diff", ["-r", user.path("Photos"), user.path(folder, "Photos")]);

      await user.ok("sync", user.path("Photos"));
      const said = await user.ok("restore", "**", "--to", user.path("staged"));
      assert.match(said, /Restored 1 file .*\nMade 4 folders\.\n/);
      await same("staged");

      await user.ok("sync", "--seal");
      await user.ok("restore", "**", "--to", user.path("sealed"));
      await same("sealed");
      assert.equal((await stat(user.path("sealed/Photos/2025"))).mtime.toISOString(), TIME.toISOString());

      const volume = await onlyFile(user, "home/store/volumes");
      await user.ok("restore", "**", "--image", volume, "--to", user.path("bare"));
      await same("bare");
      assert.equal((await stat(user.path("bare/Photos/2025"))).mtime.toISOString(), TIME.toISOString());
      assert.match(await user.ok("tree", volume), /── 2025\/\n/);
    }),
);

testWith(
  ["bsdtar", "diff"],
  "an image has them as folders for every other reader",
  () =>
    withUser(async (user) => {
      await put(user, "Photos/a.jpg", "a");
      await makeEmpty(user, "Photos/2025");
      await user.ok("init", "--classic", "--yes");
      await user.ok("scan", user.path("Photos"));
      await user.ok("pack", "--out", user.path("packed"), "--seal", "--plain");
      await mkdir(user.path("out"));
      await run("bsdtar", ["-xf", await onlyFile(user, "packed"), "-C", user.path("out")]);
      await run("diff", ["-r", user.path("Photos"), user.path("out/Photos")]);
    }),
);

test("a pattern that means an empty folder brings it back, one that means files does not", () =>
  withUser(async (user) => {
    await put(user, "Photos/a.jpg", "a");
    await makeEmpty(user, "Photos/2025/empty", "Photos/other");
    await user.ok("sync", user.path("Photos"), "--seal");
    await user.ok("restore", "2025", "--to", user.path("out"));
    assert.deepEqual(await readdir(user.path("out/Photos")), ["2025"]);
    await user.ok("restore", "*.jpg", "--to", user.path("files"));
    assert.deepEqual(await readdir(user.path("files/Photos")), ["a.jpg"]);
  }));

test("a folder that is no longer empty, or gone, comes back as it was then only", () =>
  withUser(async (user) => {
    await put(user, "Photos/a.jpg", "a");
    await makeEmpty(user, "Photos/filled", "Photos/removed");
    user.clock = Date.parse("2026-01-01T00:00:00Z");
    await user.ok("sync", user.path("Photos"), "--seal");
    await put(user, "Photos/filled/b.jpg", "b");
    await rm(user.path("Photos/removed"), { recursive: true });
    user.clock = Date.parse("2026-02-01T00:00:00Z");
    await user.ok("sync", "--seal");
    await user.ok("restore", "**", "--to", user.path("now"));
    assert.deepEqual((await readdir(user.path("now/Photos"))).sort(), ["a.jpg", "filled"]);
    await user.ok("restore", "**", "--to", user.path("then"), "--at", "2026-01-15T00:00:00Z");
    assert.deepEqual((await readdir(user.path("then/Photos"))).sort(), ["a.jpg", "filled", "removed"]);
    assert.deepEqual(await readdir(user.path("then/Photos/filled")), []);
  }));

test("each is named by one manifest only", () =>
  withUser(async (user) => {
    await put(user, "Photos/a.jpg", "a");
    await makeEmpty(user, "Photos/first");
    await user.ok("sync", user.path("Photos"), "--seal");
    const first = await onlyFile(user, "home/store/volumes");
    await put(user, "Photos/b.jpg", "b");
    await makeEmpty(user, "Photos/second");
    await user.ok("sync", "--seal");
    const all = (await readdir(user.path("home/store/volumes"))).map((name) =>
      user.path("home/store/volumes", name)
    );
    const [second = ""] = all.filter((path) => path !== first);
    const tree = await user.ok("tree", second);
    assert.match(tree, /second\//);
    assert.doesNotMatch(tree, /first/);
  }));

/** Runs `body` with a catalog that knows one source of the box "b". */
function withCatalog(body: (db: Database, source: number) => Promise<void>): Promise<void> {
  return withFolder(async (folder) => {
    const fresh = { archive: "00", opaqueKey: "00" };
    const db = await openCatalog(`${folder}/catalog.db`, fresh, undefined);
    try {
      await body(db, (await ensureSource(db, "b", "/Photos", [], 1)).id);
    } finally {
      db.close();
    }
  });
}

const nothingUnknown = () => false;

async function planOne(db: Database): Promise<number> {
  const volume = {
    name: "v",
    state: "planned" as const,
    box: "b",
    store: "file:/s",
    key: "k",
    created: 1,
    imageSize: 1,
    objectSize: 1,
    headerSize: 0,
    udf: true,
    files: 0,
    oldest: 1,
    newest: 1,
  };
  const bytes = new Uint8Array(16);
  const upload = {
    box: "b",
    store: "file:/s",
    key: "k",
    size: 1,
    header: bytes,
    fileKey: bytes,
    nonce: bytes,
    started: 1,
  };
  return (await planVolume(db, volume, [], { upload, folders: await unlistedFolders(db, "b") })).id;
}

test("a planned volume names the folders it was planned with, whatever a later scan finds", () =>
  withCatalog(async (db, source) => {
    await recordFolders(db, source, [{ path: "b", mtime: 5 }, { path: "a", mtime: 4 }], nothingUnknown, 10);
    const volume = await planOne(db);
    const planned = await foldersOfVolume(db, volume);
    assert.deepEqual(planned.map(({ path, mtime }) => [path, mtime]), [["Photos/a", 4], ["Photos/b", 5]]);
    await recordFolders(db, source, [{ path: "a", mtime: 6 }], nothingUnknown, 11);
    assert.deepEqual(await foldersOfVolume(db, volume), planned);
    assert.deepEqual((await unlistedFolders(db, "b")).map(({ path, mtime }) => [path, mtime]), [[
      "Photos/a",
      6,
    ]]);
  }));

test("the folders of a volume that was given up wait for the next one", () =>
  withCatalog(async (db, source) => {
    await recordFolders(db, source, [{ path: "a", mtime: 4 }], nothingUnknown, 10);
    await dropPlanned(db, await planOne(db));
    assert.deepEqual((await unlistedFolders(db, "b")).map(({ path }) => path), ["Photos/a"]);
  }));

test("a folder that could not be looked at stays what it was", () =>
  withCatalog(async (db, source) => {
    await recordFolders(db, source, [{ path: "a", mtime: 4 }, { path: "b", mtime: 4 }], nothingUnknown, 10);
    await recordFolders(db, source, [], (path) => path === "a", 11);
    assert.deepEqual((await unlistedFolders(db, "b")).map(({ path }) => path), ["Photos/a"]);
  }));
