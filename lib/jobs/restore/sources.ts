/** Where contents can be had now, and where after a thaw. */

import { type Place, placesOf } from "../../catalog/look.ts";
import { openThaws, type Thaw } from "../../catalog/restores.ts";
import { ColdframeError, StoreError } from "../../errors.ts";
import { localFolder } from "../../store/open.ts";
import type { Availability } from "../../store/store.ts";
import { abreast, inParallel } from "../pool.ts";
import type { Session } from "../session.ts";
import { type Choosable, type ChoosableObject, choosePlaces } from "./choose.ts";
import { objectId, type Reach } from "./reach.ts";
import type { WantedContent } from "./wanted.ts";

type VolumePlace = Extract<Place, { kind: "volume" }>;

/** A place that is an object of its own: these can be read as they are, by their kind (see `ObjectKind`). */
export type SinglePlace = Exclude<Place, VolumePlace>;

/** A volume, as all of its contents have it in their places. */
export type StoredVolume = Omit<VolumePlace, "content" | "offset">;

/** A volume with what it takes to read it. */
export interface VolumeSource extends ChoosableObject {
  readonly volume: StoredVolume;
  /** When the readable copy of an archived object goes, in ms since 1970. */
  readonly until: number | undefined;
  /** The row of a thaw that the user agreed to. */
  readonly thaw: Thaw | undefined;
}

/** A content in a volume. */
export interface PlaceInVolume extends Choosable {
  readonly object: VolumeSource;
  /** Byte offset of the content in the image. */
  readonly offset: number;
}

/** The same before the volume was looked at; one volume is one object in all of them. */
export interface FoundInVolume extends Pick<PlaceInVolume, "content" | "offset"> {
  readonly volume: StoredVolume;
}

/** Where some contents can be had. */
export interface Found {
  /** The cheapest single object of each content that has one, by content. */
  readonly singles: ReadonlyMap<number, SinglePlace>;
  /** Every volume of each of the others. */
  readonly volumes: readonly FoundInVolume[];
}

/** Looks at so many volumes at once. */
const WIDTH = 8;

/**
 * Finds where contents are, for one plan. Only volumes are asked how readable they are, only those of contents
 * that can be had nowhere else, and each once, when all are found.
 */
export class SourceFinder {
  readonly #session: Session;
  readonly #reach: Reach;
  readonly #thaws: ReadonlyMap<string, Thaw>;
  /** By `objectId`. */
  readonly #volumes = new Map<string, StoredVolume>();

  private constructor(session: Session, reach: Reach, thaws: readonly Thaw[]) {
    this.#session = session;
    this.#reach = reach;
    this.#thaws = new Map(thaws.map((thaw) => [objectId(thaw), thaw]));
  }

  static async begin(session: Session, reach: Reach): Promise<SourceFinder> {
    return new SourceFinder(session, reach, await openThaws(session.db));
  }

  /** What is found of none has no place left; see `Reach.errorOf`. */
  async find(contents: readonly WantedContent[]): Promise<Found> {
    const there = await placesWithin(this.#session, this.#reach, contents);
    const singles = cheapestSingles(this.#session, there);
    const volumes = there.flatMap((place) => {
      if (place.kind !== "volume" || singles.has(place.content)) return [];
      return [{ content: place.content, offset: place.offset, volume: this.#volumeOf(place) }];
    });
    return { singles, volumes };
  }

  #volumeOf(place: VolumePlace): StoredVolume {
    const id = objectId(place);
    const known = this.#volumes.get(id);
    if (known !== undefined) return known;
    const { content: _content, offset: _offset, ...volume } = place;
    this.#volumes.set(id, volume);
    return volume;
  }

  /** Asks how the volumes stand that were found. A content is left out where its volume could not be asked. */
  async look(found: readonly FoundInVolume[]): Promise<PlaceInVolume[]> {
    const states = new Map<StoredVolume, VolumeSource | ColdframeError>();
    await inParallel(this.#volumes, abreast(WIDTH), async ([id, volume]) => {
      this.#session.signal.throwIfAborted();
      states.set(volume, await this.#lookAt(id, volume));
    });
    return found.flatMap(({ content, offset, volume }) => {
      const object = states.get(volume);
      if (object === undefined) return [];
      if (!(object instanceof ColdframeError)) return [{ content, offset, object }];
      this.#reach.fail({ ...volume, content, offset }, object);
      return [];
    });
  }

  async #lookAt(id: string, volume: StoredVolume): Promise<VolumeSource | ColdframeError> {
    try {
      const thaw = this.#thaws.get(id);
      const state = withRequest(await stateAt(this.#reach, volume), thaw, this.#session.now());
      return { id, size: volume.size, rank: rankOf(this.#session, volume), ...state, volume, thaw };
    } catch (error) {
      this.#session.signal.throwIfAborted();
      if (error instanceof ColdframeError) return error;
      throw error;
    }
  }
}

/** The cheapest single object of each content that has one, by content. */
export async function findSingles(
  session: Session,
  reach: Reach,
  contents: readonly WantedContent[],
): Promise<ReadonlyMap<number, SinglePlace>> {
  return cheapestSingles(session, await placesWithin(session, reach, contents));
}

/** The places that are worth trying. */
async function placesWithin(
  { db }: Session,
  reach: Reach,
  contents: readonly WantedContent[],
): Promise<Place[]> {
  const there: Place[] = [];
  for (const place of await placesOf(db, contents.map(({ content }) => content))) {
    if (await reach.isThere(place)) there.push(place);
  }
  return there;
}

function cheapestSingles(session: Session, places: readonly Place[]): Map<number, SinglePlace> {
  const found = places.flatMap((place) => {
    if (place.kind === "volume") return [];
    const { content, size } = place;
    const rank = rankOf(session, place);
    return [{ content, place, object: { id: objectId(place), size, rank, state: "ready" as const } }];
  });
  return new Map([...choosePlaces(found)].map(([content, { place }]) => [content, place]));
}

/** A disk here costs nothing and no time on the line; Drive costs nothing; the rest may. */
function rankOf({ storeContext }: Session, { store }: Pick<Place, "store">): number {
  if (localFolder(store, storeContext.env) !== undefined) return 0;
  return /^gdrive:/i.test(store) ? 1 : 2;
}

type VolumeState = Pick<VolumeSource, "state" | "until">;

/** A store that took the request and does not show it yet must not be asked, and paid, again. */
const UNSEEN = 3_600_000;

function withRequest(state: VolumeState, thaw: Thaw | undefined, now: number): VolumeState {
  const unseen = thaw?.requested !== undefined && now - thaw.requested < UNSEEN;
  return state.state === "archived" && unseen ? { state: "thawing", until: undefined } : state;
}

async function stateAt(reach: Reach, { store, key }: StoredVolume): Promise<VolumeState> {
  const info = await (await reach.open(store)).head(key);
  if (info !== undefined) return stateOf(info.availability);
  throw new StoreError("object-missing", `${key} is not in ${store} any more`, {
    hint: "Run `coldframe check volumes` to see what else is affected.",
  });
}

function stateOf(availability: Availability): VolumeState {
  const until = availability.state === "ready" ? availability.until : undefined;
  return { state: availability.state, until };
}
