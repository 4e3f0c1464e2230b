/** What a manifest tells, put back into a catalog that does not know its volume. */

import type { Database, Statement } from "./database.ts";
import type { VolumeFile } from "./volume-files.ts";
import { dropPlanned, findVolume, markStored, type NewVolume, planVolume } from "./volumes.ts";

/** A path of a source. */
interface Located {
  /** The name of the source. */
  readonly source: string;
  /** The path below it. */
  readonly below: string;
  /** ms since 1970. */
  readonly mtime: number;
}

/** A file or a reference of a manifest. */
export interface RecoveredFile extends Located {
  readonly sha256: string;
  /** Bytes. */
  readonly size: number;
  readonly mode: number;
  /** Where it begins in the image; undefined for a reference to another volume. */
  readonly offset: number | undefined;
}

/** A stored volume as its manifest and its object describe it. */
export interface RecoveredVolume {
  readonly volume: Omit<NewVolume, "state">;
  readonly files: readonly RecoveredFile[];
  /** Folders that hold no file. */
  readonly folders: readonly Located[];
  /** Of the object, as in lib/store/checksum.ts; undefined where nobody knows any more what was sent. */
  readonly checksum?: string | undefined;
}

/** Rows in one statement. */
const ROWS = 10_000;

/**
 * Adds a stored volume with all that its manifest names. Volumes are best added oldest first: what one
 * names under a path follows what an older one named there.
 *
 * @param known time of the snapshot that the catalog comes from, ms since 1970; it knows the times of files
 *   better than a manifest that is older
 */
export async function addStoredVolume(
  db: Database,
  { volume, files, folders, checksum }: RecoveredVolume,
  known: number,
): Promise<void> {
  const planned = await findVolume(db, volume.name);
  if (planned !== undefined) await dropPlanned(db, planned.id);
  await addSources(db, volume.box, [...files, ...folders], volume.created);
  const rows: VolumeFile[] = [];
  for (let from = 0; from < files.length; from += ROWS) {
    const part = files.slice(from, from + ROWS);
    const json = JSON.stringify(part.map((file, at) => ({ ...file, at })));
    await db.write(makeVersions(json, volume.created, known));
    for (const row of await rowsOf(db, part, json)) rows.push(row);
  }
  const { id } = await planVolume(db, { ...volume, state: "planned" }, rows);
  await addFolders(db, id, folders, volume.created);
  await markStored(db, id, checksum ?? null, volume.created);
}

/** A manifest names sources, but not where they were: no machine has a folder of this path. */
function unknownPath(name: string): string {
  return `unknown:${name}`;
}

async function addSources(
  db: Database,
  box: string,
  located: readonly Located[],
  added: number,
): Promise<void> {
  const names = [...new Set(located.map(({ source }) => source))];
  await db.write(names.map((name) => ({
    sql: "INSERT INTO sources (box, name, path, added) VALUES (?, ?, ?, ?) ON CONFLICT (name) DO NOTHING",
    args: [box, name, unknownPath(name), added],
  })));
}

const FILES = `json_each(?) AS f CROSS JOIN sources s ON s.name = f.value ->> 'source'
                                CROSS JOIN contents c ON c.sha256 = f.value ->> 'sha256'`;

function makeVersions(json: string, created: number, known: number): Statement[] {
  return [
    {
      sql: `INSERT INTO contents (sha256, size)
            SELECT value ->> 'sha256', value ->> 'size' FROM json_each(?) WHERE true
            ON CONFLICT (sha256) DO NOTHING`,
      args: [json],
    },
    {
      sql: `UPDATE versions SET ended = ?, ending = 'changed'
             WHERE id IN (SELECT v.id FROM ${FILES} CROSS JOIN versions v
                           WHERE v.source = s.id AND v.path = f.value ->> 'below' AND v.ended IS NULL
                             AND v.content <> c.id AND v.seen < ?)`,
      args: [created, json, created],
    },
    ...(created < known ? [] : [renewTimes(json)]),
    addVersions(json, created),
  ];
}

function renewTimes(json: string): Statement {
  return {
    sql: `UPDATE versions SET mtime = n.mtime, mode = n.mode
            FROM (SELECT v.id, f.value ->> 'mtime' AS mtime, f.value ->> 'mode' AS mode
                    FROM ${FILES} CROSS JOIN versions v
                   WHERE v.source = s.id AND v.path = f.value ->> 'below' AND v.ended IS NULL
                     AND v.content = c.id) AS n
           WHERE versions.id = n.id`,
    args: [json],
  };
}

/**
 * Adds the versions that are not known, current unless a newer one is. One that was current when the volume
 * was made, and ended since, is known: its file did not come back.
 */
function addVersions(json: string, created: number): Statement {
  const current = `(SELECT x.seen FROM versions x
                     WHERE x.source = s.id AND x.path = f.value ->> 'below' AND x.ended IS NULL)`;
  return {
    sql:
      `INSERT OR IGNORE INTO versions (source, path, content, mtime, ctime, inode, mode, seen, ended, ending)
          SELECT s.id, f.value ->> 'below', c.id, f.value ->> 'mtime', -1, '', f.value ->> 'mode', ?,
                 ${current}, CASE WHEN ${current} IS NOT NULL THEN 'changed' END
            FROM ${FILES}
           WHERE NOT EXISTS (SELECT 1 FROM versions v
                              WHERE v.source = s.id AND v.path = f.value ->> 'below' AND v.content = c.id
                                AND (v.ended IS NULL OR v.ended >= ?))`,
    args: [created, json, created],
  };
}

/** The volume's rows for these files, in their order. */
async function rowsOf(
  db: Database,
  files: readonly RecoveredFile[],
  json: string,
): Promise<VolumeFile[]> {
  const ids = await db.all(
    `SELECT f.value ->> 'at' AS at, c.id AS content,
            (SELECT max(v.id) FROM versions v
              WHERE v.source = s.id AND v.path = f.value ->> 'below' AND v.content = c.id) AS version
       FROM ${FILES}`,
    [json],
    (row) => ({ at: row.int("at"), content: row.int("content"), version: row.optionalInt("version") }),
  );
  return ids.sort((a, b) => a.at - b.at).flatMap(({ at, content, version }) => {
    const file = files[at];
    if (file === undefined) return [];
    const { source, below, mtime, mode, offset } = file;
    return [{ path: `${source}/${below}`, content, version, mtime, mode, offset }];
  });
}

async function addFolders(
  db: Database,
  volume: number,
  folders: readonly Located[],
  created: number,
): Promise<void> {
  const json = JSON.stringify(folders);
  await db.write([{
    sql: `INSERT INTO folders (source, path, mtime, seen, manifest)
          SELECT s.id, f.value ->> 'below', f.value ->> 'mtime', ?, ?
            FROM json_each(?) AS f CROSS JOIN sources s ON s.name = f.value ->> 'source'
           WHERE true
          ON CONFLICT (source, path) WHERE ended IS NULL DO UPDATE SET manifest = excluded.manifest`,
    args: [created, volume, json],
  }]);
}
