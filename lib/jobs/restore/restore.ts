/**
 * Restoring files: choose the versions, plan where each comes from and what that costs, have thawed what must
 * be, fetch just the bytes needed, and prove every file before it takes its name. One bad copy does not stop
 * the others; another place that holds the content is tried next.
 */

import { resolve } from "node:path";
import { sameRestore } from "../../catalog/restores.ts";
import { ColdframeError } from "../../errors.ts";
import type { Session } from "../session.ts";
import type { RestorePlan } from "./plan.ts";
import { RestoreRun, type RunSettings, type Waiting } from "./run.ts";
import { selectFolders, type Selection, selectVersions } from "./select.ts";
import { settleThaws } from "./status.ts";
import type { RestoreCounts } from "./tally.ts";

/** What to restore, where to, and how. */
export interface RestoreRequest extends Selection, RunSettings {
  /** Only to plan: nothing is written, asked for or paid. */
  readonly planOnly: boolean;
}

/** What a restore did. */
export interface RestoreReport extends RestoreCounts {
  /** How it was planned; undefined when there was nothing to fetch. */
  readonly plan: RestorePlan | undefined;
  /** What must be waited for; undefined when the restore is over. */
  readonly waiting: Waiting | undefined;
}

/**
 * Restores files.
 *
 * @throws ColdframeError `nothing-found` when no pattern matches anything; `cost` when the user does not agree
 */
export async function restore(session: Session, request: RestoreRequest): Promise<RestoreReport> {
  const selected = await selectVersions(session.db, request);
  const folders = await selectFolders(session.db, request);
  if (selected.versions.length + folders.length === 0) {
    throw new ColdframeError("nothing-found", `nothing matches ${request.patterns.join(" ")}`, {
      hint:
        "Look for the path with `coldframe find PATTERN`; quote patterns, so that the shell leaves them alone.",
    });
  }
  const { to, overwrite } = request;
  const wanted = { box: session.home.box, target: resolve(to), overwrite };
  const run = new RestoreRun(
    session,
    request,
    await sameRestore(session.db, wanted, selected.versions),
  );
  const report = (waiting?: Waiting) => ({
    to,
    files: selected.versions.length,
    bytes: selected.bytes,
    ...run.result(),
    waiting,
  });
  if (request.planOnly) {
    await run.planOnly(selected);
    return report();
  }
  const waiting = await run.run(selected);
  await run.makeFolders(folders);
  if (run.isRecorded) await settleThaws(session);
  if (waiting === undefined) run.tally.throwIfNothingCameBack();
  return report(waiting);
}
