/** One check from its start to the note that it was made. */

import { bytesReadSince, noteRun, type Outcome } from "../../catalog/runs.ts";
import type { Finding } from "../../catalog/findings.ts";
import type { Session } from "../session.ts";
import { type CheckReport, Look, type StoreReport } from "./look.ts";
import { lookAtStaging, STAGING } from "./staging.ts";
import { lookAtVolumes, VOLUMES } from "./volumes.ts";

/** What to check. */
export type Subject = { readonly kind: "staging" } | { readonly kind: "volumes" };

/** The name of a check in `runs`. */
export function jobOf(subject: Subject): string {
  return subject.kind === "staging" ? STAGING : VOLUMES;
}

/**
 * Makes one check, and notes it in the catalog whatever comes of it.
 *
 * @throws StoreError when a store cannot be looked at: then nothing is said of what is in it
 */
export async function check(session: Session, subject: Subject): Promise<CheckReport> {
  const started = session.now();
  const job = jobOf(subject);
  try {
    const report = await new Checking(session, job, started).run(subject);
    await note(session, job, started, "done", summaryOf(report));
    return report;
  } catch (error) {
    const outcome = session.signal.aborted ? "interrupted" : "failed";
    await note(session, job, started, outcome, {}).catch(() => {});
    throw error;
  }
}

/** Whether copies are lost or bad: what ends a command with exit code 4. */
export function isDamage(findings: readonly Finding[]): boolean {
  return findings.some(({ severity }) => severity === "damage");
}

class Checking {
  readonly #session: Session;
  readonly #job: string;
  readonly #started: number;

  constructor(session: Session, job: string, started: number) {
    this.#session = session;
    this.#job = job;
    this.#started = started;
  }

  async run(subject: Subject): Promise<CheckReport> {
    const look = new Look(this.#session.db, this.#job);
    const stores = await this.#look(subject, look);
    const findings = await look.settle(this.#session.now());
    const ended = this.#session.now();
    return { job: this.#job, started: this.#started, ended, stores, findings, mended: [] };
  }

  async #look({ kind }: Subject, look: Look): Promise<StoreReport[]> {
    const readBefore = await bytesReadSince(this.#session.db, monthOf(this.#started));
    if (kind === "staging") return await lookAtStaging(this.#session, look, readBefore);
    return await lookAtVolumes(this.#session, look, readBefore);
  }
}

/** When the month began (UTC) in which providers count what leaves them. */
function monthOf(time: number): number {
  const date = new Date(time);
  return Date.UTC(date.getUTCFullYear(), date.getUTCMonth(), 1);
}

/** What `runs` keeps: figures, no names. */
function summaryOf({ stores, findings }: CheckReport): unknown {
  return {
    stores,
    bytesRead: stores.reduce((sum, { requests }) => sum + requests.bytesRead, 0),
    damage: findings.filter(({ severity }) => severity === "damage").length,
    warnings: findings.filter(({ severity }) => severity === "warning").length,
  };
}

async function note(
  session: Session,
  job: string,
  started: number,
  outcome: Outcome,
  summary: unknown,
): Promise<void> {
  const { db, home } = session;
  await noteRun(db, { box: home.box, job, started, ended: session.now(), outcome, summary });
}
