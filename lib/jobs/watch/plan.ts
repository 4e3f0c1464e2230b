/**
 * What a watch has to know of the home: which folders, and which jobs when. Plain data, since it is found out
 * in a process of its own: the catalog's library would take a third of the memory of a watch that rests.
 */

import { realpath } from "node:fs/promises";
import { latestSuccesses } from "../../catalog/runs.ts";
import { listSources } from "../../catalog/sources.ts";
import { ColdframeError } from "../../errors.ts";
import { openHome } from "../../home/home.ts";
import { within } from "../../json.ts";
import { jobsOf } from "../alerts/jobs.ts";
import { type OpenOptions, openSession } from "../open.ts";
import type { Session } from "../session.ts";

/** A command and when it is due, in ms since 1970. */
export interface DueJob {
  readonly job: "sync" | "check";
  readonly due: number;
}

/** What is to be done here. */
export interface WatchPlan {
  /** Absolute paths, without symbolic links where they exist. */
  readonly folders: readonly string[];
  /** Folders that coldframe itself writes to. */
  readonly own: readonly string[];
  /** The user's patterns of what to leave out. */
  readonly ignore: readonly string[];
  readonly jobs: readonly DueJob[];
}

const DAY = 86_400_000;

/** A full scan at least so often, though nothing was seen to change. */
const FULL_SCAN = DAY / 2;

/**
 * Looks at settings and catalog.
 *
 * @param dirs the folders that were named; those of the home when there are none
 * @throws ColdframeError as `openSession` does
 */
export async function planWatch(options: OpenOptions, dirs: readonly string[]): Promise<WatchPlan> {
  if (await openHome(options.root) === undefined) return await withoutHome(options, dirs);
  const { session, close } = await openSession({ ...options, create: false, lockFor: undefined });
  try {
    return {
      folders: await realPaths(dirs.length > 0 ? dirs : await knownFolders(session)),
      own: [session.home.paths.root, ...session.localStores],
      ignore: session.home.config.ignore,
      jobs: await commandsDue(session),
    };
  } finally {
    await close();
  }
}

/** The first sync makes the home. */
async function withoutHome({ root, now }: OpenOptions, dirs: readonly string[]): Promise<WatchPlan> {
  return { folders: await realPaths(dirs), own: [root], ignore: [], jobs: [{ job: "sync", due: now() }] };
}

async function knownFolders({ db, home }: Session): Promise<string[]> {
  const known = (await listSources(db, home.box)).filter(({ archived }) => archived);
  return [...home.config.sources, ...known.map(({ path }) => path)];
}

/** One that is not there keeps its name: it is watched when it is back. */
async function realPaths(paths: readonly string[]): Promise<string[]> {
  const real = await Promise.all(paths.map((path) => realpath(path).catch(() => path)));
  return [...new Set(real)];
}

/** `check` without a subject makes whatever checks are due, so the first of them decides. */
async function commandsDue(session: Session): Promise<DueJob[]> {
  const jobs = await jobsOf(session);
  const checks = jobs.filter(({ job }) => job.startsWith("check "));
  const synced = (await latestSuccesses(session.db, session.home.box)).get("sync");
  return [
    { job: "sync", due: synced === undefined ? session.now() : synced + FULL_SCAN },
    ...(checks.length === 0
      ? []
      : [{ job: "check", due: Math.min(...checks.map(({ due }) => due)) } as const]),
  ];
}

/**
 * A plan from the JSON that `coldframe watch --dry-run` prints.
 *
 * @throws ColdframeError with the code and message of the error that stands there instead
 */
export function parsePlan(value: unknown): WatchPlan {
  const [folders, jobs] = [textsOf(within(value, "folders")), within(value, "jobs")];
  if (folders === undefined || !Array.isArray(jobs)) throw notAPlan(value);
  return {
    folders,
    own: textsOf(within(value, "own")) ?? [],
    ignore: textsOf(within(value, "ignore")) ?? [],
    jobs: jobs.flatMap((one) => {
      const [job, due] = [within(one, "job"), within(one, "due")];
      return (job === "sync" || job === "check") && typeof due === "number" ? [{ job, due }] : [];
    }),
  };
}

function textsOf(value: unknown): string[] | undefined {
  return Array.isArray(value) ? value.filter((item) => typeof item === "string") : undefined;
}

function notAPlan(value: unknown): ColdframeError {
  const message = within(value, "error", "message");
  const what = typeof message === "string" ? message : "the look at the home was cut short";
  return new ColdframeError("home", what);
}
