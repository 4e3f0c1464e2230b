/** From the mirrors of the settings to plans, and which of them are due. */

import { latestSuccesses } from "../../catalog/runs.ts";
import { listSources } from "../../catalog/sources.ts";
import { ColdframeError } from "../../errors.ts";
import { isWithin, type MirrorConfig } from "../../home/config-mirrors.ts";
import { folderOnDisk } from "../../home/disks.ts";
import { pathMatcher } from "../../plan/glob.ts";
import { type Due, dueJobs, type Rhythm } from "../due.ts";
import { mirrorJob } from "../rhythms.ts";
import type { SourceScan } from "../scan.ts";
import type { Session } from "../session.ts";
import { mirror } from "./mirror.ts";
import type { MirrorPlan, MirrorReport, MirrorSource } from "./plan.ts";

/** Files on their way at the same time, unless told otherwise: more do not fill a home's line any better. */
export const PARALLEL = 8;

/** What the command line may say beside the settings. */
export type MirrorLimits = Partial<
  Pick<MirrorPlan, "parallel" | "maxFiles" | "maxBytes" | "accept" | "dryRun" | "limitRate">
>;

/**
 * The mirror of that name.
 *
 * @throws ColdframeError `usage` when there is none
 */
export function mirrorNamed(session: Session, name: string): MirrorConfig {
  const { mirrors } = session.home.config;
  const found = mirrors.find((one) => one.name === name);
  if (found !== undefined) return found;
  const names = mirrors.map((one) => one.name).join(", ");
  throw new ColdframeError("usage", `the settings have no mirror called ${name}`, {
    hint: names === ""
      ? `Name a folder and a store, or write [mirrors.${name}] into ${session.home.paths.config}.`
      : `They have ${names}.`,
  });
}

/** The plan of a mirror of the settings. @throws ColdframeError as `folderOnDisk` does */
export async function planOf(
  session: Session,
  config: MirrorConfig,
  limits: MirrorLimits = {},
): Promise<MirrorPlan> {
  return {
    name: config.name,
    store: config.store,
    sources: await sourcesOf(session, config),
    encrypted: config.encrypted,
    opaque: config.names === "opaque",
    wants: wanted(config),
    parallel: limits.parallel ?? config.parallel ?? PARALLEL,
    maxFiles: limits.maxFiles ?? config.maxFiles ?? Infinity,
    maxBytes: limits.maxBytes ?? config.maxBytes ?? Infinity,
    limitRate: limits.limitRate === undefined ? config.limitRate : undefined, // that of the command line is the session's
    window: config.window,
    accept: limits.accept ?? {},
    dryRun: limits.dryRun ?? false,
  };
}

async function sourcesOf(session: Session, config: MirrorConfig): Promise<MirrorSource[]> {
  const { source, sources, disk } = config;
  if (source !== undefined) {
    return [{ path: disk === undefined ? source : await folderOnDisk(disk, source), named: false }];
  }
  const paths = sources.length > 0 ? sources : await protectedFolders(session);
  return paths.map((path) => ({ path, named: true }));
}

async function protectedFolders(session: Session): Promise<string[]> {
  const known = (await listSources(session.db, session.home.box)).filter(({ archived }) => archived);
  const paths = [...new Set([...session.home.config.sources, ...known.map(({ path }) => path)])];
  if (paths.length > 0) return paths;
  throw new ColdframeError("usage", "there is no folder to mirror yet", {
    hint: 'Write source = "/path" into the mirror\'s settings.',
  });
}

/** Which paths belong into a mirror. */
export function wanted(
  { include, exclude }: Pick<MirrorConfig, "include" | "exclude">,
): (path: string) => boolean {
  const [within, without] = [pathMatcher(include), pathMatcher(exclude)];
  return (path) => (include.length === 0 || within(path)) && !without(path);
}

/** The rhythm of a mirror. A run that ends a little later than yesterday's must not make tomorrow's too early. */
export function rhythmOf({ name, every }: MirrorConfig): Rhythm {
  return { job: mirrorJob(name), every: every * 7 / 8 };
}

/** The mirrors of the settings, and when each wants to run. */
export async function mirrorsDue(
  session: Session,
): Promise<readonly (Due & { readonly config: MirrorConfig })[]> {
  const { mirrors } = session.home.config;
  const last = await latestSuccesses(session.db, session.home.box);
  return mirrors.flatMap((config) =>
    dueJobs([rhythmOf(config)], last, 0, session.now()).map((due) => ({ ...due, config }))
  );
}

/** How a mirror of the settings fared. */
export type MirrorOutcome =
  | { readonly name: string; readonly report: MirrorReport; readonly error: undefined }
  | { readonly name: string; readonly report: undefined; readonly error: ColdframeError };

/**
 * Runs the mirrors that are due and in their hours. One that fails does not keep the others from running.
 *
 * @param scanned what was scanned a moment ago
 */
export async function runDueMirrors(
  session: Session,
  scanned: readonly SourceScan[],
): Promise<MirrorOutcome[]> {
  const outcomes: MirrorOutcome[] = [];
  for (const { config, isDue } of await mirrorsDue(session)) {
    const isOpen = config.window === undefined || isWithin(config.window, session.now());
    if (isDue && isOpen) outcomes.push(await runMirror(session, config, {}, scanned));
  }
  return outcomes;
}

/** Runs one mirror of the settings; what it fails with is part of the answer. */
export async function runMirror(
  session: Session,
  config: MirrorConfig,
  limits: MirrorLimits = {},
  scanned: readonly SourceScan[] = [],
): Promise<MirrorOutcome> {
  const { name } = config;
  try {
    const report = await mirror(session, name, () => planOf(session, config, limits), scanned);
    return { name, report, error: undefined };
  } catch (error) {
    session.signal.throwIfAborted();
    if (!(error instanceof ColdframeError)) throw error;
    return { name, report: undefined, error };
  }
}
