/** Results of several workers, gathered into batches for one reader. */

/** A batch is given when it is full, or when its first item has waited this long, in ms. */
const PATIENCE = 200;

/** A bounded queue: workers `put` and wait for `room`; the reader takes `batches`. */
export class Outbox<T> {
  readonly #most: number;
  #items: T[] = [];
  #closed = false;
  #discarding = false;
  #failure: { readonly error: unknown } | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #wakeReader: () => void = () => {};
  #wakeWriters: (() => void)[] = [];

  /** @param most items in a batch, at which writers are asked to wait */
  constructor(most: number) {
    this.#most = most;
  }

  get full(): boolean {
    return this.#items.length >= this.#most;
  }

  /** Adds an item. Never waits: a writer awaits `room` before it makes the next one. */
  put(item: T): void {
    if (this.#discarding) return;
    this.#items.push(item);
    if (this.full) this.#wakeReader();
    else this.#timer ??= setTimeout(() => this.#wakeReader(), PATIENCE);
  }

  /** Resolves once the reader has taken a full batch. */
  async room(): Promise<void> {
    while (this.full) await new Promise<void>((resolve) => this.#wakeWriters.push(resolve));
  }

  /** No more items will come; with a failure, the reader gets it after the items that are there. */
  close(failure?: { readonly error: unknown }): void {
    this.#closed = true;
    this.#failure = failure;
    this.#wakeReader();
  }

  /** The reader has gone: nothing is kept, nobody waits. */
  discard(): void {
    this.#discarding = true;
    this.#take();
  }

  /** @throws what `close` was given */
  async *batches(): AsyncGenerator<T[]> {
    for (;;) {
      if (!this.full && !this.#closed) await new Promise<void>((resolve) => this.#wakeReader = resolve);
      const items = this.#take();
      if (items.length > 0) yield items;
      else if (this.#closed) break;
    }
    if (this.#failure !== undefined) throw this.#failure.error;
  }

  #take(): T[] {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const items = this.#items;
    this.#items = [];
    for (const wake of this.#wakeWriters.splice(0)) wake();
    return items;
  }
}
