/** Which stores the catalog knows. */

import type { Database } from "./database.ts";

/** Whether the catalog knows of anything in a store. */
export async function isStoreKnown(db: Database, store: string): Promise<boolean> {
  const found = await db.first(
    `SELECT 1 AS known WHERE EXISTS (SELECT 1 FROM volumes WHERE store = ?1 AND state <> 'packed')
        OR EXISTS (SELECT 1 FROM staged WHERE store = ?1)
        OR EXISTS (SELECT 1 FROM mirrored WHERE store = ?1)
        OR EXISTS (SELECT 1 FROM uploads WHERE store = ?1)
        OR EXISTS (SELECT 1 FROM snapshots WHERE store = ?1)`,
    [store],
    (row) => row.int("known"),
  );
  return found !== undefined;
}

/** The URL of every store that holds something for good, or that single files wait in. */
export function knownStores(db: Database): Promise<string[]> {
  return db.all(
    `SELECT store FROM volumes WHERE state = 'stored' UNION SELECT store FROM staged
      UNION SELECT store FROM snapshots ORDER BY store`,
    [],
    (row) => row.text("store"),
  );
}
