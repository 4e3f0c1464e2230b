/**
 * A home again from nothing but stores and a key: the newest good snapshot, then the volumes that it does not
 * know, then a comparison with what is really there. The stores are only read.
 */

import { randomBytes } from "node:crypto";
import { rename, rm, rmdir, stat } from "node:fs/promises";
import { join } from "node:path";
import type { Unlock } from "../../age/header.ts";
import { archiveIdentity, openCatalog } from "../../catalog/catalog.ts";
import type { Database } from "../../catalog/database.ts";
import {
  type CountedSource,
  countedSources,
  lostPaths,
  recordedObjects,
  setArchive,
} from "../../catalog/reconcile.ts";
import { dropPlanned, findVolume, listVolumes, markStored } from "../../catalog/volumes.ts";
import { ColdframeError } from "../../errors.ts";
import { makeFolder, makePrivateFile } from "../../files.ts";
import { renderConfig } from "../../home/config.ts";
import { homeError, homePaths, makeHome } from "../../home/home.ts";
import { lockHome } from "../../home/lock.ts";
import type { StoreContext } from "../../store/context.ts";
import type { Store } from "../../store/store.ts";
import { freshArchive } from "../init.ts";
import { manifestKey, volumeKey } from "../object-keys.ts";
import type { Reporter } from "../report.ts";
import type { RecoveredKey } from "./identity.ts";
import { addManifest, type FoundManifest, nameOfVolume, readManifests, storedVolumes } from "./manifests.ts";
import { type Problem, problemOf } from "./problems.ts";
import { type Differences, type MissingObject, reconcile } from "./reconcile.ts";
import { newestSnapshot, type RecoveredSnapshot, removeDatabase } from "./snapshot.ts";
import { takeUpStaged } from "./staged.ts";
import { holderOf, type ListedStore, listStores, objectsLike, openStores } from "./stores.ts";

/** What to recover. */
export interface RecoverRequest {
  /** Absolute path of the home to make. */
  readonly root: string;
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
  /** Store URLs for the settings, where the choice made from the listings is not wanted. */
  readonly staging: string | undefined;
  readonly cold: string | undefined;
  readonly context: StoreContext;
  readonly report: Reporter;
}

/** What was recovered, and what was not. */
export interface RecoverReport extends Differences {
  readonly home: string;
  readonly box: string;
  readonly recipients: readonly string[];
  /** Where the secret key is kept; undefined when it is not. */
  readonly identity: string | undefined;
  readonly staging: string;
  readonly cold: string;
  /** The snapshot that the catalog comes from. */
  readonly snapshot: { readonly store: string; readonly key: string; readonly time: number } | undefined;
  /** Volumes that were added from their manifests, and from the listing inside them. */
  readonly fromManifests: number;
  readonly fromVolumes: number;
  readonly volumes: number;
  readonly staged: number;
  readonly files: number;
  readonly sources: readonly CountedSource[];
  /** Objects that could not be used. */
  readonly problems: readonly Problem[];
  /** Volumes that belong to another archive in the same stores. */
  readonly foreign: readonly string[];
  /** Staged objects whose contents no catalog names. */
  readonly unnamed: number;
  /** Files whose contents are stored nowhere. */
  readonly lost: readonly string[];
}

/**
 * Recovers a home. Where it fails, none is left behind.
 *
 * @throws ColdframeError `home` when there is one already; `key-wrong`; `nothing-found`; StoreError
 */
export async function recover(request: RecoverRequest): Promise<RecoverReport> {
  const { root } = request;
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
    if (made && !await isThere(homePaths(root).unfinished) && !await isThere(homePaths(root).box)) {
      await rm(join(root, "lock.db"), { force: true });
      await rmdir(root).catch(() => {}); // not empty: somebody else's files came in between
    }
    throw error;
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
  await makeFolder(root, 0o700).catch((error) => {
    throw homeError(error, root);
  });
  return made;
}

async function recoverLocked(request: RecoverRequest): Promise<RecoverReport> {
  const { root, context } = request;
  await assertNoHome(root); // another run may have made one meanwhile
  const scratch = join(root, `recovered-${randomBytes(4).toString("hex")}.db`);
  try {
    const stores = await openStores(request.stores, context);
    const key = await request.key(stores);
    const recovering = new Recovering(request, await listStores(stores), { identities: key.identities });
    const found = await recovering.catalogAt(scratch);
    const choices = storeChoices(request, recovering.stores);
    const home = await makeHome(root, {
      box: request.box ?? randomBytes(8).toString("hex"),
      identity: request.keepIdentity ? key.text : undefined,
      recipients: key.recipients,
      config: renderConfig(choices),
    }, (paths) => rename(scratch, paths.catalog));
    const identity = request.keepIdentity ? home.paths.identity : undefined;
    return { home: root, box: home.box, recipients: home.recipients, identity, ...choices, ...found };
  } finally {
    await removeDatabase(scratch);
  }
}

/** The store with the most volumes is the cold one; the one with snapshots, or most staged objects, staging. */
function storeChoices(
  request: RecoverRequest,
  stores: readonly ListedStore[],
): { readonly staging: string; readonly cold: string } {
  const fullest = (pattern: RegExp) => {
    const count = ({ objects }: ListedStore) => [...objects.keys()].filter((key) => pattern.test(key)).length;
    return stores.reduce((best, store) => count(store) > count(best) ? store : best).store.url;
  };
  return {
    staging: request.staging ?? fullest(/^(catalog|staged)\//),
    cold: request.cold ?? fullest(/^volumes\//),
  };
}

/** What is known of the catalog that was rebuilt. */
type CatalogReport = Omit<
  RecoverReport,
  "home" | "box" | "recipients" | "identity" | "staging" | "cold"
>;

class Recovering {
  readonly stores: readonly ListedStore[];
  readonly #request: RecoverRequest;
  readonly #unlock: Unlock;
  readonly #problems: Problem[] = [];
  readonly #foreign: string[] = [];

  constructor(request: RecoverRequest, stores: readonly ListedStore[], unlock: Unlock) {
    this.#request = request;
    this.stores = stores;
    this.#unlock = unlock;
  }

  /** Rebuilds the catalog as a file. */
  async catalogAt(path: string): Promise<CatalogReport> {
    const snapshot = await this.#snapshotAt(path);
    const db = snapshot?.db ?? await emptyCatalog(path);
    try {
      const report = await this.#fill(db, snapshot);
      await db.checkpoint();
      await db.run("PRAGMA journal_mode = DELETE"); // one file, to be renamed
      return report;
    } finally {
      db.close();
    }
  }

  #snapshotAt(path: string): Promise<RecoveredSnapshot | undefined> {
    this.#request.report.say("Looking for the newest snapshot of the catalog.");
    return newestSnapshot(this.stores, this.#unlock, path, (problem) => this.#note(problem));
  }

  #note(problem: Problem): void {
    this.#problems.push(problem);
    this.#request.report.warn(`${problem.store}: ${problem.reason}`);
  }

  async #fill(db: Database, snapshot: RecoveredSnapshot | undefined): Promise<CatalogReport> {
    const differences = await reconcile(db, this.stores, this.#request.partial);
    await this.#finishPlanned(db);
    const added = await this.#addUnknown(db, snapshot);
    const archive = await archiveIdentity(db);
    const unnamed = await takeUpStaged(db, archive, this.stores, this.#unlock, (one) => this.#note(one));
    const sources = await countedSources(db);
    return {
      moved: differences.moved,
      missing: [...differences.missing, ...await this.#volumesGone(db, differences.missing)],
      snapshot: snapshot && { store: snapshot.store, key: snapshot.key, time: snapshot.time },
      fromManifests: added.filter(({ from }) => from === "manifest").length,
      fromVolumes: added.filter(({ from }) => from === "volume").length,
      volumes: (await recordedObjects(db, "volumes")).length,
      staged: (await recordedObjects(db, "staged")).length,
      files: sources.reduce((sum, { files }) => sum + files, 0),
      sources,
      problems: this.#problems,
      foreign: this.#foreign,
      unnamed,
      lost: await lostPaths(db),
    };
  }

  /**
   * Volumes that were under way: one whose object is there was completed; the file keys of the others are
   * lost, so they are planned anew.
   */
  async #finishPlanned(db: Database): Promise<void> {
    for (const volume of await listVolumes(db)) {
      if (volume.state !== "planned") continue;
      const holder = holderOf(this.stores, { ...volume, size: volume.objectSize });
      if (holder?.url === volume.store) await markStored(db, volume.id, null, this.#request.context.now());
      else await dropPlanned(db, volume.id);
    }
  }

  async #addUnknown(db: Database, snapshot: RecoveredSnapshot | undefined): Promise<FoundManifest[]> {
    const unknown = [];
    for (const found of storedVolumes(this.stores)) {
      const known = await findVolume(db, nameOfVolume(found.info.key) ?? "");
      if (known?.state !== "stored") unknown.push(found);
    }
    if (unknown.length > 0) this.#request.report.say("Reading the manifests of volumes it does not know.");
    const found = await readManifests(this.stores, unknown, this.#unlock, (problem) => this.#note(problem));
    if (snapshot === undefined) {
      this.#assertOpened(found);
      await setArchive(db, largestArchive(found) ?? (await archiveIdentity(db)).archive);
    }
    const { archive } = await archiveIdentity(db);
    const added: FoundManifest[] = [];
    for (const manifest of found) {
      this.#request.context.signal?.throwIfAborted();
      if (manifest.archive !== archive) this.#foreign.push(manifest.object.info.key);
      else if (await this.#add(db, manifest, snapshot?.time ?? 0)) added.push(manifest);
    }
    return added;
  }

  async #add(db: Database, manifest: FoundManifest, known: number): Promise<boolean> {
    try {
      await addManifest(db, manifest, known);
      return true;
    } catch (error) {
      this.#note(problemOf(manifest.object, error));
      return false;
    }
  }

  /** Where nothing at all could be opened, there is nothing to make a home of. */
  #assertOpened(found: readonly FoundManifest[]): void {
    if (found.length > 0) return;
    const refused = this.#problems.find(({ code }) => code === "key-wrong");
    if (refused !== undefined) {
      throw new ColdframeError("key-wrong", `the key opens nothing that is stored: ${refused.reason}`, {
        hint: "Name the identity of this archive with --identity FILE.",
      });
    }
    const [first] = this.#problems;
    throw new ColdframeError(first?.code ?? "nothing-found", this.#nothingReason(first), {
      hint: "Name the other stores of the archive as well, if there are any.",
    });
  }

  #nothingReason(first: Problem | undefined): string {
    if (first !== undefined) return `nothing that is stored could be used: ${first.reason}`;
    const staged = objectsLike(this.stores, /^staged\//).length;
    return `there is no snapshot, no manifest and no volume, and nothing names the ${staged} staged objects`;
  }

  /** Volumes whose manifests are there while they are not, and that no snapshot knew. */
  async #volumesGone(db: Database, missed: readonly MissingObject[]): Promise<MissingObject[]> {
    const told = new Set(missed.map(({ key }) => key));
    const gone: MissingObject[] = [];
    for (const { store, info } of objectsLike(this.stores, /^manifests\/.+\.jsonl\.gz\.age$/)) {
      const name = info.key.slice("manifests/".length, -".jsonl.gz.age".length);
      const key = volumeKey(name);
      if (told.has(key) || info.key !== manifestKey(name)) continue;
      if (this.stores.some(({ objects }) => objects.has(key))) continue;
      told.add(key);
      if (await findVolume(db, name) === undefined) gone.push({ store: store.url, key, found: "nothing" });
    }
    return gone;
  }
}

async function emptyCatalog(path: string): Promise<Database> {
  await makePrivateFile(path);
  return await openCatalog(path, freshArchive());
}

/** The archive that most of the volumes belong to. */
function largestArchive(found: readonly FoundManifest[]): string | undefined {
  const groups = [...Map.groupBy(found, ({ archive }) => archive)];
  return groups.sort(([, a], [, b]) => b.length - a.length)[0]?.[0];
}
