/** Which keys the catalog knows: whatever else stands among them is foreign. */

import { allUploads, storedKeys } from "../../catalog/uploads.ts";
import { discardedObjects } from "../../catalog/staged.ts";
import type { Database } from "../../catalog/database.ts";
import type { Found } from "../../catalog/findings.ts";
import { listVolumes } from "../../catalog/volumes.ts";
import type { ObjectInfo } from "../../store/store.ts";
import { formatSize } from "../../size.ts";
import { volumeOfManifest } from "../object-keys.ts";
import { findingName } from "./look.ts";

/**
 * The objects of a listing that the catalog has nothing to do with: neither stored nor on their way. Asked of
 * the catalog after the listing, so that what was stored meanwhile is known.
 */
export async function foreignObjects(
  db: Database,
  listed: Iterable<ObjectInfo>,
  prefix: string,
): Promise<ObjectInfo[]> {
  const candidates = [...listed].filter(({ key }) => key.startsWith(prefix));
  const known = await knownKeys(db, candidates.map(({ key }) => key));
  return candidates.filter(({ key }) => !known.has(key));
}

async function knownKeys(db: Database, keys: readonly string[]): Promise<Set<string>> {
  const known = await storedKeys(db, keys);
  for (const { key } of await allUploads(db)) known.add(key);
  for (const { key } of await discardedObjects(db)) known.add(key);
  const names = new Set<string>();
  for (const { name, key } of await listVolumes(db)) {
    known.add(key);
    names.add(name);
  }
  // A manifest may have been encrypted anew, under a key of its own.
  for (const key of keys) if (names.has(volumeOfManifest(key) ?? "")) known.add(key);
  return known;
}

/** Foreign objects below one prefix as one finding; none when there are none. */
export function foreignFinding(url: string, prefix: string, foreign: readonly ObjectInfo[]): Found[] {
  const [first] = foreign;
  if (first === undefined) return [];
  const bytes = formatSize(foreign.reduce((sum, { size }) => sum + size, 0));
  const message = foreign.length === 1
    ? `${first.key} at ${url} (${bytes}) is not in the catalog`
    : `${foreign.length} objects under ${prefix} at ${url} (${bytes}) are not in the catalog, such as ${first.key}`;
  return [{
    name: findingName("object", url, prefix),
    kind: "foreign-object",
    severity: "warning",
    message,
    hint: "If another home keeps its archive there, give each a folder of its own. Nothing was removed.",
    files: [],
  }];
}
