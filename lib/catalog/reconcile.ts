/** Bringing a catalog in line with what the stores turned out to hold. */

import type { Database } from "./database.ts";

/** An object that the catalog believes to be in a store. */
export interface RecordedObject {
  /** Of the row, in its table; of the content for a staged object. */
  readonly id: number;
  readonly store: string;
  readonly key: string;
  /** Bytes. */
  readonly size: number;
}

/** The kinds of objects that a catalog records. */
export type RecordedKind = "volumes" | "staged" | "snapshots";

const SELECTS: Readonly<Record<RecordedKind, string>> = {
  volumes: "SELECT id, store, key, object_size AS size FROM volumes WHERE state = 'stored' ORDER BY id",
  staged: "SELECT content AS id, store, key, size FROM staged ORDER BY content, store",
  snapshots: "SELECT 0 AS id, store, key, size FROM snapshots ORDER BY store, key",
};

/** Every object of a kind that the catalog believes to be stored. */
export function recordedObjects(db: Database, kind: RecordedKind): Promise<RecordedObject[]> {
  return db.all(SELECTS[kind], [], (row) => ({
    id: row.int("id"),
    store: row.text("store"),
    key: row.text("key"),
    size: row.int("size"),
  }));
}

/** Notes that objects are in another store than was recorded. */
export async function moveObjects(
  db: Database,
  kind: RecordedKind,
  objects: readonly RecordedObject[],
  store: string,
): Promise<void> {
  await db.write([{
    sql: `UPDATE OR REPLACE ${kind} SET store = ?
           WHERE (store, key) IN (SELECT value ->> 'store', value ->> 'key' FROM json_each(?))`,
    args: [store, JSON.stringify(objects)],
  }]);
}

/** Forgets staged objects or snapshots that are not there. */
export async function forgetObjects(
  db: Database,
  kind: "staged" | "snapshots",
  objects: readonly RecordedObject[],
): Promise<void> {
  await db.write([{
    sql: `DELETE FROM ${kind}
           WHERE (store, key) IN (SELECT value ->> 'store', value ->> 'key' FROM json_each(?))`,
    args: [JSON.stringify(objects)],
  }]);
}

/**
 * Forgets a stored volume that is not there, so that nothing counts as safe in it. A content that another
 * stored volume holds, too, is safe there; all others wait to be stored again.
 */
export async function forgetVolume(db: Database, id: number): Promise<void> {
  await db.write([
    { sql: "UPDATE folders SET manifest = NULL WHERE manifest = ?", args: [id] },
    { sql: "UPDATE versions SET manifest = NULL WHERE manifest = ?", args: [id] },
    {
      sql: `UPDATE contents SET (volume, position) =
                   (SELECT f.volume, f.position FROM volume_files f JOIN volumes p ON p.id = f.volume
                     WHERE f.content = contents.id AND f.offset IS NOT NULL AND p.state = 'stored' AND p.id <> ?1
                     ORDER BY f.volume, f.position LIMIT 1)
             WHERE volume = ?1`,
      args: [id],
    },
    { sql: "DELETE FROM volume_files WHERE volume = ?", args: [id] },
    { sql: "DELETE FROM volumes WHERE id = ?", args: [id] },
  ]);
}

/** A content that is stored nowhere, as far as the catalog knows. */
export interface HomelessContent {
  readonly id: number;
  readonly sha256: string;
  /** Bytes. */
  readonly size: number;
}

/** Contents that are in no stored volume and not staged. */
export function homelessContents(db: Database): Promise<HomelessContent[]> {
  return db.all(
    `SELECT id, sha256, size FROM contents c
      WHERE volume IS NULL AND NOT EXISTS (SELECT 1 FROM staged g WHERE g.content = c.id) ORDER BY id`,
    [],
    (row) => ({ id: row.int("id"), sha256: row.text("sha256"), size: row.int("size") }),
  );
}

/** Contents that are safe in a stored volume. */
export async function contentsInVolumes(db: Database, contents: readonly number[]): Promise<Set<number>> {
  return new Set(
    await db.all(
      "SELECT id FROM contents WHERE volume IS NOT NULL AND id IN (SELECT value FROM json_each(?))",
      [JSON.stringify(contents)],
      (row) => row.int("id"),
    ),
  );
}

/** Paths whose current content is stored nowhere, sorted. */
export function lostPaths(db: Database): Promise<string[]> {
  return db.all(
    `SELECT s.name || '/' || v.path AS path
       FROM versions v JOIN sources s ON s.id = v.source JOIN contents c ON c.id = v.content
      WHERE v.ended IS NULL AND c.volume IS NULL
        AND NOT EXISTS (SELECT 1 FROM staged g WHERE g.content = c.id)
      ORDER BY path`,
    [],
    (row) => row.text("path"),
  );
}

/** A source with the number of its current files. */
export interface CountedSource {
  readonly name: string;
  readonly box: string;
  readonly path: string;
  readonly files: number;
}

/** Every source, by name. */
export function countedSources(db: Database): Promise<CountedSource[]> {
  return db.all(
    `SELECT s.name, s.box, s.path, (SELECT count(*) FROM versions v WHERE v.source = s.id AND v.ended IS NULL) AS files
       FROM sources s ORDER BY s.name`,
    [],
    (row) => ({
      name: row.text("name"),
      box: row.text("box"),
      path: row.text("path"),
      files: row.int("files"),
    }),
  );
}

/** Makes the ids of a catalog those of an archive that is found again. */
export async function setArchive(db: Database, archive: string): Promise<void> {
  await db.write([{ sql: "UPDATE meta SET value = ? WHERE key = 'archive'", args: [archive] }]);
}
