/**
 * A mirror: every file of a folder as one object in a store, one way. What is there is never replaced or
 * removed; what counts as there is what the catalog knows by hash and the store has confirmed.
 */

import { Listing } from "../../catalog/listing.ts";
import { filesForMirror, type MirrorFile, noteCurrent } from "../../catalog/mirroring.ts";
import { noteRun, type Outcome } from "../../catalog/runs.ts";
import { listSources } from "../../catalog/sources.ts";
import { ColdframeError } from "../../errors.ts";
import { isWithin } from "../../home/config-mirrors.ts";
import { makeFolder } from "../../files.ts";
import { collectGarbage } from "../../garbage.ts";
import { localFolder } from "../../store/open.ts";
import { rateLimited, RateLimiter } from "../../store/rate.ts";
import type { Store } from "../../store/store.ts";
import type { Meter } from "../report.ts";
import { mirrorJob } from "../rhythms.ts";
import { type FileProblem, type ScanReport, scanSources, type SourceScan } from "../scan.ts";
import type { Session } from "../session.ts";
import { Copier, type MissingFile } from "./copier.ts";
import { settleLost } from "./findings.ts";
import { writeIndexes } from "./index-objects.ts";
import { KeyChooser } from "./keys.ts";
import { lookAtStore } from "./look.ts";
import type { Amount, MirrorPlan, MirrorReport } from "./plan.ts";

/** Files whose uploads are written down together, as one transaction. */
const BATCH_FILES = 64;
const BATCH_BYTES = 64 * 1024 * 1024;
/** After so many files their index is written, so that a run that never ends leaves most of them named. */
const INDEX_AFTER = 5_000;

/**
 * Brings a mirror up to date, as far as its limits allow.
 *
 * @param name of the mirror, for the list of runs
 * @param planned gives the plan; when it fails, that is a run that failed
 * @param scanned what was scanned a moment ago, and need not be again
 * @throws ColdframeError `source-missing`, `source-emptied` when the only source is missing, empty or not the
 *   one it was; StoreError when the store cannot be listed or fails
 */
export async function mirror(
  session: Session,
  name: string,
  planned: () => Promise<MirrorPlan>,
  scanned: readonly SourceScan[] = [],
): Promise<MirrorReport> {
  const started = session.now();
  try {
    const report = await new Mirroring(session, await planned(), scanned).run();
    if (!report.dryRun) await note(session, name, started, isPartial(report) ? "partly" : "done", report);
    return report;
  } catch (error) {
    const outcome = session.signal.aborted ? "interrupted" : "failed";
    await note(session, name, started, outcome, undefined).catch(() => {});
    throw error;
  }
}

/** Whether some files were skipped or failed. */
export function isPartial(report: MirrorReport): boolean {
  return report.problems.length > 0 || report.scans.some(({ spoilt }) => spoilt.files > 0);
}

/** A source that was scanned, and where its files are in the mirror. */
interface Scanned {
  readonly id: number;
  readonly root: string;
  /** "" or "folder/". */
  readonly prefix: string;
}

class Mirroring {
  readonly #session: Session;
  readonly #plan: MirrorPlan;
  readonly #scanned: readonly SourceScan[];
  readonly #problems: FileProblem[] = [];
  readonly #scans: SourceScan[] = [];
  /** What this run does not copy though it is missing. */
  #left = { files: 0, bytes: 0 };

  constructor(session: Session, plan: MirrorPlan, scanned: readonly SourceScan[]) {
    const folder = localFolder(plan.store, session.storeContext.env);
    const localStores = folder === undefined ? session.localStores : [...session.localStores, folder];
    this.#session = { ...session, localStores };
    this.#plan = plan;
    this.#scanned = scanned;
  }

  async run(): Promise<MirrorReport> {
    const sources = await this.#scanAll();
    const store = await this.#openStore();
    const { scratch } = this.#session.home.paths;
    await makeFolder(scratch, 0o700);
    const listing = await Listing.open(scratch);
    try {
      return await this.#bringUpToDate(sources, store, listing);
    } finally {
      await listing.close();
    }
  }

  async #bringUpToDate(sources: readonly Scanned[], store: Store, listing: Listing): Promise<MirrorReport> {
    const { name, encrypted, dryRun } = this.#plan;
    collectGarbage(); // of the scan, as below of the listing: each step adds to what the last one left
    const look = await lookAtStore(this.#session, store, listing, !dryRun);
    collectGarbage();
    const { wanted, missing, untold } = await this.#count(sources, store);
    const copier = this.#copier(store, listing);
    if (dryRun) this.#left = missing;
    else {
      if (missing.files > 0 || untold) await this.#copyAll(sources, store, copier, missing);
      if (this.#left.files === 0) await copier.giveUpStale();
      await writeIndexes(this.#session, store, encrypted);
    }
    return {
      name,
      store: store.url,
      wanted,
      present: { files: wanted.files - missing.files, bytes: wanted.bytes - missing.bytes },
      copied: copier.tally.sent,
      versions: copier.tally.versions,
      adopted: copier.tally.adopted,
      left: this.#left,
      lost: look.lost,
      notMended: dryRun ? look.lost.length : await settleLost(this.#session, name, store, listing),
      foreign: look.foreign - copier.tally.adopted.files,
      problems: [...this.#problems, ...copier.problems],
      scans: this.#scans,
      dryRun,
    };
  }

  // ---- sources

  async #scanAll(): Promise<Scanned[]> {
    const report = await this.#scan();
    for (const { path, error } of report.failures) this.#problems.push({ path, reason: error.message });
    const known = await listSources(this.#session.db, this.#session.home.box);
    return report.sources.flatMap((scan) => {
      const source = known.find(({ path }) => path === scan.path);
      if (source === undefined) return [];
      this.#scans.push(scan);
      this.#problems.push(...scan.problems);
      const named = this.#plan.sources.length > 1 || this.#plan.sources.some((one) => one.named);
      return [{ id: source.id, root: source.path, prefix: named ? `${source.name}/` : "" }];
    });
  }

  async #scan(): Promise<ScanReport> {
    const { sources, accept } = this.#plan;
    const done = this.#scanned.filter(({ path }) => sources.some((source) => source.path === path));
    const dirs = sources.map(({ path }) => path).filter((path) => !done.some((scan) => scan.path === path));
    const now = dirs.length === 0
      ? { sources: [], failures: [] }
      : await scanSources(this.#session, { dirs, accept, archived: false });
    const all = [...done, ...now.sources];
    all.forEach(assertNotEmpty);
    this.#assertOutside(all);
    return { sources: all, failures: now.failures };
  }

  /** A mirror that mirrors itself would grow for ever. */
  #assertOutside(scans: readonly SourceScan[]): void {
    const folder = localFolder(this.#plan.store, this.#session.storeContext.env);
    const inside = scans.find(({ path }) => folder !== undefined && `${path}/`.startsWith(`${folder}/`));
    if (inside === undefined) return;
    throw new ColdframeError("usage", `${inside.path} is inside the store that it shall be copied to`, {
      hint: "Choose another folder for the store.",
    });
  }

  // ---- store

  async #openStore(): Promise<Store> {
    const store = await this.#session.storeAt(this.#plan.store);
    const { limitRate } = this.#plan;
    return limitRate === undefined
      ? store
      : rateLimited(store, new RateLimiter(limitRate), this.#session.signal);
  }

  #copier(store: Store, listing: Listing): Copier {
    const { encrypted, parallel } = this.#plan;
    const keys = new KeyChooser(this.#session, store.url, this.#plan, listing);
    return new Copier(this.#session, store, keys, {
      encrypted,
      parallel,
      onCopied: (file) => this.#meter?.add(file.size, 1),
    });
  }

  #meter: Meter | undefined;

  async #count(
    sources: readonly Scanned[],
    store: Store,
  ): Promise<{ wanted: Amount; missing: Amount; untold: boolean }> {
    const [wanted, missing] = [{ files: 0, bytes: 0 }, { files: 0, bytes: 0 }];
    let untold = false;
    for await (const page of this.#pages(sources, store)) {
      for (const file of page) {
        add(wanted, file);
        if (file.object === undefined) add(missing, file);
        else if (!file.told) untold = true;
      }
    }
    return { wanted, missing, untold };
  }

  /** The files of all sources that belong into the mirror. */
  async *#pages(sources: readonly Scanned[], store: Store): AsyncGenerator<MissingFile[]> {
    const { encrypted, wants } = this.#plan;
    for (const { id, root, prefix } of sources) {
      for await (
        const page of filesForMirror(this.#session.db, id, { store: store.url, prefix, encrypted })
      ) {
        this.#session.signal.throwIfAborted();
        yield page.map((file) => ({ ...file, root, path: prefix + file.below })).filter(({ path }) =>
          wants(path)
        );
      }
    }
  }

  async #copyAll(
    sources: readonly Scanned[],
    store: Store,
    copier: Copier,
    missing: Amount,
  ): Promise<void> {
    this.#meter = this.#session.report.phase(`Copying to ${this.#plan.name}`, missing.bytes);
    let indexed = 0;
    try {
      for await (const page of this.#pages(sources, store)) {
        await this.#tellTimes(page);
        for (const batch of batches(page.filter(({ object }) => object === undefined))) {
          await copier.copy(this.#within(batch, copier));
          if (copier.tally.sent.files - indexed < INDEX_AFTER) continue;
          await writeIndexes(this.#session, store, this.#plan.encrypted);
          indexed = copier.tally.sent.files;
        }
      }
    } finally {
      this.#meter.done();
    }
  }

  /** The files of a batch that this run may still copy; the others are left to the next. */
  #within(batch: readonly MissingFile[], { tally }: Copier): MissingFile[] {
    this.#session.signal.throwIfAborted();
    const { maxFiles, maxBytes, window } = this.#plan;
    const isOpen = window === undefined || isWithin(window, this.#session.now());
    let { files, bytes } = tally.sent;
    return batch.filter((file) => {
      const fits = isOpen && files + 1 <= maxFiles && bytes + file.size <= maxBytes;
      if (fits) [files, bytes] = [files + 1, bytes + file.size];
      else add(this.#left, file);
      return fits;
    });
  }

  /** Files whose bytes are in the mirror, with another time, or as an older version until now. */
  async #tellTimes(page: readonly MirrorFile[]): Promise<void> {
    const changed = page.flatMap(({ object, told, mtime, mode }) =>
      object === undefined || told ? [] : [{ id: object, mtime, mode }]
    );
    if (changed.length > 0) await noteCurrent(this.#session.db, changed, this.#session.now());
  }
}

/** An empty folder where photos should be is an unmounted disk. */
function assertNotEmpty({ path, files }: SourceScan): void {
  if (files > 0) return;
  throw new ColdframeError("source-emptied", `there is no file in ${path}`, {
    hint: "Check that its disk is mounted. Nothing was copied, and nothing is ever removed from a mirror.",
  });
}

function add(sum: { files: number; bytes: number }, file: { readonly size: number }): void {
  sum.files++;
  sum.bytes += file.size;
}

function* batches(files: readonly MissingFile[]): Generator<MissingFile[]> {
  let batch: MissingFile[] = [];
  let bytes = 0;
  for (const file of files) {
    if (batch.length > 0 && (batch.length >= BATCH_FILES || bytes + file.size > BATCH_BYTES)) {
      yield batch;
      [batch, bytes] = [[], 0];
    }
    batch.push(file);
    bytes += file.size;
  }
  if (batch.length > 0) yield batch;
}

function note(
  session: Session,
  mirror: string,
  started: number,
  outcome: Outcome,
  report: MirrorReport | undefined,
): Promise<void> {
  const summary = report && { copied: report.copied, left: report.left, problems: report.problems.length };
  const { db, home } = session;
  const run = { box: home.box, started, ended: session.now(), outcome, summary: summary ?? {} };
  return noteRun(db, { ...run, job: mirrorJob(mirror) });
}
