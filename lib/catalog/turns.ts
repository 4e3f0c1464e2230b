/** Which contents of stored volumes have waited longest to be proven. */

import type { Database } from "./database.ts";

/** A content in a volume, with the place of its bytes. */
export interface ContentTurn {
  readonly volume: number;
  readonly content: number;
  readonly sha256: string;
  /** Bytes. */
  readonly size: number;
  /** In the image. */
  readonly offset: number;
}

const PAGE = 1_000;
/** A prime: ids times a number below it, modulo it, are in another order for each such number. */
const PRIME = 2_147_483_647;

/**
 * The contents of volumes, those first whose last proof of being restored is the oldest; equals in an order
 * that the chance decides. A page at a time.
 *
 * @param chance from 0 to below 1
 */
export async function* contentTurns(
  db: Database,
  volumes: readonly number[],
  chance: number,
): AsyncGenerator<ContentTurn[]> {
  const factor = 1 + Math.floor(chance * (PRIME - 2));
  for (let from = 0;; from += PAGE) {
    const page = await db.all(
      `SELECT f.volume, f.content, c.sha256, c.size, f.offset,
              max(coalesce((SELECT time FROM proofs q WHERE q.store = p.store AND q.key = p.key
                              AND q.content = f.content AND q.level = 'restored' AND q.time >= p.stored), 0),
                  coalesce((SELECT time FROM proofs q WHERE q.store = p.store AND q.key = p.key
                              AND q.content = 0 AND q.level = 'restored' AND q.time >= p.stored), 0)) AS last
         FROM (SELECT volume, content, min(offset) AS offset FROM volume_files
                WHERE offset IS NOT NULL AND volume IN (SELECT value FROM json_each(?))
                GROUP BY volume, content) AS f
         JOIN contents c ON c.id = f.content JOIN volumes p ON p.id = f.volume
        ORDER BY last, (f.content * ?) % ${PRIME}, f.volume LIMIT ${PAGE} OFFSET ?`,
      [JSON.stringify(volumes), factor, from],
      (row) => ({
        volume: row.int("volume"),
        content: row.int("content"),
        sha256: row.text("sha256"),
        size: row.int("size"),
        offset: row.int("offset"),
      }),
    );
    if (page.length > 0) yield page;
    if (page.length < PAGE) return;
  }
}

/** Every content of a volume, by offset. */
export function contentsByOffset(db: Database, volume: number): Promise<ContentTurn[]> {
  return db.all(
    `SELECT f.volume, f.content, c.sha256, c.size, min(f.offset) AS offset
       FROM volume_files f JOIN contents c ON c.id = f.content
      WHERE f.volume = ? AND f.offset IS NOT NULL GROUP BY f.content ORDER BY offset, c.size, f.content`,
    [volume],
    (row) => ({
      volume: row.int("volume"),
      content: row.int("content"),
      sha256: row.text("sha256"),
      size: row.int("size"),
      offset: row.int("offset"),
    }),
  );
}

/** Bytes of all contents of volumes. */
export async function contentBytes(db: Database, volumes: readonly number[]): Promise<number> {
  const sum = await db.first(
    `SELECT coalesce(sum(size), 0) AS bytes FROM contents WHERE id IN
            (SELECT content FROM volume_files WHERE offset IS NOT NULL
                AND volume IN (SELECT value FROM json_each(?)))`,
    [JSON.stringify(volumes)],
    (row) => row.int("bytes"),
  );
  return sum ?? 0;
}
