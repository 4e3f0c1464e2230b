/** Versions as restoring takes them: there may be as many as photos of a life. */

import type { Database, RowReader } from "./database.ts";

/** A version, no more of it than restoring takes. */
export interface WantedVersion {
  readonly id: number;
  /** `<source name>/<path>`. */
  readonly path: string;
  readonly content: number;
  readonly sha256: string;
  readonly size: number;
  /** ms since 1970. */
  readonly mtime: number;
  readonly mode: number;
}

/** The versions that a restore is about. */
export interface Selected {
  /** Ids. */
  readonly versions: readonly number[];
  /** Bytes of all of them. */
  readonly bytes: number;
}

/** The columns of a version `v` of the source `s`, with its content `c`. */
export const WANTED_COLUMNS = {
  id: "v.id",
  path: "s.name || '/' || v.path",
  content: "v.content",
  sha256: "c.sha256",
  size: "c.size",
  mtime: "v.mtime",
  mode: "v.mode",
};

/** A row of these columns. */
export function parseWanted(row: RowReader): WantedVersion {
  return {
    id: row.int("id"),
    path: row.text("path"),
    content: row.int("content"),
    sha256: row.text("sha256"),
    size: row.int("size"),
    mtime: row.int("mtime"),
    mode: row.int("mode"),
  };
}

/** Versions by their ids, in the order of their paths. */
export function wantedVersions(db: Database, ids: readonly number[]): Promise<WantedVersion[]> {
  return db.page(
    WANTED_COLUMNS,
    `FROM versions v JOIN sources s ON s.id = v.source JOIN contents c ON c.id = v.content
      WHERE v.id IN (SELECT value FROM json_each(?)) ORDER BY v.source, v.path, v.id`,
    [JSON.stringify(ids)],
    parseWanted,
  );
}
