/**
 * The one place where every job ends: what became of it is noted, people are told what is new, and the
 * service that listens for signs of life hears one. None of this changes how the job ended.
 */

import { hostname } from "node:os";
import { openFindings } from "../../catalog/findings.ts";
import { hasCode, messageOf } from "../../errors.ts";
import { NO_ALERTS } from "../../home/config-alerts.ts";
import { openHome } from "../../home/home.ts";
import type { NotifyContext } from "../../notify/channel.ts";
import { openChannels, openPing } from "../../notify/open.ts";
import type { Sign } from "../../notify/ping.ts";
import type { Session } from "../session.ts";
import { lookAhead } from "../watchful.ts";
import { settleOverdue, settleRuns } from "./jobs.ts";
import { oneAtATime } from "./one-at-a-time.ts";
import { deliver, queueNews } from "./outbox.ts";

/**
 * Runs a job, and tells of it.
 *
 * @param job as in `runs`, or the command that runs several
 * @throws what the job throws
 */
export async function oversee<T>(session: Session, job: string, body: () => Promise<T>): Promise<T> {
  const overseer = new Overseer(session, job);
  await overseer.begin();
  let result: T;
  try {
    result = await body();
  } catch (error) {
    await overseer.end(error);
    throw error;
  }
  await overseer.end(undefined);
  return result;
}

class Overseer {
  readonly #session: Session;
  readonly #job: string;
  readonly #context: NotifyContext;
  readonly #began: number;

  constructor(session: Session, job: string) {
    const { env } = session.storeContext; // but not its fetch, which takes the clocks of stores for right
    this.#session = session;
    this.#job = job;
    this.#began = session.now();
    this.#context = { env, fetch, signal: session.signal, now: session.now, home: session.home.paths.root };
  }

  async begin(): Promise<void> {
    if (this.#job === "sync") await this.#ping("start");
  }

  /** An interrupted run tells nothing: whoever stopped it knows. */
  async end(error: unknown): Promise<void> {
    if (this.#session.signal.aborted || hasCode(error, "usage")) return;
    const isTold = await this.#try(() => this.#tell(error));
    const isGood = error === undefined && isTold && !await this.#hasDamage();
    if (this.#job === "sync" && isGood) await this.#ping("success");
    if (!isGood) await this.#ping("fail");
  }

  async #tell(error: unknown): Promise<void> {
    const session = this.#session;
    await settleRuns(session, this.#job, this.#began, error);
    await settleOverdue(session);
    await lookAhead(session);
    const channels = openChannels(session.home.config.alerts, this.#context);
    const sender = { host: hostname(), home: session.home.paths.root };
    const failures = await oneAtATime(session, async () => {
      await queueNews(session, channels, sender);
      return await deliver(session, channels);
    });
    for (const failure of failures ?? []) {
      session.report.warn(`An alert was not sent; it is kept: ${failure}`);
    }
  }

  async #hasDamage(): Promise<boolean> {
    let damaged = true;
    await this.#try(async () => {
      damaged = (await openFindings(this.#session.db)).some(({ severity }) => severity === "damage");
    });
    return damaged;
  }

  async #ping(sign: Sign): Promise<void> {
    const ping = openPing(this.#session.home.config.alerts, this.#context);
    if (ping !== undefined) await this.#try(() => ping(sign));
  }

  /** @returns whether it went well */
  async #try(work: () => Promise<void>): Promise<boolean> {
    try {
      await work();
      return true;
    } catch (error) {
      if (!this.#session.signal.aborted) {
        this.#session.report.warn(`Nobody could be told: ${messageOf(error)}`);
      }
      return false;
    }
  }
}

/**
 * Tells what can be told when a home cannot be opened: nothing can be kept there, so only the sign of life
 * fails. Its address may come from the environment where the settings cannot be read, either.
 */
export async function tellOfBrokenHome(context: NotifyContext): Promise<void> {
  const home = await openHome(context.home).catch(() => undefined);
  await openPing(home?.config.alerts ?? NO_ALERTS, context)?.("fail");
}
