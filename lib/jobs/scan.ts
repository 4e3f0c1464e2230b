/** Scanning: bringing the catalog up to date with the folders. */

import { recordFolders } from "../catalog/folders.ts";
import { ensureSource, listSources, markScanned, type Source } from "../catalog/sources.ts";
import { endVersions, type HashedFile, type KnownVersion, recordHashed } from "../catalog/versions.ts";
import { ColdframeError, hasCode } from "../errors.ts";
import { compareStretches, type Comparison } from "../scan/compare.ts";
import type { FoundFile } from "../scan/found.ts";
import { type Accepted, assertPlausible } from "../scan/guard.ts";
import { hashFiles, type HashResult } from "../scan/hash.ts";
import { IgnoreRules } from "../scan/ignore.ts";
import { Departed } from "../scan/moves.ts";
import { isAtRest } from "../scan/rest.ts";
import { WalkReport } from "../scan/report.ts";
import { type ResolvedSource, resolveSource } from "../scan/source.ts";
import { walk } from "../scan/walk.ts";
import { knownFiles, STRETCH } from "./known.ts";
import type { Meter } from "./report.ts";
import { NONE_SPOILT, noteSpoilt, Spoilt, type SpoiltFiles } from "./spoilt.ts";
import type { Session } from "./session.ts";
import { RESERVED_NAMES } from "./volume.ts";

/** What a scan of one source found. */
export interface SourceScan {
  readonly source: string;
  readonly path: string;
  readonly files: number;
  readonly bytes: number;
  readonly unchanged: number;
  readonly added: number;
  readonly changed: number;
  readonly moved: number;
  readonly gone: number;
  /** Not followed, not stored. */
  readonly symlinks: number;
  /** Sockets, FIFOs, devices. */
  readonly special: number;
  /** Left out by patterns. */
  readonly ignored: number;
  /** Left for the next run, since they are still being written. */
  readonly unsettled: number;
  readonly problems: readonly FileProblem[];
  /** Known files that have become random bytes, in such numbers that they were not taken. */
  readonly spoilt: SpoiltFiles;
}

/** A file that could not be taken, named so that the user can act. */
export interface FileProblem {
  /** `<source name>/<path>`. */
  readonly path: string;
  readonly reason: string;
}

/** A source that could not be scanned at all. */
export interface SourceFailure {
  readonly path: string;
  readonly error: ColdframeError;
}

/** What a scan of several sources found. */
export interface ScanReport {
  readonly sources: readonly SourceScan[];
  readonly failures: readonly SourceFailure[];
}

/** How to scan. */
export interface ScanOptions {
  /** Folders to protect; those already known and those of the settings when empty. */
  readonly dirs: readonly string[];
  readonly accept: Accepted;
  /** Whether files of folders that are new shall go into volumes; true unless said otherwise. */
  readonly archived?: boolean;
  /** Leaves files for the next run that changed less than so many ms ago; every file is taken by default. */
  readonly rest?: number | undefined;
}

/**
 * Scans sources one after another. A source that is missing does not keep the others from being
 * protected: it is reported.
 *
 * @throws ColdframeError when there is nothing to scan, or when not one source could be scanned
 */
export async function scanSources(session: Session, options: ScanOptions): Promise<ScanReport> {
  const paths = await pathsToScan(session, options.dirs);
  const sources: SourceScan[] = [];
  const failures: SourceFailure[] = [];
  for (const path of paths) {
    try {
      sources.push(await scanPath(session, path, options));
    } catch (error) {
      if (!(error instanceof ColdframeError) || !isAboutSource(error)) throw error;
      failures.push({ path, error });
    }
  }
  const [first] = failures;
  if (sources.length === 0 && first !== undefined) throw first.error;
  return { sources, failures };
}

function isAboutSource(error: ColdframeError): boolean {
  return hasCode(error, "source-missing") || hasCode(error, "source-emptied");
}

async function pathsToScan(session: Session, dirs: readonly string[]): Promise<string[]> {
  if (dirs.length > 0) return [...dirs];
  const known = (await listSources(session.db, session.home.box)).filter(({ archived }) => archived);
  const paths = new Set([...session.home.config.sources, ...known.map((source) => source.path)]);
  if (paths.size > 0 || session.home.config.mirrors.length > 0) return [...paths]; // mirrors have their own
  throw new ColdframeError("usage", "there is no folder to protect yet", {
    hint: "Name one: `coldframe sync ~/Pictures`.",
  });
}

async function scanPath(session: Session, path: string, options: ScanOptions): Promise<SourceScan> {
  const resolved = resolveSource(path);
  const { db, home } = session;
  const source = await ensureSource(
    db,
    home.box,
    resolved.path,
    RESERVED_NAMES,
    session.now(),
    options.archived,
  );
  const meter = session.report.phase(`Scanning ${source.name}`);
  try {
    const scan = await new Scanning(session, source, resolved, meter, options.rest ?? 0).run(options.accept);
    await noteSpoilt(db, source.name, scan.spoilt, session.now());
    return scan;
  } finally {
    meter.done();
  }
}

class Scanning {
  readonly #session: Session;
  readonly #source: Source;
  readonly #resolved: ResolvedSource;
  readonly #meter: Meter;
  /** ms. */
  readonly #rest: number;
  readonly #walked = new WalkReport();
  readonly #problems: FileProblem[] = [];
  /** Known versions whose files are being hashed, by path. */
  readonly #hashing = new Map<string, KnownVersion>();
  readonly #gone: KnownVersion[] = [];
  /** New files, to be told from moved ones; only kept where something could have moved. */
  readonly #new: { path: string; content: string }[] = [];
  readonly #gonePaths = new Set<string>();
  readonly #spoilt: Spoilt;
  #refused = NONE_SPOILT;
  #acceptsChanges = false;
  #known = 0;
  #unchanged = 0;
  #added = 0;
  #changed = 0;
  #unsettled = 0;
  /** Those of the unsettled files under whose path nothing is known. */
  #unsettledNew = 0;

  constructor(session: Session, source: Source, resolved: ResolvedSource, meter: Meter, rest: number) {
    this.#session = session;
    this.#source = source;
    this.#resolved = resolved;
    this.#meter = meter;
    this.#rest = rest;
    this.#spoilt = new Spoilt(resolved.path, (path) => this.#gonePaths.has(path));
  }

  async run(accept: Accepted): Promise<SourceScan> {
    this.#acceptsChanges = accept.changes === true;
    const { signal, db } = this.#session;
    const results = hashFiles(this.#resolved.path, this.#toHash(), {
      signal,
      inodes: this.#resolved.inodes,
      onBytes: (bytes) => this.#meter.add(bytes),
    });
    for await (const batch of results) await this.#record(batch);
    const departed = new Departed(this.#gone);
    const moved = this.#claimMoves(departed);
    this.#assertPlausible(moved.length, accept);
    await this.#settleSpoilt();
    await endVersions(db, moved, "moved", this.#session.now());
    const gone = [...departed.rest()].filter(({ path }) => !this.#isRefused(path));
    await endVersions(db, gone.map(({ id }) => id), "gone", this.#session.now());
    const { emptyFolders, unknown } = this.#walked;
    const isUnknown = (path: string) => unknown.covers(path);
    await recordFolders(db, this.#source.id, emptyFolders, isUnknown, this.#session.now());
    await markScanned(db, this.#source.id, this.#resolved.device, this.#session.now());
    return this.#report(moved.length, gone.length);
  }

  /** Walks the source and gives what must be hashed; fills the tallies on the way. */
  async *#toHash(): AsyncGenerator<FoundFile[]> {
    const { db, home, signal, localStores } = this.#session;
    const rules = IgnoreRules.of(home.config.ignore);
    const exclude = [home.paths.root, ...localStores];
    const found = walk(this.#resolved.path, rules, this.#walked, { exclude, signal, batch: STRETCH });
    const known = knownFiles(db, this.#source.id);
    const stretches = compareStretches(known, found, this.#walked.unknown, this.#resolved);
    for await (const { unchanged, comparisons } of stretches) {
      const files: FoundFile[] = [];
      this.#known += unchanged;
      this.#unchanged += unchanged;
      for (const item of comparisons) {
        if (item.kind !== "new") this.#known++;
        if (item.kind === "unchanged") this.#unchanged++;
        else if (item.kind === "gone") {
          this.#gone.push(item.known);
          this.#gonePaths.add(item.known.path);
        } else if (item.kind !== "unknown" && this.#takes(item)) files.push(item.found);
      }
      this.#meter.add(0, unchanged + comparisons.length - files.length);
      if (files.length > 0) yield files;
    }
  }

  /** Whether a new or changed file is to be hashed now. */
  #takes(item: Extract<Comparison<KnownVersion>, { kind: "new" | "changed" }>): boolean {
    if (!isAtRest(item.found, this.#rest, this.#session.now())) {
      this.#unsettled++;
      if (item.kind === "new") this.#unsettledNew++;
      return false;
    }
    if (item.kind === "changed") this.#hashing.set(item.known.path, item.known);
    return true;
  }

  async #record(batch: readonly HashResult[]): Promise<void> {
    const hashed: HashedFile[] = [];
    for (const result of batch) {
      const known = this.#hashing.get(result.file.path);
      this.#hashing.delete(result.file.path);
      if (result.kind !== "hashed") {
        this.#problem(result.file.path, problemOf(result));
        continue;
      }
      const file = { ...result.file, sha256: result.content };
      if (this.#isSpoilt(file, known)) continue;
      hashed.push(file);
      this.#count(result.file.path, result.content, known);
    }
    await recordHashed(this.#session.db, this.#source.id, hashed, this.#session.now());
    this.#meter.add(0, batch.length);
  }

  #isSpoilt(file: HashedFile, known: KnownVersion | undefined): boolean {
    if (this.#acceptsChanges || known?.content === file.sha256) return false;
    return this.#spoilt.takes(file, known !== undefined);
  }

  /** Now that all files are known: a few spoilt ones are taken as they are, a wave of them is not. */
  async #settleSpoilt(): Promise<void> {
    if (this.#spoilt.isWave(this.#known)) {
      this.#refused = this.#spoilt.refused(this.#source.name);
      return;
    }
    const held = this.#spoilt.held;
    await recordHashed(this.#session.db, this.#source.id, held, this.#session.now());
    for (const { path } of held) {
      if (this.#spoilt.isRenamed(path)) this.#added++;
      else this.#changed++;
    }
  }

  #isRefused(path: string): boolean {
    return this.#refused.files > 0 && this.#spoilt.hasReplaced(path);
  }

  #count(path: string, content: string, known: KnownVersion | undefined): void {
    if (known === undefined) {
      this.#added++;
      if (this.#source.scanned !== undefined) this.#new.push({ path, content });
    } else if (known.content === content) this.#unchanged++; // only its times changed
    else this.#changed++;
  }

  /** The ids of gone versions whose bytes stand at a new path now. */
  #claimMoves(departed: Departed<KnownVersion>): number[] {
    return this.#new.flatMap(({ path, content }) => departed.claim(path, content)?.id ?? []);
  }

  #assertPlausible(moved: number, accept: Accepted): void {
    const { path, device } = this.#resolved;
    // A new file that is not hashed yet may be a moved one: rather too mild than a false alarm.
    const found = { known: this.#known, found: this.#walked.files, gone: this.#gone.length };
    const tally = { ...found, moved: moved + this.#unsettledNew };
    assertPlausible({ path, device, deviceBefore: this.#source.device }, tally, accept);
  }

  #problem(path: string, reason: string): void {
    this.#problems.push({ path: path === "" ? this.#source.name : `${this.#source.name}/${path}`, reason });
  }

  #report(moved: number, gone: number): SourceScan {
    for (const { path, reason } of this.#walked.problems) this.#problem(path, reason);
    return {
      source: this.#source.name,
      path: this.#resolved.path,
      files: this.#walked.files,
      bytes: this.#walked.bytes,
      unchanged: this.#unchanged,
      added: this.#added - moved,
      changed: this.#changed,
      moved,
      gone,
      symlinks: this.#walked.symlinks,
      special: this.#walked.special,
      ignored: this.#walked.ignored,
      unsettled: this.#unsettled,
      problems: this.#problems,
      spoilt: this.#refused,
    };
  }
}

function problemOf(result: Exclude<HashResult, { kind: "hashed" }>): string {
  switch (result.kind) {
    case "changed":
      return `${result.what}; the next run takes it`;
    case "unreadable":
      return result.reason;
    case "gone":
      return "disappeared during the scan";
  }
}
