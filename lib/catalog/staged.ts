/** Contents in staging: single encrypted files that wait for a volume. */

import type { Database, RowReader, Statement } from "./database.ts";
import { forgetUpload, type NewUpload, startUpload } from "./uploads.ts";

/** A row of `staged`: a content whose object the store has confirmed. */
export interface StagedObject {
  readonly content: number;
  readonly store: string;
  readonly key: string;
  /** Bytes of the object. */
  readonly size: number;
  readonly headerSize: number;
  readonly checksum: string;
  readonly time: number;
}

const COLUMNS = "g.content, g.store, g.key, g.size, g.header_size, g.checksum, g.time";

function parse(row: RowReader): StagedObject {
  return {
    content: row.int("content"),
    store: row.text("store"),
    key: row.text("key"),
    size: row.int("size"),
    headerSize: row.int("header_size"),
    checksum: row.text("checksum"),
    time: row.int("time"),
  };
}

/** The contents that are staged in a store. */
export async function stagedContents(db: Database, store: string): Promise<Set<number>> {
  const ids = await db.all(
    "SELECT content FROM staged WHERE store = ?",
    [store],
    (row) => row.int("content"),
  );
  return new Set(ids);
}

/** Writes down several uploads of contents, as one transaction. */
export async function startStaging(
  db: Database,
  uploads: readonly (NewUpload & { readonly content: number })[],
): Promise<void> {
  await db.write(uploads.map((upload) => startUpload(upload, { content: upload.content })));
}

/** Marks contents staged and ends their uploads, as one transaction (DESIGN §5 step 2). */
export async function markStaged(
  db: Database,
  objects: readonly (StagedObject & { readonly upload: number })[],
): Promise<void> {
  await db.write(objects.flatMap(({ upload, ...object }) => [addStaged(object), ...forgetUpload(upload)]));
}

/** Notes a staged object that the store holds. */
export function addStaged(object: StagedObject): Statement {
  return {
    sql:
      `INSERT INTO staged (content, store, key, size, header_size, checksum, time) VALUES (?, ?, ?, ?, ?, ?, ?)
            ON CONFLICT (content, store) DO UPDATE
              SET key = excluded.key, size = excluded.size, header_size = excluded.header_size,
                  checksum = excluded.checksum, time = excluded.time`,
    args: [
      object.content,
      object.store,
      object.key,
      object.size,
      object.headerSize,
      object.checksum,
      object.time,
    ],
  };
}

/** Staged objects whose content is in a stored volume: no longer needed in staging. */
export function replaceableStaged(db: Database): Promise<StagedObject[]> {
  return db.all(
    `SELECT ${COLUMNS} FROM staged g JOIN contents c ON c.id = g.content WHERE c.volume IS NOT NULL`,
    [],
    parse,
  );
}

/** Where a content is staged. */
export function stagedObjects(db: Database, content: number): Promise<StagedObject[]> {
  return db.all(`SELECT ${COLUMNS} FROM staged g WHERE g.content = ?`, [content], parse);
}

/** Forgets staged objects after their removal from the store. */
export async function forgetStaged(db: Database, store: string, contents: readonly number[]): Promise<void> {
  await db.write([{
    sql: "DELETE FROM staged WHERE store = ? AND content IN (SELECT value FROM json_each(?))",
    args: [store, JSON.stringify(contents)],
  }]);
}
