/**
 * Comparing objects with the catalog without reading them: is each there with its size (listed), and does
 * the store report the checksum that it computed at upload (checksummed)?
 *
 * Runs of this home or of other boxes may store and remove meanwhile. So whatever looks wrong is asked for
 * once more, from the store and from the catalog, before it counts.
 */

import type { Level } from "../../catalog/proofs.ts";
import { agree } from "../../store/checksum.ts";
import { parseS3Url } from "../../store/s3/url.ts";
import type { ObjectInfo, Store } from "../../store/store.ts";
import { inParallel } from "../pool.ts";

/** An object as the catalog has it. */
export interface ExpectedObject {
  readonly key: string;
  /** Bytes; undefined where the catalog does not know. */
  readonly size: number | undefined;
  /** As in `lib/store/checksum.ts`; undefined where the catalog does not know. */
  readonly checksum: string | undefined;
  /** When it was stored, ms since 1970. */
  readonly stored: number;
}

/** What can be wrong with an object that is not read. Stable words: they are the kinds of findings. */
export type Fault =
  | { readonly kind: "object-missing" }
  | { readonly kind: "object-size"; readonly found: number }
  | { readonly kind: "checksum-mismatch"; readonly found: string }
  /** The store has a checksum of others, or once had one of this. */
  | { readonly kind: "checksum-missing" }
  | { readonly kind: "wrong-class"; readonly found: string; readonly wanted: string };

/** What a look at one object gave. */
export interface Looked<O extends ExpectedObject = ExpectedObject> {
  readonly object: O;
  readonly info: ObjectInfo | undefined;
  /** What it proved; none where the object is not as it was stored, or its size is not known. */
  readonly levels: readonly Level[];
  readonly faults: readonly Fault[];
}

/** How to look. */
export interface LookOptions {
  /** When the checksum of a key was last confirmed: a store that has none now has lost it. */
  readonly onceChecksummed: ReadonlyMap<string, number>;
  /** Which of these keys the catalog still expects there; asked of those that seem to be missing. */
  stillExpected(keys: readonly string[]): Promise<ReadonlySet<string>>;
  readonly signal: AbortSignal;
  onLooked?(): void;
}

/** Requests on their way at once. */
const WIDTH = 8;

/**
 * Looks at objects.
 *
 * @param listed a complete listing of where they should be
 */
export async function lookAt<O extends ExpectedObject>(
  store: Store,
  expected: readonly O[],
  listed: ReadonlyMap<string, ObjectInfo>,
  options: LookOptions,
): Promise<Looked<O>[]> {
  const seen: { readonly object: O; readonly info: ObjectInfo | undefined }[] = [];
  await inParallel(expected, { width: WIDTH, budget: WIDTH, cost: () => 1 }, async (object) => {
    options.signal.throwIfAborted();
    seen.push({ object, info: await infoOf(store, object, listed.get(object.key)) });
    options.onLooked?.();
  });
  const there = await withoutRemoved(seen, options);
  const speaks = there.some(({ object, info }) => agree(object.checksum, info?.checksum) !== undefined);
  return there.map(({ object, info }) => judge(store, object, info, { ...options, speaks }));
}

/** A listing may be a little behind (Drive's is); what it lacks is asked for by its key. */
async function infoOf(
  store: Store,
  object: ExpectedObject,
  listed: ObjectInfo | undefined,
): Promise<ObjectInfo | undefined> {
  const wants = object.checksum !== undefined && listed?.checksum === undefined;
  const suspicious = listed === undefined || (object.size !== undefined && listed.size !== object.size);
  if (!wants && !suspicious) return listed;
  // A folder keeps no checksums: to ask for each would tell nothing that the listing did not.
  if (!suspicious && store.url.startsWith("file:")) return listed;
  return await store.head(object.key);
}

async function withoutRemoved<S extends { object: ExpectedObject; info: ObjectInfo | undefined }>(
  seen: readonly S[],
  options: LookOptions,
): Promise<S[]> {
  const missing = seen.filter(({ info }) => info === undefined).map(({ object }) => object.key);
  if (missing.length === 0) return [...seen];
  const still = await options.stillExpected(missing);
  return seen.filter(({ object, info }) => info !== undefined || still.has(object.key));
}

/** @param speaks whether the store gave a checksum that can be compared, of any object */
function judge<O extends ExpectedObject>(
  store: Store,
  object: O,
  info: ObjectInfo | undefined,
  { onceChecksummed, speaks }: LookOptions & { readonly speaks: boolean },
): Looked<O> {
  if (info === undefined) return { object, info, levels: [], faults: [{ kind: "object-missing" }] };
  if (object.size !== undefined && info.size !== object.size) {
    return { object, info, levels: [], faults: [{ kind: "object-size", found: info.size }] };
  }
  const misplaced = classFault(store.url, info);
  const levels: Level[] = object.size === undefined ? [] : ["listed"];
  const same = agree(object.checksum, info.checksum);
  if (same === false) {
    const fault = { kind: "checksum-mismatch", found: info.checksum ?? "" } as const;
    return { object, info, levels, faults: [fault, ...misplaced] };
  }
  if (same) levels.push("checksummed");
  const once = (onceChecksummed.get(object.key) ?? -1) >= object.stored;
  const lost = same === undefined && object.checksum !== undefined && (speaks || once);
  const faults: Fault[] = lost ? [{ kind: "checksum-missing" }, ...misplaced] : misplaced;
  return { object, info, levels, faults };
}

/** Only volumes stand in the class that the store's URL names; all else of ours is needed at once. */
function classFault(url: string, { key, storageClass }: ObjectInfo): Fault[] {
  if (storageClass === undefined || !/^s3:/i.test(url)) return [];
  if (!/^(volumes|manifests|staged|catalog)\//.test(key)) return []; // another tool chose that
  const wanted = key.startsWith("volumes/") ? parseS3Url(url).storageClass : "STANDARD";
  return storageClass === wanted ? [] : [{ kind: "wrong-class", found: storageClass, wanted }];
}

/** A complete listing by key. One that fails throws: half of it would make objects look missing. */
export async function listAll(
  store: Store,
  prefixes: readonly string[],
  signal: AbortSignal,
): Promise<Map<string, ObjectInfo>> {
  const objects = new Map<string, ObjectInfo>();
  for (const prefix of prefixes) {
    for await (const info of store.list(prefix)) {
      signal.throwIfAborted();
      objects.set(info.key, info);
    }
  }
  return objects;
}
