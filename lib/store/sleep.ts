/** Waiting that Ctrl-C ends. */

import { setTimeout as wait } from "node:timers/promises";

/** Waits `ms` milliseconds; rejects with the signal's reason when it is aborted meanwhile. */
export type Sleep = (ms: number, signal?: AbortSignal) => Promise<void>;

/** A longer timer would fire at once. */
const LONGEST = 2 ** 31 - 1;

/** The `Sleep` of the real clock. */
export async function sleep(ms: number, signal?: AbortSignal): Promise<void> {
  signal?.throwIfAborted();
  try {
    await wait(Math.min(ms, LONGEST), undefined, signal === undefined ? {} : { signal });
  } catch (error) {
    signal?.throwIfAborted();
    throw error;
  }
}
