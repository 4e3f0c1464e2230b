/**
 * The snapshots that are kept: a copy in the cold store once a day, where nothing is ever removed, and in
 * staging, where space is short, those that `plan/keep.ts` chooses. Where both are one store, the rule of
 * staging holds.
 */

import { forgetSnapshots, latestSnapshot, snapshotsIn } from "../catalog/runs.ts";
import { settleFindings } from "../catalog/findings.ts";
import { StoreError } from "../errors.ts";
import { snapshotsToKeep } from "../plan/keep.ts";
import { isShared } from "./room.ts";
import type { Session } from "./session.ts";
import { storeSnapshot } from "./snapshot.ts";

const DAY = 86_400_000;
/** Ms without a snapshot in the cold store after which somebody should know. */
const TOO_LONG = 7 * DAY;

/**
 * Sees to the snapshots at the end of a run, whether or not that run took one. A store that fails is left to
 * the next run: all that was to be stored is stored by now.
 */
export async function tendSnapshots(session: Session): Promise<void> {
  if (!isShared(session)) await keepInCold(session);
  await thinOut(session);
}

/**
 * Whether the cold store lacks what a newer snapshot knows, and had its last one a day ago; or a day ahead, by
 * a clock that was set back since.
 */
async function owesCold({ db, urls, now }: Session): Promise<boolean> {
  const newest = await latestSnapshot(db);
  const cold = (await snapshotsIn(db, urls.cold)).at(-1);
  if (newest === undefined) return false;
  return cold === undefined || (newest.time > cold.time && Math.abs(now() - cold.time) >= DAY);
}

async function keepInCold(session: Session): Promise<void> {
  const { db, urls, now, report } = session;
  if (!await owesCold(session)) return;
  try {
    await storeSnapshot(session, await session.cold());
    await settleFindings(db, SCOPE, [], now());
  } catch (error) {
    if (!(error instanceof StoreError)) throw error;
    report.warn(`The cold store did not take today's snapshot of the catalog: ${error.message}`);
    const last = (await snapshotsIn(db, urls.cold)).at(-1)?.time;
    if (last !== undefined && now() - last < TOO_LONG) return;
    await settleFindings(db, SCOPE, [neverInCold(urls.cold, last, error)], now());
  }
}

const SCOPE = "snapshots";

function neverInCold(store: string, last: number | undefined, error: StoreError) {
  const since = last === undefined
    ? "no snapshot of the catalog yet"
    : `no snapshot of the catalog since ${new Date(last).toISOString().slice(0, 10)}`;
  return {
    name: store,
    kind: "snapshot-missing",
    severity: "warning",
    message: `${store} has taken ${since}: ${error.message}`,
    hint: error.hint ?? "Look at the store with `coldframe doctor`.",
    files: [],
  } as const;
}

/** Removes the snapshots from staging that need not be kept. */
async function thinOut(session: Session): Promise<void> {
  const { db, urls, now, report } = session;
  const held = await snapshotsIn(db, urls.staging);
  const keep = snapshotsToKeep(held.map(({ time }) => time), now());
  const spare = held.filter(({ time }) => !keep.has(time));
  if (spare.length === 0) return;
  const gone: string[] = [];
  try {
    const store = await session.staging();
    for (const { key } of spare) {
      session.signal.throwIfAborted();
      await store.remove(key);
      gone.push(key);
    }
  } catch (error) {
    if (!(error instanceof StoreError)) throw error;
    report.warn(`${spare.length - gone.length} old snapshots stay at ${urls.staging}: ${error.message}`);
  } finally {
    await forgetSnapshots(db, urls.staging, gone);
  }
}
