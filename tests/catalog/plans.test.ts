/**
 * How SQLite goes about the queries that run for every file or every page: by an index, never through a whole
 * table, which a year of photos would make a hundred times slower. Exact, and the same on a busy machine.
 */

import assert from "node:assert/strict";
import { test } from "node:test";
import { type Client, createClient } from "@libsql/client";
import { openCatalog } from "../../lib/catalog/catalog.ts";
import { Database } from "../../lib/catalog/database.ts";
import { listFolders, placesOf, totals, versionPages } from "../../lib/catalog/look.ts";
import { markStaged, startStaging } from "../../lib/catalog/staged.ts";
import { confirmedParts, findUpload, noteMade, notePart } from "../../lib/catalog/uploads.ts";
import {
  distrustContent,
  endVersions,
  knownText,
  knownVersions,
  recordHashed,
} from "../../lib/catalog/versions.ts";
import { readablePaths, volumeFiles } from "../../lib/catalog/volume-files.ts";
import { markStored } from "../../lib/catalog/volumes.ts";
import { oldestWaiting, unlisted, waitingFiles } from "../../lib/catalog/waiting.ts";
import { databaseUrl } from "../../lib/files.ts";
import { withFolder } from "../tools.ts";

const ARCHIVE = { archive: "a".repeat(32), opaqueKey: "b".repeat(64) };
const BYTES = new Uint8Array(16);

/** A client that notes statements; it reads, but writes nothing. */
function watched(client: Client, statements: string[]): Client {
  return new Proxy(client, {
    get(target, name) {
      if (name === "batch") {
        return (batch: readonly { sql: string }[]) => {
          statements.push(...batch.map(({ sql }) => sql));
          return Promise.resolve([]);
        };
      }
      if (name === "execute") {
        return (statement: { sql: string }) => {
          statements.push(statement.sql);
          return target.execute(statement);
        };
      }
      const value: unknown = Reflect.get(target, name);
      return typeof value === "function" ? value.bind(target) : value;
    },
  });
}

/** The steps by which SQLite does a piece of work on an empty catalog. */
function stepsOf(work: (db: Database) => Promise<unknown>): Promise<string[]> {
  return withFolder(async (folder) => {
    const path = `${folder}/catalog.db`;
    (await openCatalog(path, ARCHIVE)).close();
    const client = createClient({ url: databaseUrl(path) });
    try {
      const statements: string[] = [];
      await work(new Database(watched(client, statements), path));
      const steps: string[] = [];
      // The check of children that a new row could satisfy is in every plan, and runs only where some lack theirs.
      await client.execute("PRAGMA foreign_keys = OFF");
      for (const sql of statements) {
        // A plan does not depend on arguments, but wants as many.
        const { rows } = await client.execute(`EXPLAIN QUERY PLAN ${sql.replace(/\?\d*/g, "NULL")}`);
        steps.push(...rows.map(({ detail }) => String(detail)));
      }
      return steps;
    } finally {
      client.close();
    }
  });
}

/** What is asked for each page, or for each part, and so must not look at every row. */
const HOT: Readonly<Record<string, (db: Database) => Promise<unknown>>> = {
  "the known versions of a source": (db) => knownVersions(db, 1).next(),
  "a stretch of them": (db) => knownVersions(db, 1, "a", "b").next(),
  "a stretch of them as a text": (db) => knownText(db, 1, ["a", "b", 10], true),
  "what a run has to mention": (db) => unlisted(db, "box"),
  "how much waits for a volume": (db) => oldestWaiting(db, "box", 10),
  "a page of versions": (db) => versionPages(db).next(),
  "a page of all versions": (db) => versionPages(db, { all: true }).next(),
  "a page of versions with a text in their paths": (db) => versionPages(db, { containing: ["IMG_1"] }).next(),
  "the files of every folder": (db) => listFolders(db),
  "noting hashed files": (db) => recordHashed(db, 1, [FILE], 0),
  "ending versions": (db) => endVersions(db, [1], "gone", 0),
  "distrusting a content": (db) => db.write([distrustContent("box", FILE.sha256)]),
  "the places of contents": (db) => placesOf(db, [1]),
  "the files of a volume": (db) => volumeFiles(db, 1),
  "where the contents of a volume can be read": (db) => readablePaths(db, 1),
  "what waits for a volume": (db) => waitingFiles(db, "box"),
  "marking a volume stored": (db) => markStored(db, 1, null, 0),
  "finding an upload": (db) => findUpload(db, 1),
  "the confirmed parts of an upload": (db) => confirmedParts(db, 1),
  "starting to stage": (db) => startStaging(db, [UPLOAD]),
  "noting a part": async (db) => {
    await noteMade(db, 1, PART);
    await notePart(db, 1, { ...PART, tag: "" });
  },
  "marking contents staged": (db) => markStaged(db, [STAGED]),
};

const FILE = { path: "a", size: 1, mtime: 0, ctime: 0, inode: "1", mode: 0, sha256: "0".repeat(64) };
const PART = { index: 0, size: 1, sha256: "" };
const PLACE = { store: "file:/s", key: "k", size: 1 };
const UPLOAD = { ...PLACE, box: "box", header: BYTES, fileKey: BYTES, nonce: BYTES, started: 0, content: 1 };
const STAGED = { ...PLACE, content: 1, headerSize: 0, checksum: "", time: 0, upload: 1 };

/** A list of arguments, a result that is put together already (`f`), or what is on its way: 64 rows, about. */
const HARMLESS = /^SCAN (CONSTANT|\w+ VIRTUAL TABLE|json_each|\(subquery|f$|uploads$)/;
/** A part of a table that holds only what waits. */
const PARTIAL = /USING (COVERING )?INDEX (contents_waiting|versions_unlisted|folders_current)\b/;

function scans(steps: readonly string[]): string[] {
  return steps.filter((step) => /^SCAN/.test(step) && !HARMLESS.test(step) && !PARTIAL.test(step));
}

for (const [name, work] of Object.entries(HOT)) {
  test(`${name}: by indexes alone`, async () => {
    const steps = await stepsOf(work);
    assert.ok(steps.length > 0);
    assert.deepEqual(scans(steps), [], steps.join("\n"));
  });
}

test("a page of versions comes in the order of an index: nothing is sorted", async () => {
  for (const all of [false, true]) {
    const steps = await stepsOf((db) => versionPages(db, { all }).next());
    assert.deepEqual(steps.filter((step) => step.includes("TEMP B-TREE")), []);
  }
});

test("totals looks at each content once and at versions only in their index", async () => {
  const steps = await stepsOf(totals);
  assert.ok(
    steps.some((step) => /SEARCH v USING COVERING INDEX versions_content/.test(step)),
    steps.join("\n"),
  );
});

test("a scan of a table would be noticed", async () => {
  const steps = await stepsOf((db) => db.all("SELECT * FROM versions WHERE mtime = 1", [], () => 0));
  assert.equal(scans(steps).length, 1);
});
