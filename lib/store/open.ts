/** From a URL to a store. A new kind of store is one line in `OPENERS`. */

import { StoreError } from "../errors.ts";
import type { StoreContext } from "./context.ts";
import { openDrive } from "./drive/drive.ts";
import { openForeignDrive } from "./drive/foreign.ts";
import { fileStoreRoot, openFile } from "./file.ts";
import { openS3 } from "./s3/s3.ts";
import { type ReadableStore, ReadOnlyStore } from "./read-only.ts";
import type { Store } from "./store.ts";

/** How to open a store. */
export interface OpenOptions {
  /** Makes a store where there is none yet, if this kind can; for a user's first use only. */
  readonly create?: boolean;
}

type ForeignOpener = (url: string, context: StoreContext) => Promise<ReadableStore>;
type Opener = (url: string, context: StoreContext, options: OpenOptions) => Promise<Store>;

const OPENERS: ReadonlyMap<string, Opener> = new Map([
  ["file", openFile],
  ["gdrive", openDrive],
  ["s3", (url, context) => openS3(url, context)],
]);

/** The same places when another program filled them: nothing there is marked as ours. */
const FOREIGN_OPENERS: ReadonlyMap<string, ForeignOpener> = new Map([
  ["file", (url: string, context: StoreContext) => openFile(url, context, { foreign: true })],
  ["gdrive", openForeignDrive],
  ["s3", (url: string, context: StoreContext) => openS3(url, context)],
]);

/**
 * Opens the store behind a URL, bare: `retrying` and `rateLimited` are for the caller to add.
 *
 * @throws StoreError `store-url` for a URL of no known kind; and what that kind's opener throws
 */
export async function openStore(
  url: string,
  context: StoreContext,
  options: OpenOptions = {},
): Promise<Store> {
  return await openerOf(OPENERS, url)(url, context, options);
}

/**
 * Opens a place that another program filled, to be read only; bare, as `openStore` does.
 *
 * @throws StoreError `store-url`; `store-missing` when the folder or bucket is not there
 */
export async function openForeign(url: string, context: StoreContext): Promise<Store> {
  return new ReadOnlyStore(await openerOf(FOREIGN_OPENERS, url)(url, context));
}

/**
 * Refuses what names no kind of store: said before a long job begins, rather than in its midst.
 *
 * @throws StoreError `store-url`
 */
export function assertStoreUrl(url: string): void {
  openerOf(OPENERS, url);
}

function openerOf<T>(openers: ReadonlyMap<string, T>, url: string): T {
  const scheme = /^([a-z][a-z0-9+.-]*):/i.exec(url)?.[1]?.toLowerCase();
  const opener = scheme === undefined ? undefined : openers.get(scheme);
  if (opener === undefined) throw unknown(url, scheme);
  return opener;
}

/**
 * The one spelling of a store URL, so that two of them can be compared: a folder by its absolute path.
 *
 * @throws StoreError `store-url`
 */
export function canonicalUrl(url: string, env: StoreContext["env"]): string {
  const folder = localFolder(url, env);
  return folder === undefined ? url : `file:${folder}`;
}

/**
 * The absolute path of the folder of a `file:` store; undefined for a store of another kind.
 *
 * @throws StoreError `store-url`
 */
export function localFolder(url: string, env: StoreContext["env"]): string | undefined {
  return /^file:/i.test(url) ? fileStoreRoot(url, env) : undefined;
}

/** The text of the URL stays out: where the scheme is wrong, anything may stand in it. */
function unknown(url: string, scheme: string | undefined): StoreError {
  const known = [...OPENERS.keys()].map((name) => `${name}:`).join(", ");
  // One letter is a Windows drive.
  const isPath = scheme === undefined || scheme.length === 1;
  const what = isPath ? "a store URL begins with its kind" : `there is no kind of store "${scheme}:"`;
  return new StoreError("store-url", `${what}; known are ${known}`, {
    ...(isPath && /^[\w./~\\: -]+$/.test(url) ? { hint: `For a folder write file:${url}` } : {}),
  });
}
