/** How far the archive is proven now: what the latest proofs add up to. */

import type { Database } from "./database.ts";
import { type Level, LEVELS } from "./proofs.ts";

/** Objects of one kind, and how many of them are proven at a level. */
export interface Proven {
  /** In the plural, such as `volumes`. */
  readonly what: string;
  readonly objects: number;
  readonly bytes: number;
  readonly levels: readonly ProvenLevel[];
}

/** How much of a kind is proven at a level. */
export interface ProvenLevel {
  readonly level: Level;
  readonly objects: number;
  /** When the first of them was last proven so, ms since 1970; undefined where none is. */
  readonly oldest: number | undefined;
  readonly newest: number | undefined;
}

/** Kinds of objects: a query that gives store, key, size and the time they were stored. */
const KINDS: readonly (readonly [what: string, objects: string])[] = [
  [
    "volumes",
    "SELECT store, key, object_size AS size, coalesce(stored, created) AS since FROM volumes WHERE state = 'stored'",
  ],
  [
    "manifests",
    `SELECT store, 'manifests/' || name || '.jsonl.gz.age' AS key, coalesce(manifest_size, 0) AS size,
            coalesce(stored, created) AS since
       FROM volumes WHERE state = 'stored' AND manifest_size IS NOT NULL`,
  ],
  ["snapshots", "SELECT store, key, size, time AS since FROM snapshots"],
  ["mirrored files", "SELECT store, key, size, stored AS since FROM mirrored WHERE missing IS NULL"],
  ["staged files", "SELECT store, key, size, time AS since FROM staged"],
];

/** How far each kind of object is proven. Kinds of which there are none are left out. */
export async function provenNow(db: Database, box: string): Promise<Proven[]> {
  const all: Proven[] = [];
  for (const [what, objects] of KINDS) {
    const levels: ProvenLevel[] = [];
    for (const level of LEVELS) levels.push(await provenAt(db, objects, level));
    all.push({ what, ...await sumOf(db, objects), levels });
  }
  all.push(await filesOutOfVolumes(db), await localFilesRead(db, box));
  return all.filter(({ objects }) => objects > 0);
}

async function sumOf(db: Database, objects: string): Promise<{ objects: number; bytes: number }> {
  const sum = await db.first(
    `SELECT count(*) AS n, coalesce(sum(size), 0) AS bytes FROM (${objects})`,
    [],
    (row) => ({ objects: row.int("n"), bytes: row.int("bytes") }),
  );
  return sum ?? { objects: 0, bytes: 0 };
}

async function provenAt(db: Database, objects: string, level: Level): Promise<ProvenLevel> {
  const found = await db.first(
    `SELECT count(*) AS n, min(p.time) AS oldest, max(p.time) AS newest
       FROM (${objects}) AS o JOIN proofs p ON p.store = o.store AND p.key = o.key AND p.content = 0
                              AND p.level = ? AND p.time >= o.since`,
    [level],
    (row) => ({
      level,
      objects: row.int("n"),
      oldest: row.optionalInt("oldest"),
      newest: row.optionalInt("newest"),
    }),
  );
  return found ?? { level, objects: 0, oldest: undefined, newest: undefined };
}

/** Files that were restored out of volumes, alone or with the whole volume. */
async function filesOutOfVolumes(db: Database): Promise<Proven> {
  const found = await db.first(
    `SELECT count(*) AS n, coalesce(sum(size), 0) AS bytes, count(time) AS proven, min(time) AS oldest,
            max(time) AS newest
       FROM (SELECT c.id, c.size, max(p.time) AS time
               FROM contents c JOIN volumes v ON v.id = c.volume
               LEFT JOIN proofs p ON p.store = v.store AND p.key = v.key AND p.content IN (0, c.id)
                                 AND p.level = 'restored' AND p.time >= v.stored
              GROUP BY c.id)`,
    [],
    (row) => ({
      objects: row.int("n"),
      bytes: row.int("bytes"),
      level: {
        level: "restored" as const,
        objects: row.int("proven"),
        oldest: row.optionalInt("oldest"),
        newest: row.optionalInt("newest"),
      },
    }),
  );
  return {
    what: "files in volumes",
    objects: found?.objects ?? 0,
    bytes: found?.bytes ?? 0,
    levels: found === undefined ? [] : [found.level],
  };
}

/** The files of this machine: each was read when it was hashed, at the latest. */
async function localFilesRead(db: Database, box: string): Promise<Proven> {
  const found = await db.first(
    `SELECT count(*) AS n, coalesce(sum(c.size), 0) AS bytes, count(v.reread) AS proven,
            min(v.reread) AS oldest, max(v.reread) AS newest
       FROM versions v JOIN sources s ON s.id = v.source JOIN contents c ON c.id = v.content
      WHERE v.ended IS NULL AND s.box = ?`,
    [box],
    (row) => ({
      objects: row.int("n"),
      bytes: row.int("bytes"),
      level: {
        level: "read back" as const,
        objects: row.int("proven"),
        oldest: row.optionalInt("oldest"),
        newest: row.optionalInt("newest"),
      },
    }),
  );
  return {
    what: "files of this machine",
    objects: found?.objects ?? 0,
    bytes: found?.bytes ?? 0,
    levels: found === undefined ? [] : [found.level],
  };
}
