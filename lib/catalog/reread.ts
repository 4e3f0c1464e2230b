/** Local files in the order in which they were last read, for checks that read them again. */

import type { Database, RowReader } from "./database.ts";
import { pagesAfter } from "./pages.ts";

/** A current file of this box, as it was when it was hashed. */
export interface RereadFile {
  readonly id: number;
  /** `<source name>/<path>`. */
  readonly path: string;
  /** Path of the source, and the path below it. */
  readonly root: string;
  readonly below: string;
  readonly content: number;
  readonly sha256: string;
  /** Bytes. */
  readonly size: number;
  readonly mtime: number;
  readonly ctime: number;
  readonly inode: string;
  readonly mode: number;
  /** When its bytes were last read and right, ms since 1970. */
  readonly last: number;
}

const PAGE = 1_000;

const FILES =
  `SELECT v.id, s.name || '/' || v.path AS path, s.path AS root, v.path AS below, v.content, c.sha256,
         c.size, v.mtime, v.ctime, v.inode, v.mode, coalesce(v.reread, v.seen) AS last
    FROM versions v JOIN sources s ON s.id = v.source JOIN contents c ON c.id = v.content
   WHERE v.ended IS NULL AND s.box = ?`;

function parse(row: RowReader): RereadFile {
  return {
    id: row.int("id"),
    path: row.text("path"),
    root: row.text("root"),
    below: row.text("below"),
    content: row.int("content"),
    sha256: row.text("sha256"),
    size: row.int("size"),
    mtime: row.int("mtime"),
    ctime: row.int("ctime"),
    inode: row.text("inode"),
    mode: row.int("mode"),
    last: row.int("last"),
  };
}

type RereadKey = readonly [last: number, id: number];

/**
 * The current files of a box, those first that were not read for longest; a page at a time.
 *
 * @param before files that were read later than this are left out: also those that the caller has just noted
 */
export async function* rereadTurns(db: Database, box: string, before: number): AsyncGenerator<RereadFile[]> {
  yield* pagesAfter([-1, 0], PAGE, (after: RereadKey) =>
    db.all(
      `${FILES} AND coalesce(v.reread, v.seen) < ? AND (coalesce(v.reread, v.seen), v.id) > (?, ?)
        ORDER BY last, v.id LIMIT ${PAGE}`,
      [box, before, ...after],
      parse,
    ), (last): RereadKey => [last.last, last.id]);
}

/** The current files of a box with these paths (`<source name>/<path>`). */
export function filesAt(db: Database, box: string, paths: readonly string[]): Promise<RereadFile[]> {
  return db.all(
    `${FILES} AND s.name || '/' || v.path IN (SELECT value FROM json_each(?)) ORDER BY v.id`,
    [box, JSON.stringify(paths)],
    parse,
  );
}

/** All current files of a box. */
export async function localFiles(
  db: Database,
  box: string,
): Promise<{ readonly files: number; readonly bytes: number }> {
  const sum = await db.first(
    `SELECT count(*) AS files, coalesce(sum(c.size), 0) AS bytes
       FROM versions v JOIN sources s ON s.id = v.source JOIN contents c ON c.id = v.content
      WHERE v.ended IS NULL AND s.box = ?`,
    [box],
    (row) => ({ files: row.int("files"), bytes: row.int("bytes") }),
  );
  return sum ?? { files: 0, bytes: 0 };
}

/** When the file that has waited longest was last read; undefined where there is none. */
export async function oldestRead(db: Database, box: string): Promise<number | undefined> {
  return await db.first(
    `SELECT min(coalesce(v.reread, v.seen)) AS last FROM versions v JOIN sources s ON s.id = v.source
      WHERE v.ended IS NULL AND s.box = ?`,
    [box],
    (row) => row.optionalInt("last"),
  );
}

/** Notes that files were read and right. */
export async function noteReread(db: Database, ids: readonly number[], time: number): Promise<void> {
  if (ids.length === 0) return;
  await db.write([{
    sql: "UPDATE versions SET reread = ? WHERE id IN (SELECT value FROM json_each(?))",
    args: [time, JSON.stringify(ids)],
  }]);
}
