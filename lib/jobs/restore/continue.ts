/** Going on with restores that wait for thawed objects, and giving them up. */

import { stat } from "node:fs/promises";
import { endRestore, type OpenRestore, openRestores, pendingVersions } from "../../catalog/restores.ts";
import { ColdframeError } from "../../errors.ts";
import type { Session } from "../session.ts";
import { isTier } from "./price.ts";
import type { RestoreReport } from "./restore.ts";
import { RestoreRun, type RunSettings } from "./run.ts";
import { settleThaws } from "./status.ts";

/** How to go on; where to, and how to thaw, was said when the restore was begun. */
export type ContinueSettings = Omit<RunSettings, "to" | "overwrite" | "days" | "tier">;

/** What became of a restore. */
export interface ContinuedRestore extends RestoreReport {
  readonly restore: number;
}

/**
 * Goes on with restores, the oldest first.
 *
 * @param id of one of them; all that are open when undefined
 * @throws ColdframeError `nothing-found` when none is open; `store-missing` when the target folder is gone
 */
export async function continueRestores(
  session: Session,
  settings: ContinueSettings,
  id?: number,
): Promise<ContinuedRestore[]> {
  const open = await openOnes(session, id);
  const reports: ContinuedRestore[] = [];
  for (const restore of open) reports.push(await goOn(session, restore, settings));
  await settleThaws(session);
  return reports;
}

async function openOnes(session: Session, id: number | undefined): Promise<OpenRestore[]> {
  const open = await openRestores(session.db, session.home.box);
  const wanted = id === undefined ? open : open.filter((restore) => restore.id === id);
  if (wanted.length > 0) return wanted;
  const what = id === undefined
    ? "no restore waits on this machine"
    : `no restore ${id} waits on this machine`;
  throw new ColdframeError("nothing-found", what, {
    hint: "`coldframe thaw` lists those that do; `coldframe restore PATTERN --to DIR` begins one.",
  });
}

/** Goes on with one restore. */
export async function goOn(
  session: Session,
  restore: OpenRestore,
  settings: ContinueSettings,
): Promise<ContinuedRestore> {
  await assertTarget(restore.target);
  const pending = await pendingVersions(session.db, restore.id);
  const { target: to, overwrite, days } = restore;
  const tier = isTier(restore.tier) ? restore.tier : undefined;
  const run = new RestoreRun(session, { ...settings, to, overwrite, days, tier }, restore.id);
  const waiting = await run.run(pending);
  if (waiting === undefined) run.tally.throwIfNothingCameBack();
  const { versions: { length: files }, bytes } = pending;
  return { restore: restore.id, to, files, bytes, ...run.result(), waiting };
}

/** The folder was made when the restore was begun: without its disk, files would go beside it. */
async function assertTarget(target: string): Promise<void> {
  const found = await stat(target).catch(() => undefined);
  if (found?.isDirectory() === true) return;
  throw new ColdframeError("store-missing", `the folder ${target} that was restored into is not there`, {
    hint: "Plug in its disk, or make the folder again; then run `coldframe restore --continue`.",
  });
}

/**
 * Ends a restore that nobody wants any more. What the store has begun to thaw cannot be called back: it is paid
 * for, and the copies go by themselves.
 *
 * @throws ColdframeError `nothing-found` when it is not open
 */
export async function cancelRestore(session: Session, id: number): Promise<OpenRestore> {
  const [restore] = await openOnes(session, id);
  if (restore === undefined) throw new ColdframeError("nothing-found", `no restore ${id} waits here`);
  await endRestore(session.db, id, "cancelled", session.now());
  await settleThaws(session);
  return restore;
}
