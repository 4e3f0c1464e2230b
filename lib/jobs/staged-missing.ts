/**
 * Noticing what somebody removed from staging: the user, in Drive's window or with a file manager, or the
 * store itself. What is gone there is forgotten here, so that it is staged again.
 */

import { forgetStaged, stagedCopies, type StagedCopy } from "../catalog/staged.ts";
import type { Store } from "../store/store.ts";
import type { FileProblem } from "./scan.ts";
import type { Session } from "./session.ts";

/** What is not in staging any more. */
export interface MissingReport {
  /** Objects that are gone, of contents that can be had elsewhere. */
  readonly missing: number;
  /** Files of which the object that is gone was the only copy. */
  readonly lost: readonly FileProblem[];
}

/** Drive's search does not find what was written a moment ago; in ms. */
const SETTLED = 10 * 60_000;

/**
 * Compares a listing of `staged/` with the catalog. One that fails throws, and changes nothing.
 *
 * An only copy that is gone stays in the catalog: its owner may take it back out of the store's bin.
 *
 * @param acceptLost forgets those, too
 */
export async function forgetMissing(
  session: Session,
  store: Store,
  acceptLost: boolean,
): Promise<MissingReport> {
  const judged = session.now() - SETTLED;
  const copies = (await stagedCopies(session.db, store.url)).filter(({ time }) => time <= judged);
  if (copies.length === 0) return { missing: 0, lost: [] };
  const there = new Map<string, number>();
  for await (const { key, size } of store.list("staged/")) there.set(key, size);
  const gone = copies.filter(({ key, size }) => there.get(key) !== size);
  const lost = acceptLost ? [] : gone.filter(({ elsewhere }) => !elsewhere);
  const forgotten = gone.filter((copy) => !lost.includes(copy));
  await forgetStaged(session.db, store.url, forgotten.map(({ content }) => content));
  return { missing: forgotten.length, lost: lost.map((copy) => describe(copy, store)) };
}

function describe({ path, key }: StagedCopy, store: Store): FileProblem {
  return { path, reason: `its only copy, ${key}, is gone from ${store.url}` };
}
