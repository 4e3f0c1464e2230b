/**
 * A turn for telling. Checks run beside a sync without its lock; if both told at the same moment, people
 * would hear everything twice.
 */

import { setTimeout as sleep } from "node:timers/promises";
import { claimTurn, endTurn } from "../../catalog/notices.ts";
import type { Session } from "../session.ts";

/** A turn that was not ended, by a crash, is over after so many ms. */
const LONGEST = 10 * 60_000;
/** How long, and how often, another's turn is waited for, in ms. */
const PATIENCE = 60_000;
const PAUSE = 250;

/**
 * Runs `body` while nobody else on this home does.
 *
 * @returns undefined when others took too long: what is to be told is told by the next run
 */
export async function oneAtATime<T>(session: Session, body: () => Promise<T>): Promise<T | undefined> {
  const { db, home, signal } = session;
  const start = Date.now(); // of the turn, as others see it: not the clock of the job
  while (!await claimTurn(db, home.box, Date.now(), LONGEST)) {
    if (Date.now() - start > PATIENCE) return undefined;
    await sleep(PAUSE, undefined, { signal });
  }
  try {
    return await body();
  } finally {
    await endTurn(db, home.box);
  }
}
