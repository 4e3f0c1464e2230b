/** What became of the jobs: one that failed, and one that has not ended well for too long. */

import { type Found, openFindings, settleFindings } from "../../catalog/findings.ts";
import { firstRun, latestRuns, latestSuccesses } from "../../catalog/runs.ts";
import { ColdframeError, type ErrorCode, messageOf } from "../../errors.ts";
import { formatDay } from "../../text.ts";
import { type Due, dueJobs } from "../due.ts";
import { rhythmOf } from "../mirror/settings.ts";
import { rhythmsOf } from "../rhythms.ts";
import type { Session } from "../session.ts";

const DAY = 86_400_000;

/** Errors that say nothing of the archive: the user's typing, Ctrl-C, another run. */
const NO_NEWS: readonly ErrorCode[] = ["usage", "interrupted", "busy", "nothing-found"];

/**
 * Notes how the runs of a command ended. A network that is away for some hours is no news: it becomes news
 * when the job has not ended well for a day.
 *
 * @param job what it is called where it ended before it noted a run
 * @param since when the command began, ms since 1970
 * @param error what it ended with; undefined when it ended well
 */
export async function settleRuns(
  session: Session,
  job: string,
  since: number,
  error: unknown,
): Promise<void> {
  const { db, home, now } = session;
  const code = error instanceof ColdframeError ? error.code : undefined;
  if (code !== undefined && NO_NEWS.includes(code)) return;
  const runs = (await latestRuns(db, home.box)).filter(({ started }) => started >= since);
  const failed = new Set(runs.filter(({ outcome }) => outcome === "failed").map((run) => run.job));
  if (error !== undefined && failed.size === 0) failed.add(job);
  const looked = new Set([...failed, ...runs.map((run) => run.job)]);
  for (const one of failed) {
    if (code !== "store-unreachable" || !await hasSucceeded(session, one, DAY)) continue;
    failed.delete(one);
    looked.delete(one);
  }
  const found = [...failed].map((one) => failure(one, error));
  await settleFindings(db, `runs ${home.box}`, found, now(), (name) => looked.has(name));
}

/** Whether a job ended well within so many ms. */
async function hasSucceeded({ db, home, now }: Session, job: string, within: number): Promise<boolean> {
  const last = (await latestSuccesses(db, home.box)).get(job) ?? await firstRun(db, home.box);
  return last !== undefined && now() - last < within;
}

function failure(job: string, error: unknown): Found {
  const ours = error instanceof ColdframeError ? error : undefined;
  return {
    name: job,
    kind: "run-failed",
    severity: "warning",
    message: error === undefined ? `${job} failed` : `${job} failed: ${messageOf(error)}`,
    hint: ours?.hint ?? `Run \`coldframe ${job}\` by hand and see what it says.`,
    files: [],
  };
}

/** When each job of this box last ended well, and when it wants to run. */
export async function jobsOf({ db, home, now }: Session): Promise<Due[]> {
  const since = await firstRun(db, home.box) ?? now();
  const rhythms = [...rhythmsOf(home.config), ...home.config.mirrors.map(rhythmOf)];
  return dueJobs(rhythms, await latestSuccesses(db, home.box), since, now());
}

/** Notes which jobs are overdue: any run notices what has not run. What runs and fails is told as such. */
export async function settleOverdue(session: Session): Promise<void> {
  const { db, home, now } = session;
  const failed = new Set((await openFindings(db, `runs ${home.box}`)).map(({ name }) => name));
  const overdue = (await jobsOf(session)).filter(({ job, isOverdue }) => isOverdue && !failed.has(job));
  await settleFindings(db, `schedule ${home.box}`, overdue.map(late), now());
}

function late({ job, every, last }: Due): Found {
  const since = last === undefined ? "has never ended well" : `has not ended well since ${formatDay(last)}`;
  const days = Math.max(1, Math.round(every / DAY));
  const rhythm = days === 1 ? "every day" : `every ${days} days`;
  return {
    name: job,
    kind: "job-overdue",
    severity: "warning",
    message: `${job} ${since}; it should run ${rhythm}`,
    hint: `Run: coldframe ${job}. To have it run by itself, see \`coldframe schedule --help\`.`,
    files: [],
  };
}
