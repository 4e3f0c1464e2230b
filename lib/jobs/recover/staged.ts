/** Staged objects that the catalog does not know: some can be named by the contents that it misses. */

import { readHeader, type Unlock } from "../../age/header.ts";
import { payloadSize } from "../../age/payload.ts";
import type { ArchiveIdentity } from "../../catalog/catalog.ts";
import type { Database } from "../../catalog/database.ts";
import { type HomelessContent, homelessContents, recordedObjects } from "../../catalog/reconcile.ts";
import { addStaged, type StagedObject } from "../../catalog/staged.ts";
import { streamChecksum } from "../../store/checksum.ts";
import { stagedKey } from "../object-keys.ts";
import { objectAccess } from "../restore/object-access.ts";
import { type Problem, problemOf } from "./problems.ts";
import { type FoundObject, type ListedStore, objectsLike } from "./stores.ts";

/**
 * Takes up staged objects of contents that the catalog knows and had not seen staged.
 *
 * @returns staged objects that stay without a name: their contents were never written down
 */
export async function takeUpStaged(
  db: Database,
  { opaqueKey }: ArchiveIdentity,
  stores: readonly ListedStore[],
  unlock: Unlock,
  onProblem: (problem: Problem) => void,
): Promise<number> {
  const known = new Set((await recordedObjects(db, "staged")).map(({ key }) => key));
  const unknown = new Map(
    objectsLike(stores, /^staged\//).flatMap((found) =>
      known.has(found.info.key) ? [] : [[found.info.key, found] as const]
    ),
  );
  if (unknown.size === 0) return 0;
  for (const content of await homelessContents(db)) {
    const found = unknown.get(stagedKey(opaqueKey, content.sha256));
    if (found === undefined) continue;
    unknown.delete(found.info.key);
    try {
      const object = await stagedObject(found, content, unlock);
      if (object !== undefined) await db.write([addStaged(object)]);
    } catch (error) {
      onProblem(problemOf(found, error));
    }
  }
  return unknown.size;
}

/** The row of an object; undefined for one that cannot hold that content. */
async function stagedObject(
  { store, info: { key, size, modified } }: FoundObject,
  content: HomelessContent,
  unlock: Unlock,
): Promise<StagedObject | undefined> {
  const { headerSize } = await readHeader(objectAccess(store, key, size), unlock, key);
  if (headerSize + payloadSize(content.size) !== size) return undefined;
  const checksum = (await store.head(key))?.checksum ?? await streamChecksum(store.read(key));
  return { content: content.id, store: store.url, key, size, headerSize, checksum, time: modified ?? 0 };
}
