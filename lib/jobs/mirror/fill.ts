/**
 * Filling a disk from a mirror: what is there is compared, what is missing comes from another local copy or out
 * of the store, and each file is proven by its SHA-256 before it takes its name. Needs no home and no catalog:
 * the indexes in the store say what there is.
 */

import type { Unlock } from "../../age/header.ts";
import { type HeldFile, Listing } from "../../catalog/listing.ts";
import { ColdframeError, hasCode, messageOf } from "../../errors.ts";
import { MIRROR_FOLDER } from "../../plan/mirror-name.ts";
import type { Store } from "../../store/store.ts";
import type { MirrorEntry } from "../../types.ts";
import { INDEX_FOLDER } from "../object-keys.ts";
import { abreast, inParallel } from "../pool.ts";
import type { Reporter } from "../report.ts";
import { type FailedFile, failedFile } from "../restore/tally.ts";
import { type Arrival, Disk } from "./fill-disk.ts";
import { readIndex } from "./index-objects.ts";
import type { Amount } from "./plan.ts";

/** What to fill, and from where. */
export interface FillRequest {
  readonly store: Store;
  /** The folder to fill; it must be there. */
  readonly to: string;
  /** Another copy on this machine, which is asked first. */
  readonly from: string | undefined;
  /** Which paths of the mirror are wanted. */
  wants(path: string): boolean;
  readonly parallel: number;
  readonly maxFiles: number;
  readonly maxBytes: number;
  /** Whether files with other bytes are replaced; the bad ones stay beside them. */
  readonly repair: boolean;
  readonly dryRun: boolean;
  /** Gives the identities; asked for only when something has to be decrypted. */
  unlock(): Promise<Unlock>;
  /** What a catalog knows of the store, beside its indexes; a page at a time. */
  readonly known: AsyncIterable<readonly MirrorEntry[]> | undefined;
  /** A folder that only its owner may read, for what must not be in memory. */
  readonly scratch: string;
}

/** The world of a job without a home. */
export interface FillContext {
  readonly report: Reporter;
  readonly signal: AbortSignal;
  now(): number;
}

/** A file on the disk that is not what the mirror holds. */
export interface DifferingFile {
  readonly path: string;
  /** `damaged`: its size and time are those of the mirror's, its bytes are not. */
  readonly what: "damaged" | "changed";
  /** Where the bad bytes were put, when the file was mended. */
  readonly aside: string | undefined;
}

/** What filling did. */
export interface FillReport {
  readonly store: string;
  readonly to: string;
  readonly wanted: Amount;
  /** Files that were there, with the right bytes. */
  readonly existing: Amount;
  /** Of these, the ones that only got their times back. */
  readonly retimed: number;
  readonly fromDisk: Amount;
  readonly fromStore: Amount;
  readonly differing: readonly DifferingFile[];
  /** Missing files that this run did not fetch: it reached its limits, or was only to look. */
  readonly left: Amount;
  readonly failed: readonly FailedFile[];
  /** Objects of the mirror that no index names, so that nothing says what their bytes should be. */
  readonly unnamed: { readonly count: number; readonly first: readonly string[] };
  readonly dryRun: boolean;
}

/**
 * Fills a disk.
 *
 * @throws ColdframeError `nothing-found` when the store holds no mirror; `source-missing` when a folder is not
 *   there; `key-wrong` when the key opens nothing; StoreError when the store cannot be listed
 */
export async function fill(request: FillRequest, context: FillContext): Promise<FillReport> {
  const disk = await Disk.open(request.to, request.from);
  const listing = await Listing.open(request.scratch);
  try {
    return await new Filling(request, context, disk, listing).run();
  } finally {
    await listing.close();
  }
}

class Filling {
  readonly #request: FillRequest;
  readonly #context: FillContext;
  readonly #disk: Disk;
  readonly #listing: Listing;
  readonly #failed: FailedFile[] = [];
  readonly #differing: DifferingFile[] = [];
  readonly #wanted = nothing();
  readonly #existing = nothing();
  readonly #fromDisk = nothing();
  readonly #fromStore = nothing();
  readonly #left = nothing();
  /** Files that this run has begun to fetch. */
  readonly #begun = nothing();
  #retimed = 0;

  constructor(request: FillRequest, context: FillContext, disk: Disk, listing: Listing) {
    this.#request = request;
    this.#context = context;
    this.#disk = disk;
    this.#listing = listing;
  }

  async run(): Promise<FillReport> {
    const { store, to, dryRun } = this.#request;
    await this.#learn();
    const total = await this.#listing.total();
    if (total.files === 0 && this.#failed.length === 0) throw nothingThere(store.url);
    const meter = this.#context.report.phase(`Filling ${to}`, total.bytes);
    try {
      for await (const page of this.#listing.files()) await this.#fillPage(page, meter.add.bind(meter));
    } finally {
      meter.done();
    }
    return {
      store: store.url,
      to: this.#disk.root,
      wanted: this.#wanted,
      existing: this.#existing,
      retimed: this.#retimed,
      fromDisk: this.#fromDisk,
      fromStore: this.#fromStore,
      differing: this.#differing,
      left: this.#left,
      failed: this.#failed,
      unnamed: await this.#listing.unnamed(),
      dryRun,
    };
  }

  // ---- what there is

  /** Lists the store and reads its indexes. */
  async #learn(): Promise<void> {
    const { store, known } = this.#request;
    const meter = this.#context.report.phase(`Listing ${store.url}`);
    try {
      await this.#listing.take(store.list(MIRROR_FOLDER), (count) => meter.add(0, count));
      for await (const { key } of store.list(INDEX_FOLDER)) await this.#takeIndex(key);
      for await (const page of known ?? []) await this.#listing.takeFiles(page);
    } finally {
      meter.done();
    }
  }

  /** One damaged index must not hide what the others name. */
  async #takeIndex(key: string): Promise<void> {
    this.#context.signal.throwIfAborted();
    const { store, unlock } = this.#request;
    try {
      await this.#listing.takeFiles(await readIndex(store, key, unlock));
    } catch (error) {
      if (!hasCode(error, "damaged")) throw error;
      this.#failed.push(failedFile(key, error));
    }
  }

  // ---- files

  async #fillPage(page: readonly HeldFile[], done: (bytes: number, items: number) => void): Promise<void> {
    const wanted = page.filter(({ path }) => this.#request.wants(path));
    const limits = abreast(this.#request.parallel);
    await inParallel(wanted, limits, async (file) => {
      this.#context.signal.throwIfAborted();
      count(this.#wanted, file);
      try {
        await this.#settle(file);
      } catch (error) {
        this.#consider(error);
        this.#failed.push(failedFile(file.path, error));
      }
      done(file.size, 1);
    });
    await this.#disk.sync();
  }

  /** What says that the next file would fail as well ends the run. */
  #consider(error: unknown): void {
    this.#context.signal.throwIfAborted();
    const general = [
      "store-full",
      "store-missing",
      "store-unreachable",
      "key-wrong",
      "key-missing",
      "passphrase",
    ];
    if (!(error instanceof ColdframeError) || general.includes(error.code)) throw error;
  }

  async #settle(file: HeldFile): Promise<void> {
    const standing = await this.#disk.standing(file);
    if (standing === "same") return await this.#keep(file);
    if (standing === "nothing") {
      if (this.#mayFetch(file)) await this.#fetch(file, this.#disk.arrival(file));
      return;
    }
    const mend = this.#request.repair && !this.#request.dryRun;
    const aside = mend ? await this.#mend(file) : undefined;
    this.#differing.push({ path: file.path, what: standing, aside });
  }

  async #keep(file: HeldFile): Promise<void> {
    count(this.#existing, file);
    if (!this.#request.dryRun && await this.#disk.retime(file)) this.#retimed++;
  }

  /** The good bytes are there, whole, before the bad ones make way. */
  async #mend(file: HeldFile): Promise<string> {
    const arrival = await this.#disk.arrivalBeside(file);
    await this.#fetch(file, arrival);
    return await this.#disk.exchange(file, arrival, this.#context.now());
  }

  #mayFetch(file: HeldFile): boolean {
    const { dryRun, maxFiles, maxBytes } = this.#request;
    const fits = this.#begun.files + 1 <= maxFiles && this.#begun.bytes + file.size <= maxBytes;
    count(dryRun || !fits ? this.#left : this.#begun, file);
    return fits && !dryRun;
  }

  async #fetch(file: HeldFile, arrival: Arrival): Promise<void> {
    if (await this.#fetchFromDisk(file, arrival)) return count(this.#fromDisk, file);
    if (file.listedSize === undefined) {
      throw new ColdframeError(
        "object-missing",
        `${file.path}: its object ${file.key} is gone from the store`,
      );
    }
    const { store, unlock } = this.#request;
    await arrival.takeObject(store, file, unlock);
    count(this.#fromStore, file);
  }

  async #fetchFromDisk(file: HeldFile, arrival: Arrival): Promise<boolean> {
    try {
      return await arrival.takeCopy();
    } catch (error) {
      if (!hasCode(error, "damaged") && !hasCode(error, "source-unreadable")) throw error;
      this.#context.report.warn(`${file.path} is taken from the store: ${messageOf(error)}`);
      return false;
    }
  }
}

function nothing(): { files: number; bytes: number } {
  return { files: 0, bytes: 0 };
}

function count(sum: { files: number; bytes: number }, file: { readonly size: number }): void {
  sum.files++;
  sum.bytes += file.size;
}

function nothingThere(url: string): ColdframeError {
  return new ColdframeError("nothing-found", `there is no mirror in ${url}`, {
    hint: "Give the URL that the mirror was made with, with the whole path or prefix.",
  });
}
