/** Notices connections on which nothing moves, so that a run never hangs for ever on a dead line. */

import { StoreError } from "../../errors.ts";

/**
 * Aborts a request when the run is stopped or nothing arrives for too long.
 *
 * `race` is used on every wait, since a fetch that was aborted may take its time to say so.
 */
export class Watch {
  readonly #controller = new AbortController();
  readonly #outer: AbortSignal | undefined;
  readonly #stop = () => this.#controller.abort(this.#outer?.reason);
  readonly #aborted: Promise<never>;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(outer: AbortSignal | undefined) {
    this.#outer = outer;
    const { signal } = this.#controller;
    this.#aborted = new Promise((_, reject) => {
      signal.addEventListener("abort", () => reject(signal.reason), { once: true });
    });
    this.#aborted.catch(() => {}); // nobody may be waiting when it happens
    if (outer?.aborted) this.#stop();
    else outer?.addEventListener("abort", this.#stop, { once: true });
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** True once nothing had moved for too long. */
  get stalled(): boolean {
    return this.signal.reason instanceof StoreError;
  }

  /** Something moved: from now, `ms` may pass without anything. */
  allow(ms: number): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#controller.abort(stalledAfter(ms)), ms);
  }

  /** The promise, unless the request is aborted first. */
  race<T>(promise: Promise<T>): Promise<T> {
    return Promise.race([promise, this.#aborted]);
  }

  /** Ends the watch; must be called when the request is over, however it ended. */
  end(): void {
    clearTimeout(this.#timer);
    this.#outer?.removeEventListener("abort", this.#stop);
  }
}

function stalledAfter(ms: number): StoreError {
  return new StoreError("store-unreachable", `the connection stalled: nothing moved for ${ms / 1000} s`, {
    transient: true,
  });
}

/** Bytes per second that one of several bodies under way has at least on an uplink not measured yet. */
export const SLOWEST_LINE = 16 * 1024;
const LOWEST_FLOOR = 1024;

/**
 * How long sending may take. `fetch` does not tell how much of a body has left, so a stall while sending
 * shows only as taking far longer than it should: four times what the body before it took. A line that
 * became slower is given twice the time after every failure.
 */
export class Pace {
  /** Bytes per second below which a line counts as dead. */
  #floor: number;

  constructor(slowest: number) {
    this.#floor = slowest;
  }

  /** Ms that sending `size` bytes may take. */
  allowance(size: number): number {
    return (size / this.#floor) * 1000;
  }

  /** `size` bytes left within `ms`. Small bodies say nothing about the line. */
  sent(size: number, ms: number): void {
    if (size < 256 * 1024) return;
    this.#floor = Math.max(LOWEST_FLOOR, size / (Math.max(ms, 1) / 1000) / 4);
  }

  /** A body did not leave in the time allowed. */
  failed(): void {
    this.#floor = Math.max(LOWEST_FLOOR, this.#floor / 2);
  }
}
