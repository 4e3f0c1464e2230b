/** Tidying staging: removing what is there of contents that are in a stored volume (DESIGN §5 step 9). */

import { discardedObjects, forgetDiscarded, forgetStaged, replaceableStaged } from "../catalog/staged.ts";
import { forgetUpload, needlessUploads } from "../catalog/uploads.ts";
import { StoreError } from "../errors.ts";
import type { Store } from "../store/store.ts";
import { abortBegun } from "./begun.ts";
import { inParallel } from "./pool.ts";
import type { Session } from "./session.ts";

/**
 * Removes staged objects that are no longer needed. To be called only after the snapshot that knows
 * where the contents are now. A store that fails keeps its objects for the next run to remove.
 *
 * @returns how many were removed
 */
export async function tidyStaging(session: Session): Promise<number> {
  await forgetNeedless(session);
  const { db } = session;
  const replaced = await replaceableStaged(db);
  const removed = await removeFrom(
    session,
    replaced,
    (url, gone) => forgetStaged(db, url, gone.map(({ content }) => content)),
  );
  const discarded = await discardedObjects(db);
  return removed +
    await removeFrom(session, discarded, (url, gone) => forgetDiscarded(db, url, gone.map(({ key }) => key)));
}

/**
 * Whether something in staging waits to be removed once a snapshot knows what it is replaced by: a staged
 * object, or one that was sent and never confirmed.
 */
export async function owesTidying({ db, home }: Session): Promise<boolean> {
  return (await replaceableStaged(db)).length > 0 || (await discardedObjects(db)).length > 0 ||
    (await needlessUploads(db, home.box)).length > 0;
}

/** Removes objects, store by store, and forgets those that are gone. */
async function removeFrom<O extends { readonly store: string; readonly key: string }>(
  session: Session,
  objects: readonly O[],
  forget: (url: string, gone: readonly O[]) => Promise<void>,
): Promise<number> {
  let removed = 0;
  for (const [url, group] of Map.groupBy(objects, (object) => object.store)) {
    const gone: O[] = [];
    try {
      await removeAll(session, await session.storeAt(url), group, gone);
    } catch (error) {
      if (!(error instanceof StoreError)) throw error;
      const left = group.length - gone.length;
      session.report.warn(`${left} staged objects that are not needed now stay at ${url}: ${error.message}`);
    } finally {
      await forget(url, gone);
    }
    removed += gone.length;
  }
  return removed;
}

/**
 * Ends uploads that came too late for their contents. The store may hold a part of an object, or all of it
 * when its answer got lost.
 */
async function forgetNeedless(session: Session): Promise<void> {
  const failed = new Set<string>();
  for (const { id, store: url, key } of await needlessUploads(session.db, session.home.box)) {
    if (failed.has(url)) continue;
    session.signal.throwIfAborted();
    try {
      const store = await session.storeAt(url);
      await abortBegun(session, store, id);
      await store.remove(key);
      await session.db.write(forgetUpload(id));
    } catch (error) {
      if (!(error instanceof StoreError)) throw error;
      failed.add(url);
      session.report.warn(`An unfinished upload stays at ${url}: ${error.message}`);
    }
  }
}

async function removeAll<O extends { readonly key: string }>(
  session: Session,
  store: Store,
  objects: readonly O[],
  gone: O[],
): Promise<void> {
  await inParallel(objects, { width: 8, budget: 8, cost: () => 1 }, async (object) => {
    session.signal.throwIfAborted();
    await store.remove(object.key);
    gone.push(object);
  });
}
