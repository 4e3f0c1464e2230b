/** What is in a volume: the rows of its manifest. */

import type { Database, RowReader, Statement } from "./database.ts";

/** A row of a volume's manifest; `offset` is undefined for a reference to an earlier volume. */
export interface VolumeFile {
  readonly version: number | undefined;
  readonly path: string;
  readonly content: number;
  readonly mtime: number;
  readonly mode: number;
  readonly offset: number | undefined;
}

/** A manifest row joined with its content. */
export interface PlannedFile extends VolumeFile {
  readonly sha256: string;
  readonly size: number;
  /** The name of the stored volume that holds the content, if one does. */
  readonly heldBy: string | undefined;
}

/** Rows at once: a server's answer is limited. */
const PAGE = 2_000;

const ROWS_PER_STATEMENT = 10_000;

/** Writes down what is in a volume. */
export function insertFiles(volume: string, files: readonly VolumeFile[]): Statement[] {
  const statements: Statement[] = [];
  for (let start = 0; start < files.length; start += ROWS_PER_STATEMENT) {
    const rows = files.slice(start, start + ROWS_PER_STATEMENT).map((file, i) => ({
      ...file,
      at: start + i,
    }));
    statements.push({
      sql: `INSERT INTO volume_files (volume, position, version, path, content, mtime, mode, offset)
            SELECT (SELECT id FROM volumes WHERE name = ?), value ->> 'at', value ->> 'version', value ->> 'path',
                   value ->> 'content', value ->> 'mtime', value ->> 'mode', value ->> 'offset'
              FROM json_each(?)`,
      args: [volume, JSON.stringify(rows)],
    });
  }
  return statements;
}

/** The rows of a volume's manifest, in order. */
export async function volumeFiles(db: Database, id: number): Promise<PlannedFile[]> {
  const from = `FROM volume_files f JOIN contents c ON c.id = f.content LEFT JOIN volumes h ON h.id = c.volume
                WHERE f.volume = ? AND f.position > ? ORDER BY f.position LIMIT ${PAGE}`;
  const files: PlannedFile[] = [];
  for (let position = -1;;) {
    const page = await db.page(PLANNED_COLUMNS, from, [id, position], (row) => {
      position = row.int("position");
      return parsePlanned(row);
    });
    files.push(...page);
    if (page.length < PAGE) return files;
  }
}

const PLANNED_COLUMNS = {
  position: "f.position",
  version: "f.version",
  path: "f.path",
  content: "f.content",
  mtime: "f.mtime",
  mode: "f.mode",
  offset: "f.offset",
  sha256: "c.sha256",
  size: "c.size",
  held_by: "h.name",
};

function parsePlanned(row: RowReader): PlannedFile {
  return {
    version: row.optionalInt("version"),
    path: row.text("path"),
    content: row.int("content"),
    mtime: row.int("mtime"),
    mode: row.int("mode"),
    offset: row.optionalInt("offset"),
    sha256: row.text("sha256"),
    size: row.int("size"),
    heldBy: row.optionalText("held_by"),
  };
}

/** A place on this box where a content can be read. */
export interface ReadablePath {
  readonly sha256: string;
  readonly size: number;
  readonly root: string;
  readonly below: string;
}

/** A current path of every content of a volume that has one. */
export function readablePaths(db: Database, volume: number): Promise<ReadablePath[]> {
  return db.all(
    `SELECT c.sha256, c.size, s.path AS root, min(v.path) AS below
       FROM volume_files f
       JOIN contents c ON c.id = f.content
       JOIN versions v ON v.content = c.id AND v.ended IS NULL
       JOIN sources s ON s.id = v.source
       JOIN volumes p ON p.id = f.volume AND p.box = s.box
      WHERE f.volume = ? AND f.offset IS NOT NULL
      GROUP BY c.id`,
    [volume],
    (row) => ({
      sha256: row.text("sha256"),
      size: row.int("size"),
      root: row.text("root"),
      below: row.text("below"),
    }),
  );
}
