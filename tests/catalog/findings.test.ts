/** What is wrong with the archive, from look to look. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { openCatalog } from "../../lib/catalog/catalog.ts";
import type { Database } from "../../lib/catalog/database.ts";
import { type Found, openFindings, settleFindings } from "../../lib/catalog/findings.ts";
import { withFolder } from "../tools.ts";

const ARCHIVE = { archive: "a".repeat(32), opaqueKey: "b".repeat(64) };

function withCatalog(body: (db: Database) => Promise<void>): Promise<void> {
  return withFolder(async (folder) => {
    const db = await openCatalog(`${folder}/catalog.db`, ARCHIVE);
    try {
      await body(db);
    } finally {
      db.close();
    }
  });
}

function missing(name: string): Found {
  return {
    name,
    kind: "object-missing",
    severity: "damage",
    message: `${name} is gone`,
    hint: undefined,
    files: ["Pictures/it's \n.jpg"],
  };
}

const names = async (db: Database, scope?: string) => (await openFindings(db, scope)).map(({ name }) => name);

test("what a look finds stays open, with the day it was first seen, until a look finds it no more", () =>
  withCatalog(async (db) => {
    await settleFindings(db, "staging", [missing("a"), missing("b")], 1000);
    await settleFindings(db, "staging", [missing("a"), missing("c")], 2000);
    const open = await openFindings(db);
    assert.deepEqual(open.map(({ name, opened, seen }) => [name, opened, seen]), [
      ["a", 1000, 2000],
      ["c", 2000, 2000],
    ]);
    assert.deepEqual(open[0]?.files, ["Pictures/it's \n.jpg"]);
    await settleFindings(db, "staging", [], 3000);
    assert.deepEqual(await names(db), []);
  }));

test("a look closes nothing of another scope", () =>
  withCatalog(async (db) => {
    await settleFindings(db, "staging", [missing("a")], 1000);
    await settleFindings(db, "volumes", [missing("b")], 1000);
    await settleFindings(db, "volumes", [], 2000);
    assert.deepEqual(await names(db), ["a"]);
    assert.deepEqual(await names(db, "volumes"), []);
  }));

test("a look that passed something over leaves its finding open", () =>
  withCatalog(async (db) => {
    await settleFindings(db, "deep", [missing("a"), missing("b")], 1000);
    await settleFindings(db, "deep", [], 2000, (name) => name === "b");
    assert.deepEqual(await names(db), ["a"]);
  }));

test("what was mended and breaks again is a new finding", () =>
  withCatalog(async (db) => {
    await settleFindings(db, "staging", [missing("a")], 1000);
    await settleFindings(db, "staging", [], 2000);
    await settleFindings(db, "staging", [missing("a")], 3000);
    assert.deepEqual((await openFindings(db)).map(({ opened }) => opened), [3000]);
  }));
