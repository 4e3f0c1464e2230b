/** Volumes that turned out to be damaged: what was safe in them is to be stored again. */

import type { Database } from "./database.ts";

/**
 * Says that a stored volume is damaged. Its contents count as safe in another stored volume that holds them,
 * if there is one; all others wait to be stored again. Nothing is removed: what can still be read of it may
 * be all that is left of a file.
 */
export async function markDamaged(db: Database, id: number): Promise<void> {
  await db.write([
    { sql: "UPDATE volumes SET state = 'damaged' WHERE id = ? AND state = 'stored'", args: [id] },
    { sql: "UPDATE folders SET manifest = NULL WHERE manifest = ?", args: [id] },
    { sql: "UPDATE versions SET manifest = NULL WHERE manifest = ?", args: [id] },
    {
      sql: `UPDATE contents SET (volume, position) =
                   (SELECT f.volume, f.position FROM volume_files f JOIN volumes p ON p.id = f.volume
                     WHERE f.content = contents.id AND f.offset IS NOT NULL AND p.state = 'stored'
                     ORDER BY f.volume, f.position LIMIT 1)
             WHERE volume = ?`,
      args: [id],
    },
  ]);
}

/** Gives up damaged volumes: what is only in them does not count as missed any more. */
export async function giveUpVolumes(db: Database, ids: readonly number[]): Promise<void> {
  await db.write([{
    sql: `UPDATE volumes SET state = 'lost'
           WHERE state = 'damaged' AND id IN (SELECT value FROM json_each(?))`,
    args: [JSON.stringify(ids)],
  }]);
}

/** Contents of a damaged volume that are in no stored volume, not staged, in no mirror and in no source. */
export function lostContents(db: Database, volume: number): Promise<number[]> {
  return db.all(
    `SELECT DISTINCT f.content FROM volume_files f JOIN contents c ON c.id = f.content
      WHERE f.volume = ? AND f.offset IS NOT NULL AND c.volume IS NULL
        AND NOT EXISTS (SELECT 1 FROM staged g WHERE g.content = c.id)
        AND NOT EXISTS (SELECT 1 FROM mirrored m WHERE m.content = c.id AND m.missing IS NULL)
        AND NOT EXISTS (SELECT 1 FROM versions v WHERE v.content = c.id AND v.ended IS NULL)
      ORDER BY f.content`,
    [volume],
    (row) => row.int("content"),
  );
}
