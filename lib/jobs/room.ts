/** How much a store still takes. */

import { latestSnapshot } from "../catalog/runs.ts";
import { stagedSizes } from "../catalog/staged.ts";
import type { Store } from "../store/store.ts";
import type { Session } from "./session.ts";

/**
 * What staging leaves free of a store's space: a twentieth, since on Drive mail needs it too and a full
 * account gets none; of large disks a gigabyte.
 */
const FREE_SHARE = 1 / 20;
const FREE_AT_MOST = 1_000_000_000;

/**
 * Bytes that staged objects may still take in a store: what its quota leaves, and what the setting
 * `staging-limit` leaves; Infinity without either.
 */
export async function stagingRoom(session: Session, store: Store): Promise<number> {
  const usage = await store.usage();
  // An account without any space of its own tells why at the first upload, better than a number can.
  const quota = usage === undefined || usage.limit === undefined || usage.limit === 0
    ? Infinity
    : usage.limit - usage.used - await kept(session, usage.limit);
  return Math.max(0, Math.min(quota, await limitRoom(session, store)));
}

async function limitRoom(session: Session, store: Store): Promise<number> {
  const limit = session.home.config.stagingLimit;
  if (limit === undefined) return Infinity;
  let taken = 0;
  for (const size of (await stagedSizes(session.db, store.url)).values()) taken += size;
  return limit - taken;
}

/** The snapshot of the catalog must find room, or nothing could be tidied any more. */
async function kept(session: Session, limit: number): Promise<number> {
  const snapshot = await latestSnapshot(session.db);
  return Math.max(Math.min(limit * FREE_SHARE, FREE_AT_MOST), (snapshot?.size ?? 0) * 2);
}

/** Whether a store that tells its space has room for so many bytes. */
export async function hasRoomFor(store: Store, bytes: number): Promise<boolean> {
  const usage = await store.usage();
  return usage?.limit === undefined || usage.limit - usage.used >= bytes;
}
