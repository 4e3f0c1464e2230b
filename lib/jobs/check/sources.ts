/**
 * `check sources`: reads local files again, a share of them in each run, so that every one is read once a
 * quarter. A file that has other bytes than it had, though its size and times say that nobody touched it, was
 * damaged in silence by its disk: then the good copy is elsewhere.
 */

import { copiesOf } from "../../catalog/copies.ts";
import { type Finding, type Found, openFindings, settleFindings } from "../../catalog/findings.ts";
import {
  filesAt,
  localFiles,
  noteReread,
  oldestRead,
  type RereadFile,
  rereadTurns,
} from "../../catalog/reread.ts";
import { latestSuccesses } from "../../catalog/runs.ts";
import { ColdframeError } from "../../errors.ts";
import { hashFiles, type HashResult } from "../../scan/hash.ts";
import { type ResolvedSource, resolveSource } from "../../scan/source.ts";
import type { Session } from "../session.ts";
import { type Group, NOTHING_PROVEN, type StoreReport } from "./look.ts";
import { NO_REQUESTS } from "./requests.ts";
import { describePlace, remainsOf } from "./texts.ts";

/** The name in `runs`. */
export const SOURCES = "check sources";

/** The scope of the findings: no other box can look at these folders. */
export function sourcesScope(session: Session): string {
  return `${SOURCES} ${session.home.box}`;
}

/** How much to read again. */
export interface RereadOptions {
  /** Everything, whenever it was last read. */
  readonly all: boolean;
}

const DAY = 86_400_000;
/** Bytes after which what was read is written down. */
const BATCH = 256 * 1024 * 1024;

/** Reads the next share of local files. */
export async function lookAtSources(
  session: Session,
  options: RereadOptions,
): Promise<{ readonly stores: StoreReport[]; readonly findings: Finding[] }> {
  const rereading = new Rereading(session);
  await rereading.run(await budgetOf(session, options));
  const findings = await rereading.settle();
  const group = await rereading.group();
  const report = {
    store: "the folders of this machine",
    groups: [group],
    requests: NO_REQUESTS,
    cost: undefined,
  };
  return { stores: [report], findings };
}

/** How much is due. */
export interface Budget {
  /** Bytes to read at the least, and files. */
  readonly bytes: number;
  readonly files: number;
  /** What was last read before this is read in any case. */
  readonly overdue: number;
}

async function budgetOf(session: Session, { all }: RereadOptions): Promise<Budget> {
  const { db, home } = session;
  const total = await localFiles(db, home.box);
  if (all) return { ...total, overdue: Infinity };
  const last = (await latestSuccesses(db, home.box)).get(SOURCES);
  return shareOf(total, home.config.checks, last, session.now());
}

/**
 * The share that is due: of everything, as much as the time since the last run is of the time in which all
 * must be read. Pure.
 *
 * @param last when such a run last ended well, ms since 1970
 */
export function shareOf(
  total: { readonly files: number; readonly bytes: number },
  checks: { readonly reread: number; readonly sources: number | undefined },
  last: number | undefined,
  now: number,
): Budget {
  const usual = checks.sources ?? DAY;
  // A run that comes early must not make the next one come short: a share is a whole one.
  const since = Math.max(usual, last === undefined ? usual : now - last);
  const share = Math.min(1, since / checks.reread);
  return {
    bytes: Math.ceil(total.bytes * share),
    files: Math.ceil(total.files * share),
    overdue: now - checks.reread,
  };
}

class Rereading {
  readonly #session: Session;
  readonly #started: number;
  readonly #found: Found[] = [];
  readonly #looked = new Set<string>();
  readonly #unreadable: string[] = [];
  readonly #roots = new Map<string, ResolvedSource | undefined>();
  #good = 0;
  #bytes = 0;
  #changed = 0;

  constructor(session: Session) {
    this.#session = session;
    this.#started = session.now();
  }

  async run(budget: Budget): Promise<void> {
    const { db, home } = this.#session;
    const meter = this.#session.report.phase("Reading files again", budget.bytes);
    try {
      const open = (await openFindings(db, sourcesScope(this.#session))).map(({ name }) => name);
      await this.#read(await filesAt(db, home.box, open), (bytes) => meter.add(bytes));
      for await (const batch of this.#due(budget)) {
        await this.#read(batch, (bytes) => meter.add(bytes));
        meter.add(0, batch.length);
      }
    } finally {
      meter.done();
    }
  }

  /** What is due, in batches that are written down as they are read. */
  async *#due(budget: Budget): AsyncGenerator<RereadFile[]> {
    const { db, home } = this.#session;
    let [bytes, files, inBatch] = [0, 0, 0];
    let batch: RereadFile[] = [];
    for await (const page of rereadTurns(db, home.box, this.#started)) {
      for (const file of page) {
        const enough = bytes >= budget.bytes && files >= budget.files;
        if (enough && file.last >= budget.overdue) {
          yield batch;
          return;
        }
        bytes += file.size;
        files++;
        inBatch += file.size;
        batch.push(file);
        if (inBatch < BATCH) continue;
        yield batch;
        batch = [];
        inBatch = 0;
      }
    }
    yield batch;
  }

  async #read(files: readonly RereadFile[], onBytes: (bytes: number) => void): Promise<void> {
    for (const [root, group] of Map.groupBy(files, (file) => file.root)) {
      const source = this.#resolve(root);
      if (source === undefined) continue;
      const byPath = new Map(group.map((file) => [file.below, file]));
      const batch = group.map((file) => ({ ...file, path: file.below }));
      const options = { signal: this.#session.signal, inodes: source.inodes, onBytes };
      for await (const results of hashFiles(source.path, feed(batch), options)) {
        await this.#settleResults(results, byPath);
      }
    }
  }

  /** A folder that is not mounted says nothing of its files. */
  #resolve(root: string): ResolvedSource | undefined {
    if (this.#roots.has(root)) return this.#roots.get(root);
    let source: ResolvedSource | undefined;
    try {
      source = resolveSource(root);
    } catch (error) {
      if (!(error instanceof ColdframeError)) throw error;
      this.#session.report.warn(`${error.message}; its files were not read`);
    }
    this.#roots.set(root, source);
    return source;
  }

  async #settleResults(
    results: readonly HashResult[],
    byPath: ReadonlyMap<string, RereadFile>,
  ): Promise<void> {
    const good: number[] = [];
    for (const result of results) {
      const file = byPath.get(result.file.path);
      if (file === undefined) continue;
      if (result.kind === "unreadable") this.#unreadable.push(`${file.path}: ${result.reason}`);
      else this.#looked.add(file.path);
      if (result.kind === "changed" || result.kind === "gone") this.#changed++; // the next scan takes it
      if (result.kind !== "hashed") continue;
      if (result.content === file.sha256) {
        good.push(file.id);
        this.#bytes += file.size;
      } else await this.#corrupt(file);
    }
    this.#good += good.length;
    await noteReread(this.#session.db, good, this.#session.now());
  }

  async #corrupt(file: RereadFile): Promise<void> {
    if (this.#found.some(({ name }) => name === file.path)) return;
    const copies = await copiesOf(this.#session.db, [file.content]);
    const [copy] = copies;
    // Another file with these bytes may be good; only what is in a store is known to be.
    const { lost } = remainsOf(copies.map((one) => ({ ...one, inSource: false })), { store: "", key: "" });
    const isLost = copy === undefined || lost.length > 0;
    const place = isLost ? "no good copy is stored" : `a good copy is ${describePlace(copy)}`;
    this.#found.push({
      name: file.path,
      kind: "source-corrupt",
      severity: "damage",
      message: `${file.path} has other bytes than it had, though its size and times are the same: ` +
        `its disk or memory is failing; ${place}`,
      hint: isLost
        ? "Look for the file in another backup, and check the disk."
        : "Put the good copy beside it: coldframe check sources --mend. And check the disk.",
      files: [file.path],
    });
  }

  /** Writes the findings down; files that this run did not come to keep theirs. */
  async settle(): Promise<Finding[]> {
    const { db } = this.#session;
    const scope = sourcesScope(this.#session);
    const open = (await openFindings(db, scope)).map(({ name }) => name);
    const there = new Set((await filesAt(db, this.#session.home.box, open)).map(({ path }) => path));
    const looked = (name: string) => this.#looked.has(name) || !there.has(name);
    await settleFindings(db, scope, this.#found, this.#session.now(), looked);
    return await openFindings(db, scope);
  }

  async group(): Promise<Group> {
    const { db, home } = this.#session;
    const total = await localFiles(db, home.box);
    const oldest = await oldestRead(db, home.box);
    const days = oldest === undefined ? 0 : Math.max(0, Math.ceil((this.#session.now() - oldest) / DAY));
    return {
      what: "files",
      objects: total.files,
      bytes: total.bytes,
      proven: { ...NOTHING_PROVEN, "read back": this.#good },
      remarks: [
        ...(total.files > 0
          ? [
            days <= 1
              ? "each file was read within the last day"
              : `each file was read within the last ${days} days`,
          ]
          : []),
        ...(this.#changed > 0
          ? [`${this.#changed} have changed since the last scan; the next sync takes them`]
          : []),
        ...this.#unreadable.slice(0, 10).map((one) => `not readable: ${one}`),
      ],
    };
  }
}

async function* feed<T>(batch: T[]): AsyncGenerator<T[]> {
  yield await Promise.resolve(batch);
}
