/** What a planned restore reads of each object, for the plan and for its price. Pure. */

import { joinNeighbours, readsOfRun } from "./copy.ts";
import { OPENING_BYTES, OPENING_REQUESTS, PIECE } from "./object-access.ts";
import { type Cipher, cipherOf } from "./plaintext.ts";
import type { PlannedObjects, PlannedVolume, VolumePlanState, VolumeShare } from "./plan.ts";
import type { Reading } from "./price.ts";
import type { SinglePlace, VolumeSource } from "./sources.ts";
import { contentsOf, copyOf, countFiles, type Piece, slicesOf, type WantedContent } from "./wanted.ts";

/** What takes bytes out of objects that hold one content each, by kind and store. */
export class SingleReads {
  /** How these objects are encrypted. */
  readonly ciphers = new Set<Cipher>();
  readonly #sums = new Map<string, Mutable<PlannedObjects>>();

  add(place: SinglePlace, wanted: WantedContent): void {
    const { kind, store, size } = place;
    const id = `${kind} ${store}`;
    const sum = this.#sums.get(id) ??
      { kind, store, objects: 0, size: 0, files: 0, fetchBytes: 0, requests: 0 };
    const { bytes, requests } = singleReads(size, wanted);
    this.#sums.set(id, sum);
    this.ciphers.add(cipherOf(place));
    sum.objects++;
    sum.size += size;
    sum.files += wanted.versions.length;
    sum.fetchBytes += bytes;
    sum.requests += requests;
  }

  list(): readonly PlannedObjects[] {
    return [...this.#sums.values()];
  }
}

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

interface Reads {
  readonly bytes: number;
  readonly requests: number;
}

/** A small object comes in one request; see `wholeAccess`. */
function singleReads(size: number, wanted: WantedContent): Reads {
  return size <= PIECE ? { bytes: size, requests: 1 } : readsOf(size, [{ wanted, offset: 0 }]);
}

/** A volume that is needed, with what is read of it. */
export function plannedVolume(share: VolumeShare): PlannedVolume {
  const { source, pieces } = share;
  const { volume: { volume: name, store, key, size }, until } = source;
  const { bytes: fetchBytes, requests } = readsOf(size, pieces);
  const files = countFiles(contentsOf(share));
  return { name, store, key, size, state: stateOf(source), until, files, fetchBytes, requests };
}

function readsOf(size: number, pieces: readonly Piece[]): Reads {
  let [bytes, requests] = [OPENING_BYTES, OPENING_REQUESTS];
  for (const slice of slicesOf(pieces)) {
    for (const run of joinNeighbours(slice.map((piece) => copyOf(piece, [])))) {
      const reads = readsOfRun(run);
      bytes += reads.bytes;
      requests += reads.requests;
    }
  }
  return { bytes: Math.min(size, bytes), requests };
}

/** A thaw that was taken by the store and is over ran out: it is asked for, and paid for, again. */
function stateOf({ state, thaw }: VolumeSource): VolumePlanState {
  return state === "archived" && thaw !== undefined && thaw.requested === undefined ? "agreed" : state;
}

/** What was agreed to is in the price until the store has taken it: it is not paid yet. */
export function readingsOf(
  objects: readonly PlannedObjects[],
  volumes: readonly PlannedVolume[],
): Reading[] {
  const singles = objects.map(({ store, objects, size, fetchBytes, requests }): Reading => ({
    store,
    kind: "other",
    thaw: false,
    objects,
    objectBytes: size,
    readBytes: fetchBytes,
    gets: requests,
  }));
  return [...singles, ...volumeReadings(volumes)];
}

function volumeReadings(volumes: readonly PlannedVolume[]): Reading[] {
  const groups = Map.groupBy(volumes, (volume) => `${isToThaw(volume)} ${volume.store}`);
  return [...groups.values()].flatMap((group) => {
    const [first] = group;
    if (first === undefined) return [];
    return [{
      store: first.store,
      kind: "volume",
      thaw: isToThaw(first),
      objects: group.length,
      objectBytes: group.reduce((sum, { size }) => sum + size, 0),
      readBytes: group.reduce((sum, { fetchBytes }) => sum + fetchBytes, 0),
      gets: group.reduce((sum, { requests }) => sum + requests, 0),
    }];
  });
}

function isToThaw({ state }: PlannedVolume): boolean {
  return state === "archived" || state === "agreed";
}
