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
  readonly #ping: ((sign: Sign) => Promise<void>) | undefined;
  readonly #began: number;
  readonly #warned = new Set<string>();

  constructor(session: Session, job: string) {
    const { env } = session.storeContext; // but not its fetch, which takes the clocks of stores for right
    this.#session = session;
    this.#job = job;
    this.#began = session.now();
    this.#context = { env, fetch, signal: session.signal, now: session.now, home: session.home.paths.root };
    this.#ping = openPing(session.home.config.alerts, this.#context);
  }

  async begin(): Promise<void> {
    if (this.#job === "sync") await this.#sign("start");
  }

  /** An interrupted run tells nothing: whoever stopped it knows. */
  async end(error: unknown): Promise<void> {
    if (this.#session.signal.aborted || hasCode(error, "usage")) return;
    const isTold = await this.#try(() => this.#tell(error));
    if (this.#ping === undefined) return;
    const isGood = error === undefined && isTold && !await this.#hasDamage().catch(() => true);
    // Others must not say that all is well: the service would not notice that nothing is stored any more.
    if (!isGood || this.#job === "sync") await this.#sign(isGood ? "success" : "fail");
  }

  async #tell(error: unknown): Promise<void> {
    const session = this.#session;
    await settleRuns(session, this.#job, this.#began, error);
    await settleOverdue(session);
    await lookAhead(session);
    const channels = openChannels(session.home.config.alerts, this.#context);
    if (channels.length === 0) return; // whoever sets one up later is told of all that is open then
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
    return (await openFindings(this.#session.db)).some(({ severity }) => severity === "damage");
  }

  async #sign(sign: Sign): Promise<void> {
    const ping = this.#ping;
    if (ping !== undefined) await this.#try(() => ping(sign));
  }

  /** @returns whether it went well */
  async #try(work: () => Promise<void>): Promise<boolean> {
    try {
      await work();
      return true;
    } catch (error) {
      this.#warn(`Nobody could be told: ${messageOf(error)}`);
      return false;
    }
  }

  /** Once: the sign of the start fails for the same reason as that of the end. */
  #warn(line: string): void {
    if (this.#session.signal.aborted || this.#warned.has(line)) return;
    this.#warned.add(line);
    this.#session.report.warn(line);
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
