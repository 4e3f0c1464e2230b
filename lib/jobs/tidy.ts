/** Tidying staging: removing objects whose contents are in a stored volume (DESIGN §5 step 9). */

import { forgetStaged, replaceableStaged } from "../catalog/staged.ts";
import { inParallel } from "./pool.ts";
import type { Session } from "./session.ts";

/**
 * Removes staged objects that are no longer needed. To be called only after the snapshot that knows
 * where the contents are now.
 *
 * @returns how many were removed
 */
export async function tidyStaging(session: Session): Promise<number> {
  const objects = await replaceableStaged(session.db);
  const stores = Map.groupBy(objects, (object) => object.store);
  for (const [url, group] of stores) {
    const store = await session.storeAt(url);
    const removed: number[] = [];
    try {
      await inParallel(group, { width: 8, budget: 8, cost: () => 1 }, async (object) => {
        session.signal.throwIfAborted();
        await store.remove(object.key);
        removed.push(object.content);
      });
    } finally {
      await forgetStaged(session.db, url, removed);
    }
  }
  return objects.length;
}
