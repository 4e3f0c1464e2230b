/** Planning a restore: from where each file comes, what must be thawed for it, what is read, what it costs. */

import { pricesOf } from "../cost-tariff.ts";
import type { Session } from "../session.ts";
import { type Copy, joinNeighbours, readsOfRun } from "./copy.ts";
import { OPENING_BYTES, OPENING_REQUESTS, PIECE } from "./object-access.ts";
import { type PricedRestore, priceRestore, type Reading } from "./price.ts";
import { objectId, type Reach } from "./reach.ts";
import type { WantedVersion } from "./select.ts";
import { findSources, type Source } from "./sources.ts";

/** A content to fetch, and the files it becomes. */
export interface Task extends Copy<WantedVersion> {
  readonly content: number;
  readonly source: Source;
}

/** How a volume stands: `agreed` is one whose thaw the user wants, and that the store may not know of yet. */
export type VolumePlanState = "ready" | "thawing" | "agreed" | "archived";

/** A volume that is needed. */
export interface PlannedVolume {
  readonly name: string;
  readonly store: string;
  readonly key: string;
  /** Bytes of the object: a thaw is always of all of it. */
  readonly size: number;
  readonly state: VolumePlanState;
  /** When the readable copy goes, in ms since 1970. */
  readonly until: number | undefined;
  readonly files: number;
  /** Bytes that will be read of it. */
  readonly fetchBytes: number;
}

/** Single objects that are needed, by kind and store. */
export interface PlannedObjects {
  readonly kind: string;
  readonly store: string;
  readonly objects: number;
  readonly files: number;
  readonly fetchBytes: number;
}

/** What a restore would do. */
export interface RestorePlan {
  readonly to: string;
  /** Files to fetch, and their bytes. */
  readonly files: number;
  readonly bytes: number;
  readonly objects: readonly PlannedObjects[];
  readonly volumes: readonly PlannedVolume[];
  /** What must be thawed and was not agreed to yet. */
  readonly thaw: { readonly volumes: number; readonly bytes: number; readonly days: number };
  readonly fetch: { readonly bytes: number; readonly requests: number };
  readonly prices: PricedRestore;
}

/** A plan and what carries it out. */
export interface PlannedRestore {
  readonly plan: RestorePlan;
  readonly tasks: readonly Task[];
  /** Files that no place has. */
  readonly missing: readonly WantedVersion[];
}

/** What a plan is made for. */
export interface PlanOptions {
  readonly to: string;
  /** How long thawed copies shall stay. */
  readonly days: number;
}

/**
 * Plans the restore of files that are not in the target folder.
 *
 * @param reach what failed so far in this run, and is not planned with again
 */
export async function planRestore(
  session: Session,
  reach: Reach,
  versions: readonly WantedVersion[],
  { to, days }: PlanOptions,
): Promise<PlannedRestore> {
  const byContent = Map.groupBy(versions, ({ content }) => content);
  const sources = await findSources(session, reach, [...byContent.keys()]);
  const tasks: Task[] = [];
  const missing: WantedVersion[] = [];
  for (const [content, files] of byContent) {
    const source = sources.get(content);
    if (source === undefined) missing.push(...files);
    else tasks.push(taskOf(content, files, source));
  }
  const objects = [...Map.groupBy(tasks, ({ source }) => source.object).values()].flatMap(objectOf);
  const prices = priceRestore(
    readingsOf(objects),
    await pricesOf(session.home),
    session.storeContext.env,
    days,
  );
  const thawing = objects.filter(({ state }) => state === "archived");
  const plan: RestorePlan = {
    to,
    files: versions.length - missing.length,
    bytes: sumOf(tasks, ({ size, files }) => size * files.length),
    objects: singles(objects),
    volumes: objects.flatMap(volumeOf),
    thaw: { volumes: thawing.length, bytes: sumOf(thawing, ({ source }) => source.size), days },
    fetch: { bytes: sumOf(objects, (one) => one.bytes), requests: sumOf(objects, (one) => one.requests) },
    prices,
  };
  return { plan, tasks, missing };
}

function taskOf(content: number, files: readonly WantedVersion[], source: Source): Task {
  const size = files[0]?.size ?? 0;
  const { place } = source;
  const offset = place.kind === "volume" ? place.offset : 0;
  return { content, size, files, source, extents: size === 0 ? [] : [{ offset, length: size }] };
}

/** What is wanted of one object. */
interface PlannedObject {
  readonly source: Source;
  readonly state: VolumePlanState;
  readonly files: number;
  readonly bytes: number;
  readonly requests: number;
}

function objectOf(tasks: readonly Task[]): PlannedObject[] {
  const [first] = tasks;
  if (first === undefined) return [];
  // A small single object comes in one request; see `wholeAccess`.
  const { place, size } = first.source;
  const whole = place.kind !== "volume" && size <= PIECE;
  const runs = whole ? [] : [...joinNeighbours(tasks)].map(readsOfRun);
  return [{
    source: first.source,
    state: stateOf(first.source),
    files: sumOf(tasks, ({ files }) => files.length),
    bytes: whole ? size : Math.min(size, OPENING_BYTES + sumOf(runs, ({ bytes }) => bytes)),
    requests: whole ? 1 : OPENING_REQUESTS + sumOf(runs, ({ requests }) => requests),
  }];
}

/** A thaw that was taken by the store and is over ran out: it is asked for, and paid for, again. */
function stateOf({ state, thaw }: Source): VolumePlanState {
  return state === "archived" && thaw !== undefined && thaw.requested === undefined ? "agreed" : state;
}

function volumeOf({ source, state, files, bytes }: PlannedObject): PlannedVolume[] {
  const { place, until } = source;
  if (place.kind !== "volume") return [];
  const { volume: name, store, key, size } = place;
  return [{ name, store, key, size, state, until, files, fetchBytes: bytes }];
}

function singles(objects: readonly PlannedObject[]): PlannedObjects[] {
  const found = objects.filter(({ source }) => source.place.kind !== "volume");
  const groups = Map.groupBy(found, ({ source }) => `${source.place.kind} ${source.place.store}`);
  return [...groups.values()].flatMap((group) => {
    const place = group[0]?.source.place;
    if (place === undefined) return [];
    return [{
      kind: place.kind,
      store: place.store,
      objects: group.length,
      files: sumOf(group, ({ files }) => files),
      fetchBytes: sumOf(group, ({ bytes }) => bytes),
    }];
  });
}

/** What was agreed to is in the price until the store has taken it: it is not paid yet. */
function readingsOf(objects: readonly PlannedObject[]): Reading[] {
  const groups = Map.groupBy(objects, ({ source, state }) => {
    const kind = source.place.kind === "volume" ? "volume" : "other";
    return `${kind} ${state === "archived" || state === "agreed"} ${source.place.store}`;
  });
  return [...groups.values()].flatMap((group) => {
    const [first] = group;
    if (first === undefined) return [];
    return [{
      store: first.source.place.store,
      kind: first.source.place.kind === "volume" ? "volume" : "other",
      thaw: first.state === "archived" || first.state === "agreed",
      objects: group.length,
      objectBytes: sumOf(group, ({ source }) => source.size),
      readBytes: sumOf(group, ({ bytes }) => bytes),
      gets: sumOf(group, ({ requests }) => requests),
    }];
  });
}

/** The tasks of each object, what can be read now. */
export function readyObjects(tasks: readonly Task[]): Task[][] {
  const ready = tasks.filter(({ source }) => source.state === "ready");
  return [...Map.groupBy(ready, ({ source }) => objectId(source.place)).values()];
}

function sumOf<T>(items: readonly T[], value: (item: T) => number): number {
  return items.reduce((sum, item) => sum + value(item), 0);
}
