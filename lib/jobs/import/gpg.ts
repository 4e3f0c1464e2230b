/** Checking and restoring what savethepictures stored: `PATH.gpg`, one object per file. */

import { createHash, randomBytes } from "node:crypto";
import { lstat, rm } from "node:fs/promises";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { ColdframeError, hasCode } from "../../errors.ts";
import { pathOfGpg } from "../../import/gpg.ts";
import { pathMatcher } from "../../plan/glob.ts";
import type { ObjectInfo, ThawTier } from "../../store/store.ts";
import { inParallel } from "../pool.ts";
import type { Meter } from "../report.ts";
import { Target } from "../restore/target.ts";
import type { MirrorSink } from "./gpg-mirror.ts";
import { GpgProgram } from "./gpg-program.ts";
import type { ImportJob } from "./job.ts";
import { type ForeignPlace, objectsOf } from "./place.ts";
import { emptyProblem, type ImportProblem, problemFrom } from "./problems.ts";
import { Thawer } from "./thaw.ts";

/** What to read, and where to. */
export interface GpgRequest {
  /** As in `lib/plan/glob.ts`, for the paths of files (without `.gpg`). */
  readonly patterns: readonly string[];
  /** The folder to restore into; undefined only to check. */
  readonly to: string | undefined;
  /** The mirror to put files into, instead of a folder. */
  readonly into?: MirrorSink | undefined;
  readonly overwrite: boolean;
  readonly dryRun: boolean;
  /** Has archived objects thawed, to be read by a later run. */
  readonly thaw: ThawTier | undefined;
  /** Asked for once, when something is to be decrypted. */
  passphrase(): Promise<string>;
}

/** What an import did. */
export interface GpgReport {
  readonly to: string | undefined;
  /** Objects that match, and their bytes as they are stored. */
  readonly files: number;
  readonly bytes: number;
  /** Files that were decrypted whole, each with its MDC. */
  readonly proven: number;
  readonly restored: number;
  /** Files that were already there, with the right bytes. */
  readonly existing: number;
  readonly thawing: readonly string[];
  readonly problems: readonly ImportProblem[];
}

/** An object of savethepictures; `path` is undefined for one that is none. */
export interface GpgObject {
  readonly info: ObjectInfo;
  readonly path: string | undefined;
}

/** Every object of a place, by key. */
export async function listGpg(place: ForeignPlace): Promise<GpgObject[]> {
  return (await objectsOf(place)).map((info) => ({ info, path: pathOfGpg(info.key) }));
}

/** What an object without bytes means: the script sent what gpg gave, which was nothing when it failed. */
export function emptyObject({ key }: ObjectInfo): ImportProblem {
  return emptyProblem(key, `${key} is empty: encrypting it failed, and the file is not in the store`);
}

/**
 * Reads what matches.
 *
 * @throws ColdframeError `nothing-found`; `tool-missing` without gpg; `passphrase` when it opens nothing
 */
export async function readGpg(place: ForeignPlace, request: GpgRequest, job: ImportJob): Promise<GpgReport> {
  const matches = pathMatcher(request.patterns);
  const wanted = (await listGpg(place)).flatMap(({ info, path }) =>
    path !== undefined && matches(path) ? [{ info, path }] : []
  );
  if (wanted.length === 0) {
    throw new ColdframeError("nothing-found", `no .gpg object in ${place.store.url} matches`, {
      hint: "Look with --list; quote patterns, so that the shell leaves them alone.",
    });
  }
  const gpg = await GpgProgram.open();
  try {
    return await new Reading(place, request, job, gpg).run(wanted);
  } finally {
    await gpg.close();
  }
}

/** An object and the file it holds. */
interface Wanted {
  readonly info: ObjectInfo;
  readonly path: string;
}

class Reading {
  readonly #place: ForeignPlace;
  readonly #request: GpgRequest;
  readonly #job: ImportJob;
  readonly #gpg: GpgProgram;
  readonly #target: Target | undefined;
  readonly #problems: ImportProblem[] = [];
  readonly #thawer: Thawer;
  #proven = 0;
  #restored = 0;
  #existing = 0;
  #refused = 0;

  constructor(place: ForeignPlace, request: GpgRequest, job: ImportJob, gpg: GpgProgram) {
    this.#place = place;
    this.#request = request;
    this.#job = job;
    this.#gpg = gpg;
    this.#thawer = new Thawer(place.store, request.thaw, request.dryRun);
    this.#target = request.to === undefined ? undefined : new Target(request.to, request.overwrite);
  }

  async run(wanted: readonly Wanted[]): Promise<GpgReport> {
    const bytes = wanted.reduce((sum, { info }) => sum + info.size, 0);
    const meter = this.#job.report.phase(this.#target === undefined ? "Checking" : "Restoring", bytes);
    try {
      const limits = { width: WIDTH, budget: WIDTH, cost: () => 1 };
      await inParallel(wanted, limits, async (one) => {
        this.#job.signal.throwIfAborted();
        await this.#take(one, meter);
      });
    } finally {
      meter.done();
    }
    return {
      to: this.#request.to,
      files: wanted.length,
      bytes,
      proven: this.#proven,
      restored: this.#restored,
      existing: this.#existing,
      thawing: this.#thawer.thawing,
      problems: this.#problems.toSorted((a, b) => (a.key < b.key ? -1 : 1)),
    };
  }

  async #take({ info, path }: Wanted, meter: Meter): Promise<void> {
    const { key } = info;
    if (info.size === 0) return void this.#problems.push(emptyObject(info));
    try {
      if (await this.#thawer.mustWait(info) || this.#request.dryRun) return;
      const { into } = this.#request;
      if (into !== undefined) await this.#mirror(info, path, into, meter);
      else if (this.#target === undefined) await this.#decrypt(info, meter);
      else await this.#restore(info, path, this.#target, meter);
    } catch (error) {
      this.#job.signal.throwIfAborted();
      this.#consider(error);
      this.#problems.push(problemFrom(key, path, named(error, key)));
    }
  }

  /** One object may have another passphrase; who gave the wrong one shall not wait for all. */
  #consider(error: unknown): void {
    if (hasCode(error, "passphrase") && this.#proven === 0 && ++this.#refused >= REFUSALS) throw error;
  }

  /** A file that stands there is compared with what the object holds; nothing else counts as there. */
  async #restore(info: ObjectInfo, path: string, target: Target, meter: Meter): Promise<void> {
    const file = { path, size: 0, mtime: info.modified ?? 0, mode: 0o644, sha256: undefined };
    if (await isThere(join(target.root, path))) {
      const there = await this.#decrypt(info, meter);
      if (await target.standing({ ...file, ...there }) === "same") return void this.#existing++;
    }
    const out = await target.begin(file);
    try {
      const { size, sha256, date } = await this.#decrypt(info, meter, (piece) => out.write(piece));
      // Nothing kept the file's own time; when it was encrypted is the nearest there is, and not before it.
      out.finish({ size, sha256, ...(date !== undefined && { mtime: date }) });
      this.#restored++;
    } finally {
      await out.discard();
    }
  }

  /** By way of the disk: a mirror wants to know what it sends before it sends it. */
  async #mirror(info: ObjectInfo, path: string, into: MirrorSink, meter: Meter): Promise<void> {
    const name = randomBytes(12).toString("hex");
    const scratch = new Target(into.scratch, false);
    const mtime = info.modified ?? 0;
    const out = await scratch.begin({ path: name, size: 0, mtime, mode: 0o600, sha256: undefined });
    try {
      const { size, sha256, date } = await this.#decrypt(info, meter, (piece) => out.write(piece));
      out.finish({ size, sha256 });
      if (await into.put({ path, name, size, sha256, mtime: date ?? mtime })) this.#restored++;
      else this.#existing++;
    } finally {
      await out.discard();
      await rm(join(into.scratch, name), { force: true });
    }
  }

  async #decrypt(
    info: ObjectInfo,
    meter: Meter,
    each: (piece: Uint8Array) => Promise<void> = () => Promise.resolve(),
  ): Promise<{ readonly size: number; readonly sha256: string; readonly date: number | undefined }> {
    const hash = createHash("sha256");
    let size = 0;
    const message = metered(this.#place.store.read(info.key), meter);
    const { date } = await this.#gpg.decrypt(message, await this.#request.passphrase(), async (piece) => {
      hash.update(piece);
      size += piece.length;
      await each(piece);
    });
    this.#proven++;
    return { size, sha256: hash.digest("hex"), date };
  }
}

/** gpg takes a third of a second to make a key of a passphrase, on one core. */
const WIDTH = Math.min(4, availableParallelism());
/** Objects that a passphrase must fail to open, with none opened before, to be taken for the wrong one. */
const REFUSALS = 3;

async function* metered(pieces: AsyncIterable<Uint8Array>, meter: Meter): AsyncGenerator<Uint8Array> {
  for await (const piece of pieces) {
    meter.add(piece.length);
    yield piece;
  }
  meter.add(0, 1);
}

/** gpg speaks of "it"; the user must hear which. */
function named(error: unknown, key: string): unknown {
  if (!(hasCode(error, "damaged") || hasCode(error, "passphrase")) || error.message.includes(key)) {
    return error;
  }
  return new ColdframeError(error.code, `${key}: ${error.message}`, {
    ...(error.hint !== undefined && { hint: error.hint }),
    cause: error,
  });
}

async function isThere(path: string): Promise<boolean> {
  return await lstat(path).then(() => true, () => false);
}
