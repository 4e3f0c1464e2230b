/**
 * Restoring files: choose the versions, find the nearest copy of each, fetch just the bytes needed, and
 * prove every file before it takes its name. One bad copy does not stop the others; another place that
 * holds the content is tried next.
 */

import type { Unlock } from "../../age/header.ts";
import type { FolderRow } from "../../catalog/folders.ts";
import { type Place, placesOf, type VersionRow } from "../../catalog/look.ts";
import { ColdframeError, type ErrorCode, messageOf } from "../../errors.ts";
import type { Extent } from "../../iso/read.ts";
import type { RandomAccess } from "../../types.ts";
import type { Meter } from "../report.ts";
import type { Session } from "../session.ts";
import { type Copy, copyFiles, type FailedCopy } from "./copy.ts";
import { objectAccess } from "./object-access.ts";
import { cipherOf, openPlaintext } from "./plaintext.ts";
import { selectFolders, type Selection, selectVersions } from "./select.ts";
import { Target, type WantedFile } from "./target.ts";

/** What to restore and where to. */
export interface RestoreRequest extends Selection {
  readonly to: string;
  readonly overwrite: boolean;
  readonly dryRun: boolean;
  /** Gives the identities; asked for only when something has to be decrypted. */
  unlock(): Promise<Unlock>;
  /** Gives lomo-backup's master key; asked for only when something is in a volume of that tool. */
  masterKey?(): Promise<string>;
}

/** What a restore did. */
export interface RestoreReport {
  readonly to: string;
  /** Files asked for. */
  readonly files: number;
  readonly bytes: number;
  readonly restored: number;
  /** Files that were already there, with the right bytes. */
  readonly existing: number;
  /** Folders that hold no file and were made. */
  readonly folders: number;
  readonly failed: readonly FailedFile[];
}

/** A file that could not be restored. */
export interface FailedFile {
  readonly path: string;
  readonly reason: string;
  readonly code: ErrorCode | "unexpected";
  /** What the user can do about it. */
  readonly hint: string | undefined;
}

/** A content to fetch, and the files it becomes. */
interface Task {
  readonly size: number;
  readonly files: readonly WantedFile[];
  /** Where it can be had; the first is tried first. */
  readonly places: readonly Place[];
}

/**
 * Restores files.
 *
 * @throws ColdframeError `nothing-found` when no pattern matches anything
 */
export async function restore(session: Session, request: RestoreRequest): Promise<RestoreReport> {
  const versions = await selectVersions(session.db, request);
  const folders = await selectFolders(session.db, request);
  if (versions.length + folders.length === 0) {
    throw new ColdframeError("nothing-found", `nothing matches ${request.patterns.join(" ")}`, {
      hint:
        "Look for the path with `coldframe find PATTERN`; quote patterns, so that the shell leaves them alone.",
    });
  }
  const bytes = sizeOf(versions);
  const found = { to: request.to, files: versions.length, bytes };
  if (request.dryRun) return { ...found, restored: 0, existing: 0, folders: 0, failed: [] };
  const restoring = new Restoring(session, request);
  await restoring.run(versions, bytes);
  await restoring.makeFolders(folders);
  restoring.throwIfNothingCameBack();
  return { ...found, ...restoring.result() };
}

function sizeOf(versions: readonly VersionRow[]): number {
  return versions.reduce((sum, version) => sum + version.size, 0);
}

class Restoring {
  readonly #session: Session;
  readonly #request: RestoreRequest;
  readonly #target: Target;
  readonly #failed: FailedFile[] = [];
  readonly #objects = new Map<string, Promise<RandomAccess>>();
  /** Stores that cannot be had in this run, by URL: what else they hold need not be tried. */
  readonly #lost = new Map<string, ColdframeError>();
  #firstError: unknown;
  #opened = false;
  #refused = 0;
  #restored = 0;
  #existing = 0;
  #folders = 0;

  constructor(session: Session, request: RestoreRequest) {
    this.#session = session;
    this.#request = request;
    this.#target = new Target(request.to, request.overwrite);
  }

  result(): Pick<RestoreReport, "restored" | "existing" | "folders" | "failed"> {
    return {
      restored: this.#restored,
      existing: this.#existing,
      folders: this.#folders,
      failed: this.#failed,
    };
  }

  async run(versions: readonly VersionRow[], bytes: number): Promise<void> {
    const wanted = await this.#compare(versions, bytes);
    let tasks = await this.#tasks(wanted);
    await this.#askForKeys(tasks.flatMap(({ places }) => places));
    const meter = this.#session.report.phase("Restoring", sizeOf(wanted));
    try {
      while (tasks.length > 0) tasks = await this.#round(tasks, meter);
    } finally {
      meter.done();
    }
  }

  /** Once, before anything is fetched: it may ask the user. */
  async #askForKeys(places: readonly Place[]): Promise<void> {
    const ciphers = new Set(places.map(cipherOf));
    if (ciphers.has("age")) await this.#request.unlock();
    if (ciphers.has("lomob")) await this.#request.masterKey?.();
  }

  /** Makes the folders that no file brings along. */
  async makeFolders(folders: readonly FolderRow[]): Promise<void> {
    for (const folder of folders) {
      this.#session.signal.throwIfAborted();
      try {
        if (await this.#target.makeFolder(folder)) this.#folders++;
      } catch (error) {
        this.#fail(folder.path, error);
      }
    }
    await this.#target.finishFolders();
  }

  async #compare(versions: readonly VersionRow[], bytes: number): Promise<VersionRow[]> {
    const meter = this.#session.report.phase("Comparing with the target folder", bytes);
    try {
      return await this.#notYetThere(versions, meter);
    } finally {
      meter.done();
    }
  }

  /** Leaves out files that are there already, and those that must not be replaced. */
  async #notYetThere(versions: readonly VersionRow[], meter: Meter): Promise<VersionRow[]> {
    const wanted: VersionRow[] = [];
    for (const version of versions) {
      try {
        if (await this.#target.standing(version) === "nothing") {
          wanted.push(version);
          continue;
        }
        this.#existing++;
        meter.add(version.size, 1);
      } catch (error) {
        this.#fail(version.path, error);
      }
    }
    return wanted;
  }

  async #tasks(versions: readonly VersionRow[]): Promise<Task[]> {
    const byContent = Map.groupBy(versions, (version) => version.content);
    const places = Map.groupBy(
      await placesOf(this.#session.db, [...byContent.keys()]),
      (place) => place.content,
    );
    const tasks: Task[] = [];
    for (const [content, files] of byContent) {
      const found = places.get(content) ?? [];
      if (found.length > 0) tasks.push({ size: files[0]?.size ?? 0, files, places: found });
      else files.forEach((file) => this.#fail(file.path, notStored(file.path)));
    }
    return tasks;
  }

  /**
   * Fetches every task from its first place, object by object, in the order in which the bytes stand
   * there.
   *
   * @returns the tasks that failed and have another place to try
   */
  async #round(tasks: readonly Task[], meter: Meter): Promise<Task[]> {
    const again: Task[] = [];
    const byObject = Map.groupBy(tasks, (task) => objectId(task.places[0]));
    for (const group of byObject.values()) {
      const place = group[0]?.places[0];
      for (const { copy: task, error } of await this.#copy(group, place, meter)) {
        const rest = task.places.slice(1);
        if (rest.length > 0) again.push({ ...task, places: rest });
        else task.files.forEach((file) => this.#fail(file.path, error));
      }
    }
    return again;
  }

  #copy(tasks: readonly Task[], place: Place | undefined, meter: Meter): Promise<FailedCopy<Task & Copy>[]> {
    const copies = tasks.map((task) => ({ ...task, extents: extentsOf(task) }));
    return copyFiles(() => this.#open(place), copies, {
      target: this.#target,
      meter,
      signal: this.#session.signal,
      consider: (error) => this.#consider(error, place),
      restored: () => void this.#restored++,
    });
  }

  /** The plaintext of an object, opened once: a staged file, or a whole image. */
  #open(place: Place | undefined): Promise<RandomAccess> {
    if (place === undefined) throw notStored("the file");
    const id = objectId(place);
    const known = this.#objects.get(id);
    if (known !== undefined) return known;
    const opened = this.#openObject(place);
    this.#objects.clear(); // objects come one after another; their keys need not pile up
    this.#objects.set(id, opened);
    return opened;
  }

  async #openObject(place: Place): Promise<RandomAccess> {
    const lost = this.#lost.get(place.store);
    if (lost !== undefined) throw lost;
    const store = await this.#session.storeAt(place.store);
    const opened = await openPlaintext(objectAccess(store, place.key, place.size), place, this.#request);
    this.#opened ||= cipherOf(place) === "age";
    return opened;
  }

  #fail(path: string, error: unknown): void {
    this.#firstError ??= error;
    this.#failed.push(failedFile(path, error));
  }

  /** What an error means for the files that are still to come. */
  #consider(error: unknown, place: Place | undefined): void {
    this.#session.signal.throwIfAborted();
    if (!(error instanceof ColdframeError)) return;
    if (error.code === "store-full") throw error; // the target's disk
    if (error.code === "store-missing" || error.code === "store-unreachable") {
      if (place !== undefined) this.#lost.set(place.store, error);
    }
    // One foreign object does not make the key wrong; but who holds the wrong key shall not wait for all.
    if (error.code === "key-wrong" && !this.#opened && ++this.#refused >= REFUSALS) throw error;
  }

  /**
   * Where not one file came back, and the reason lies in the key, a store or the target folder, that is
   * the answer, rather than a list of all files.
   */
  throwIfNothingCameBack(): void {
    const [first] = this.#failed;
    if (first === undefined || this.#restored + this.#existing > 0) return;
    const alike = this.#failed.every(({ code }) => code === first.code);
    const general = first.code === "key-wrong" || first.code.startsWith("store-");
    if (this.#failed.length === 1 || (alike && general)) throw this.#firstError;
  }
}

/** A file that could not be restored, and why. */
export function failedFile(path: string, error: unknown): FailedFile {
  const { code, hint } = error instanceof ColdframeError
    ? error
    : { code: "unexpected", hint: undefined } as const;
  return { path, reason: messageOf(error), code, hint };
}

/** Objects that a key must fail to open, with none opened before, to be taken for the wrong key. */
const REFUSALS = 3;

function notStored(path: string): ColdframeError {
  return new ColdframeError("object-missing", `${path} is not stored anywhere yet`, {
    hint: "It was seen by a scan only. Run `coldframe sync` while its folder is there.",
  });
}

function objectId(place: Place | undefined): string {
  return place === undefined ? "" : `${place.store}\n${place.key}`;
}

/** Where a task's bytes stand in the plaintext of its object. */
function extentsOf(task: Task): Extent[] {
  const [place] = task.places;
  return [{ offset: place?.kind === "volume" ? place.offset : 0, length: task.size }];
}
