/** How far the stored volumes are proven, summed up for people. */

import type { Database } from "./database.ts";
import { type Level, LEVELS } from "./proofs.ts";

/** What a level reached. Times are ms since 1970. */
export interface Reach {
  readonly level: Level;
  /** Whole objects: stored volumes proven as they are now. */
  readonly volumes: number;
  /** Files of stored volumes that were proven one by one. */
  readonly files: number;
  readonly oldest: number | undefined;
  readonly newest: number | undefined;
}

/** Each level, weakest first, with what it reached in the stored volumes. */
export async function reachOfProofs(db: Database): Promise<Reach[]> {
  const rows = await db.all(
    `SELECT r.level, count(DISTINCT CASE WHEN r.content = 0 THEN v.id END) AS volumes,
            count(DISTINCT nullif(r.content, 0)) AS files, min(r.time) AS oldest, max(r.time) AS newest
       FROM proofs r JOIN volumes v ON v.store = r.store AND v.key = r.key AND v.state = 'stored'
      GROUP BY r.level`,
    [],
    (row) => ({
      level: row.text("level"),
      volumes: row.int("volumes"),
      files: row.int("files"),
      oldest: row.optionalInt("oldest"),
      newest: row.optionalInt("newest"),
    }),
  );
  return LEVELS.map((level) => {
    const row = rows.find((one) => one.level === level);
    return { ...(row ?? { volumes: 0, files: 0, oldest: undefined, newest: undefined }), level };
  });
}

/** How many contents the stored volumes hold. */
export async function filesInVolumes(db: Database): Promise<number> {
  const sql = "SELECT count(*) AS n FROM contents WHERE volume IS NOT NULL";
  return await db.first(sql, [], (row) => row.int("n")) ?? 0;
}
