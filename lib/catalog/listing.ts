/**
 * What a store was found to hold, in a database file of its own that lives for one run: a listing of a million
 * objects then takes no more memory than one of ten, and nothing of it mixes with the catalog.
 */

import { mkdtemp, rm } from "node:fs/promises";
import { join } from "node:path";
import { makePrivateFile } from "../files.ts";
import type { MirrorEntry } from "../types.ts";
import { connect, type Database } from "./database.ts";
import { pagesAfter } from "./pages.ts";

/** An object as a listing gives it. */
export interface ListedObject {
  readonly key: string;
  /** Bytes. */
  readonly size: number;
}

/** An indexed file, and the size of its object as the store lists it; undefined where it lists none. */
export interface HeldFile extends MirrorEntry {
  readonly listedSize: number | undefined;
}

const SCHEMA = [
  "CREATE TABLE listed (key TEXT PRIMARY KEY, size INTEGER NOT NULL) STRICT, WITHOUT ROWID",
  `CREATE TABLE files (
     path TEXT PRIMARY KEY, key TEXT NOT NULL, encrypted INTEGER NOT NULL, size INTEGER NOT NULL,
     mtime INTEGER NOT NULL, mode INTEGER NOT NULL, sha256 TEXT NOT NULL, objectSize INTEGER NOT NULL,
     checksum TEXT NOT NULL, current INTEGER NOT NULL, stored INTEGER NOT NULL
   ) STRICT, WITHOUT ROWID`,
  "CREATE TABLE named (key TEXT PRIMARY KEY) STRICT, WITHOUT ROWID",
];

const FOLDER = "listing-";
/** Rows of one transaction, and of one page. */
const BATCH = 250;

/** A listing on the disk. */
export class Listing {
  readonly #db: Database;
  readonly #folder: string;

  private constructor(db: Database, folder: string) {
    this.#db = db;
    this.#folder = folder;
  }

  /** @param parent a folder that only its owner may read: paths of files will be in it */
  static async open(parent: string): Promise<Listing> {
    const folder = await mkdtemp(join(parent, FOLDER));
    const path = join(folder, "listing.db");
    await makePrivateFile(path);
    const db = connect(path);
    // It is thrown away in any case, so nothing has to reach the disk.
    await db.run("PRAGMA journal_mode = OFF");
    await db.run("PRAGMA synchronous = OFF");
    await db.write(SCHEMA.map((sql) => ({ sql })));
    return new Listing(db, folder);
  }

  async close(): Promise<void> {
    this.#db.close();
    await rm(this.#folder, { recursive: true, force: true });
  }

  /**
   * Takes in a whole listing. An object that is given again counts once.
   *
   * @returns how many objects there are
   * @throws what the listing throws: half of one counts for nothing
   */
  async take(objects: AsyncIterable<ListedObject>, onBatch: (count: number) => void): Promise<number> {
    let batch: [string, number][] = [];
    const flush = async () => {
      onBatch(batch.length);
      await this.#db.write([{
        sql: "INSERT OR REPLACE INTO listed SELECT value ->> 0, value ->> 1 FROM json_each(?)",
        args: [JSON.stringify(batch)],
      }]);
      batch = [];
    };
    for await (const { key, size } of objects) {
      batch.push([key, size]);
      if (batch.length >= BATCH) await flush();
    }
    if (batch.length > 0) await flush();
    return await this.#db.first("SELECT count(*) AS n FROM listed", [], (row) => row.int("n")) ?? 0;
  }

  /** The sizes of those of these objects that are there. */
  async sizes(keys: readonly string[]): Promise<Map<string, number>> {
    const rows = await this.#db.all(
      "SELECT key, size FROM listed WHERE key IN (SELECT value FROM json_each(?))",
      [JSON.stringify(keys)],
      (row) => [row.text("key"), row.int("size")] as const,
    );
    return new Map(rows);
  }

  /**
   * Compares objects with the listing.
   *
   * @returns how many of them are there, and those that have another size than they should, or none
   */
  async compare<T extends ListedObject>(
    objects: readonly T[],
  ): Promise<{ there: number; differing: { object: T; found: number | undefined }[] }> {
    const wanted = JSON.stringify(objects.map(({ key, size }) => [key, size]));
    const from = "FROM json_each(?) w LEFT JOIN listed l ON l.key = w.value ->> 0";
    const [there, differing] = await Promise.all([
      this.#db.first(`SELECT count(l.key) AS n ${from}`, [wanted], (row) => row.int("n")),
      this.#db.all(
        `SELECT w.key AS at, l.size AS size ${from} WHERE l.size IS NOT w.value ->> 1`,
        [wanted],
        (row) => ({ at: row.int("at"), found: row.optionalInt("size") }),
      ),
    ]);
    return {
      there: there ?? 0,
      differing: differing.flatMap(({ at, found }) => {
        const object = objects[at];
        return object === undefined ? [] : [{ object, found }];
      }),
    };
  }

  /** Takes in what an index says. Of several versions of a path, the latest stays. */
  async takeFiles(files: readonly MirrorEntry[]): Promise<void> {
    for (let at = 0; at < files.length; at += BATCH) {
      const json = JSON.stringify(
        files.slice(at, at + BATCH).map((file) => ({ ...file, encrypted: +file.encrypted })),
      );
      const columns =
        "path, key, encrypted, size, mtime, mode, sha256, objectSize, checksum, current, stored";
      const values = columns.split(", ").map((column) => `value ->> '${column}'`).join(", ");
      const updates = columns.split(", ").map((column) => `${column} = excluded.${column}`).join(", ");
      await this.#db.write([
        {
          sql: `INSERT INTO files (${columns}) SELECT ${values} FROM json_each(?) WHERE true
                ON CONFLICT (path) DO UPDATE SET ${updates}
                  WHERE (excluded.current, excluded.stored) >= (files.current, files.stored)`,
          args: [json],
        },
        { sql: "INSERT OR IGNORE INTO named SELECT value ->> 'key' FROM json_each(?)", args: [json] },
      ]);
    }
  }

  /** The files by path, page by page. */
  async *files(): AsyncGenerator<HeldFile[]> {
    yield* pagesAfter("", BATCH, (after) =>
      this.#db.all(
        `SELECT f.*, l.size AS listed_size FROM files f LEFT JOIN listed l ON l.key = f.key
          WHERE f.path > ? ORDER BY f.path LIMIT ${BATCH}`,
        [after],
        (row) => ({
          path: row.text("path"),
          key: row.text("key"),
          encrypted: row.int("encrypted") === 1,
          size: row.int("size"),
          mtime: row.int("mtime"),
          mode: row.int("mode"),
          sha256: row.text("sha256"),
          objectSize: row.int("objectSize"),
          checksum: row.text("checksum"),
          current: row.int("current"),
          stored: row.int("stored"),
          listedSize: row.optionalInt("listed_size"),
        }),
      ), (last) => last.path);
  }

  /** How many files there are, and their bytes. */
  async total(): Promise<{ files: number; bytes: number }> {
    const sum = await this.#db.first(
      "SELECT count(*) AS files, coalesce(sum(size), 0) AS bytes FROM files",
      [],
      (row) => ({ files: row.int("files"), bytes: row.int("bytes") }),
    );
    return sum ?? { files: 0, bytes: 0 };
  }

  /** Objects below a prefix that no index names: how many, and the first of them. */
  async unnamed(): Promise<{ count: number; first: string[] }> {
    const where = "FROM listed WHERE key NOT IN (SELECT key FROM named)";
    const [count, first] = await Promise.all([
      this.#db.first(`SELECT count(*) AS n ${where}`, [], (row) => row.int("n")),
      this.#db.all(`SELECT key ${where} ORDER BY key LIMIT 10`, [], (row) => row.text("key")),
    ]);
    return { count: count ?? 0, first };
  }
}
