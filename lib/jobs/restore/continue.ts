/** Going on with restores that wait for thawed objects: by hand, or at the end of an unattended run. */

import { stat } from "node:fs/promises";
import { type Found, settleFindings } from "../../catalog/findings.ts";
import { versionsById } from "../../catalog/look.ts";
import { endRestore, type OpenRestore, openRestores, pendingVersions } from "../../catalog/restores.ts";
import { ColdframeError, hasCode, messageOf } from "../../errors.ts";
import { sleep } from "../../store/sleep.ts";
import type { Session } from "../session.ts";
import { unlockWith } from "../unlock.ts";
import { isTier } from "./price.ts";
import type { RestoreReport } from "./restore.ts";
import { RestoreRun, type RunSettings } from "./run.ts";
import { type PolledThaw, pollThaws } from "./thaw.ts";

/** How to go on; where to, and how to thaw, was said when the restore was begun. */
export type ContinueSettings = Pick<RunSettings, "maxCost" | "wait" | "sleep" | "unlock" | "approve">;

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

async function goOn(
  session: Session,
  restore: OpenRestore,
  settings: ContinueSettings,
): Promise<ContinuedRestore> {
  await assertTarget(restore.target);
  const versions = await versionsById(session.db, await pendingVersions(session.db, restore.id));
  const { target: to, overwrite, days } = restore;
  const tier = isTier(restore.tier) ? restore.tier : undefined;
  const run = new RestoreRun(session, { ...settings, to, overwrite, days, tier }, restore.id);
  const waiting = await run.run(versions);
  if (waiting === undefined) run.tally.throwIfNothingCameBack();
  const bytes = versions.reduce((sum, { size }) => sum + size, 0);
  return { restore: restore.id, to, files: versions.length, bytes, ...run.result(), waiting };
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

/** A restore that waits, with its thaws as the stores say they stand. */
export interface RestoreStatus extends OpenRestore {
  readonly thaws: readonly PolledThaw[];
}

/** Asks the stores how the waiting restores of this box stand, and tells what is ready as a finding. */
export async function restoreStatus(session: Session): Promise<RestoreStatus[]> {
  const open = await openRestores(session.db, session.home.box);
  const thaws = open.length === 0 ? [] : await pollThaws(session);
  const status = open.map((restore) => ({
    ...restore,
    thaws: thaws.filter((thaw) => thaw.restore === restore.id),
  }));
  await settleFindings(session.db, scopeOf(session), status.flatMap(findingOf), session.now());
  return status;
}

async function settleThaws(session: Session): Promise<void> {
  await restoreStatus(session);
}

function scopeOf({ home }: Session): string {
  return `thaw ${home.box}`;
}

function findingOf({ id, target, files, done, thaws }: RestoreStatus): Found[] {
  const ready = thaws.filter(({ state }) => state === "ready");
  const over = thaws.filter(({ state, ready }) => state === "archived" && ready !== undefined);
  const common = { name: `restore ${id}`, severity: "warning", files: [] } as const;
  const hint = `Run \`coldframe restore --continue\`; the files go to ${target}.`;
  if (over.length > 0) {
    const message = `restore ${id}: ${over.length} thawed copies ran out before they were fetched`;
    return [{
      ...common,
      kind: "thaw-expired",
      message,
      hint: `${hint} It asks before it thaws them again.`,
    }];
  }
  if (ready.length === 0) return [];
  const until = Math.min(...ready.map(({ until }) => until ?? Infinity));
  const term = until === Infinity ? "" : ` until ${new Date(until).toISOString().slice(0, 10)}`;
  const message = `restore ${id}: ${ready.length} of ${thaws.length} volumes can be read${term}; ` +
    `${files - done} files wait`;
  return [{ ...common, kind: "thaw-ready", message, hint }];
}

/**
 * What an unattended run does about restores that wait: it looks how they stand, and goes on with those that
 * can be read, if the secret key lies in the home unprotected. It never pays; what it cannot do it leaves as a
 * finding. Errors do not stop the run.
 */
export async function continueUnattended(session: Session): Promise<void> {
  try {
    const status = await restoreStatus(session);
    for (const restore of status) {
      if (restore.thaws.some(({ state }) => state === "ready")) await goOnUnattended(session, restore);
    }
    if (status.length > 0) await settleThaws(session);
  } catch (error) {
    session.signal.throwIfAborted();
    session.report.warn(`restores that wait were not looked at: ${messageOf(error)}`);
  }
}

async function goOnUnattended(session: Session, restore: OpenRestore): Promise<void> {
  const unlock = unlockWith(session.home.paths.identity, () => Promise.resolve(undefined));
  try {
    await unlock();
    const settings = {
      maxCost: undefined,
      wait: false,
      sleep,
      unlock,
      approve: () => Promise.resolve(false),
    };
    const { restored, failed } = await goOn(session, restore, settings);
    session.report.say(`Restore ${restore.id}: ${restored} files came back to ${restore.target}.`);
    for (const { path, reason } of failed) session.report.warn(`not restored: ${path}: ${reason}`);
  } catch (error) {
    session.signal.throwIfAborted();
    const left = ["key-missing", "passphrase", "cost"] as const;
    if (left.some((code) => hasCode(error, code))) return; // the finding says so
    session.report.warn(`restore ${restore.id}: ${messageOf(error)}`);
  }
}
