/** Everything that a report of the checks shows. */

import { closedFindings, type Finding, openFindings } from "../../catalog/findings.ts";
import { type Proven, provenNow } from "../../catalog/proven.ts";
import { checkRuns, latestSuccesses } from "../../catalog/runs.ts";
import { type Due, dueJobs } from "../due.ts";
import { rhythmsOf } from "../rhythms.ts";
import type { Session } from "../session.ts";

/** What a day of a job was. */
export type DayOutcome = "good" | "damage" | "failed";

/** The days of one job on which it ran. */
export interface JobDays {
  readonly job: string;
  /** By local day, `2026-11-22`: the worst of that day. */
  readonly days: ReadonlyMap<string, DayOutcome>;
}

/** What was proven when, and what is wrong. */
export interface CheckHistory {
  /** ms since 1970. */
  readonly now: number;
  readonly archive: string;
  readonly proven: readonly Proven[];
  readonly jobs: readonly JobDays[];
  readonly due: readonly Due[];
  readonly open: readonly Finding[];
  /** Of the last year. */
  readonly closed: readonly Finding[];
}

const YEAR = 366 * 86_400_000;

/**
 * Gathers it.
 *
 * @param dayOf names the day of a moment
 */
export async function checkHistory(
  session: Session,
  dayOf: (time: number) => string,
): Promise<CheckHistory> {
  const { db, home, archive } = session;
  const now = session.now();
  const runs = await checkRuns(db, now - YEAR);
  const due = dueJobs(rhythmsOf(home.config), await latestSuccesses(db, home.box), 0, now);
  return {
    now,
    archive: archive.archive,
    proven: await provenNow(db, home.box),
    jobs: [...Map.groupBy(runs, ({ job }) => job)].map(([job, all]) => {
      const days = new Map<string, DayOutcome>();
      for (const { started, outcome, damage } of all) {
        const day = dayOf(started);
        days.set(day, worse(days.get(day), outcomeOf(outcome, damage)));
      }
      return { job, days };
    }),
    due: due.filter(({ job }) => job.startsWith("check ")),
    open: await openFindings(db),
    closed: await closedFindings(db, now - YEAR),
  };
}

function outcomeOf(outcome: string | undefined, damage: number | undefined): DayOutcome {
  if (outcome !== "done" && outcome !== "partly") return "failed";
  return (damage ?? 0) > 0 ? "damage" : "good";
}

const RANK: readonly DayOutcome[] = ["good", "failed", "damage"];

function worse(a: DayOutcome | undefined, b: DayOutcome): DayOutcome {
  return a === undefined || RANK.indexOf(b) > RANK.indexOf(a) ? b : a;
}
