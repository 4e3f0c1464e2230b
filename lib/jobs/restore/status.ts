/** How the restores stand that wait, as people and alerts are told. */

import { type Found, settleFindings } from "../../catalog/findings.ts";
import { type OpenRestore, openRestores } from "../../catalog/restores.ts";
import type { Session } from "../session.ts";
import { type PolledThaw, pollThaws } from "./thaw.ts";

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

/** Tells as findings what is ready now; what is over is closed. */
export async function settleThaws(session: Session): Promise<void> {
  await restoreStatus(session);
}
