/**
 * A copy of a catalog as a local file: by SQLite itself where the catalog is one, by queries where it is on
 * a server, which would write the file to its own disk. What is secret to a box stays out: the uploads,
 * with their file keys.
 */

import { archiveIdentity, openCatalog } from "./catalog.ts";
import { connect, type Database, type ReadRows } from "./database.ts";

/** The tables of a copy with their keys, in an order in which every reference finds its row. */
export const COPIED_TABLES: readonly (readonly [table: string, ...key: string[]])[] = [
  ["meta", "key"],
  ["sources", "id"],
  ["volumes", "id"],
  ["contents", "id"],
  ["versions", "id"],
  ["volume_files", "volume", "position"],
  ["folders", "id"],
  ["staged", "content", "store"],
  ["mirrored", "id"],
  ["discarded", "store", "key"],
  ["snapshots", "store", "key"],
  ["restores", "id"],
  ["restore_files", "restore", "version"],
  ["thaws", "id"],
  ["proofs", "store", "key", "content", "level"],
  ["findings", "id"],
  ["told", "finding"],
  ["notices", "id"],
  ["runs", "id"],
];

/** Tables that a copy leaves empty. */
export const SECRET_TABLES: readonly string[] = ["upload_parts", "uploads"];

/**
 * Copies a catalog.
 *
 * @param path of a file that is empty or not there
 * @throws ColdframeError `catalog`
 */
export async function copyCatalog(db: Database, path: string): Promise<void> {
  if (!db.local) return await copyByQueries(db, path);
  await db.run("VACUUM INTO ?", [path]);
  await eraseSecrets(path);
}

/** With secure_delete, SQLite overwrites what it deletes, so that nothing stays in free pages. */
async function eraseSecrets(path: string): Promise<void> {
  const copy = connect(path);
  try {
    await copy.run("PRAGMA secure_delete = ON");
    await copy.write(SECRET_TABLES.map((table) => ({ sql: `DELETE FROM ${table}` })));
  } finally {
    copy.close();
  }
}

async function copyByQueries(db: Database, path: string): Promise<void> {
  const copy = await openCatalog(path, await archiveIdentity(db));
  try {
    await db.atOneMoment(async (read) => {
      for (const [table, ...key] of COPIED_TABLES) await copyTable(read, copy, table, key);
    });
    await copy.checkpoint();
    await copy.run("PRAGMA journal_mode = DELETE"); // one file, without a log beside it
  } finally {
    copy.close();
  }
}

/** Rows of one answer of the server, and of one transaction of the copy. */
const PAGE = 2000;

async function copyTable(
  read: ReadRows,
  copy: Database,
  table: string,
  key: readonly string[],
): Promise<void> {
  const columns = await copy.all(`PRAGMA table_info(${table})`, [], (row) => row.text("name"));
  const marks = (n: number) => Array(n).fill("?").join(", ");
  const insert = `INSERT OR REPLACE INTO ${table} (${columns.join(", ")}) VALUES (${marks(columns.length)})`;
  const select = `SELECT ${columns.join(", ")} FROM ${table}`;
  const order = `ORDER BY ${key.join(", ")} LIMIT ${PAGE}`;
  const after = `WHERE (${key.join(", ")}) > (${marks(key.length)})`;
  let rows = await read(`${select} ${order}`, []);
  while (rows.length > 0) {
    await copy.write(rows.map((args) => ({ sql: insert, args })));
    const last = rows.at(-1) ?? [];
    if (rows.length < PAGE) return;
    rows = await read(`${select} ${after} ${order}`, key.map((name) => last[columns.indexOf(name)] ?? null));
  }
}
