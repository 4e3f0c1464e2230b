/**
 * Asking stores to thaw, and how that stands. The catalog knows of a thaw before the store does; whether an
 * object is readable is asked of the store each time, as it alone knows.
 */

import { agreeToThaw, endThaws, noteThaw, openThaws, type Thaw } from "../../catalog/restores.ts";
import { builtinPrices } from "../../cost/builtin.ts";
import { messageOf } from "../../errors.ts";
import type { Availability, ThawTier } from "../../store/store.ts";
import { pricesOf, tariffOf } from "../cost-tariff.ts";
import { abreast, inParallel } from "../pool.ts";
import type { Session } from "../session.ts";
import { isTier } from "./price.ts";
import type { PlannedVolume } from "./plan.ts";
import { objectId } from "./reach.ts";

/** Requests at the same time. */
const LIMITS = abreast(8);

/** What was agreed. */
export interface Agreement {
  readonly restore: number;
  readonly tier: ThawTier;
  readonly days: number;
}

/**
 * Has volumes thawed that a user agreed to. Written down first; the store is asked only for what it is not
 * thawing already, so that a run that was killed goes on without a second request.
 *
 * @param volumes those that are archived
 */
export async function requestThaws(
  session: Session,
  volumes: readonly PlannedVolume[],
  { restore, tier, days }: Agreement,
): Promise<void> {
  const { db } = session;
  const ids = new Set(volumes.map(objectId));
  const mine = (thaws: readonly Thaw[]) => thaws.filter((thaw) => ids.has(objectId(thaw)));
  // What had been taken by the store and is archived again ran out.
  const over = mine(await openThaws(db)).filter(({ requested }) => requested !== undefined);
  await endThaws(db, over.map(({ id }) => id), "expired", session.now());
  await agreeToThaw(db, restore, volumes, tier, session.now());
  await inParallel(mine(await openThaws(db)), LIMITS, (thaw) => request(session, thaw, days));
}

async function request(session: Session, thaw: Thaw, days: number): Promise<void> {
  session.signal.throwIfAborted();
  const tier = isTier(thaw.tier) ? thaw.tier : "Bulk";
  const store = await session.storeAt(thaw.store);
  const state = await store.thaw(thaw.key, { tier, days });
  await noteState(session, thaw, state);
}

function noteState(session: Session, thaw: Thaw, state: Availability): Promise<void> {
  return noteThaw(session.db, thaw.id, {
    requested: state.state !== "archived",
    ready: state.state === "ready",
    until: state.state === "ready" ? state.until : undefined,
  }, session.now());
}

/**
 * How long the open thaws of some objects take.
 *
 * @param objects as `objectId` names them
 */
export async function waitFor(
  session: Session,
  objects: ReadonlySet<string>,
): Promise<{ readonly tier: string | undefined; readonly readyBy: number | undefined }> {
  const thaws = (await openThaws(session.db)).filter((thaw) => objects.has(objectId(thaw)));
  let last: { tier: string | undefined; readyBy: number | undefined } = {
    tier: thaws[0]?.tier,
    readyBy: undefined,
  };
  for (const thaw of thaws) {
    const readyBy = await readyTime(session, thaw);
    if (readyBy !== undefined && readyBy > (last.readyBy ?? 0)) last = { tier: thaw.tier, readyBy };
  }
  return last;
}

/** A thaw and how the store says it stands. */
export interface PolledThaw extends Thaw {
  /** `unknown` when the store could not be asked. */
  readonly state: Availability["state"] | "unknown";
  /** When it should be ready at the latest, by what the provider says of the tier; ms since 1970. */
  readonly readyBy: number | undefined;
}

/** Asks the stores how all open thaws stand, and writes that down. A store that does not answer is named. */
export async function pollThaws(session: Session): Promise<PolledThaw[]> {
  const polled: PolledThaw[] = [];
  const thaws = await openThaws(session.db);
  if (thaws.length === 0) return [];
  await inParallel(thaws, LIMITS, async (thaw) => {
    session.signal.throwIfAborted();
    polled.push(await poll(session, thaw));
  });
  return polled.toSorted((a, b) => a.id - b.id);
}

async function poll(session: Session, thaw: Thaw): Promise<PolledThaw> {
  const readyBy = await readyTime(session, thaw);
  try {
    const info = await (await session.storeAt(thaw.store)).head(thaw.key);
    if (info === undefined) return { ...thaw, state: "unknown", readyBy };
    await noteState(session, thaw, info.availability);
    const { availability } = info;
    const until = availability.state === "ready" ? availability.until : undefined;
    return { ...thaw, state: availability.state, until, readyBy };
  } catch (error) {
    session.signal.throwIfAborted();
    session.report.warn(`${thaw.key}: ${messageOf(error)}`);
    return { ...thaw, state: "unknown", readyBy };
  }
}

/** When a thaw should be over, by the times of its tier. */
async function readyTime(session: Session, { store, tier, requested }: Thaw): Promise<number | undefined> {
  if (requested === undefined) return undefined;
  const minutes = await tierMinutes(session, store, tier);
  return minutes === undefined ? undefined : requested + minutes * 60_000;
}

/** The longest that a tier takes in the class of a store, in minutes. */
async function tierMinutes(session: Session, store: string, tier: string): Promise<number | undefined> {
  const tariff = tariffOf(store, await pricesOf(session.home), session.storeContext.env);
  const own = tariff.kind === "priced" ? tariff.volumes : builtinPrices().classes.get("DEEP_ARCHIVE");
  return own?.tiers.find(({ name }) => name === tier)?.minutes.to;
}
