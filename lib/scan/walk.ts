/**
 * Walking a source: every regular file below a folder, in one fixed order, whatever else is in there.
 *
 * Nothing but a missing source stops a walk. What cannot be read is named in the report, and the paths
 * below it are *unknown*: a listing that failed is not an empty listing.
 */

import { lstatSync, readdirSync, readFileSync, type Stats } from "node:fs";
import { describe, type FoundFile } from "./found.ts";
import { IGNORE_FILE, type IgnoreRules } from "./ignore.ts";
import { Looker, lookNow } from "./look.ts";
import { byPath } from "../order.ts";
import { Pace } from "../pace.ts";
import { isAbsent, reasonOf } from "./reason.ts";
import type { WalkReport } from "./report.ts";
import { missing } from "./source.ts";

/** How a walk may be told to behave. */
export interface WalkOptions {
  /** Absolute real paths that are never entered: the home, and stores that stand inside a source. */
  readonly exclude?: readonly string[];
  readonly signal?: AbortSignal;
  /** Files in a batch, at most; 1,000 by default. */
  readonly batch?: number;
}

/** Files in a batch, at most, unless told otherwise. */
const BATCH = 250;
/** Files looked at together, at most. */
const RUN = 256;
/** Bytes of an ignore file, at most; a larger one is no ignore file. */
const IGNORE_FILE_MAX = 1 << 20;

/**
 * All regular files below a folder, in batches, sorted by `byPath` over the whole
 * source. Memory is bounded by the largest folders on one way down.
 *
 * Symbolic links are not followed; other file systems mounted inside are entered, and noted.
 *
 * @param root absolute real path; see `resolveSource`
 * @param report filled as the walk goes. Whatever sorts before a file of a batch has been seen, or is
 *   in `report.unknown`, when that batch is given.
 * @throws ColdframeError `source-missing` when the root is not there, or another folder stands in its
 *   place at the end of the walk; or the reason of `signal`
 */
export function walk(
  root: string,
  rules: IgnoreRules,
  report: WalkReport,
  options: WalkOptions = {},
): AsyncGenerator<FoundFile[]> {
  return new Walk(root, rules, report, options).batches();
}

/** A folder that is being gone through. */
interface Frame {
  /** "" or "folder/". */
  readonly prefix: string;
  readonly device: number;
  readonly rules: IgnoreRules;
  /** Names of what is to be looked at; those of folders end in a slash. */
  readonly entries: readonly string[];
  next: number;
  /** Whole ms since 1970. */
  readonly mtime: number;
  /** Whether nothing to store has been found in it so far. */
  empty: boolean;
}

class Walk {
  readonly #root: string;
  readonly #rules: IgnoreRules;
  readonly #report: WalkReport;
  readonly #excluded: ReadonlySet<string>;
  readonly #pace: Pace;
  readonly #most: number;
  readonly #looker = new Looker();
  readonly #stack: Frame[] = [];
  #batch: FoundFile[] = [];

  constructor(root: string, rules: IgnoreRules, report: WalkReport, options: WalkOptions) {
    this.#root = root.endsWith("/") ? root.slice(0, -1) : root;
    this.#rules = rules;
    this.#report = report;
    this.#excluded = new Set(options.exclude);
    this.#pace = new Pace(options.signal);
    this.#most = options.batch ?? BATCH;
  }

  async *batches(): AsyncGenerator<FoundFile[]> {
    const before = this.#lookAtRoot();
    this.#enter("", before, this.#rules);
    for (let frame = this.#stack.at(-1); frame !== undefined; frame = this.#stack.at(-1)) {
      await this.#advance(frame);
      if (this.#batch.length >= this.#most) yield this.#takeBatch();
      await this.#pace.rest();
    }
    this.#assertSameRoot(before);
    if (this.#batch.length > 0) yield this.#takeBatch();
  }

  /** One folder or one run of files further. */
  async #advance(frame: Frame): Promise<void> {
    const entry = frame.entries[frame.next];
    if (entry === undefined) {
      this.#leave();
    } else if (isFolder(entry)) {
      frame.next++;
      this.#descend(frame, entry.slice(0, -1));
    } else {
      await this.#lookAtRun(frame);
    }
  }

  #takeBatch(): FoundFile[] {
    const batch = this.#batch;
    this.#batch = [];
    return batch;
  }

  #at(path: string): string {
    return path === "" && this.#root !== "" ? this.#root : `${this.#root}/${path}`;
  }

  // ---- folders

  #lookAtRoot(): Stats {
    const look = lookNow(this.#at(""));
    if (!look.ok) throw missing(this.#at(""), look.error);
    if (!look.stats.isDirectory()) throw missing(this.#at(""));
    return look.stats;
  }

  /** A disk that was pulled out during the walk leaves its mount point, or nothing. */
  #assertSameRoot(before: Stats): void {
    const after = this.#lookAtRoot();
    if (after.dev !== before.dev || after.ino !== before.ino) throw missing(this.#at(""));
  }

  #descend(parent: Frame, name: string): void {
    const path = parent.prefix + name;
    const look = lookNow(this.#at(path));
    if (!look.ok) return this.#lost(path, name, "folder", look.error);
    if (!look.stats.isDirectory()) return this.#vanish(path);
    if (look.stats.dev !== parent.device) this.#report.mounts.push(path);
    this.#enter(path, look.stats, parent.rules.enter(path));
  }

  #enter(path: string, stats: Stats, outer: IgnoreRules): void {
    const prefix = path === "" ? "" : `${path}/`;
    try {
      const listing = readdirSync(this.#at(path), { withFileTypes: true });
      const rules = listing.some((entry) => entry.name === IGNORE_FILE)
        ? outer.enter(path, this.#readIgnoreFile(prefix + IGNORE_FILE))
        : outer;
      const entries = this.#choose(listing, prefix, rules);
      this.#report.folders++;
      const outside = this.#stack.at(-1);
      if (outside !== undefined) outside.empty = false;
      const mtime = Math.floor(stats.mtimeMs);
      this.#stack.push({ prefix, device: stats.dev, rules, entries, next: 0, mtime, empty: true });
    } catch (error) {
      if (path === "" && isAbsent(error)) throw missing(this.#at(""), error);
      this.#lost(path, path, "folder", error);
    }
  }

  #leave(): void {
    const frame = this.#stack.pop();
    if (frame === undefined || frame.prefix === "" || !frame.empty) return;
    this.#report.emptyFolders.push({ path: frame.prefix.slice(0, -1), mtime: frame.mtime });
  }

  #readIgnoreFile(path: string): string | undefined {
    try {
      const stats = lstatSync(this.#at(path));
      if (!stats.isFile()) return undefined;
      if (stats.size > IGNORE_FILE_MAX) throw new Error("larger than 1 MiB");
      return readFileSync(this.#at(path), "utf8");
    } catch (error) {
      // Going on without its patterns stores too much rather than too little.
      const reason = `${reasonOf(error)}; its patterns were not used`;
      this.#report.problems.push({ path, kind: "ignore-file", reason });
      return undefined;
    }
  }

  /** What of a listing is to be looked at, sorted so that the files of the whole source are. */
  #choose(listing: readonly Listed[], prefix: string, rules: IgnoreRules): string[] {
    const entries: string[] = [];
    const replaced = new Set<string>();
    const text = prefix + listing.map(({ name }) => name).join("/");
    const asks = rules.mayMatch(text);
    for (const listed of listing) {
      if (this.#isTwin(listed.name, prefix, replaced)) continue;
      const kind = this.#kindOf(listed, prefix);
      if (asks && rules.ignores(prefix + listed.name, kind === "folder")) this.#report.ignored++;
      else if (kind === "symlink") this.#report.symlinks++;
      else if (kind !== "folder") entries.push(listed.name);
      else if (this.#excluded.has(this.#at(prefix + listed.name))) this.#report.ignored++;
      // A folder sorts by its name and a slash: so do the paths of all that is in it.
      else entries.push(`${listed.name}/`);
    }
    // Without surrogates the order of JavaScript is that of the code points.
    return /[\ud800-\udfff]/.test(text) ? entries.sort(byPath) : entries.sort();
  }

  /**
   * Runtimes give each byte that is not UTF-8 as U+FFFD, so several names may look alike; at most one
   * of them, the one that really holds U+FFFD, can be opened.
   */
  #isTwin(name: string, prefix: string, replaced: Set<string>): boolean {
    if (!name.includes("\ufffd")) return false;
    if (replaced.has(name)) {
      this.#badName(prefix + name);
      return true;
    }
    replaced.add(name);
    return false;
  }

  /** The type by the listing, which saves a call, unless the listing does not say or may be wrong. */
  #kindOf(listed: Listed, prefix: string): "folder" | "symlink" | "other" {
    const certain = !listed.name.includes("\ufffd");
    if (certain && listed.isFile()) return "other";
    if (certain && listed.isDirectory()) return "folder";
    if (certain && listed.isSymbolicLink()) return "symlink";
    const look = lookNow(this.#at(prefix + listed.name));
    if (!look.ok) return "other"; // the look at the run says why
    return look.stats.isDirectory() ? "folder" : look.stats.isSymbolicLink() ? "symlink" : "other";
  }

  // ---- files

  async #lookAtRun(frame: Frame): Promise<void> {
    const names: string[] = [];
    const most = Math.min(RUN, this.#most - this.#batch.length);
    for (let name = frame.entries[frame.next]; name && !isFolder(name); name = frame.entries[++frame.next]) {
      if (names.length === most) break;
      names.push(name);
    }
    const before = this.#report.files;
    const looks = await this.#looker.look(names.map((name) => this.#at(frame.prefix + name)));
    looks.forEach((look, i) => {
      const name = names[i] ?? "";
      if (look.ok) this.#take(frame.prefix + name, look.stats);
      else this.#lost(frame.prefix + name, name, "file", look.error);
    });
    if (this.#report.files > before) frame.empty = false;
  }

  #take(path: string, stats: Stats): void {
    if (stats.isSymbolicLink()) this.#report.symlinks++;
    else if (stats.isDirectory()) this.#vanish(path); // it became a folder a moment ago
    else if (!stats.isFile()) this.#report.special++;
    else this.#give(path, stats);
  }

  #give(path: string, stats: Stats): void {
    try {
      const file = describe(path, stats, () => lstatSync(this.#at(path), { bigint: true }).ino);
      this.#batch.push(file);
      this.#report.files++;
      this.#report.bytes += file.size;
    } catch (error) {
      this.#lost(path, path, "file", error);
    }
  }

  // ---- what cannot be read

  #lost(path: string, name: string, kind: "file" | "folder", error: unknown): void {
    if (!isAbsent(error)) {
      this.#report.problems.push({ path, kind, reason: reasonOf(error) });
      this.#report.unknown.add(path);
    } else if (name.includes("\ufffd")) this.#badName(path);
    else this.#vanish(path);
  }

  #badName(path: string): void {
    const reason = "the name is not valid UTF-8; rename it so that it can be stored";
    this.#report.problems.push({ path, kind: "name", reason });
  }

  /** It was listed a moment ago, so the next walk shall say what became of it. */
  #vanish(path: string): void {
    this.#report.vanished++;
    this.#report.unknown.add(path);
  }
}

/** The part of `Dirent` that is used; the same for every runtime. */
interface Listed {
  readonly name: string;
  isFile(): boolean;
  isDirectory(): boolean;
  isSymbolicLink(): boolean;
}

function isFolder(entry: string): boolean {
  return entry.endsWith("/");
}
