/** How much a store still takes. */

import { latestSnapshot } from "../catalog/runs.ts";
import { stagedSizes } from "../catalog/staged.ts";
import type { Store } from "../store/store.ts";
import type { Session } from "./session.ts";

/**
 * What staging leaves free of a store's space: a twentieth, since on Drive mail needs it too and a full
 * account gets none; at most so many bytes.
 */
const FREE_SHARE = 1 / 20;
const FREE_AT_MOST = 1_000_000_000;
/** Where volumes are in the same store, little is gained by leaving more than the snapshot needs. */
const FREE_BESIDE_VOLUMES = 50_000_000;

/**
 * Bytes that staged objects may still take in the staging store: what its quota leaves, and what the
 * setting `staging-limit` leaves; Infinity without either, negative when they take too much already.
 */
export async function stagingRoom(session: Session, store: Store): Promise<number> {
  return Math.min(await quotaRoom(session, store), await limitRoom(session, store));
}

/**
 * The same, as far as sealing volumes can make more of it: where volumes go to the same store, what is
 * sealed takes no less room than before.
 */
export async function relievableRoom(session: Session, store: Store): Promise<number> {
  return isShared(session) ? await limitRoom(session, store) : await stagingRoom(session, store);
}

/** Whether staging and the cold store are one. */
export function isShared({ urls }: Session): boolean {
  return urls.staging === urls.cold;
}

async function quotaRoom(session: Session, store: Store): Promise<number> {
  const usage = await store.usage();
  // An account without any space of its own tells why at the first upload, better than a number can.
  if (usage?.limit === undefined || usage.limit === 0) return Infinity;
  return usage.limit - usage.used - await reserve(session, usage.limit);
}

async function limitRoom(session: Session, store: Store): Promise<number> {
  const limit = session.home.config.stagingLimit;
  if (limit === undefined) return Infinity;
  let taken = 0;
  for (const size of (await stagedSizes(session.db, store.url)).values()) taken += size;
  return limit - taken;
}

/** The snapshot of the catalog must find room, or nothing could be tidied any more. */
async function reserve(session: Session, limit: number): Promise<number> {
  const snapshot = await latestSnapshot(session.db);
  const most = isShared(session) ? FREE_BESIDE_VOLUMES : FREE_AT_MOST;
  return Math.max(Math.min(limit * FREE_SHARE, most), (snapshot?.size ?? 0) * 2);
}

/** Whether a store that tells its space has room for so many bytes. */
export async function hasRoomFor(store: Store, bytes: number): Promise<boolean> {
  const usage = await store.usage();
  return usage?.limit === undefined || usage.limit - usage.used >= bytes;
}
