/** The catalog of a recovery: what the snapshot knew, what is newer, and what is really there. */

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
import { makePrivateFile } from "../../files.ts";
import type { StoreContext } from "../../store/context.ts";
import { freshArchive } from "../init.ts";
import { volumeKey, volumeOfManifest } from "../object-keys.ts";
import type { Reporter } from "../report.ts";
import { addManifest, type FoundManifest, nameOfVolume, readManifests, storedVolumes } from "./manifests.ts";
import { type Problem, problemOf } from "./problems.ts";
import { type Differences, type MissingObject, reconcile } from "./reconcile.ts";
import { newestSnapshot, type RecoveredSnapshot } from "./snapshot.ts";
import { takeUpStaged } from "./staged.ts";
import { type FoundObject, holderOf, type ListedStore, objectsLike } from "./stores.ts";
import { type ApproveThaw, thawVolumes } from "./thaw.ts";

/** How to rebuild a catalog. */
export interface CatalogOptions {
  readonly unlock: Unlock;
  /** Whether to go on without stores that the archive also used. */
  readonly partial: boolean;
  /** Asked when volumes are archived whose listings nothing else tells. */
  readonly approveThaw: ApproveThaw;
  readonly context: StoreContext;
  readonly report: Reporter;
}

/** What is known of the catalog that was rebuilt. */
export interface CatalogReport extends Differences {
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

/** Rebuilds a catalog. */
export class CatalogRecovery {
  readonly #stores: readonly ListedStore[];
  readonly #options: CatalogOptions;
  readonly #problems: Problem[] = [];
  readonly #foreign: string[] = [];

  constructor(stores: readonly ListedStore[], options: CatalogOptions) {
    this.#stores = stores;
    this.#options = options;
  }

  /**
   * Rebuilds the catalog as one file.
   *
   * @param path absolute; nothing is there
   * @throws ColdframeError `key-wrong` or `nothing-found` when there is nothing to rebuild it from; `usage` for
   *   a store that was forgotten; StoreError
   */
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
    this.#options.report.say("Looking for the newest snapshot of the catalog.");
    return newestSnapshot(this.#stores, this.#options.unlock, path, (problem) => this.#note(problem));
  }

  #note(problem: Problem): void {
    this.#problems.push(problem);
    if (problem.code === "key-wrong") return; // of all objects, if it is the wrong one: said once, at the end
    this.#options.report.warn(`${problem.store}: ${problem.reason}`);
  }

  async #fill(db: Database, snapshot: RecoveredSnapshot | undefined): Promise<CatalogReport> {
    const differences = await reconcile(db, this.#stores, this.#options.partial);
    await this.#finishPlanned(db);
    const added = await this.#addUnknown(db, snapshot);
    const archive = await archiveIdentity(db);
    const unnamed = await takeUpStaged(
      db,
      archive,
      this.#stores,
      this.#options.unlock,
      (one) => this.#note(one),
    );
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
      const holder = holderOf(this.#stores, { ...volume, size: volume.objectSize });
      if (holder?.url === volume.store) await markStored(db, volume.id, null, this.#options.context.now());
      else await dropPlanned(db, volume.id);
    }
  }

  async #addUnknown(db: Database, snapshot: RecoveredSnapshot | undefined): Promise<FoundManifest[]> {
    const unknown = [];
    for (const found of storedVolumes(this.#stores)) {
      const known = await findVolume(db, nameOfVolume(found.info.key) ?? "");
      if (known === undefined || known.state === "planned" || known.state === "packed") unknown.push(found);
    }
    if (unknown.length > 0) this.#options.report.say("Reading the manifests of volumes it does not know.");
    const found = await this.#read(unknown);
    if (snapshot === undefined) {
      this.#assertOpened(found);
      await setArchive(db, largestArchive(found) ?? (await archiveIdentity(db)).archive);
    }
    const { archive } = await archiveIdentity(db);
    const added: FoundManifest[] = [];
    for (const manifest of found) {
      this.#options.context.signal?.throwIfAborted();
      if (manifest.archive !== archive) this.#foreign.push(manifest.object.info.key);
      else if (await this.#add(db, manifest, snapshot?.time ?? 0)) added.push(manifest);
    }
    return added;
  }

  /** Reads the listings of volumes; those that are archived are thawed first, if that is wanted. */
  async #read(volumes: readonly FoundObject[]): Promise<FoundManifest[]> {
    const { unlock, approveThaw } = this.#options;
    const archived: { readonly volume: FoundObject; readonly problem: Problem }[] = [];
    const found = await readManifests(this.#stores, volumes, unlock, (problem) => {
      const volume = volumes.find(({ store, info }) =>
        store.url === problem.store && info.key === problem.key
      );
      if (problem.code === "object-archived" && volume !== undefined) archived.push({ volume, problem });
      else this.#note(problem);
    });
    if (archived.length === 0) return found;
    const options = await approveThaw(archived.map(({ volume }) => volume));
    if (options !== undefined) await thawVolumes(archived.map(({ volume }) => volume), options);
    for (const { problem } of archived) this.#note(problem);
    return found;
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
    const staged = objectsLike(this.#stores, /^staged\//).length;
    return `there is no snapshot, no manifest and no volume, and nothing names the ${staged} staged objects`;
  }

  /** Volumes whose manifests are there while they are not, and that no snapshot knew. */
  async #volumesGone(db: Database, missed: readonly MissingObject[]): Promise<MissingObject[]> {
    const told = new Set(missed.map(({ key }) => key));
    const gone: MissingObject[] = [];
    for (const { store, info } of objectsLike(this.#stores, /^manifests\//)) {
      const name = volumeOfManifest(info.key);
      if (name === undefined) continue;
      const key = volumeKey(name);
      if (told.has(key)) continue;
      if (this.#stores.some(({ objects }) => objects.has(key))) continue;
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
