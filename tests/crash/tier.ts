/**
 * A store as the harness sees it from outside: what stands in it, what happened to it in which order, and
 * where a run can be stopped in the middle. Nothing here goes through the product's own code for stores.
 */

/** The kinds of stores that rounds run against. */
export const STORE_KINDS = ["file", "s3", "drive"] as const;
export type StoreKind = typeof STORE_KINDS[number];

/** The steps of the commit order (docs/FORMAT.md) that a store takes part in. */
export const STEPS = [
  "2b staged object",
  "4 upload begun",
  "4 part sent",
  "5 volume complete",
  "6 manifest",
  "8 snapshot",
  "9 staged object removed",
] as const;
export type Step = typeof STEPS[number];

/** A moment in which a run is to die: just before a step of a store has its effect, or just after. */
export interface Stop {
  readonly step: Step;
  readonly when: "before" | "after";
  /** Which of these steps, from 1. */
  readonly nth: number;
}

/** Every step with both of its moments, the first time that a run comes to it. */
export const FIRST_STOPS: readonly Stop[] = STEPS.flatMap((step) =>
  (["before", "after"] as const).map((when) => ({ step, when, nth: 1 }))
);

/** Something that a store did. */
export interface StoreEvent {
  /** ms since 1970, with fractions. */
  readonly at: number;
  readonly kind: "written" | "removed" | "replaced";
  readonly key: string;
}

/** What stands under a key. */
export interface Standing {
  /** Bytes. */
  readonly size: number;
  /** Another value for another object, whatever its bytes. */
  readonly identity: unknown;
}

/** One store of one round. */
export interface Tier {
  readonly kind: StoreKind;
  /** As a user gives it. */
  readonly url: string;
  readonly env: Readonly<Record<string, string>>;
  /** Prepares the home for this store, as a sign-in does. */
  prepare(home: string): Promise<void>;
  /** Every object; also those that are twice there are a fault of the store's user, and named. */
  objects(): Promise<{ readonly standing: ReadonlyMap<string, Standing>; readonly twice: readonly string[] }>;
  /** Uploads that were begun and not ended, by key. */
  unfinished(): Promise<string[]>;
  /**
   * Notes what happened since the last look. Called for all stores of a round as a request comes to any of
   * them, so that what happened in two stores is noted in its order.
   */
  look(): void;
  /** What to call as a request comes. */
  onRequest(look: () => void): void;
  /** What happened since the round began, in order. */
  events(): Promise<readonly StoreEvent[]>;
  /** Loses every object below a prefix. */
  lose(prefix: string): Promise<void>;
  /** The stop that the next run is to meet, and how to kill it. Undefined disarms. */
  arm(stop: Stop | undefined, kill: () => void): void;
  /** Errors of the test's own server. */
  faults(): readonly unknown[];
  close(): Promise<void>;
}

/** Finds the stop among the steps of a run as they come. */
export class Trap {
  #stop: Stop | undefined;
  #kill: () => void = () => {};
  #left = 0;

  arm(stop: Stop | undefined, kill: () => void): void {
    this.#stop = stop;
    this.#kill = kill;
    this.#left = stop?.nth ?? 0;
  }

  /** Whether this step is the one to die in; asked once for each step. */
  meets(step: Step | undefined): Stop | undefined {
    const stop = this.#stop;
    if (stop === undefined || step !== stop.step || --this.#left > 0) return undefined;
    this.#stop = undefined;
    return stop;
  }

  kill(): void {
    this.#kill();
  }
}

/** Tells what changed in a store by comparing what stands there with what stood there before. */
export class Watch {
  readonly events: StoreEvent[] = [];
  #before: ReadonlyMap<string, Standing> = new Map();

  look(now: ReadonlyMap<string, Standing>): void {
    const at = performance.timeOrigin + performance.now();
    for (const [key, { identity }] of now) {
      const before = this.#before.get(key);
      if (before === undefined) this.events.push({ at, kind: "written", key });
      else if (before.identity !== identity) this.events.push({ at, kind: "replaced", key });
    }
    for (const key of this.#before.keys()) {
      if (!now.has(key)) this.events.push({ at, kind: "removed", key });
    }
    this.#before = now;
  }
}

/** The step of a write of an object. */
export function stepOfWrite(key: string): Step | undefined {
  if (key.startsWith("staged/")) return "2b staged object";
  if (key.startsWith("volumes/")) return "5 volume complete";
  if (key.startsWith("manifests/")) return "6 manifest";
  return key.startsWith("catalog/") ? "8 snapshot" : undefined;
}
