/** Time that passes only when everyone waits for it. */

import { setImmediate } from "node:timers";
import type { Sleep } from "../../lib/store/sleep.ts";

interface Sleeper {
  readonly until: number;
  readonly wake: () => void;
}

/** A clock whose `sleep` takes no time: once nothing else is left to do, it jumps to the next sleeper. */
export class FakeClock {
  #now: number;
  #sleepers: Sleeper[] = [];
  #ticking = false;
  /** Every wait that was asked for, in ms. */
  readonly waits: number[] = [];

  /** @param start ms since 1970 */
  constructor(start = 0) {
    this.#now = start;
  }

  readonly now = (): number => this.#now;

  /** Sets the clock, as NTP does. */
  set(now: number): void {
    this.#now = now;
  }

  readonly sleep: Sleep = (ms, signal) => {
    this.waits.push(ms);
    return new Promise((resolve, reject) => {
      const sleeper = { until: this.#now + ms, wake: resolve };
      this.#sleepers.push(sleeper);
      signal?.addEventListener("abort", () => {
        this.#sleepers = this.#sleepers.filter((other) => other !== sleeper);
        reject(signal.reason);
      });
      this.#tick();
    });
  };

  #tick(): void {
    if (this.#ticking) return;
    this.#ticking = true;
    // A macrotask: whoever can go on without time passing has done so by then.
    setImmediate(() => {
      this.#ticking = false;
      const next = this.#sleepers.reduce<Sleeper | undefined>(
        (first, sleeper) => first === undefined || sleeper.until < first.until ? sleeper : first,
        undefined,
      );
      if (next === undefined) return;
      this.#now = Math.max(this.#now, next.until);
      this.#sleepers = this.#sleepers.filter((sleeper) => sleeper !== next);
      next.wake();
      if (this.#sleepers.length > 0) this.#tick();
    });
  }
}
