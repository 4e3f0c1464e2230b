/** Keeps synchronous work from holding up the event loop. */

import { setImmediate } from "node:timers/promises";

/** The longest stretch without a turn of the event loop, in ms: Ctrl-C and progress stay prompt. */
const STRETCH = 20;

/** Gives way to the event loop when it is time, and stops when it is told to. */
export class Pace {
  readonly #signal: AbortSignal | undefined;
  #last = performance.now();

  constructor(signal?: AbortSignal) {
    this.#signal = signal;
  }

  /** True when `rest` would give way now. Spares the hot loops an `await`. */
  get due(): boolean {
    return performance.now() - this.#last > STRETCH;
  }

  /** @throws the reason of the signal, once it is aborted */
  async rest(): Promise<void> {
    if (this.due) {
      await setImmediate();
      this.#last = performance.now();
    }
    this.#signal?.throwIfAborted();
  }
}
