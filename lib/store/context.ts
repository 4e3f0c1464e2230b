/** What every store needs from the world around it, handed in so that tests can hand in another world. */

/** The surroundings a store is opened in. */
export interface StoreContext {
  /** Environment variables; the only place (beside files with mode 0600) that credentials come from. */
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Sends every HTTP request. Tests pass one that talks to a server of their own. */
  readonly fetch: typeof fetch;
  /** Aborted when the run shall stop: calls under way then reject with `signal.reason`. */
  readonly signal?: AbortSignal;
  /** The time, in ms since 1970. */
  readonly now: () => number;
  /** The absolute path of coldframe's home, for stores that keep tokens there; absent outside a home. */
  readonly home?: string;
  /** Tells the user of something that went on in spite of trouble, in one line without a secret. */
  warn(message: string): void;
}
