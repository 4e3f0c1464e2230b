/** The stores of a recovery, and what each really holds. */

import { ColdframeError } from "../../errors.ts";
import type { StoreContext } from "../../store/context.ts";
import { canonicalUrl, openStore } from "../../store/open.ts";
import { RETRY_DEFAULTS, retrying } from "../../store/retry.ts";
import type { ObjectInfo, Store } from "../../store/store.ts";

/** A store with a complete listing of what coldframe keeps in it, by key. */
export interface ListedStore {
  readonly store: Store;
  readonly objects: ReadonlyMap<string, ObjectInfo>;
}

/** An object and the store that it was found in. */
export interface FoundObject {
  readonly store: Store;
  readonly info: ObjectInfo;
}

/** Opens each store once; none is made. */
export async function openStores(urls: readonly string[], context: StoreContext): Promise<Store[]> {
  const stores: Store[] = [];
  for (const url of new Set(urls.map((given) => canonicalUrl(given, context.env)))) {
    stores.push(retrying(await openStore(url, context), {
      ...RETRY_DEFAULTS,
      ...(context.signal && { signal: context.signal }),
      warn: context.warn,
    }));
  }
  return stores;
}

const PREFIXES = ["catalog/", "manifests/", "volumes/", "staged/"];

/**
 * Lists every store. One that cannot be listed ends the recovery: what it holds would count as lost.
 *
 * @throws ColdframeError `nothing-found` when no store holds anything of ours; StoreError
 */
export async function listStores(stores: readonly Store[]): Promise<ListedStore[]> {
  const listed: ListedStore[] = [];
  for (const store of stores) {
    const objects = new Map<string, ObjectInfo>();
    for (const prefix of PREFIXES) {
      for await (const info of store.list(prefix)) objects.set(info.key, info);
    }
    listed.push({ store, objects });
  }
  if (listed.some(({ objects }) => objects.size > 0)) return listed;
  const urls = stores.map(({ url }) => url).join(", ");
  throw new ColdframeError("nothing-found", `there is no coldframe archive in ${urls}`, {
    hint: "Give the URL as `coldframe status` showed it, with the whole path or prefix.",
  });
}

/**
 * The store that holds an object under a key that is not one of ours, as volumes of other tools do: those
 * were not listed, so each is asked for.
 */
export async function foreignHolder(
  stores: readonly ListedStore[],
  { key, size, store }: { readonly key: string; readonly size: number; readonly store: string },
): Promise<Store | undefined> {
  if (PREFIXES.some((prefix) => key.startsWith(prefix))) return undefined;
  const given = stores.find((one) => one.store.url === store)?.store;
  return (await given?.head(key))?.size === size ? given : undefined;
}

/** The objects of a kind in all stores, by key; those of one key in the order of the stores. */
export function objectsLike(stores: readonly ListedStore[], pattern: RegExp): FoundObject[] {
  const found = stores.flatMap(({ store, objects }) =>
    [...objects.values()].filter(({ key }) => pattern.test(key)).map((info) => ({ store, info }))
  );
  return found.sort((a, b) => a.info.key === b.info.key ? 0 : a.info.key < b.info.key ? -1 : 1);
}

/** The store that holds an object of that size: the preferred one, if it does. */
export function holderOf(
  stores: readonly ListedStore[],
  { key, size, store }: { readonly key: string; readonly size: number; readonly store: string },
): Store | undefined {
  const holders = stores.filter(({ objects }) => objects.get(key)?.size === size);
  return (holders.find((holder) => holder.store.url === store) ?? holders[0])?.store;
}
