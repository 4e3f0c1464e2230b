/**
 * Folders that hold no file: all others come back with what is in them. A row never changes but for its end
 * and its manifest, so that a volume that names it can be built again to the byte.
 */

import type { Database, RowReader, Statement } from "./database.ts";

/** An empty folder as a scan finds it. */
export interface EmptyFolder {
  /** Below the source. */
  readonly path: string;
  /** ms since 1970. */
  readonly mtime: number;
}

/** A row of `folders`, for volumes and restores. */
export interface FolderRow {
  readonly id: number;
  /** `<source name>/<path>`. */
  readonly path: string;
  readonly mtime: number;
}

/**
 * Makes these the empty folders of a source.
 *
 * @param isUnknown whether nothing can be said of a path now: what is known of it stays
 */
export async function recordFolders(
  db: Database,
  source: number,
  found: readonly EmptyFolder[],
  isUnknown: (path: string) => boolean,
  now: number,
): Promise<void> {
  const known = await db.all(
    "SELECT id, path, mtime FROM folders WHERE source = ? AND ended IS NULL",
    [source],
    parseFolder,
  );
  const times = new Map(found.map(({ path, mtime }) => [path, mtime]));
  const same = new Set<string>();
  const ended: number[] = [];
  for (const { id, path, mtime } of known) {
    if (times.get(path) === mtime) same.add(path);
    else if (times.has(path) || !isUnknown(path)) ended.push(id);
  }
  const added = found.filter(({ path }) => !same.has(path));
  if (ended.length + added.length === 0) return;
  await db.write([
    {
      sql: "UPDATE folders SET ended = ? WHERE id IN (SELECT value FROM json_each(?))",
      args: [now, JSON.stringify(ended)],
    },
    {
      sql: `INSERT INTO folders (source, path, mtime, seen)
            SELECT ?, value ->> 'path', value ->> 'mtime', ? FROM json_each(?)`,
      args: [source, now, JSON.stringify(added)],
    },
  ]);
}

const SELECT = `SELECT f.id, s.name || '/' || f.path AS path, f.mtime
                  FROM folders f JOIN sources s ON s.id = f.source`;

/** Empty folders of this box that no manifest names yet. */
export function unlistedFolders(db: Database, box: string): Promise<FolderRow[]> {
  return db.all(
    `${SELECT} WHERE f.manifest IS NULL AND f.ended IS NULL AND s.box = ? AND s.archived = 1
      ORDER BY path`,
    [box],
    parseFolder,
  );
}

/** The empty folders that a volume's manifest names. */
export function foldersOfVolume(db: Database, volume: number): Promise<FolderRow[]> {
  return db.all(`${SELECT} WHERE f.manifest = ? ORDER BY path`, [volume], parseFolder);
}

/** The folders that are empty now, or were at a moment (ms since 1970). */
export function emptyFolders(db: Database, at: number | undefined): Promise<FolderRow[]> {
  return at === undefined ? db.all(`${SELECT} WHERE f.ended IS NULL ORDER BY path`, [], parseFolder) : db.all(
    `${SELECT} WHERE f.seen <= ?1 AND (f.ended IS NULL OR f.ended > ?1) ORDER BY path`,
    [at],
    parseFolder,
  );
}

/** Says that a volume's manifest names these folders. */
export function listFolders(volume: string, folders: readonly FolderRow[]): Statement {
  return {
    sql: `UPDATE folders SET manifest = (SELECT id FROM volumes WHERE name = ?)
           WHERE id IN (SELECT value FROM json_each(?))`,
    args: [volume, JSON.stringify(folders.map(({ id }) => id))],
  };
}

/** Takes that back, for a volume that was never stored. */
export function unlistFolders(volume: number): Statement {
  return { sql: "UPDATE folders SET manifest = NULL WHERE manifest = ?", args: [volume] };
}

function parseFolder(row: RowReader): FolderRow {
  return { id: row.int("id"), path: row.text("path"), mtime: row.int("mtime") };
}
