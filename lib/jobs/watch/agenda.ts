/** What a watch does next, and when. Pure: times are arguments, in ms since 1970. */

import type { DueJob } from "./plan.ts";

/** What a watch may do. */
export type Task =
  /** See whether the folders are still there. */
  | { readonly kind: "folders" }
  /** Read settings and catalog. */
  | { readonly kind: "look" }
  /** Run the command of that name. */
  | { readonly kind: "job"; readonly job: DueJob["job"] };

/** How often something is looked at without a reason; ms. */
const FOLDERS_EVERY = 30_000;
const LOOK_EVERY = 3_600_000;
/** Folders that cannot be watched are scanned so often. */
const POLL_EVERY = 900_000;
/** What is due only by the clock runs no more often, whatever the catalog says of it. */
const AT_MOST_EVERY = 3_600_000;
/** The first wait after a failure; twice as long after each further one, to an hour. */
const RETRY = 60_000;
const LONGEST_RETRY = 3_600_000;

/** What has been done and what is due. */
export class Agenda {
  #folders = -Infinity;
  #looked = -Infinity;
  /** When each command last ended well. */
  readonly #done = new Map<string, number>();
  #jobs: readonly DueJob[] = [];
  readonly #failures = new Map<string, { count: number; at: number }>();

  /**
   * The next task.
   *
   * @param changed when changes will have come to rest; undefined without any
   * @param polling whether there are folders that cannot be watched
   */
  next(changed: number | undefined, polling: boolean): { readonly at: number; readonly task: Task } {
    let best: { at: number; task: Task } = { at: this.#folders + FOLDERS_EVERY, task: { kind: "folders" } };
    for (const candidate of this.#candidates(changed, polling)) if (candidate.at < best.at) best = candidate;
    return best;
  }

  *#candidates(changed: number | undefined, polling: boolean): Generator<{ at: number; task: Task }> {
    yield { at: this.#looked + LOOK_EVERY, task: { kind: "look" } };
    const poll = polling ? (this.#done.get("sync") ?? -Infinity) + POLL_EVERY : Infinity;
    yield this.#job("sync", Math.min(changed ?? Infinity, poll));
    for (const { job, due } of this.#jobs) {
      yield this.#job(job, Math.max(due, (this.#done.get(job) ?? -Infinity) + AT_MOST_EVERY));
    }
  }

  #job(job: DueJob["job"], due: number): { at: number; task: Task } {
    const failure = this.#failures.get(job);
    const wait = failure === undefined ? 0 : failure.at + retryAfter(failure.count);
    return { at: Math.max(due, wait), task: { kind: "job", job } };
  }

  foldersChecked(now: number): void {
    this.#folders = now;
  }

  /** Takes what a look found. */
  looked(jobs: readonly DueJob[], now: number): void {
    this.#jobs = jobs;
    this.#looked = now;
  }

  /** Makes the next look come at once. */
  lookAgain(): void {
    this.#looked = -Infinity;
  }

  /** A job ended well. */
  done(job: string, now: number): void {
    this.#failures.delete(job);
    this.#done.set(job, now);
    this.lookAgain(); // what is due has changed
  }

  /**
   * A job failed, or could not begin.
   *
   * @param busy another run held the home: that is no reason to wait longer and longer
   * @returns when it is tried again
   */
  failed(job: string, busy: boolean, now: number): number {
    const count = busy ? 1 : (this.#failures.get(job)?.count ?? 0) + 1;
    this.#failures.set(job, { count, at: now });
    return now + retryAfter(count);
  }

  /** The clock was set back: times noted so far mean nothing. */
  restart(): void {
    this.#folders = -Infinity;
    this.#done.clear();
    this.forgive();
  }

  /** Forgets failures: the user has changed something. */
  forgive(): void {
    this.#failures.clear();
    this.lookAgain();
  }
}

function retryAfter(failures: number): number {
  return Math.min(LONGEST_RETRY, RETRY * 2 ** (failures - 1));
}
