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

/** The contents that are staged in any store. */
export async function stagedContents(db: Database): Promise<Set<number>> {
  return new Set(await db.all("SELECT DISTINCT content FROM staged", [], (row) => row.int("content")));
}

/** The contents that are staged in a store, with the bytes of their objects. */
export async function stagedSizes(db: Database, store: string): Promise<Map<number, number>> {
  const rows = await db.all(
    "SELECT content, size FROM staged WHERE store = ?",
    [store],
    (row) => [row.int("content"), row.int("size")] as const,
  );
  return new Map(rows);
}

/**
 * Bytes in a store of staged objects that go as soon as the volumes are stored that are planned now, of
 * contents that are in a stored one already included.
 */
export async function freeableBytes(db: Database, store: string): Promise<number> {
  const sum = await db.first(
    `SELECT coalesce(sum(g.size), 0) AS bytes FROM staged g JOIN contents c ON c.id = g.content
      WHERE g.store = ? AND (c.volume IS NOT NULL OR c.id IN
            (SELECT f.content FROM volume_files f JOIN volumes p ON p.id = f.volume
              WHERE p.state = 'planned' AND f.offset IS NOT NULL))`,
    [store],
    (row) => row.int("bytes"),
  );
  return sum ?? 0;
}

/** The URL of every store in which something is staged. */
export function stagedStores(db: Database): Promise<string[]> {
  return db.all("SELECT DISTINCT store FROM staged ORDER BY store", [], (row) => row.text("store"));
}

/** A staged object, and what depends on it. */
export interface StagedCopy extends StagedObject {
  /** A path of the content, current if there is one: `<source name>/<path>`. */
  readonly path: string;
  /** Whether the content can be had elsewhere: in a stored volume, in a folder, or staged in another store. */
  readonly elsewhere: boolean;
  /** Whether a stored volume holds the content, so that this copy is about to be removed. */
  readonly replaceable: boolean;
}

/** Every object that is staged in a store. */
export function stagedCopies(db: Database, store: string): Promise<StagedCopy[]> {
  return db.all(
    `SELECT ${COLUMNS},
            (SELECT s.name || '/' || v.path FROM versions v JOIN sources s ON s.id = v.source
              WHERE v.content = c.id ORDER BY v.ended IS NULL DESC, v.id DESC LIMIT 1) AS path,
            c.volume IS NOT NULL AS replaceable,
            c.volume IS NOT NULL
              OR EXISTS (SELECT 1 FROM versions v WHERE v.content = c.id AND v.ended IS NULL)
              OR EXISTS (SELECT 1 FROM staged o WHERE o.content = c.id AND o.store <> g.store) AS elsewhere
       FROM staged g JOIN contents c ON c.id = g.content WHERE g.store = ?`,
    [store],
    (row) => ({
      ...parse(row),
      path: row.optionalText("path") ?? "",
      elsewhere: row.int("elsewhere") === 1,
      replaceable: row.int("replaceable") === 1,
    }),
  );
}

/**
 * Writes down several uploads of contents, as one transaction. Where another box is uploading a content to
 * the same store, its upload stays the only one.
 */
export async function startStaging(
  db: Database,
  uploads: readonly (NewUpload & { readonly content: number })[],
): Promise<void> {
  await db.write(uploads.map((upload) => {
    const { sql, args = [] } = startUpload(upload, { content: upload.content });
    return { sql: `${sql} ON CONFLICT (store, key) DO NOTHING`, args };
  }));
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

/** A staged object and the hash of its content. */
export interface StagedContent extends StagedObject {
  readonly sha256: string;
}

/** Every staged object whose content is in no stored volume. */
export function neededStaged(db: Database): Promise<StagedContent[]> {
  return db.all(
    `SELECT ${COLUMNS}, c.sha256 FROM staged g JOIN contents c ON c.id = g.content
      WHERE c.volume IS NULL`,
    [],
    (row) => ({ ...parse(row), sha256: row.text("sha256") }),
  );
}

/** Puts an object in the place of another, which is to be removed, as one transaction. */
export async function replaceStaged(db: Database, old: StagedObject, by: StagedObject): Promise<void> {
  await db.write([addStaged(by), {
    sql: "INSERT OR IGNORE INTO discarded (store, key) VALUES (?, ?)",
    args: [old.store, old.key],
  }]);
}

/** An object that waits for its removal. */
export interface DiscardedObject {
  readonly store: string;
  readonly key: string;
}

/** What waits for its removal. */
export function discardedObjects(db: Database): Promise<DiscardedObject[]> {
  return db.all("SELECT store, key FROM discarded", [], (row) => ({
    store: row.text("store"),
    key: row.text("key"),
  }));
}

/** Forgets discarded objects after their removal from the store. */
export async function forgetDiscarded(db: Database, store: string, keys: readonly string[]): Promise<void> {
  await db.write([{
    sql: "DELETE FROM discarded WHERE store = ? AND key IN (SELECT value FROM json_each(?))",
    args: [store, JSON.stringify(keys)],
  }]);
}
