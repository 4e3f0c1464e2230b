/** What was seen in the sources: every version of every path. */

import { ColdframeError } from "../errors.ts";
import type { Database, RowReader, Statement } from "./database.ts";
import { pagesAfter } from "./pages.ts";

/** A current version, as much as a scan needs to tell whether the file changed. */
export interface KnownVersion {
  readonly id: number;
  readonly path: string;
  readonly size: number;
  readonly mtime: number;
  readonly ctime: number;
  readonly inode: string;
  /** SHA-256, hex. */
  readonly content: string;
}

/** A file whose content was just hashed. */
export interface HashedFile {
  readonly path: string;
  readonly size: number;
  readonly mtime: number;
  readonly ctime: number;
  readonly inode: string;
  readonly mode: number;
  readonly sha256: string;
}

/** Why a version is no longer current. */
export type Ending = "changed" | "moved" | "gone";

const PAGE = 250;

/**
 * The current versions of a source, by path (in the order of its UTF-8 bytes), a page at a time.
 *
 * @param from the path after which to begin
 * @param upTo the last path to give; undefined for all that follow
 */
export async function* knownVersions(
  db: Database,
  source: number,
  from = "",
  upTo?: string,
): AsyncGenerator<KnownVersion[]> {
  const [until, limits] = upTo === undefined ? ["", []] : ["AND v.path <= ?", [upTo]];
  yield* pagesAfter(from, PAGE, (after) =>
    db.page(
      KNOWN_COLUMNS,
      `FROM versions v JOIN contents c ON c.id = v.content
        WHERE v.source = ? AND v.ended IS NULL AND v.path > ? ${until} ORDER BY v.path LIMIT ${PAGE}`,
      [source, after, ...limits],
      parseKnown,
    ), (last) => last.path);
}

/**
 * The current versions of a source after one path up to another, as one text, in which each is
 * path//size/mtime/ctime/inode// as `lib/scan/compare.ts` writes it. It takes a third of the time of rows.
 *
 * @param most versions to read; if there are more, the text has one more
 * @param inodes whether the inodes stand in it
 */
export async function knownText(
  db: Database,
  source: number,
  [after, upTo, most]: readonly [after: string, upTo: string, most: number],
  inodes: boolean,
): Promise<string> {
  const inode = inodes ? "|| '/' || inode" : "";
  const text = await db.first(
    `SELECT group_concat(path || '//' || size || '/' || mtime || '/' || ctime ${inode} || '//', '') AS text
       FROM (SELECT v.path, c.size, v.mtime, v.ctime, v.inode
               FROM versions v JOIN contents c ON c.id = v.content
              WHERE v.source = ? AND v.ended IS NULL AND v.path > ? AND v.path <= ?
              ORDER BY v.path LIMIT ?)`,
    [source, after, upTo, most + 1],
    (row) => row.optionalText("text"),
  );
  return text ?? "";
}

const KNOWN_COLUMNS = {
  id: "v.id",
  path: "v.path",
  size: "c.size",
  mtime: "v.mtime",
  ctime: "v.ctime",
  inode: "v.inode",
  sha256: "c.sha256",
};

function parseKnown(row: RowReader): KnownVersion {
  return {
    id: row.int("id"),
    path: row.text("path"),
    size: row.int("size"),
    mtime: row.int("mtime"),
    ctime: row.int("ctime"),
    inode: row.text("inode"),
    content: row.text("sha256"),
  };
}

/**
 * Makes hashed files current, as one transaction. A path whose content is the same keeps its version
 * and takes the new times; one whose content differs gets a new version, and the old one ends.
 */
export async function recordHashed(
  db: Database,
  source: number,
  files: readonly HashedFile[],
  now: number,
): Promise<void> {
  if (files.length === 0) return;
  files.forEach(assertWellFormed);
  const json = JSON.stringify(files);
  await db.write([addContents(json), endChanged(source, json, now), makeCurrent(source, json, now)]);
}

/** Half a surrogate pair has no UTF-8; libsql does not refuse it, but ends the process when it reads it. */
function assertWellFormed({ path }: HashedFile): void {
  if (path.isWellFormed()) return;
  throw new ColdframeError("source-unreadable", `the name ${JSON.stringify(path)} is not valid Unicode`, {
    hint: "Rename it so that it can be stored.",
  });
}

function addContents(json: string): Statement {
  return {
    sql: `INSERT INTO contents (sha256, size)
          SELECT value ->> 'sha256', value ->> 'size' FROM json_each(?) WHERE true
          ON CONFLICT (sha256) DO NOTHING`,
    args: [json],
  };
}

// In both statements the files are the outer loop (CROSS JOIN keeps SQLite to that order), so that each
// finds its row by an index; the other way round the time would grow with the square of the files.

function endChanged(source: number, json: string, now: number): Statement {
  return {
    sql: `UPDATE versions SET ended = ?, ending = 'changed'
           WHERE id IN (SELECT v.id FROM json_each(?) AS f CROSS JOIN versions v CROSS JOIN contents c
                         WHERE v.source = ? AND v.path = f.value ->> 'path' AND v.ended IS NULL
                           AND c.id = v.content AND c.sha256 <> f.value ->> 'sha256')`,
    args: [now, json, source],
  };
}

/** A new version, or the new times of the one that is there. */
function makeCurrent(source: number, json: string, now: number): Statement {
  return {
    // with another mtime, the version is not in any manifest as it is now: name it again
    sql: `INSERT INTO versions (source, path, content, mtime, ctime, inode, mode, seen)
          SELECT ?, f.value ->> 'path', c.id, f.value ->> 'mtime', f.value ->> 'ctime',
                 f.value ->> 'inode', f.value ->> 'mode', ?
            FROM json_each(?) AS f CROSS JOIN contents c
           WHERE c.sha256 = f.value ->> 'sha256'
          ON CONFLICT (source, path) WHERE ended IS NULL DO UPDATE
            SET mtime = excluded.mtime, ctime = excluded.ctime, inode = excluded.inode, mode = excluded.mode,
                reread = excluded.seen,
                manifest = CASE WHEN versions.mtime = excluded.mtime THEN versions.manifest END`,
    args: [source, now, json],
  };
}

/** Ends versions whose files were not found any more. Their contents stay wherever they are stored. */
export async function endVersions(
  db: Database,
  ids: readonly number[],
  ending: Ending,
  now: number,
): Promise<void> {
  if (ids.length === 0) return;
  await db.write([{
    sql: `UPDATE versions SET ended = ?, ending = ?
           WHERE ended IS NULL AND id IN (SELECT value FROM json_each(?))`,
    args: [now, ending, JSON.stringify(ids)],
  }]);
}

/**
 * Makes the next scan hash the files again that are believed to hold a content: they turned out to hold
 * something else, though their size and times are what was seen.
 */
export function distrustContent(box: string, sha256: string): Statement {
  return {
    sql: `UPDATE versions SET ctime = -1
           WHERE ended IS NULL AND content = (SELECT id FROM contents WHERE sha256 = ?)
             AND source IN (SELECT id FROM sources WHERE box = ?)`,
    args: [sha256, box],
  };
}
