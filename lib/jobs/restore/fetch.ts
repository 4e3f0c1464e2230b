/** Fetching what can be read now, object by object, several side by side. */

import type { Place, VersionRow } from "../../catalog/look.ts";
import { ColdframeError } from "../../errors.ts";
import type { RandomAccess } from "../../types.ts";
import { inParallel } from "../pool.ts";
import type { Meter } from "../report.ts";
import type { Session } from "../session.ts";
import { copyFiles } from "./copy.ts";
import { objectAccess, PIECE, wholeAccess } from "./object-access.ts";
import { cipherOf, openPlaintext, type PlaintextKeys } from "./plaintext.ts";
import type { Task } from "./plan.ts";
import { objectId, type Reach } from "./reach.ts";
import type { Target } from "./target.ts";

/** Objects at the same time, and bytes of small ones that are held whole. */
const OBJECTS = 8;
const MEMORY = 3 * PIECE;
/** Objects that a key must fail to open, with none opened before, to be taken for the wrong key. */
const REFUSALS = 3;

/** What fetching needs. */
export interface FetchContext {
  readonly target: Target;
  readonly reach: Reach;
  readonly meter: Meter;
  readonly keys: PlaintextKeys;
  /** Told of each file that has its name. */
  restored(file: VersionRow): Promise<void>;
  /** Told of an object that lost its end: what it still holds is used. */
  damaged(key: string, error: ColdframeError): void;
  /** Told of each object (`objectId`) when all that was wanted of it is there. */
  fetched(object: string): Promise<void>;
}

/** Fetches, once or in several rounds. */
export class Fetcher {
  readonly #session: Session;
  readonly #context: FetchContext;
  #opened = false;
  #refused = 0;

  constructor(session: Session, context: FetchContext) {
    this.#session = session;
    this.#context = context;
  }

  /**
   * Fetches tasks, which are grouped by object. What fails is told to `reach`, so that the next plan takes
   * it from elsewhere.
   *
   * @returns the files that are still missing
   * @throws ColdframeError for what would only repeat itself: a full disk, the wrong key
   */
  async fetch(objects: readonly (readonly Task[])[]): Promise<VersionRow[]> {
    const missing: VersionRow[] = [];
    const cost = (tasks: readonly Task[]) => Math.min(PIECE, tasks[0]?.source.size ?? 0);
    await inParallel(objects, { width: OBJECTS, budget: MEMORY, cost }, async (tasks) => {
      missing.push(...await this.#object(tasks));
    });
    return missing;
  }

  async #object(tasks: readonly Task[]): Promise<VersionRow[]> {
    this.#session.signal.throwIfAborted();
    const place = tasks[0]?.source.place;
    if (place === undefined) return [];
    const { target, meter, reach, restored } = this.#context;
    const object = new OpenObject(() => this.#open(place));
    const failed = await copyFiles(() => object.get(), tasks, {
      target,
      meter,
      signal: this.#session.signal,
      consider: (error) => this.#consider(error, object),
      restored,
    });
    for (const { copy, error } of failed) reach.fail(copy.source.place, error);
    if (failed.length === 0) await this.#context.fetched(objectId(place));
    return failed.flatMap(({ copy }) => copy.files);
  }

  async #open(place: Place): Promise<RandomAccess> {
    const store = await this.#context.reach.open(place.store);
    const { key, size } = place;
    const object = place.kind === "volume"
      ? objectAccess(store, key, size)
      : await wholeAccess(store, key, size);
    const { keys, damaged } = this.#context;
    const access = await openPlaintext(object, place, keys, (error) => damaged(key, error));
    this.#opened ||= cipherOf(place) === "age";
    return access;
  }

  /** What an error means for the files that are still to come. */
  #consider(error: unknown, object: OpenObject): void {
    this.#session.signal.throwIfAborted();
    if (!(error instanceof ColdframeError)) return;
    if (error.code === "store-full") throw error; // the target's disk
    if (OBJECT_IS_LOST.has(error.code)) object.lost = error;
    // One foreign object does not make the key wrong; but who holds the wrong key shall not wait for all.
    if (error.code === "key-wrong" && !this.#opened && ++this.#refused >= REFUSALS) throw error;
  }
}

/** Errors that any other read of the same object would meet again. */
const OBJECT_IS_LOST: ReadonlySet<string> = new Set([
  "store-missing",
  "store-unreachable",
  "object-missing",
  "object-archived",
]);

/** The plaintext of an object, opened once. */
class OpenObject {
  lost: ColdframeError | undefined;
  readonly #open: () => Promise<RandomAccess>;
  #access: Promise<RandomAccess> | undefined;

  constructor(open: () => Promise<RandomAccess>) {
    this.#open = open;
  }

  get(): Promise<RandomAccess> {
    if (this.lost !== undefined) return Promise.reject(this.lost);
    return this.#access ??= this.#open();
  }
}
