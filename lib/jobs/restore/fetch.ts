/** Fetching what can be read now, object by object, several side by side. */

import type { Place } from "../../catalog/look.ts";
import type { Thaw } from "../../catalog/restores.ts";
import type { WantedVersion } from "../../catalog/wanted.ts";
import { ColdframeError } from "../../errors.ts";
import { Collector } from "../../garbage.ts";
import type { RandomAccess } from "../../types.ts";
import { inParallel, type PoolLimits } from "../pool.ts";
import type { Meter } from "../report.ts";
import type { Session } from "../session.ts";
import { type Copy, copyFiles } from "./copy.ts";
import { objectAccess, PIECE, wholeAccess } from "./object-access.ts";
import { cipherOf, openPlaintext, type PlaintextKeys } from "./plaintext.ts";
import type { VolumeShare } from "./plan.ts";
import type { Reach } from "./reach.ts";
import { findSingles, type SinglePlace, type StoredVolume } from "./sources.ts";
import type { Target } from "./target.ts";
import { contentsOf, copyOf, filesOf, type Piece, slicesOf, type WantedContent } from "./wanted.ts";

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
  restored(file: WantedVersion): Promise<void>;
  /** Told of an object that lost its end: what it still holds is used. */
  damaged(key: string, error: ColdframeError): void;
  /** Told of each volume when all that was wanted of it is there. */
  fetched(thaw: Thaw | undefined): Promise<void>;
}

function limits<T>(size: (item: T) => number): PoolLimits<T> {
  return { width: OBJECTS, budget: MEMORY, cost: (item) => Math.min(PIECE, size(item)) };
}

/** A content to copy out of a place. */
interface Task extends Copy<WantedVersion> {
  readonly wanted: WantedContent;
  readonly place: Place;
}

function taskOf(place: Place, piece: Piece, files: ReadonlyMap<number, readonly WantedVersion[]>): Task {
  const { wanted } = piece;
  return { ...copyOf(piece, files.get(wanted.content) ?? []), wanted, place };
}

/** Fetches, once or in several rounds. */
export class Fetcher {
  readonly #session: Session;
  readonly #context: FetchContext;
  #opened = false;
  #refused = 0;
  /** Small files of several volumes at once leave more behind than they are. */
  readonly #garbage = new Collector(4_000);

  constructor(session: Session, context: FetchContext) {
    this.#session = session;
    this.#context = context;
  }

  /**
   * Fetches what can be read now. What fails is told to `reach`, so that the next plan takes it from elsewhere.
   *
   * @param singles contents that come from objects of their own
   * @returns the contents that are still missing
   * @throws ColdframeError for what would only repeat itself: a full disk, the wrong key
   */
  async fetch(singles: readonly WantedContent[], volumes: readonly VolumeShare[]): Promise<WantedContent[]> {
    const missing: WantedContent[] = [];
    for (const slice of slicesOf(singles)) missing.push(...await this.#singles(slice));
    await inParallel(volumes, limits(({ source }) => source.size), async (share) => {
      missing.push(...await this.#volume(share));
    });
    return missing;
  }

  async #singles(contents: readonly WantedContent[]): Promise<WantedContent[]> {
    const { reach } = this.#context;
    const places = await findSingles(this.#session, reach, contents);
    const files = await filesOf(this.#session.db, contents);
    const missing = contents.filter(({ content }) => !places.has(content)); // gone since it was planned
    const tasks = contents.flatMap((wanted) => {
      const place = places.get(wanted.content);
      return place === undefined ? [] : [taskOf(place, { wanted, offset: 0 }, files)];
    });
    await inParallel(tasks, limits(({ place }) => place.size), async (task) => {
      const object = new OpenObject(() => this.#open(task.place));
      missing.push(...await this.#copy(object, [task]));
    });
    this.#garbage.passed(contents.length);
    return missing;
  }

  async #volume({ source, pieces }: VolumeShare): Promise<WantedContent[]> {
    const object = new OpenObject(() => this.#open(source.volume));
    const missing: WantedContent[] = [];
    for (const slice of slicesOf(pieces)) {
      const files = await filesOf(this.#session.db, contentsOf({ pieces: slice }));
      const tasks = slice.map((piece) => {
        const place = { ...source.volume, content: piece.wanted.content, offset: piece.offset };
        return taskOf(place, piece, files);
      });
      missing.push(...await this.#copy(object, tasks));
      this.#garbage.passed(slice.length);
    }
    if (missing.length === 0) await this.#context.fetched(source.thaw);
    return missing;
  }

  /** @returns what failed */
  async #copy(object: OpenObject, tasks: readonly Task[]): Promise<WantedContent[]> {
    this.#session.signal.throwIfAborted();
    const { target, meter, reach, restored } = this.#context;
    const failed = await copyFiles(() => object.get(), tasks, {
      target,
      meter,
      signal: this.#session.signal,
      consider: (error) => this.#consider(error, object),
      restored,
    });
    for (const { copy, error } of failed) reach.fail(copy.place, error);
    return failed.map(({ copy }) => copy.wanted);
  }

  async #open(place: SinglePlace | StoredVolume): Promise<RandomAccess> {
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
