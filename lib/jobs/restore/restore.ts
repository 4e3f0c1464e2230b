/**
 * Restoring files: choose the versions, find the nearest copy of each, fetch just the bytes needed, and
 * prove every file before it takes its name. One bad copy does not stop the others; another place that
 * holds the content is tried next.
 */

import { decryptAccess } from "../../age/access.ts";
import type { Unlock } from "../../age/header.ts";
import { type Place, placesOf, type VersionRow } from "../../catalog/look.ts";
import { ColdframeError, messageOf } from "../../errors.ts";
import type { Extent } from "../../iso/read.ts";
import type { RandomAccess } from "../../types.ts";
import type { Meter } from "../report.ts";
import type { Session } from "../session.ts";
import { type Copy, copyFiles, type FailedCopy } from "./copy.ts";
import { objectAccess } from "./object-access.ts";
import { type Selection, selectVersions } from "./select.ts";
import { Target, type WantedFile } from "./target.ts";

/** What to restore and where to. */
export interface RestoreRequest extends Selection {
  readonly to: string;
  readonly overwrite: boolean;
  readonly dryRun: boolean;
  /** Gives the identities; asked for only when something has to be decrypted. */
  unlock(): Promise<Unlock>;
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
  readonly failed: readonly { readonly path: string; readonly reason: string }[];
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
  if (versions.length === 0) {
    throw new ColdframeError("nothing-found", `nothing matches ${request.patterns.join(" ")}`, {
      hint:
        "Look for the path with `coldframe find PATTERN`; quote patterns, so that the shell leaves them alone.",
    });
  }
  const bytes = versions.reduce((sum, version) => sum + version.size, 0);
  const found = { to: request.to, files: versions.length, bytes };
  if (request.dryRun) return { ...found, restored: 0, existing: 0, failed: [] };
  const restoring = new Restoring(session, request);
  await restoring.run(versions, bytes);
  return { ...found, ...restoring.result() };
}

class Restoring {
  readonly #session: Session;
  readonly #request: RestoreRequest;
  readonly #target: Target;
  readonly #failed: { path: string; reason: string }[] = [];
  readonly #objects = new Map<string, Promise<RandomAccess>>();
  #restored = 0;
  #existing = 0;

  constructor(session: Session, request: RestoreRequest) {
    this.#session = session;
    this.#request = request;
    this.#target = new Target(request.to, request.overwrite);
  }

  result(): Pick<RestoreReport, "restored" | "existing" | "failed"> {
    return { restored: this.#restored, existing: this.#existing, failed: this.#failed };
  }

  async run(versions: readonly VersionRow[], bytes: number): Promise<void> {
    const meter = this.#session.report.phase("Restoring", bytes);
    try {
      let tasks = await this.#tasks(await this.#notYetThere(versions, meter));
      while (tasks.length > 0) tasks = await this.#round(tasks, meter);
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
      else files.forEach((file) => this.#fail(file.path, new Error("it is not stored anywhere yet")));
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
      consider: (error) => this.#throwIfFatal(error),
      restored: () => void this.#restored++,
    });
  }

  /** The plaintext of an object, opened once: a staged file, or a whole image. */
  #open(place: Place | undefined): Promise<RandomAccess> {
    if (place === undefined) throw new ColdframeError("object-missing", "it is not stored anywhere yet");
    const id = objectId(place);
    const known = this.#objects.get(id);
    if (known !== undefined) return known;
    const opened = this.#openObject(place);
    this.#objects.clear(); // objects come one after another; their keys need not pile up
    this.#objects.set(id, opened);
    return opened;
  }

  async #openObject(place: Place): Promise<RandomAccess> {
    const store = await this.#session.storeAt(place.store);
    const object = objectAccess(store, place.key, place.size);
    return place.key.endsWith(".age")
      ? await decryptAccess(object, await this.#request.unlock(), place.key)
      : object;
  }

  #fail(path: string, error: unknown): void {
    this.#throwIfFatal(error);
    this.#failed.push({ path, reason: messageOf(error) });
  }

  /** Some errors would only repeat themselves for every file. */
  #throwIfFatal(error: unknown): void {
    this.#session.signal.throwIfAborted();
    if (!(error instanceof ColdframeError)) return;
    const fatal = [
      "key-missing",
      "key-wrong",
      "passphrase",
      "store-full",
      "store-missing",
      "store-unreachable",
    ];
    if (fatal.includes(error.code)) throw error;
  }
}

function objectId(place: Place | undefined): string {
  return place === undefined ? "" : `${place.store}\n${place.key}`;
}

/** Where a task's bytes stand in the plaintext of its object. */
function extentsOf(task: Task): Extent[] {
  const [place] = task.places;
  return [{ offset: place?.kind === "volume" ? place.offset : 0, length: task.size }];
}
