/** Planning volumes of what waits in the catalog, a bounded number of files at a time. */

import {
  type Mentions,
  NO_MENTIONS,
  oldestWaiting,
  unlisted,
  type WaitingFile,
  waitingFiles,
} from "../catalog/waiting.ts";
import { type Plan, planVolumes } from "../plan/plan.ts";
import type { Session } from "./session.ts";
import { measureVolume } from "./volume.ts";

/**
 * The most files of a volume: 5 GB of photos are about as many. What is known of each is in memory while the
 * volume is made, and a small Pi has 200 MB to spare.
 */
const MAX_FILES = 2_000;

/** The most files to plan volumes of at once. Each such plan looks at all that wait, so it makes several. */
export const PLAN_AT_ONCE = 2 * MAX_FILES;

/** What is to be sealed, what waits on, and what the first volume has to mention. */
export interface WaitingPlan extends Plan<WaitingFile> {
  readonly mentions: Mentions;
}

/** Plans volumes of all that waits. */
export async function planAll(session: Session, volumeSize: number): Promise<WaitingPlan> {
  const { db, home } = session;
  const waiting = await waitingFiles(db, home.box);
  const mentions = await unlisted(db, home.box);
  return { ...planWaiting(session, waiting, mentions, volumeSize), mentions };
}

/**
 * Plans volumes of the oldest files, while more wait than one plan should hold in memory, as on the first
 * run with a large archive.
 *
 * @param most how many files to plan at once
 * @returns undefined when no more than that wait
 */
export async function planOldest(
  session: Session,
  most: number,
  volumeSize: number,
): Promise<WaitingPlan | undefined> {
  const { db, home } = session;
  const oldest = await oldestWaiting(db, home.box, most);
  if (oldest === undefined) return undefined;
  const mentions = await unlisted(db, home.box);
  return { ...planWaiting(session, oldest, mentions, volumeSize), mentions };
}

/** Plans volumes of waiting files; what the whole archive has to mention goes into the first. */
export function planWaiting(
  session: Session,
  waiting: readonly WaitingFile[],
  mentions: Mentions,
  volumeSize: number,
): Plan<WaitingFile> {
  const draft = {
    archive: session.archive.archive,
    box: session.home.box,
    created: session.now(),
    udf: session.home.config.udf,
  };
  return planVolumes(waiting, {
    volumeSize,
    maxFiles: MAX_FILES,
    measure: (files, volume) =>
      measureVolume({ ...draft, files, ...(volume === 0 ? mentions : NO_MENTIONS) }),
  });
}
