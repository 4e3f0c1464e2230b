/** Planning a restore: from where each file comes, what must be thawed for it, what is read, what it costs. */

import { collectAfter } from "../../garbage.ts";
import { pricesOf } from "../cost-tariff.ts";
import type { Session } from "../session.ts";
import { choosePlaces } from "./choose.ts";
import { type Cipher, cipherOf } from "./plaintext.ts";
import { type PricedRestore, priceRestore } from "./price.ts";
import type { Reach } from "./reach.ts";
import { plannedVolume, readingsOf, SingleReads } from "./reads.ts";
import { type FoundInVolume, type PlaceInVolume, SourceFinder, type VolumeSource } from "./sources.ts";
import { bytesOf, countFiles, type Piece, slicesOf, type WantedContent } from "./wanted.ts";

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
  /** Bytes that will be read of it, and by how many requests. */
  readonly fetchBytes: number;
  readonly requests: number;
}

/** Single objects that are needed, by kind and store. */
export interface PlannedObjects {
  readonly kind: string;
  readonly store: string;
  readonly objects: number;
  /** Bytes of these objects. */
  readonly size: number;
  readonly files: number;
  /** Bytes that will be read of them, and by how many requests. */
  readonly fetchBytes: number;
  readonly requests: number;
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

/** What is wanted of one volume. */
export interface VolumeShare {
  readonly source: VolumeSource;
  /** In the order in which they stand in the image. */
  readonly pieces: readonly Piece[];
}

/** A plan and what carries it out. */
export interface PlannedRestore {
  readonly plan: RestorePlan;
  /** Contents that objects of their own bring; which ones, is looked up again when their turn comes. */
  readonly singles: readonly WantedContent[];
  readonly volumes: readonly VolumeShare[];
  /** How all these objects are encrypted. */
  readonly ciphers: ReadonlySet<Cipher>;
  /** What no place has. */
  readonly missing: readonly WantedContent[];
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
  wanted: readonly WantedContent[],
  { to, days }: PlanOptions,
): Promise<PlannedRestore> {
  const { singles, reads, volumes, missing } = await distribute(session, reach, wanted);
  const objects = reads.list();
  const planned = volumes.map(plannedVolume);
  const archived = planned.filter(({ state }) => state === "archived");
  const plan: RestorePlan = {
    to,
    files: countFiles(wanted) - countFiles(missing),
    bytes: bytesOf(wanted) - bytesOf(missing),
    objects,
    volumes: planned,
    thaw: { volumes: archived.length, bytes: sumOf(archived, ({ size }) => size), days },
    fetch: {
      bytes: sumOf([...objects, ...planned], ({ fetchBytes }) => fetchBytes),
      requests: sumOf([...objects, ...planned], ({ requests }) => requests),
    },
    prices: priceRestore(
      readingsOf(objects, planned),
      await pricesOf(session.home),
      session.storeContext.env,
      days,
    ),
  };
  const ciphers = new Set([...reads.ciphers, ...volumes.map(({ source }) => cipherOf(source.volume))]);
  return { plan, singles, volumes, ciphers, missing };
}

/** From where each content comes. */
async function distribute(session: Session, reach: Reach, wanted: readonly WantedContent[]) {
  const finder = await SourceFinder.begin(session, reach);
  const singles: WantedContent[] = [];
  const others: WantedContent[] = [];
  const inVolumes: FoundInVolume[] = [];
  const reads = new SingleReads();
  for (const slice of slicesOf(wanted)) {
    const found = await finder.find(slice);
    for (const content of slice) {
      const place = found.singles.get(content.content);
      (place === undefined ? others : singles).push(content);
      if (place !== undefined) reads.add(place, content);
    }
    inVolumes.push(...found.volumes);
  }
  collectAfter(wanted.length);
  return { singles, reads, ...sharesOf(others, choosePlaces(await finder.look(inVolumes))) };
}

/** What comes out of each volume, and what out of none. */
function sharesOf(contents: readonly WantedContent[], places: ReadonlyMap<number, PlaceInVolume>) {
  const shares = new Map<VolumeSource, Piece[]>();
  const missing: WantedContent[] = [];
  for (const wanted of contents) {
    const place = places.get(wanted.content);
    if (place === undefined) {
      missing.push(wanted);
      continue;
    }
    const pieces = shares.get(place.object) ?? [];
    if (pieces.length === 0) shares.set(place.object, pieces);
    pieces.push({ wanted, offset: place.offset });
  }
  const volumes = [...shares].map(([source, pieces]): VolumeShare => ({
    source,
    pieces: pieces.sort((a, b) => a.offset - b.offset),
  }));
  return { volumes, missing };
}

function sumOf<T>(items: readonly T[], value: (item: T) => number): number {
  return items.reduce((sum, item) => sum + value(item), 0);
}
