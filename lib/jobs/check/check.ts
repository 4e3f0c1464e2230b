/** One check from its start to the note that it was made. */

import { bytesReadSince, noteRun, type Outcome } from "../../catalog/runs.ts";
import type { Finding } from "../../catalog/findings.ts";
import type { Session } from "../session.ts";
import type { DeepOptions } from "./deep.ts";
import { type CheckReport, Look, type StoreReport } from "./look.ts";
import type { PlaintextKeys } from "../restore/plaintext.ts";
import { mirrorCheckJob } from "../rhythms.ts";
import { lookAtMirror, mendMirror } from "./mirror.ts";
import { mendSources } from "./mend-sources.ts";
import { mendStaging } from "./mend-staging.ts";
import { giveUpLost, mendVolumes } from "./mend-volumes.ts";
import { lookAtSources, SOURCES } from "./sources.ts";
import { lookAtStaging, type LookRequest, STAGING } from "./staging.ts";
import { lookAtVolumes, VOLUMES } from "./volumes.ts";

/** What to check. */
export type Subject =
  | { readonly kind: "staging" }
  | { readonly kind: "volumes" }
  | { readonly kind: "sources" }
  | { readonly kind: "mirror"; readonly name: string };

/** How to check. */
export interface CheckOptions {
  /** Reads copies back, too. */
  readonly deep?: DeepOptions | undefined;
  /** Of sources: reads every file again, not only those that are due. */
  readonly all?: boolean;
  /** Repairs what is damaged and can be. */
  readonly mend?: boolean;
  /** How to decrypt the good copies of damaged sources. */
  readonly keys?: PlaintextKeys | undefined;
  /** Gives up files of which there is no good copy left. */
  readonly acceptLost?: boolean;
}

/** The name of a check in `runs`. */
export function jobOf(subject: Subject): string {
  return subject.kind === "mirror" ? mirrorCheckJob(subject.name) : JOBS[subject.kind];
}

const JOBS = { staging: STAGING, volumes: VOLUMES, sources: SOURCES } as const;

/**
 * Makes one check, and notes it in the catalog whatever comes of it.
 *
 * @throws StoreError when a store cannot be looked at: then nothing is said of what is in it
 */
export async function check(
  session: Session,
  subject: Subject,
  options: CheckOptions,
): Promise<CheckReport> {
  const started = session.now();
  const job = jobOf(subject);
  try {
    const report = await new Checking(session, job, started, options).run(subject);
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
  readonly #options: CheckOptions;

  constructor(session: Session, job: string, started: number, options: CheckOptions) {
    this.#options = options;
    this.#session = session;
    this.#job = job;
    this.#started = started;
  }

  async run(subject: Subject): Promise<CheckReport> {
    const first = await this.#look(subject, this.#options.deep);
    const mended = await this.#mend(subject);
    // What was mended is looked at again, without reading: that it is there now is what mending can show.
    const { stores, findings } = mended.length > 0 ? await this.#look(subject, undefined) : first;
    const ended = this.#session.now();
    const proven = mended.length > 0 ? first.stores : stores;
    return { job: this.#job, started: this.#started, ended, stores: proven, findings, mended };
  }

  async #look(subject: Subject, deep: DeepOptions | undefined): Promise<Looked> {
    if (subject.kind === "sources") {
      return await lookAtSources(this.#session, { all: this.#options.all === true });
    }
    const look = new Look(this.#session.db, this.#job);
    const readBefore = await bytesReadSince(this.#session.db, monthOf(this.#started));
    const stores = await this.#lookAtStores(subject, look, { readBefore, deep });
    return { stores, findings: await look.settle(this.#session.now()) };
  }

  #lookAtStores(
    subject: Exclude<Subject, { kind: "sources" }>,
    look: Look,
    request: LookRequest,
  ): Promise<StoreReport[]> {
    switch (subject.kind) {
      case "staging":
        return lookAtStaging(this.#session, look, request);
      case "volumes":
        return lookAtVolumes(this.#session, look, request);
      case "mirror":
        return lookAtMirror(this.#session, look, subject.name, request);
    }
  }

  async #mend(subject: Subject): Promise<string[]> {
    const mended = this.#options.mend === true ? await this.#mendSubject(subject) : [];
    const given = this.#options.acceptLost === true ? await giveUpLost(this.#session) : [];
    return [...mended, ...given];
  }

  #mendSubject(subject: Subject): Promise<string[]> {
    switch (subject.kind) {
      case "staging":
        return mendStaging(this.#session);
      case "volumes":
        return mendVolumes(this.#session);
      case "mirror":
        return mendMirror(this.#session, subject.name);
      case "sources":
        return mendSources(this.#session, this.#options.keys);
    }
  }
}

/** What looking gave. */
interface Looked {
  readonly stores: readonly StoreReport[];
  readonly findings: readonly Finding[];
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
