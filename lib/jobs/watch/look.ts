/** What a watch has to know of the home: which folders, and which jobs when. Opened and closed for each look. */

import { realpath, stat } from "node:fs/promises";
import { sep } from "node:path";
import { latestSuccesses } from "../../catalog/runs.ts";
import { listSources } from "../../catalog/sources.ts";
import { openHome } from "../../home/home.ts";
import { IgnoreRules } from "../../scan/ignore.ts";
import { type Due, dueJobs, type Rhythm } from "../due.ts";
import { type OpenOptions, openSession } from "../open.ts";
import type { Session } from "../session.ts";

/** What is to be done here. */
export interface Look {
  /** Absolute paths, without symbolic links where they exist. */
  readonly folders: readonly string[];
  /** Whether a change at this absolute path is of no interest. */
  ignores(path: string): boolean;
  readonly jobs: readonly Due[];
}

const DAY = 86_400_000;

/** A full scan at least so often, though nothing was seen to change. */
const RHYTHMS: readonly Rhythm[] = [{ job: "sync", every: DAY / 2 }];

/**
 * Looks at settings and catalog.
 *
 * @param dirs the folders that were named; those of the home when there are none
 * @throws ColdframeError as `openSession` does
 */
export async function look(options: OpenOptions, dirs: readonly string[]): Promise<Look> {
  if (await openHome(options.root) === undefined) return await withoutHome(options, dirs);
  const { session, close } = await openSession({ ...options, create: false, lockFor: undefined });
  try {
    const folders = await realPaths(dirs.length > 0 ? dirs : await knownFolders(session));
    return { folders, ignores: ignoring(session, folders), jobs: await jobsOf(session) };
  } finally {
    await close();
  }
}

/** The first sync makes the home. */
async function withoutHome({ root, now }: OpenOptions, dirs: readonly string[]): Promise<Look> {
  const folders = await realPaths(dirs);
  const jobs = dueJobs(RHYTHMS, new Map(), now(), now());
  return { folders, ignores: (path) => isInside(path, root), jobs };
}

async function knownFolders({ db, home }: Session): Promise<string[]> {
  const known = await listSources(db, home.box);
  return [...home.config.sources, ...known.map(({ path }) => path)];
}

/** One that is not there keeps its name: it is watched when it is back. */
async function realPaths(paths: readonly string[]): Promise<string[]> {
  const real = await Promise.all(paths.map((path) => realpath(path).catch(() => path)));
  return [...new Set(real)];
}

async function jobsOf({ db, home, now }: Session): Promise<Due[]> {
  const since = (await stat(home.paths.box)).mtimeMs; // written once, when the home was made
  return dueJobs(RHYTHMS, await latestSuccesses(db, home.box), since, now());
}

/**
 * What we write ourselves must not start a run, nor what no run would store. Patterns of `.coldframeignore`
 * are not read for this: a change there starts a run that finds nothing.
 */
function ignoring(session: Session, folders: readonly string[]): Look["ignores"] {
  const own = [session.home.paths.root, ...session.localStores];
  const rules = IgnoreRules.of(session.home.config.ignore);
  return (path) => {
    if (own.some((folder) => isInside(path, folder))) return true;
    const source = folders.find((folder) => isInside(path, folder));
    return source !== undefined && isIgnored(rules, path.slice(source.length + 1));
  };
}

function isIgnored(rules: IgnoreRules, path: string): boolean {
  const parts = path.split(sep);
  return parts.some((_, i) => {
    const isLast = i === parts.length - 1;
    const part = parts.slice(0, i + 1).join("/");
    return part !== "" && rules.ignores(part, !isLast);
  });
}

function isInside(path: string, folder: string): boolean {
  return path === folder || path.startsWith(folder.endsWith(sep) ? folder : folder + sep);
}
