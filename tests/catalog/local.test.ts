/** The catalog as a file on this machine. */

import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { archiveIdentity, integrityProblems, openCatalog } from "../../lib/catalog/catalog.ts";
import { connect, type Database } from "../../lib/catalog/database.ts";
import { listFolders, versionPages } from "../../lib/catalog/look.ts";
import { MIGRATIONS, SCHEMA_VERSION } from "../../lib/catalog/schema.ts";
import { ensureSource, listSources } from "../../lib/catalog/sources.ts";
import {
  endVersions,
  type HashedFile,
  knownText,
  knownVersions,
  recordHashed,
} from "../../lib/catalog/versions.ts";
import { hasCode } from "../../lib/errors.ts";
import { byPath } from "../../lib/order.ts";
import { textOf } from "../../lib/scan/compare.ts";
import { withFolder } from "../tools.ts";

const ARCHIVE = { archive: "a".repeat(32), opaqueKey: "b".repeat(64) };
const BOX = "0123456789abcdef";

/** Runs `body` with a new catalog. */
function withCatalog(body: (db: Database, path: string) => Promise<void>): Promise<void> {
  return withFolder(async (folder) => {
    const path = `${folder}/catalog.db`;
    const db = await openCatalog(path, ARCHIVE);
    try {
      await body(db, path);
    } finally {
      db.close();
    }
  });
}

function hashed(path: string, content: string, mtime = 0): HashedFile {
  return { path, size: 1, mtime, ctime: 0, inode: "1", mode: 0o644, sha256: content.padStart(64, "0") };
}

async function knownPaths(db: Database, source: number): Promise<string[]> {
  const paths: string[] = [];
  for await (const page of knownVersions(db, source)) paths.push(...page.map(({ path }) => path));
  return paths;
}

/** The versions of everything, ended ones too: path, first digits of the content, how it ended. */
async function history(db: Database): Promise<string[]> {
  const lines: string[] = [];
  for await (const page of versionPages(db, { all: true })) {
    lines.push(
      ...page.map(({ path, sha256, ending }) => `${path} ${sha256.slice(-1)} ${ending ?? "current"}`),
    );
  }
  return lines;
}

const NAMES = [
  "it's.jpg",
  'say "cheese".jpg',
  "`; DROP TABLE versions; --.jpg",
  "new\nline.jpg",
  "tab\tand\\backslash.jpg",
  "😀🏳️‍🌈.jpg",
  "e\u0301 is not \u00e9.jpg",
  "\u00e9 is not e\u0301.jpg",
  "%_*?[].jpg",
  `${"long/".repeat(819)}x`,
  "\u0001control\u007f.jpg",
  "NULL",
  "{}",
];

test("names with quotes, newlines, emoji and 4 kB paths are ordinary data", () =>
  withCatalog(async (db) => {
    const source = await ensureSource(db, BOX, '/home/me/it\'s "mine"\n😀', [], 0);
    await recordHashed(db, source.id, NAMES.map((name, i) => hashed(name, i.toString(16))), 1);
    assert.deepEqual((await knownPaths(db, source.id)).sort(), NAMES.toSorted());
    const listed: string[] = [];
    for await (const page of versionPages(db)) listed.push(...page.map(({ path }) => path));
    assert.deepEqual(listed.sort(), NAMES.map((name) => `it's "mine"\n😀/${name}`).sort());
    assert.deepEqual(await integrityProblems(db), []);
  }));

test("the text of a stretch is that of a scan that finds the same files", () =>
  withCatalog(async (db) => {
    const source = await ensureSource(db, BOX, "/photos", [], 0);
    const files = NAMES.toSorted(byPath).map((name, i) => ({
      ...hashed(name, i.toString(16), i - 1),
      inode: `9${i}`,
    }));
    await recordHashed(db, source.id, files, 1);
    const last = NAMES.toSorted(byPath).at(-1) ?? "";
    for (const inodes of [true, false]) {
      const text = (after: string, upTo: string, most: number) =>
        knownText(db, source.id, [after, upTo, most], inodes);
      assert.equal(await text("", last, files.length), textOf(files, { inodes }));
      const [a, b] = [files[3]?.path ?? "", files[7]?.path ?? ""];
      assert.equal(await text(a, b, 4), textOf(files.slice(4, 8), { inodes }));
      assert.equal(
        await text(a, b, 1),
        textOf(files.slice(4, 6), { inodes }),
        "one more than are of interest",
      );
      assert.equal(await text(last, `${last}x`, 4), "");
    }
  }));

test("the versions of a stretch are those after its first path up to its last", () =>
  withCatalog(async (db) => {
    const source = await ensureSource(db, BOX, "/photos", [], 0);
    await recordHashed(db, source.id, ["a", "b", "c", "d"].map((name) => hashed(name, "1")), 1);
    const paths: string[] = [];
    for await (const page of knownVersions(db, source.id, "a", "c")) {
      paths.push(...page.map(({ path }) => path));
    }
    assert.deepEqual(paths, ["b", "c"]);
  }));

test("any path comes back as it went in", () =>
  withCatalog(async (db) => {
    const source = await ensureSource(db, BOX, "/photos", [], 0);
    // what no file system has: half of a surrogate pair, and NUL
    const path = fc.string({ unit: "binary", minLength: 1, maxLength: 40 })
      .filter((text) => text.isWellFormed() && !text.includes("\0"));
    await fc.assert(
      fc.asyncProperty(fc.uniqueArray(path, { maxLength: 20 }), async (paths) => {
        await db.write([{ sql: "DELETE FROM versions" }]);
        await recordHashed(db, source.id, paths.map((name) => hashed(name, "1")), 1);
        assert.deepEqual((await knownPaths(db, source.id)).sort(), paths.toSorted());
      }),
      { numRuns: 30 },
    );
  }));

test("a name with half a surrogate pair is refused, as libsql would end the process over it", () =>
  withCatalog(async (db) => {
    const source = await ensureSource(db, BOX, "/photos", [], 0);
    await assert.rejects(
      recordHashed(db, source.id, [hashed("good", "1"), hashed("\ud83d.jpg", "2")], 1),
      (error) => hasCode(error, "source-unreadable"),
    );
    assert.deepEqual(await knownPaths(db, source.id), []);
  }));

test("known versions come in the order of their UTF-8 bytes, over more than one page", () =>
  withCatalog(async (db) => {
    const source = await ensureSource(db, BOX, "/photos", [], 0);
    const paths = Array.from({ length: 12_001 }, (_, i) => `${["a", "Z", "é", "😀", "\uffff"][i % 5]}/${i}`);
    await recordHashed(db, source.id, paths.map((path) => hashed(path, "1")), 1);
    const encoder = new TextEncoder();
    const bytes = (text: string) =>
      [...encoder.encode(text)].map((byte) => byte.toString(16).padStart(2, "0")).join("");
    assert.deepEqual(await knownPaths(db, source.id), paths.toSorted((a, b) => bytes(a) < bytes(b) ? -1 : 1));
  }));

test("a changed content ends the version before it, and every version stays listed", () =>
  withCatalog(async (db) => {
    const source = await ensureSource(db, BOX, "/photos", [], 0);
    await recordHashed(db, source.id, [hashed("a", "1"), hashed("b", "2")], 1);
    await recordHashed(db, source.id, [hashed("a", "3")], 2);
    await recordHashed(db, source.id, [hashed("a", "1")], 3); // back to what it was
    assert.deepEqual(await history(db), [
      "photos/a 1 changed",
      "photos/a 3 changed",
      "photos/a 1 current",
      "photos/b 2 current",
    ]);
  }));

test("a new time alone makes no new version", () =>
  withCatalog(async (db) => {
    const source = await ensureSource(db, BOX, "/photos", [], 0);
    await recordHashed(db, source.id, [hashed("a", "1", 100)], 1);
    await recordHashed(db, source.id, [hashed("a", "1", 200)], 2);
    assert.deepEqual(await history(db), ["photos/a 1 current"]);
    for await (const [version] of knownVersions(db, source.id)) assert.equal(version?.mtime, 200);
  }));

test("a version that ended is not ended again", () =>
  withCatalog(async (db) => {
    const source = await ensureSource(db, BOX, "/photos", [], 0);
    await recordHashed(db, source.id, [hashed("a", "1")], 1);
    const ids: number[] = [];
    for await (const page of knownVersions(db, source.id)) ids.push(...page.map(({ id }) => id));
    await endVersions(db, ids, "gone", 2);
    await endVersions(db, ids, "moved", 3);
    assert.deepEqual(await history(db), ["photos/a 1 gone"]);
  }));

test("sources with one folder name have names of their own, and no reserved one", () =>
  withCatalog(async (db) => {
    for (const path of ["/a/Photos", "/b/Photos", "/c/Photos", "/README.txt", "/", "D:\\"]) {
      await ensureSource(db, BOX, path, ["README.txt"], 0);
    }
    await ensureSource(db, "another box", "/a/Photos", [], 0);
    assert.deepEqual((await listSources(db)).map(({ name }) => name).sort(), [
      "D",
      "Photos",
      "Photos 2",
      "Photos 3",
      "Photos 4",
      "README.txt 2",
      "root",
    ]);
    assert.equal((await ensureSource(db, BOX, "/b/Photos", [], 0)).name, "Photos 2");
  }));

test("folders are listed with what is directly in them", () =>
  withCatalog(async (db) => {
    const source = await ensureSource(db, BOX, "/photos", [], 0);
    await recordHashed(
      db,
      source.id,
      ["top", "a/1", "a/2", "a/b/3"].map((path, i) => hashed(path, String(i))),
      1,
    );
    assert.deepEqual((await listFolders(db)).map(({ path, files }) => [path, files]), [
      ["photos", 1],
      ["photos/a", 2],
      ["photos/a/b", 1],
    ]);
  }));

test("a catalog keeps its ids when it is opened again", () =>
  withCatalog(async (db, path) => {
    db.close();
    const again = await openCatalog(path, { archive: "other", opaqueKey: "other" });
    assert.deepEqual(await archiveIdentity(again), ARCHIVE);
    again.close();
  }));

test("every migration from an older schema leads to the present one", async () => {
  for (let from = 1; from <= SCHEMA_VERSION; from++) {
    await withFolder(async (folder) => {
      const old = connect(`${folder}/catalog.db`);
      for (const migration of MIGRATIONS.slice(0, from)) await old.write(migration.map((sql) => ({ sql })));
      const meta = { ...ARCHIVE, schema: String(from) };
      await old.write(Object.entries(meta).map((args) => ({ sql: "INSERT INTO meta VALUES (?, ?)", args })));
      old.close();
      const db = await openCatalog(`${folder}/catalog.db`, ARCHIVE);
      const fresh = await openCatalog(`${folder}/fresh.db`, ARCHIVE);
      assert.deepEqual(await schemaOf(db), await schemaOf(fresh));
      db.close();
      fresh.close();
    });
  }
});

async function schemaOf(db: Database): Promise<string[]> {
  return await db.all(
    "SELECT type || ' ' || name || ': ' || coalesce(sql, '') AS line FROM sqlite_master ORDER BY line",
    [],
    (row) => row.text("line"),
  );
}

test("a migration that fails leaves the catalog as it was", () =>
  withCatalog(async (db) => {
    const before = await schemaOf(db);
    await assert.rejects(db.write([{ sql: "CREATE TABLE more (a)" }, { sql: "CREATE TABLE meta (b)" }]));
    assert.deepEqual(await schemaOf(db), before);
  }));

test("a catalog from the future is refused, and left as it is", () =>
  withCatalog(async (db, path) => {
    const next = String(SCHEMA_VERSION + 1);
    await db.write([{ sql: "UPDATE meta SET value = ? WHERE key = 'schema'", args: [next] }]);
    await assert.rejects(openCatalog(path, ARCHIVE), (error) => {
      assert.ok(hasCode(error, "catalog"));
      assert.match(
        error.message,
        new RegExp(`written by a newer coldframe \\(schema ${next}, this one knows ${SCHEMA_VERSION}\\)`),
      );
      return error.hint === "Update coldframe on this machine.";
    });
    const [schema] = await db.all("SELECT value FROM meta WHERE key = 'schema'", [], (row) =>
      row.text("value"));
    assert.equal(schema, next);
  }));

test("a reader sees what was before, and does not wait, while a write goes on", () =>
  withCatalog(async (db, path) => {
    const source = await ensureSource(db, BOX, "/photos", [], 0);
    await recordHashed(db, source.id, [hashed("a", "1")], 1);
    const reader = await openCatalog(path, ARCHIVE);
    let written = 0;
    const writing = (async () => {
      for (; written < 20; written++) await recordHashed(db, source.id, [hashed(`b${written}`, "2")], 2);
    })();
    const counts: number[] = [];
    while (written < 20) {
      const [n] = await reader.all("SELECT count(*) AS n FROM versions", [], (row) => row.int("n"));
      counts.push(n ?? -1);
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
    await writing;
    assert.deepEqual(counts, counts.toSorted((x, y) => x - y));
    assert.ok(counts.every((n) => n >= 1 && n <= 21));
    reader.close();
  }));

test("queries at one moment do not see what is written between them", () =>
  withCatalog(async (db, path) => {
    const writer = await openCatalog(path, ARCHIVE);
    await db.atOneMoment(async (read) => {
      assert.deepEqual(await read("SELECT count(*) FROM sources", []), [[0]]);
      await ensureSource(writer, BOX, "/photos", [], 0);
      assert.deepEqual(await read("SELECT count(*) FROM sources", []), [[0]]);
    });
    assert.equal((await listSources(db)).length, 1);
    writer.close();
  }));

test("a path with %, ?, # and spaces is a place for a catalog like any other", () =>
  withFolder(async (folder) => {
    const path = `${folder}/100% who? #1 é.db`;
    (await openCatalog(path, ARCHIVE)).close();
    const again = await openCatalog(path, { archive: "x", opaqueKey: "y" });
    assert.deepEqual(await archiveIdentity(again), ARCHIVE);
    again.close();
  }));
