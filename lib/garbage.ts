/**
 * Collecting garbage at a good moment. Between two volumes nearly all of what a run holds is garbage, but a
 * runtime lets as much of it pile up as was in use when it last looked, which was while buffers were full.
 * Asking costs some hundredths of a second and halves the memory of a first run.
 */

/**
 * Lets the runtime collect its garbage, where it was started so that it can be asked: `--expose-gc`, which
 * `scripts/build.ts` gives the binary, and which V8 knows by the same name. Elsewhere nothing happens.
 */
export function collectGarbage(): void {
  const gc: unknown = Reflect.get(globalThis, "gc");
  if (typeof gc === "function") gc();
}

/** Rows whose reading leaves more garbage behind than it takes time to collect it. */
const MANY = 10_000;

/** Collects the garbage of a step that went through so many rows. */
export function collectAfter(rows: number): void {
  if (rows > MANY) collectGarbage();
}

/** Collects each time that so many things have come and gone. */
export class Collector {
  readonly #every: number;
  #gone = 0;

  /** @param every so many that their garbage is worth some hundredths of a second */
  constructor(every: number) {
    this.#every = every;
  }

  /** Told of things that are not used any more. */
  passed(count: number): void {
    this.#gone += count;
    if (this.#gone < this.#every) return;
    this.#gone = 0;
    collectGarbage();
  }
}
