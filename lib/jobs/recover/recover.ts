/**
 * A home again from nothing but stores and a key: the newest good snapshot, then the volumes that it does not
 * know, then a comparison with what is really there. The stores are only read.
 */

import { randomBytes } from "node:crypto";
import { mkdtemp, rename, rm, rmdir, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ColdframeError } from "../../errors.ts";
import { renderConfig } from "../../home/config.ts";
import { type Home, homePaths, makeHome, makeHomeFolder, type NewHome } from "../../home/home.ts";
import { lockHome } from "../../home/lock.ts";
import type { StoreContext } from "../../store/context.ts";
import type { Store } from "../../store/store.ts";
import type { Reporter } from "../report.ts";
import { CatalogRecovery, type CatalogReport } from "./catalog.ts";
import type { RecoveredKey } from "./identity.ts";
import { removeDatabase } from "./snapshot.ts";
import type { ApproveThaw } from "./thaw.ts";
import { type ListedStore, listStores, openStores } from "./stores.ts";

/** What to recover. */
export interface RecoverRequest {
  /** Absolute path of the home to make. */
  readonly root: string;
  /** Whether to say only what would be recovered: no home is made, and one that is there is no hindrance. */
  readonly dryRun: boolean;
  /** URLs of the stores. */
  readonly stores: readonly string[];
  /** Finds the key; gets the open stores, which may keep a protected one. */
  key(stores: readonly Store[]): Promise<RecoveredKey>;
  /** Whether the secret key stays in the home; else only its public key does. */
  readonly keepIdentity: boolean;
  /** The id of the machine; undefined for a new one. 16 hex digits. */
  readonly box: string | undefined;
  /** Whether to go on without stores that the archive also used. */
  readonly partial: boolean;
  /** Decides whether archived volumes are thawed whose listings nothing else tells. */
  readonly approveThaw: ApproveThaw;
  /** Store URLs for the settings, where the choice made from the listings is not wanted. */
  readonly staging: string | undefined;
  readonly cold: string | undefined;
  readonly context: StoreContext;
  readonly report: Reporter;
}

/** What was recovered, and what was not. */
export interface RecoverReport extends CatalogReport {
  readonly dryRun: boolean;
  readonly home: string;
  /** The id of the machine; undefined in a dry run that was given none. */
  readonly box: string | undefined;
  readonly recipients: readonly string[];
  /** Where the secret key is kept; undefined when it is not. */
  readonly identity: string | undefined;
  readonly staging: string;
  readonly cold: string;
}

/**
 * Recovers a home. Where it fails, none is left behind.
 *
 * @throws ColdframeError `home` when there is one already; `key-wrong`; `nothing-found`; StoreError
 */
export async function recover(request: RecoverRequest): Promise<RecoverReport> {
  const { root } = request;
  if (request.dryRun) return await rehearse(request);
  await assertNoHome(root);
  const made = await makeRoot(root);
  try {
    const lock = await lockHome(root, "recover", request.context.now());
    try {
      return await recoverLocked(request);
    } finally {
      await lock.release();
    }
  } catch (error) {
    if (made) {
      await rm(join(root, "lock.db"), { force: true });
      await rmdir(root).catch(() => {}); // not empty: somebody else's files came in between
    }
    throw error;
  }
}

/** The catalog that is being made. */
const CATALOG = "recovered.db";

/** Goes all the way but for the home. The catalog is read like any other's, so it is made, and goes again. */
async function rehearse(request: RecoverRequest): Promise<RecoverReport> {
  const folder = await mkdtemp(join(tmpdir(), "coldframe-recover-"));
  try {
    return reportOf(request, await readArchive(request, join(folder, CATALOG)), request.box);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Parts of a home that must not be mixed with those of another. */
const PARTS = ["unfinished", "config", "catalog", "box", "identity", "recipients"] as const;

async function assertNoHome(root: string): Promise<void> {
  const paths = homePaths(root);
  for (const part of PARTS) {
    if (!await isThere(paths[part])) continue;
    throw new ColdframeError(
      "home",
      `${root} already holds a coldframe home, or a part of one: ${paths[part]}`,
      {
        hint: "Recover into a new home with --home DIR, or move that folder aside.",
      },
    );
  }
}

async function isThere(path: string): Promise<boolean> {
  return await stat(path).then(() => true, () => false);
}

async function makeRoot(root: string): Promise<boolean> {
  const made = !await isThere(root);
  await makeHomeFolder(root);
  return made;
}

async function recoverLocked(request: RecoverRequest): Promise<RecoverReport> {
  const { root } = request;
  await assertNoHome(root); // another run may have made one meanwhile
  const scratch = join(root, CATALOG);
  try {
    await removeDatabase(scratch); // of a run that was killed
    const recovered = await readArchive(request, scratch);
    const { key, choices } = recovered;
    const home = await makeWhole(root, {
      box: request.box ?? randomBytes(8).toString("hex"),
      identity: request.keepIdentity ? key.text : undefined,
      recipients: key.recipients,
      config: renderConfig(choices),
    }, scratch);
    return reportOf(request, recovered, home.box);
  } finally {
    await removeDatabase(scratch);
  }
}

/** @param catalog path of the catalog to make of it */
async function readArchive(request: RecoverRequest, catalog: string): Promise<Recovered> {
  const stores = await openStores(request.stores, request.context);
  const key = await request.key(stores);
  const listed = await listStores(stores);
  const recovery = new CatalogRecovery(listed, { ...request, unlock: { identities: key.identities } });
  const found = await recovery.catalogAt(catalog);
  return { key, choices: storeChoices(request, listed), found };
}

/** What stores and a key give. */
interface Recovered {
  readonly key: RecoveredKey;
  readonly choices: Pick<RecoverReport, "staging" | "cold">;
  readonly found: CatalogReport;
}

function reportOf(
  { root, dryRun, keepIdentity }: RecoverRequest,
  { key, choices, found }: Recovered,
  box: string | undefined,
): RecoverReport {
  const identity = keepIdentity ? homePaths(root).identity : undefined;
  return { dryRun, home: root, box, recipients: key.recipients, identity, ...choices, ...found };
}

/** Makes the home, or leaves no part of one: there was none before, so each that is there was made here. */
async function makeWhole(root: string, contents: NewHome, catalog: string): Promise<Home> {
  try {
    return await makeHome(root, contents, (paths) => rename(catalog, paths.catalog));
  } catch (error) {
    const paths = homePaths(root);
    // Best effort: what stood in the way is the error to tell. The folder of keys may hold those of a store.
    for (const part of PARTS) await rm(paths[part], { force: true }).catch(() => {});
    await rmdir(paths.keys).catch(() => {});
    throw error;
  }
}

/**
 * The store with the most volumes is the cold one. The one with the most staged objects is staging; where
 * all is in volumes, another one that has snapshots, since the cold store has them as well.
 */
function storeChoices(
  request: RecoverRequest,
  stores: readonly ListedStore[],
): { readonly staging: string; readonly cold: string } {
  const cold = request.cold ?? fullest(stores, /^volumes\//).url;
  const staged = fullest(stores, /^staged\//);
  const others = stores.filter(({ store }) => store.url !== cold);
  const near = staged.count > 0 ? staged : fullest(others.length > 0 ? others : stores, /^catalog\//);
  return { staging: request.staging ?? near.url, cold };
}

function fullest(stores: readonly ListedStore[], pattern: RegExp): { url: string; count: number } {
  const counts = stores.map(({ store, objects }) => ({
    url: store.url,
    count: [...objects.keys()].filter((key) => pattern.test(key)).length,
  }));
  return counts.reduce((best, one) => one.count > best.count ? one : best);
}
