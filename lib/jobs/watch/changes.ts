/** When changes have come to rest, so that a run is worth its while. Pure: the time is an argument. */

/** How changes are gathered; ms. */
export interface Gathering {
  /** Nothing may have changed for so long. */
  readonly rest: number;
  /** Where something changes all the time, a run comes all the same when the first change is so old. */
  readonly longest: number;
}

/** Changes since the last run, of which only the first and the last matter: so it never grows. */
export class Changes {
  readonly #gathering: Gathering;
  #first: number | undefined;
  #last = 0;

  constructor(gathering: Gathering) {
    this.#gathering = gathering;
  }

  /** Notes a change; true for the first one since the last run. */
  note(now: number): boolean {
    this.#last = now;
    if (this.#first !== undefined) return false;
    this.#first = now;
    return true;
  }

  /** A run begins that looks at everything. What comes from now on is for the next one. */
  clear(): void {
    this.#first = undefined;
  }

  /** When a run should start, in ms since 1970; undefined when nothing has changed. */
  get due(): number | undefined {
    if (this.#first === undefined) return undefined;
    return Math.min(this.#last + this.#gathering.rest, this.#first + this.#gathering.longest);
  }
}
