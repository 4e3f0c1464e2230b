/** Tidying staging: removing objects whose contents are in a stored volume (DESIGN §5 step 9). */

import { forgetStaged, replaceableStaged, type StagedObject } from "../catalog/staged.ts";
import { StoreError } from "../errors.ts";
import type { Store } from "../store/store.ts";
import { inParallel } from "./pool.ts";
import type { Session } from "./session.ts";

/**
 * Removes staged objects that are no longer needed. To be called only after the snapshot that knows
 * where the contents are now. A store that fails keeps its objects for the next run to remove.
 *
 * @returns how many were removed
 */
export async function tidyStaging(session: Session): Promise<number> {
  const objects = await replaceableStaged(session.db);
  let removed = 0;
  for (const [url, group] of Map.groupBy(objects, (object) => object.store)) {
    const gone: number[] = [];
    try {
      await removeAll(session, await session.storeAt(url), group, gone);
    } catch (error) {
      if (!(error instanceof StoreError)) throw error;
      const left = group.length - gone.length;
      session.report.warn(`${left} staged objects that are in volumes now stay at ${url}: ${error.message}`);
    } finally {
      await forgetStaged(session.db, url, gone);
    }
    removed += gone.length;
  }
  return removed;
}

async function removeAll(
  session: Session,
  store: Store,
  objects: readonly StagedObject[],
  gone: number[],
): Promise<void> {
  await inParallel(objects, { width: 8, budget: 8, cost: () => 1 }, async (object) => {
    session.signal.throwIfAborted();
    await store.remove(object.key);
    gone.push(object.content);
  });
}
