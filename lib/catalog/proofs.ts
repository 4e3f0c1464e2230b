/**
 * What was proven of each object, and when. A proof counts for the object that was there then: one that was
 * stored anew later, under the same key, is proven by nothing yet.
 */

import type { Database, Statement } from "./database.ts";

/** What a check can prove, weakest first (docs/FORMAT.md, "Words for what a check proves"). */
export const LEVELS = ["listed", "checksummed", "read back", "restored"] as const;

export type Level = (typeof LEVELS)[number];

/** One thing proven. */
export interface Proof {
  readonly store: string;
  readonly key: string;
  /** The id of a content in the object; 0 for the whole object. */
  readonly content: number;
  readonly level: Level;
}

const ROWS = 10_000;

/** Notes proofs; earlier ones of the same level give way. */
export async function noteProofs(db: Database, proofs: readonly Proof[], time: number): Promise<void> {
  for (let from = 0; from < proofs.length; from += ROWS) {
    await db.write([insert(proofs.slice(from, from + ROWS), time)]);
  }
}

function insert(proofs: readonly Proof[], time: number): Statement {
  return {
    sql: `INSERT INTO proofs (store, key, content, level, time)
          SELECT value ->> 'store', value ->> 'key', value ->> 'content', value ->> 'level', ?
            FROM json_each(?) WHERE true
          ON CONFLICT (store, key, content, level) DO UPDATE SET time = excluded.time`,
    args: [time, JSON.stringify(proofs)],
  };
}

/** When whole objects of a store were last proven at a level: ms since 1970, by key. */
export async function provenObjects(
  db: Database,
  store: string,
  level: Level,
): Promise<ReadonlyMap<string, number>> {
  const rows = await db.all(
    "SELECT key, time FROM proofs WHERE store = ? AND content = 0 AND level = ?",
    [store, level],
    (row) => [row.text("key"), row.int("time")] as const,
  );
  return new Map(rows);
}

/** When single contents of an object were last proven at a level: ms since 1970, by their ids. */
export async function provenContents(
  db: Database,
  object: { readonly store: string; readonly key: string },
  level: Level,
): Promise<ReadonlyMap<number, number>> {
  const rows = await db.all(
    "SELECT content, time FROM proofs WHERE store = ? AND key = ? AND content <> 0 AND level = ?",
    [object.store, object.key, level],
    (row) => [row.int("content"), row.int("time")] as const,
  );
  return new Map(rows);
}

/** Forgets what was proven of an object, when it turned out to be damaged or gone. */
export async function forgetProofs(
  db: Database,
  objects: readonly { readonly store: string; readonly key: string }[],
): Promise<void> {
  await db.write([{
    sql: `DELETE FROM proofs
           WHERE (store, key) IN (SELECT value ->> 'store', value ->> 'key' FROM json_each(?))`,
    args: [JSON.stringify(objects)],
  }]);
}
