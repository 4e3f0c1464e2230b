/** What is on its way to a store side by side, and the memory that it takes. */

import { type Bytes, release } from "../bytes.ts";

/** Parts on their way, and the buffers they are in, used again and again. */
export class Lanes {
  readonly #free: Bytes[] = [];
  readonly #bufferSize: number;
  readonly #width: number;
  readonly #inFlight = new Set<Promise<void>>();
  #unused: number;
  #failure: { readonly error: unknown } | undefined;

  constructor(width: number, bufferSize: number) {
    this.#width = width;
    this.#unused = width + 1;
    this.#bufferSize = bufferSize;
  }

  /**
   * A buffer that no part is in; waits for one.
   *
   * @throws what a part on its way has failed with
   */
  async buffer(): Promise<Bytes> {
    for (;;) {
      this.throwFailure();
      const free = this.#free.pop();
      if (free !== undefined) return free;
      if (this.#unused > 0) {
        this.#unused--;
        return new Uint8Array(this.#bufferSize);
      }
      await Promise.race(this.#inFlight);
    }
  }

  giveBack(buffer: Bytes): void {
    this.#free.push(buffer);
  }

  /**
   * Lets `work` go on by itself with a buffer, once there is a lane for it: where parts must be in order,
   * when the one before has arrived.
   *
   * @throws what a part on its way has failed with
   */
  async start(buffer: Bytes, work: () => Promise<void>): Promise<void> {
    while (this.#inFlight.size >= this.#width) await Promise.race(this.#inFlight);
    this.throwFailure();
    const run = work().catch((error) => {
      this.#failure ??= { error };
    }).finally(() => {
      this.giveBack(buffer);
      this.#inFlight.delete(run);
    });
    this.#inFlight.add(run);
  }

  /** Waits for the parts on their way, and gives the buffers back. */
  async close(): Promise<void> {
    await Promise.all(this.#inFlight);
    this.#free.splice(0).forEach(release);
  }

  throwFailure(): void {
    if (this.#failure !== undefined) throw this.#failure.error;
  }
}
