/** What the catalog knows that costs money, store by store. Reads only. */

import type { Database, RowReader } from "./database.ts";

/** Objects of one sort in a store. */
export interface ObjectSum {
  readonly store: string;
  readonly objects: number;
  readonly bytes: number;
  /** Objects written since the moment asked for. */
  readonly recent: number;
}

function parse(row: RowReader): ObjectSum {
  return {
    store: row.text("store"),
    objects: row.int("objects"),
    bytes: row.int("bytes"),
    recent: row.int("recent"),
  };
}

const SUMS = `count(*) AS objects, sum(size) AS bytes, sum(time >= ?) AS recent`;

/**
 * Staged files.
 *
 * @param since ms since 1970
 */
export function stagedByStore(db: Database, since: number): Promise<ObjectSum[]> {
  return db.all(`SELECT store, ${SUMS} FROM staged GROUP BY store ORDER BY store`, [since], parse);
}

/**
 * Snapshots of the catalog.
 *
 * @param since ms since 1970
 */
export function snapshotsByStore(db: Database, since: number): Promise<ObjectSum[]> {
  return db.all(`SELECT store, ${SUMS} FROM snapshots GROUP BY store ORDER BY store`, [since], parse);
}

/** Parts that a store has confirmed, of an upload that is not finished. */
export interface UnfinishedSum {
  readonly store: string;
  readonly uploads: number;
  readonly bytes: number;
}

/** Uploads that are not finished, those of other boxes included. */
export function unfinishedByStore(db: Database): Promise<UnfinishedSum[]> {
  return db.all(
    `SELECT u.store, count(DISTINCT u.id) AS uploads, sum(p.size) AS bytes
       FROM uploads u JOIN upload_parts p ON p.upload = u.id AND p.tag IS NOT NULL
      GROUP BY u.store ORDER BY u.store`,
    [],
    (row) => ({ store: row.text("store"), uploads: row.int("uploads"), bytes: row.int("bytes") }),
  );
}

/** How many contents there are, and their bytes. */
export interface ContentSum {
  readonly files: number;
  readonly bytes: number;
}

/** Every content that is kept or shall be: in a volume, or at a current path. Each counts once. */
export async function contentsToKeep(db: Database): Promise<ContentSum> {
  const sum = await db.first(
    `SELECT count(*) AS files, coalesce(sum(size), 0) AS bytes FROM contents c
      WHERE c.volume IS NOT NULL
         OR EXISTS (SELECT 1 FROM versions v WHERE v.content = c.id AND v.ended IS NULL)`,
    [],
    (row) => ({ files: row.int("files"), bytes: row.int("bytes") }),
  );
  return sum ?? { files: 0, bytes: 0 };
}
