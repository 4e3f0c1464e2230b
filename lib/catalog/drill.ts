/** Files for a restore drill. */

import type { Database } from "./database.ts";

/** A current file that is stored. */
export interface DrillFile {
  /** `<source name>/<path>`. */
  readonly path: string;
  readonly box: string;
  /** Path of the source, and the path below it. */
  readonly root: string;
  readonly below: string;
  readonly sha256: string;
  /** Bytes. */
  readonly size: number;
}

/** A prime: ids times a number below it, modulo it, are in another order for each such number. */
const PRIME = 2_147_483_647;

/**
 * Some current files that are staged or in one of these volumes, taken by chance.
 *
 * @param chance from 0 to below 1
 */
export function drillFiles(
  db: Database,
  volumes: readonly number[],
  count: number,
  chance: number,
): Promise<DrillFile[]> {
  return db.all(
    `SELECT s.name || '/' || v.path AS path, s.box, s.path AS root, v.path AS below, c.sha256, c.size
       FROM versions v JOIN sources s ON s.id = v.source JOIN contents c ON c.id = v.content
      WHERE v.ended IS NULL
        AND (EXISTS (SELECT 1 FROM staged g WHERE g.content = c.id)
          OR EXISTS (SELECT 1 FROM volume_files f WHERE f.content = c.id AND f.offset IS NOT NULL
                        AND f.volume IN (SELECT value FROM json_each(?))))
      ORDER BY (v.id * ?) % ${PRIME}, v.id LIMIT ?`,
    [JSON.stringify(volumes), 1 + Math.floor(chance * (PRIME - 2)), count],
    (row) => ({
      path: row.text("path"),
      box: row.text("box"),
      root: row.text("root"),
      below: row.text("below"),
      sha256: row.text("sha256"),
      size: row.int("size"),
    }),
  );
}
