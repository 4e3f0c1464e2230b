/** One stream of batches, taken apart for several workers. */

/** A stream of items, several at a time: a promise for each item would cost more than its work. */
export type Batches<T> = Iterable<readonly T[]> | AsyncIterable<readonly T[]>;

/** Gives the items of all batches one by one, to whoever asks first. */
export class Feed<T extends object> {
  readonly #batches: AsyncGenerator<readonly T[]>;
  #batch: readonly T[] = [];
  #next = 0;
  #ended = false;
  #refill: Promise<void> | undefined;

  constructor(batches: Batches<T>) {
    this.#batches = delegate(batches);
  }

  /** The next item of the batch at hand, without waiting; undefined when that batch is used up. */
  takeNow(): T | undefined {
    return this.#ended ? undefined : this.#batch[this.#next++];
  }

  /** The next item; undefined when there are no more. Rejects when the stream fails. */
  async take(): Promise<T | undefined> {
    for (let item = this.takeNow();; item = this.takeNow()) {
      if (item !== undefined || this.#ended) return item;
      await (this.#refill ??= this.#more());
    }
  }

  /** Gives nothing more, and lets the stream clean up. */
  async stop(): Promise<void> {
    this.#ended = true;
    await this.#batches.return(undefined);
  }

  async #more(): Promise<void> {
    const { done, value } = await this.#batches.next();
    this.#refill = undefined;
    if (done) this.#ended = true;
    else [this.#batch, this.#next] = [value, 0];
  }
}

/** Batches as a generator, so that they can be taken one by one and left early. */
export async function* delegate<T>(batches: Batches<T>): AsyncGenerator<readonly T[]> {
  yield* batches;
}
