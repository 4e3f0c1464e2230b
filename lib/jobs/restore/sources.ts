/** Where contents can be had now, and where after a thaw. */

import { type Place, placesOf } from "../../catalog/look.ts";
import { openThaws, type Thaw } from "../../catalog/restores.ts";
import { ColdframeError, StoreError } from "../../errors.ts";
import { sharedTexts } from "../../shared.ts";
import { localFolder } from "../../store/open.ts";
import type { Availability } from "../../store/store.ts";
import { inParallel } from "../pool.ts";
import type { Session } from "../session.ts";
import { type Choosable, choosePlaces } from "./choose.ts";
import { objectId, type Reach } from "./reach.ts";

/** A place with what it takes to read it. */
export interface Source extends Choosable {
  readonly place: Place;
  /** When the readable copy of an archived object goes, in ms since 1970. */
  readonly until: number | undefined;
  /** The row of a thaw that the user agreed to. */
  readonly thaw: Thaw | undefined;
}

/** Looks at so many volumes at once. */
const WIDTH = 8;

/**
 * Finds the cheapest source of each content. Only volumes are asked how readable they are, and only those
 * of contents that can be had nowhere else: all else is readable by its kind (see `ObjectKind`).
 *
 * @returns by content; what is missing here has no place left, see `Reach.errorOf`
 */
export async function findSources(
  session: Session,
  reach: Reach,
  contents: readonly number[],
): Promise<Map<number, Source>> {
  const there: Place[] = [];
  for (const place of await placesOf(session.db, contents)) {
    if (await reach.isThere(place)) there.push(place);
  }
  const near = there.filter(({ kind }) => kind !== "volume");
  const served = new Set(near.map(({ content }) => content));
  const far = there.filter(({ kind, content }) => kind === "volume" && !served.has(content));
  const thaws = new Map((await openThaws(session.db)).map((thaw) => [objectId(thaw), thaw]));
  const states = await lookAtVolumes(session, reach, far);
  const share = sharedTexts(); // one for all contents of an object
  const sourceOf = (place: Place, state: VolumeState, thaw?: Thaw): Source => {
    const { content, size } = place;
    const object = share(objectId(place));
    const rank = rankOf(session, place);
    return { place, content, size, object, rank, state: state.state, until: state.until, thaw };
  };
  const sources = near.map((place) => sourceOf(place, { state: "ready", until: undefined }));
  for (const place of far) {
    const state = states.get(objectId(place));
    if (state === undefined) continue;
    const thaw = thaws.get(objectId(place));
    sources.push(sourceOf(place, withRequest(state, thaw, session.now()), thaw));
  }
  return choosePlaces(sources);
}

/** A disk here costs nothing and no time on the line; Drive costs nothing; the rest may. */
function rankOf({ storeContext }: Session, { store }: Place): number {
  if (localFolder(store, storeContext.env) !== undefined) return 0;
  return /^gdrive:/i.test(store) ? 1 : 2;
}

type VolumeState = Pick<Source, "state" | "until">;

/** A store that took the request and does not show it yet must not be asked, and paid, again. */
const UNSEEN = 3_600_000;

function withRequest(state: VolumeState, thaw: Thaw | undefined, now: number): VolumeState {
  const unseen = thaw?.requested !== undefined && now - thaw.requested < UNSEEN;
  return state.state === "archived" && unseen ? { state: "thawing", until: undefined } : state;
}

async function lookAtVolumes(
  session: Session,
  reach: Reach,
  places: readonly Place[],
): Promise<Map<string, VolumeState>> {
  const states = new Map<string, VolumeState>();
  const objects = Map.groupBy(places, objectId);
  await inParallel(objects, { width: WIDTH, budget: Infinity, cost: () => 0 }, async ([id, group]) => {
    session.signal.throwIfAborted();
    try {
      const state = await lookAt(reach, group[0]);
      if (state !== undefined) states.set(id, state);
    } catch (error) {
      session.signal.throwIfAborted();
      if (!(error instanceof ColdframeError)) throw error;
      for (const place of group) reach.fail(place, error);
    }
  });
  return states;
}

async function lookAt(reach: Reach, place: Place | undefined): Promise<VolumeState | undefined> {
  if (place === undefined) return undefined;
  const info = await (await reach.open(place.store)).head(place.key);
  if (info !== undefined) return stateOf(info.availability);
  throw new StoreError("object-missing", `${place.key} is not in ${place.store} any more`, {
    hint: "Run `coldframe check volumes` to see what else is affected.",
  });
}

function stateOf(availability: Availability): VolumeState {
  const until = availability.state === "ready" ? availability.until : undefined;
  return { state: availability.state, until };
}
