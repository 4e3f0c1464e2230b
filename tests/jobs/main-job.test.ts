/** The main job on real files: scan → stage → seal → restore. */

import assert from "node:assert/strict";
import { mkdir, readdir, readFile, rm, stat, symlink, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { contents, put } from "../cli/files.ts";
import { connect } from "../../lib/catalog/database.ts";
import { type User, withUser } from "../cli/harness.ts";
import { pseudoRandom, run, testWith } from "../tools.ts";

/** A small family archive with the names and sizes that break backup tools. */
async function family(user: User): Promise<void> {
  await put(user, "Photos/2024/IMG_1.HEIC", pseudoRandom(300_000, 1));
  await put(user, "Photos/2024/IMG_1.MOV", pseudoRandom(1_200_000, 2));
  await put(
    user,
    'Photos/2023/it\'s "quoted" 😀\nline.jpg',
    pseudoRandom(65_536, 3),
    "2023-01-02T03:04:05.006Z",
  );
  await put(user, "Photos/empty.txt", "");
  await put(user, "Photos/copy of 1.HEIC", pseudoRandom(300_000, 1), "1999-12-31T23:59:59.999Z");
  await put(user, "Photos/one.bin", pseudoRandom(1, 4));
}

test("what was synced and sealed comes back with the same bytes and times", () =>
  withUser(async (user) => {
    await family(user);
    await user.ok("sync", user.path("Photos"), "--seal");
    await user.ok("restore", "**", "--to", user.path("out"));
    assert.deepEqual(await contents(user.path("out/Photos")), await contents(user.path("Photos")));
  }));

test("what is only staged comes back, too", () =>
  withUser(async (user) => {
    await family(user);
    await user.ok("sync", user.path("Photos"));
    await user.ok("restore", "**", "--to", user.path("out"));
    assert.deepEqual(await contents(user.path("out/Photos")), await contents(user.path("Photos")));
  }));

test("a second sync stores nothing", () =>
  withUser(async (user) => {
    await family(user);
    await user.ok("sync", user.path("Photos"), "--seal");
    const before = await contents(user.path("home/store"));
    await user.ok("sync", "--seal");
    assert.deepEqual(await contents(user.path("home/store")), before);
  }));

test("a content with two paths is stored once", () =>
  withUser(async (user) => {
    await family(user);
    const report = await user.json("sync", user.path("Photos"));
    assert.deepEqual(report["staged"], { files: 5, bytes: 300_000 + 1_200_000 + 65_536 + 1 });
  }));

test("a moved file is not stored again", () =>
  withUser(async (user) => {
    await family(user);
    await user.ok("sync", user.path("Photos"), "--seal");
    const bytes = await readFile(user.path("Photos/one.bin"));
    await rm(user.path("Photos/one.bin"));
    await put(user, "Photos/elsewhere/one.bin", bytes);
    const report = await user.json("sync", "--seal");
    assert.deepEqual(report["staged"], { files: 0, bytes: 0 });
    assert.deepEqual(report["sealed"], []);
  }));

test("a staged object goes only when its volume is stored", () =>
  withUser(async (user) => {
    await family(user);
    await user.ok("sync", user.path("Photos"));
    assert.equal((await readdir(user.path("home/store/staged"))).length, 5);
    await user.ok("sync", "--seal");
    assert.deepEqual(await readdir(user.path("home/store/staged")), []);
    assert.equal((await readdir(user.path("home/store/volumes"))).length, 1);
  }));

test("a changed file gets a new version, and the old one can still be had", () =>
  withUser(async (user) => {
    await put(user, "Photos/a.txt", "first");
    user.clock = Date.parse("2026-01-01T00:00:00Z");
    await user.ok("sync", user.path("Photos"), "--seal");
    await put(user, "Photos/a.txt", "second", "2024-06-01T00:00:00Z");
    user.clock = Date.parse("2026-02-01T00:00:00Z");
    await user.ok("sync", "--seal");
    await user.ok("restore", "a.txt", "--to", user.path("now"));
    await user.ok("restore", "a.txt", "--to", user.path("then"), "--at", "2026-01-15T00:00:00Z");
    assert.equal(await readFile(user.path("now/Photos/a.txt"), "utf8"), "second");
    assert.equal(await readFile(user.path("then/Photos/a.txt"), "utf8"), "first");
  }));

test("a file that is gone from its folder comes back by its name", () =>
  withUser(async (user) => {
    await family(user);
    await user.ok("sync", user.path("Photos"), "--seal");
    await rm(user.path("Photos/one.bin"));
    await user.ok("sync");
    await user.ok("restore", "one.bin", "--to", user.path("out"));
    assert.equal((await readFile(user.path("out/Photos/one.bin"))).length, 1);
  }));

test("full volumes are sealed by themselves, none larger than asked for, and the rest waits in staging", () =>
  withUser(async (user) => {
    for (let i = 0; i < 12; i++) {
      await put(
        user,
        `Photos/IMG_${i}.jpg`,
        pseudoRandom(400_000, i + 10),
        `2024-05-${String(i + 1).padStart(2, "0")}T00:00:00Z`,
      );
    }
    await user.ok("sync", user.path("Photos"), "--volume-size", "2M");
    const status = await user.json("status");
    const sealed = status["inVolumes"] as { contents: number };
    const waiting = status["onlyStaged"] as { contents: number };
    assert.ok(sealed.contents > 0 && waiting.contents > 0);
    assert.equal(sealed.contents + waiting.contents, 12);
    for (const line of (await user.ok("ls", "volumes", "--json")).trim().split("\n")) {
      assert.ok(JSON.parse(line).imageSize <= 2_000_000);
    }
  }));

test("symlinks are not followed, and a source that is one is resolved", () =>
  withUser(async (user) => {
    await put(user, "real/a.jpg", "a");
    await put(user, "outside.jpg", "outside");
    await symlink(user.path("outside.jpg"), user.path("real/link.jpg"));
    await symlink(user.path("real"), user.path("alias"));
    const text = await user.ok("sync", user.path("alias"));
    assert.match(text, /real: 1 file .*1 symlink not stored/);
  }));

testWith(
  ["age", "bsdtar", "xorriso", "7zz", "sha256sum"],
  "a stored volume opens with age and any ISO tool, and proves itself",
  () =>
    withUser(async (user) => {
      await put(user, "Photos/2024/IMG_1.HEIC", pseudoRandom(300_000, 1));
      await put(user, "Photos/Ümläut 😀.jpg", pseudoRandom(70_000, 3));
      await put(user, "Photos/empty.txt", "");
      await user.ok("init", "--classic", "--yes");
      await user.ok("sync", user.path("Photos"), "--seal");
      const [name = ""] = await readdir(user.path("home/store/volumes"));
      const iso = user.path("volume.iso");
      await run("age", [
        "-d",
        "-i",
        user.path("home/keys/identity.txt"),
        "-o",
        iso,
        user.path("home/store/volumes", name),
      ]);
      for (
        const [tool, args] of Object.entries({
          bsdtar: ["-xf", iso, "-C"],
          xorriso: ["-report_about", "WARNING", "-osirrox", "on", "-indev", iso, "-extract", "/"],
          "7zz": ["x", "-y", iso],
        })
      ) {
        const out = user.path(`by-${tool}`);
        await mkdir(out);
        await run(tool, tool === "7zz" ? [...args, `-o${out}`] : [...args, out]);
        await run("sha256sum", ["--check", "--strict", "SHA256SUMS"], { cwd: out });
        assert.deepEqual(
          Object.keys(await contents(join(out, "Photos"))).sort(),
          Object.keys(await contents(user.path("Photos"))).sort(),
        );
      }
    }),
);

test("a store inside a protected folder is not protected with it", () =>
  withUser(async (user) => {
    await put(user, "Photos/a.jpg", "a");
    const store = `file:${user.path("Photos/backup")}`;
    await user.ok("sync", user.path("Photos"), "--cold", store, "--staging", store, "--seal");
    const report = await user.json("sync", "--cold", store, "--staging", store, "--seal");
    assert.deepEqual(report["sealed"], []);
  }));

test("a store that was used and is gone is an error, not an empty store", () =>
  withUser(async (user) => {
    await put(user, "Photos/a.jpg", "a");
    const store = `file:${user.path("stick")}`;
    await user.ok("sync", user.path("Photos"), "--cold", store, "--staging", store);
    await rm(user.path("stick"), { recursive: true });
    await put(user, "Photos/b.jpg", "b");
    const { code, err } = await user.run("sync", "--cold", store, "--staging", store);
    assert.equal(code, 1);
    assert.match(err, /^Error: .*stick/);
    await assert.rejects(stat(user.path("stick")));
  }));

test("a file that changes while its volume is built is left out and planned again", () =>
  withUser(async (user) => {
    await put(user, "Photos/a.jpg", pseudoRandom(50_000, 1));
    await put(user, "Photos/b.jpg", pseudoRandom(50_000, 2));
    await user.ok("scan", user.path("Photos"));
    // The same size and time, other bytes, unseen by the scan: only reading it again can tell.
    const { mtime } = await stat(user.path("Photos/b.jpg"));
    await writeFile(user.path("Photos/b.jpg"), pseudoRandom(50_000, 3));
    await utimes(user.path("Photos/b.jpg"), mtime, mtime);
    await user.run("sync", "--seal");
    await user.ok("sync", "--seal");
    await user.ok("restore", "**", "--to", user.path("out"));
    assert.deepEqual(await contents(user.path("out/Photos")), await contents(user.path("Photos")));
  }));

test("what was packed as a file is still stored by the next sync", () =>
  withUser(async (user) => {
    await put(user, "Photos/a.jpg", "a");
    await user.ok("scan", user.path("Photos"));
    await user.ok("pack", "--seal", "--plain", "--out", user.path("discs"));
    const report = await user.json("sync", "--seal");
    assert.equal((report["sealed"] as unknown[]).length, 1);
    await user.ok("restore", "**", "--to", user.path("out"));
  }));

test("what a run left unfinished after storing a volume is in a snapshot before staging is tidied", () =>
  withUser(async (user) => {
    await put(user, "Photos/a.jpg", "a");
    await user.ok("sync", user.path("Photos"));
    const [name = ""] = await readdir(user.path("home/store/staged"));
    const object = await readFile(user.path("home/store/staged", name));
    const db = connect(user.path("home/catalog.db"));
    await db.run("CREATE TABLE kept AS SELECT * FROM staged");
    await user.ok("sync", "--seal");
    // As if the power had gone after step 7 of the commit order: the staged object and its row are still there.
    await writeFile(user.path("home/store/staged", name), object);
    await db.write([{ sql: "INSERT INTO staged SELECT * FROM kept" }, { sql: "DROP TABLE kept" }]);
    db.close();
    const before = (await readdir(user.path("home/store/catalog"))).length;
    const report = await user.json("sync");
    assert.equal(report["tidied"], 1);
    assert.equal((await readdir(user.path("home/store/catalog"))).length, before + 1);
    assert.deepEqual(await readdir(user.path("home/store/staged")), []);
  }));

test("what was staged and never confirmed goes only after the snapshot that knows its volume", () =>
  withUser(async (user) => {
    await put(user, "Photos/a.jpg", "a");
    await user.ok("sync", user.path("Photos"));
    const [name = ""] = await readdir(user.path("home/store/staged"));
    const object = await readFile(user.path("home/store/staged", name));
    await user.ok("sync", "--seal");
    // As if one run had been killed before the object was marked staged, and the next before its snapshot.
    await writeFile(user.path("home/store/staged", name), object);
    const db = connect(user.path("home/catalog.db"));
    await db.write([{
      sql: `INSERT INTO uploads (box, store, key, content, size, header, file_key, nonce, started)
            SELECT s.box, ?, ?, c.id, ?, x'00', x'00', x'00', 0 FROM contents c, sources s`,
      args: [`file:${user.path("home/store")}`, `staged/${name}`, object.length],
    }]);
    db.close();
    const before = (await readdir(user.path("home/store/catalog"))).length;
    await user.ok("sync");
    assert.deepEqual(await readdir(user.path("home/store/staged")), []);
    assert.equal((await readdir(user.path("home/store/catalog"))).length, before + 1);
  }));
