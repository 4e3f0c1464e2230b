/** Bringing a recovered catalog in line with what the stores hold: nothing counts as safe that is not there. */

import {
  contentsInVolumes,
  forgetObjects,
  forgetVolume,
  moveObjects,
  type RecordedKind,
  type RecordedObject,
  recordedObjects,
} from "../../catalog/reconcile.ts";
import type { Database } from "../../catalog/database.ts";
import { ColdframeError } from "../../errors.ts";
import { foreignHolder, holderOf, type ListedStore } from "./stores.ts";

/** Objects that are now under another URL than was recorded. */
export interface Move {
  readonly from: string;
  readonly to: string;
  readonly objects: number;
}

/** An object that the catalog recorded and no store holds. */
export interface MissingObject {
  readonly store: string;
  readonly key: string;
  /** What happened: nothing is there, or something of another size. */
  readonly found: "nothing" | "another size";
}

/** What did not agree. */
export interface Differences {
  readonly moved: readonly Move[];
  readonly missing: readonly MissingObject[];
}

/** Where each recorded object of a kind turned out to be. */
interface Located {
  readonly kind: RecordedKind;
  readonly held: readonly { readonly object: RecordedObject; readonly store: string }[];
  readonly lost: readonly RecordedObject[];
}

/**
 * Compares what the catalog records with the listings, and corrects it.
 *
 * @param partial whether to go on where a store that was recorded is not among those given
 * @throws ColdframeError `usage` naming the stores that are missing
 */
export async function reconcile(
  db: Database,
  stores: readonly ListedStore[],
  partial: boolean,
): Promise<Differences> {
  const volumes = await locate(db, "volumes", stores);
  const staged = await locate(db, "staged", stores);
  const snapshots = await locate(db, "snapshots", stores);
  const unstaged = staged.lost.map(({ id }) => id);
  const inVolumes = await contentsInVolumes(db, unstaged);
  // What was tidied away after the snapshot is safe in a volume: it is not missed.
  const missed = { ...staged, lost: staged.lost.filter(({ id }) => !inVolumes.has(id)) };
  if (!partial) assertAllGiven(stores, [volumes, missed]);
  const all = [volumes, staged, snapshots];
  for (const { kind, held } of all) await moveHeld(db, kind, held);
  for (const { id } of volumes.lost) await forgetVolume(db, id);
  await forgetObjects(db, "staged", staged.lost);
  await forgetObjects(db, "snapshots", snapshots.lost);
  const stillIn = await contentsInVolumes(db, unstaged);
  const lostStaged = staged.lost.filter(({ id }) => !stillIn.has(id));
  return {
    moved: countMoves(all),
    missing: [...volumes.lost, ...lostStaged].map((one) => missing(stores, one)),
  };
}

async function locate(db: Database, kind: RecordedKind, stores: readonly ListedStore[]): Promise<Located> {
  const held: Located["held"][number][] = [];
  const lost: RecordedObject[] = [];
  for (const object of await recordedObjects(db, kind)) {
    const store = (holderOf(stores, object) ?? await foreignHolder(stores, object))?.url;
    if (store === undefined) lost.push(object);
    else held.push({ object, store });
  }
  return { kind, held, lost };
}

/**
 * A store that was recorded, was not given, and none of whose objects stand elsewhere, was forgotten on the
 * command line rather than lost: all that it holds would be taken for lost.
 */
function assertAllGiven(stores: readonly ListedStore[], located: readonly Located[]): void {
  const seen = new Set(stores.map(({ store }) => store.url));
  for (const { held } of located) held.forEach(({ object }) => seen.add(object.store));
  const forgotten = new Set(located.flatMap(({ lost }) => lost.map(({ store }) => store)));
  const names = [...forgotten].filter((url) => !seen.has(url));
  if (names.length === 0) return;
  throw new ColdframeError("usage", `this archive keeps objects in ${names.join(" and ")}, too`, {
    hint:
      "Name that store as well, under the URL it has today. If it is lost, add --partial to go on without it.",
  });
}

async function moveHeld(db: Database, kind: RecordedKind, held: Located["held"]): Promise<void> {
  const elsewhere = held.filter(({ object, store }) => object.store !== store);
  for (const [store, group] of Map.groupBy(elsewhere, (one) => one.store)) {
    await moveObjects(db, kind, group.map(({ object }) => object), store);
  }
}

function countMoves(located: readonly Located[]): Move[] {
  const moves = new Map<string, Move>();
  for (const { object, store: to } of located.flatMap(({ held }) => held)) {
    const from = object.store;
    if (from === to) continue;
    const id = `${from}\n${to}`;
    moves.set(id, { from, to, objects: (moves.get(id)?.objects ?? 0) + 1 });
  }
  return [...moves.values()];
}

function missing(stores: readonly ListedStore[], { store, key }: RecordedObject): MissingObject {
  const there = stores.some(({ objects }) => objects.has(key));
  return { store, key, found: there ? "another size" : "nothing" };
}
