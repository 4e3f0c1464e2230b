/** What there is to say of a home at a glance. Asks no store. */

import { type Finding, openFindings } from "../catalog/findings.ts";
import { type Totals, totals } from "../catalog/look.ts";
import { latestRuns, latestSnapshot, type Run } from "../catalog/runs.ts";
import { listSources } from "../catalog/sources.ts";
import { listVolumes, plannedVolumes } from "../catalog/volumes.ts";
import { jobsOf } from "./alerts/jobs.ts";
import { type MonthlyCost, monthlyCost } from "./cost.ts";
import type { Due } from "./due.ts";
import type { Session } from "./session.ts";

/** The state of a home. Times in ms since 1970. */
export interface Status extends Totals {
  readonly home: string;
  readonly settings: { readonly sources: readonly string[] };
  readonly sources: readonly {
    readonly name: string;
    readonly path: string;
    readonly scanned: number | undefined;
  }[];
  readonly volumes: { readonly stored: number; readonly bytes: number };
  /** Names of volumes whose upload was interrupted. */
  readonly unfinished: readonly string[];
  /** The latest of each job. */
  readonly runs: readonly Run[];
  /** The jobs of this home, the next one first. */
  readonly due: readonly Due[];
  /** When the latest snapshot was taken. */
  readonly snapshot: number | undefined;
  /** Undefined where no store has prices, or the prices cannot be read. */
  readonly cost: MonthlyCost | undefined;
  readonly findings: readonly Finding[];
}

/** Gathers it. */
export async function statusOf(
  session: Session,
  env: Readonly<Record<string, string | undefined>>,
): Promise<Status> {
  const { db, home } = session;
  const [sources, sums, volumes, unfinished, runs, jobs, snapshot, findings, cost] = await Promise.all([
    listSources(db),
    totals(db),
    listVolumes(db),
    plannedVolumes(db, home.box),
    latestRuns(db, home.box),
    jobsOf(session),
    latestSnapshot(db),
    openFindings(db),
    monthlyCost(session, session.urls.cold, env).catch(() => undefined), // `cost` says what is wrong
  ]);
  const stored = volumes.filter((volume) => volume.state === "stored");
  return {
    home: home.paths.root,
    settings: { sources: home.config.sources },
    sources: sources.map(({ name, path, scanned }) => ({ name, path, scanned })),
    ...sums,
    volumes: { stored: stored.length, bytes: stored.reduce((sum, volume) => sum + volume.objectSize, 0) },
    unfinished: unfinished.map((volume) => volume.name),
    runs,
    due: jobs.toSorted((a, b) => a.due - b.due),
    snapshot: snapshot?.time,
    cost,
    findings,
  };
}
