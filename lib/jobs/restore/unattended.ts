/** What runs without a user do about restores that wait. */

import type { OpenRestore } from "../../catalog/restores.ts";
import { hasCode, messageOf } from "../../errors.ts";
import { sleep } from "../../store/sleep.ts";
import type { Session } from "../session.ts";
import { unlockWith } from "../unlock.ts";
import { goOn } from "./continue.ts";
import { restoreStatus, settleThaws } from "./status.ts";

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
