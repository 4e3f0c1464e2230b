/** What a mirror's store really holds, beside what the catalog says. */

import type { Listing } from "../../catalog/listing.ts";
import { noteMissing, storedSizes } from "../../catalog/mirrors.ts";
import { MIRROR_FOLDER } from "../../plan/mirror-name.ts";
import type { Store } from "../../store/store.ts";
import type { Session } from "../session.ts";
import type { LostObject } from "./plan.ts";

/** What a look at a store found. */
export interface MirrorLook {
  readonly lost: readonly LostObject[];
  /** Objects that the catalog does not know. */
  readonly foreign: number;
}

/** What a look needs of a session. */
type Looking = Pick<Session, "db" | "now" | "report" | "signal">;

/**
 * Lists a mirror's store, whole, and compares. What is gone or was replaced counts as missing from now on, so
 * that it is sent again.
 *
 * @param note whether to write down what is missing
 * @throws StoreError when the listing fails at any point: it is not taken for an empty store
 */
export async function lookAtStore(
  session: Looking,
  store: Store,
  listing: Listing,
  note: boolean,
): Promise<MirrorLook> {
  const meter = session.report.phase(`Listing ${store.url}`);
  try {
    const listed = await listing.take(store.list(MIRROR_FOLDER), (count) => meter.add(0, count));
    return await compare(session, store, listing, { listed, note });
  } finally {
    meter.done();
  }
}

async function compare(
  session: Looking,
  store: Store,
  listing: Listing,
  { listed, note }: { listed: number; note: boolean },
): Promise<MirrorLook> {
  const lost: LostObject[] = [];
  let known = 0;
  for await (const page of storedSizes(session.db, store.url)) {
    session.signal.throwIfAborted();
    const { there, differing } = await listing.compare(page);
    known += there;
    const gone = differing.filter(({ object }) => !object.isMissing);
    for (const { object: { path, key }, found } of gone) {
      lost.push({ path, key, what: found === undefined ? "removed" : "replaced" });
    }
    if (note && gone.length > 0) {
      await noteMissing(
        session.db,
        gone.map(({ object }) => object.id),
        session.now(),
      );
    }
  }
  return { lost, foreign: listed - known };
}
