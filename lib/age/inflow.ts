/** A stream read by need: look at what comes next, however it was cut, then drop what was used. */

import type { Bytes } from "../bytes.ts";

/** Buffers as many bytes as the widest look so far, and keeps the rest of the last piece for later. */
export class Inflow {
  readonly #source: AsyncIterator<Uint8Array>;
  /** Bytes `0` to `#held` are buffered. */
  #buffer: Bytes = new Uint8Array(0);
  #held = 0;
  /** What did not fit into the buffer. */
  #piece: Uint8Array = new Uint8Array(0);
  #ended = false;

  constructor(source: AsyncIterable<Uint8Array>) {
    this.#source = source[Symbol.asyncIterator]();
  }

  /**
   * At most the next `size` bytes; fewer only when the stream ends there. A view that is valid until the
   * next call.
   */
  async peek(size: number): Promise<Bytes> {
    this.#grow(size);
    while (this.#held < size && await this.#fetch()) {
      const fits = this.#piece.subarray(0, size - this.#held);
      this.#buffer.set(fits, this.#held);
      this.#held += fits.length;
      this.#piece = this.#piece.subarray(fits.length);
    }
    return this.#buffer.subarray(0, Math.min(size, this.#held));
  }

  /** Drops the next `size` bytes, which a `peek` has shown. */
  skip(size: number): void {
    if (size > this.#held) throw new RangeError("skipped what was not seen");
    this.#buffer.copyWithin(0, size, this.#held);
    this.#held -= size;
  }

  /** Tells the source that no more is wanted, so that it can let go of files and connections. */
  async close(): Promise<void> {
    if (this.#ended) return;
    this.#ended = true;
    await this.#source.return?.();
  }

  /** Makes sure of a piece that is not empty; false at the end of the stream. */
  async #fetch(): Promise<boolean> {
    while (this.#piece.length === 0) {
      if (this.#ended) return false;
      const { done, value } = await this.#source.next();
      if (done === true) this.#ended = true;
      else this.#piece = value;
    }
    return true;
  }

  #grow(size: number): void {
    if (size <= this.#buffer.length) return;
    const wider = new Uint8Array(size);
    wider.set(this.#buffer.subarray(0, this.#held));
    this.#buffer = wider;
  }
}
