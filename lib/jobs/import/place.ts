/** Where another tool's objects are: a store, a folder or a single file on this machine. */

import { stat } from "node:fs/promises";
import { basename, dirname, resolve } from "node:path";
import { ColdframeError } from "../../errors.ts";
import type { StoreContext } from "../../store/context.ts";
import { canonicalUrl, localFolder, openForeign } from "../../store/open.ts";
import { RETRY_DEFAULTS, retrying } from "../../store/retry.ts";
import type { ObjectInfo, Store } from "../../store/store.ts";

/** An open place, to be read only. */
export interface ForeignPlace {
  readonly store: Store;
  /** The key of the one object that is meant; undefined for all of them. */
  readonly only: string | undefined;
}

/**
 * Opens a place.
 *
 * @param from a store URL, or the path of a folder or file
 * @throws ColdframeError `nothing-found`; StoreError
 */
export async function openPlace(from: string, context: StoreContext): Promise<ForeignPlace> {
  const { url, only } = await locate(from, context);
  const store = retrying(await openForeign(canonicalUrl(url, context.env), context), {
    ...RETRY_DEFAULTS,
    ...(context.signal && { signal: context.signal }),
    warn: context.warn,
  });
  return { store, only };
}

async function locate(
  from: string,
  context: StoreContext,
): Promise<{ readonly url: string; readonly only: string | undefined }> {
  const isUrl = /^[a-z][a-z0-9+.-]+:/i.test(from);
  const path = isUrl ? localFolder(from, context.env) : resolve(from);
  if (path === undefined) return { url: from, only: undefined };
  const found = await stat(path).catch(() => undefined);
  if (found === undefined) {
    throw new ColdframeError("nothing-found", `there is nothing at ${path}`, {
      hint: "Give a folder or file, or a store such as s3://bucket?region=eu-central-1 or gdrive:Folder.",
    });
  }
  if (found.isFile()) return { url: `file:${dirname(path)}`, only: basename(path) };
  return { url: `file:${path}`, only: undefined };
}

/** The objects that are meant, by key; what coldframe itself keeps there is left out. */
export async function objectsOf({ store, only }: ForeignPlace): Promise<ObjectInfo[]> {
  const found = new Map<string, ObjectInfo>();
  for await (const info of store.list(only ?? "")) {
    if (only === undefined ? !OURS.test(info.key) : info.key === only) found.set(info.key, info);
  }
  return [...found.values()].sort((a, b) => (a.key < b.key ? -1 : 1));
}

/** Keys of docs/FORMAT.md. */
const OURS = /^(volumes\/.+\.iso|manifests\/.+\.gz|staged\/[0-9a-f]+|catalog\/.+\.gz|keys\/identity)\.age$/;
