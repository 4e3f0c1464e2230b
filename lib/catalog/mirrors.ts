/** Single files in mirrors: which content of which path is where. When that was proven is in `proofs`. */

import { type Database, listOf, type RowReader } from "./database.ts";
import { pagesAfter } from "./pages.ts";

/** An object that is about to be noted: the store has confirmed it. Times in ms since 1970. */
export interface NewMirrored {
  readonly store: string;
  readonly key: string;
  /** Of the file in the mirrored tree. */
  readonly path: string;
  readonly content: number;
  readonly mtime: number;
  readonly mode: number;
  readonly encrypted: boolean;
  /** Bytes of the object. */
  readonly size: number;
  /** Bytes of the age header; 0 for a plain object. */
  readonly headerSize: number;
  readonly checksum: string;
  /** When the file was found to have become this content. */
  readonly current: number;
  readonly stored: number;
}

/** A row of `mirrored`, with what its file is. */
export interface MirroredObject extends NewMirrored {
  readonly id: number;
  /** SHA-256 of the file, hex. */
  readonly sha256: string;
  /** Bytes of the file. */
  readonly fileSize: number;
  /** Since when it is known to be gone, or not ours any more; undefined while it is there. */
  readonly missing: number | undefined;
  /** Key of the index object that names it. */
  readonly indexed: string | undefined;
}

const COLUMNS = {
  id: "m.id",
  store: "m.store",
  key: "m.key",
  path: "m.path",
  content: "m.content",
  sha256: "c.sha256",
  file_size: "c.size",
  mtime: "m.mtime",
  mode: "m.mode",
  encrypted: "m.encrypted",
  size: "m.size",
  header_size: "m.header_size",
  checksum: "m.checksum",
  current: "m.current",
  stored: "m.stored",
  indexed: "m.indexed",
  missing: "m.missing",
};
const FROM = "FROM mirrored m JOIN contents c ON c.id = m.content";
const SELECT = `SELECT ${listOf(COLUMNS)} ${FROM}`;

function parse(row: RowReader): MirroredObject {
  return {
    id: row.int("id"),
    store: row.text("store"),
    key: row.text("key"),
    path: row.text("path"),
    content: row.int("content"),
    sha256: row.text("sha256"),
    fileSize: row.int("file_size"),
    mtime: row.int("mtime"),
    mode: row.int("mode"),
    encrypted: row.int("encrypted") === 1,
    size: row.int("size"),
    headerSize: row.int("header_size"),
    checksum: row.text("checksum"),
    current: row.int("current"),
    stored: row.int("stored"),
    indexed: row.optionalText("indexed"),
    missing: row.optionalInt("missing"),
  };
}

/** Rows read at once: what a run holds of a mirror of any size. */
const PAGE = 250;

/** Every object of a mirror that was ever stored, by key (in the order of its UTF-8 bytes), page by page. */
export async function* mirroredPages(db: Database, store: string): AsyncGenerator<MirroredObject[]> {
  yield* pagesAfter("", PAGE, (after) =>
    db.page(
      COLUMNS,
      `${FROM} WHERE m.store = ? AND m.key > ? ORDER BY m.key LIMIT ${PAGE}`,
      [store, after],
      parse,
    ), (last) => last.key);
}

/** What a mirror must hold, as far as a listing shows it. */
export interface StoredSize {
  readonly id: number;
  readonly key: string;
  readonly path: string;
  /** Bytes of the object. */
  readonly size: number;
  /** Whether it is known to be gone. */
  readonly isMissing: boolean;
}

const SIZE_COLUMNS = {
  id: "m.id",
  key: "m.key",
  path: "m.path",
  size: "m.size",
  missing: "m.missing IS NOT NULL",
};

/** As `mirroredPages`, in a fraction of the time and memory. */
export async function* storedSizes(db: Database, store: string): AsyncGenerator<StoredSize[]> {
  yield* pagesAfter("", PAGE, (after) =>
    db.page(
      SIZE_COLUMNS,
      `FROM mirrored m WHERE m.store = ? AND m.key > ? ORDER BY m.key LIMIT ${PAGE}`,
      [store, after],
      (row) => ({
        id: row.int("id"),
        key: row.text("key"),
        path: row.text("path"),
        size: row.int("size"),
        isMissing: row.int("missing") === 1,
      }),
    ), (last) => last.key);
}

/** Where these contents are in mirrors, the newest copies first. Missing ones are left out. */
export function mirrorCopies(db: Database, contents: readonly number[]): Promise<MirroredObject[]> {
  return db.all(
    `${SELECT} WHERE m.content IN (SELECT value FROM json_each(?)) AND m.missing IS NULL
      ORDER BY m.content, m.stored DESC, m.id`,
    [JSON.stringify(contents)],
    parse,
  );
}

/** The objects of a mirror that no index object names as they are now, a page of them. */
export function unindexed(db: Database, store: string, after: number): Promise<MirroredObject[]> {
  return db.all(
    `${SELECT} WHERE m.store = ? AND m.indexed IS NULL AND m.missing IS NULL AND m.id > ? ORDER BY m.id LIMIT ${PAGE}`,
    [store, after],
    parse,
  );
}

/** Says which index object names these. */
export async function noteIndexed(db: Database, ids: readonly number[], index: string): Promise<void> {
  await db.write([{
    sql: "UPDATE mirrored SET indexed = ? WHERE id IN (SELECT value FROM json_each(?))",
    args: [index, JSON.stringify(ids)],
  }]);
}

/** Says that these objects are there after all. */
export async function noteFound(db: Database, ids: readonly number[]): Promise<void> {
  await db.write([{
    sql: "UPDATE mirrored SET missing = NULL WHERE id IN (SELECT value FROM json_each(?))",
    args: [JSON.stringify(ids)],
  }]);
}

/** Says that these objects are gone or are not ours any more: the next run of the mirror sends them again. */
export async function noteMissing(db: Database, ids: readonly number[], at: number): Promise<void> {
  await db.write([{
    sql: `UPDATE mirrored SET missing = ?
           WHERE missing IS NULL AND id IN (SELECT value FROM json_each(?))`,
    args: [at, JSON.stringify(ids)],
  }]);
}

/** Objects of a mirror that are missing, and whose version of the path no other object holds. */
export function lostForGood(db: Database, store: string): Promise<MirroredObject[]> {
  return db.all(
    `${SELECT} WHERE m.store = ? AND m.missing IS NOT NULL AND NOT EXISTS
       (SELECT 1 FROM mirrored n WHERE n.store = m.store AND n.path = m.path AND n.content = m.content
                                   AND n.missing IS NULL) ORDER BY m.key`,
    [store],
    parse,
  );
}
