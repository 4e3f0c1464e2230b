/**
 * The watch: waits for changes and for what is due, and runs the very commands that a user would run, each in
 * a process of its own. So it stays small for months whatever a run takes, a crash of a run does not end it,
 * and between runs the home is free for others.
 */

import { ColdframeError, messageOf } from "../../errors.ts";
import { within } from "../../json.ts";
import { Agenda, type Task } from "./agenda.ts";
import { Changes } from "./changes.ts";
import { type FolderState, type StartWatching, WatchedFolder } from "./folder.ts";
import { ignoring } from "./ignores.ts";
import type { DueJob, WatchPlan } from "./plan.ts";
import type { Service } from "./service.ts";

/** How a command ended. */
export interface Ended {
  /** As in DESIGN §2. */
  readonly code: number;
  /** What it printed as JSON; undefined where that was none. */
  readonly result: unknown;
}

/** What happens, for a log. */
export type WatchEvent =
  | { readonly event: "watching"; readonly folders: readonly string[] }
  | { readonly event: "folder"; readonly path: string; readonly state: FolderState }
  | { readonly event: "job"; readonly job: string; readonly code: number; readonly result: unknown }
  /** `retry`: when it is tried again, ms since 1970. */
  | {
    readonly event: "failed";
    readonly job: string;
    readonly code: string;
    readonly message: string;
    readonly retry: number;
  }
  | { readonly event: "reload" }
  | { readonly event: "end" };

/** The world of a watch. */
export interface WatchOptions {
  /** The folders that were named; those of the home when there are none. */
  readonly dirs: readonly string[];
  /** ms that files must not have changed before they are stored. */
  readonly rest: number;
  /** Runs `coldframe …args --json`; ends it cleanly when the watch is aborted. */
  run(args: readonly string[]): Promise<Ended>;
  look(): Promise<WatchPlan>;
  readonly start: StartWatching;
  readonly service: Service;
  tell(event: WatchEvent): void;
  /** Calls back at each SIGHUP; returns how to stop that. */
  onHangup(listener: () => void): () => void;
  readonly signal: AbortSignal;
  now(): number;
}

/** A run comes after so much time though changes go on, ms. */
const LONGEST = 300_000;

/** The clock is looked at so often, as it may be set, ms. */
const LONGEST_SLEEP = 60_000;

/** The clock was set back if it shows so much less than before, ms. */
const CLOCK_SET_BACK = 5000;

/** Watches until `signal` is aborted, which is its good end. */
export async function watch(options: WatchOptions): Promise<void> {
  const watching = new Watching(options);
  const stopListening = options.onHangup(() => watching.reload());
  try {
    await watching.run();
  } finally {
    stopListening();
    watching.close();
  }
}

class Watching {
  readonly #options: WatchOptions;
  readonly #agenda = new Agenda();
  readonly #changes: Changes;
  #folders: WatchedFolder[] = [];
  #ignores: (path: string) => boolean = () => false;
  /** When the clock was last looked at, ms since 1970. */
  #time = 0;
  /** Ends the wait of the loop. */
  #wake: () => void = () => {};

  constructor(options: WatchOptions) {
    this.#options = options;
    const rest = options.rest + 1000; // the scan knows change times to the second only
    this.#changes = new Changes({ rest, longest: Math.max(LONGEST, rest) });
  }

  async run(): Promise<void> {
    const { signal, service, tell } = this.#options;
    const stop = () => this.#wake();
    signal.addEventListener("abort", stop);
    try {
      await this.#look();
      if (this.#folders.length === 0) throw nothingToWatch();
      service.ready();
      this.#changes.note(0); // what changed before we came is due at once
      while (!signal.aborted) await this.#step();
    } finally {
      signal.removeEventListener("abort", stop);
      service.stopping();
      tell({ event: "end" });
    }
  }

  /** SIGHUP: the settings are read with each run anyway, but not the folders. */
  reload(): void {
    this.#options.tell({ event: "reload" });
    this.#closeFolders();
    this.#folders = [];
    this.#agenda.forgive();
    this.#changed();
    this.#wake();
  }

  close(): void {
    this.#closeFolders();
    this.#options.service.close();
  }

  #closeFolders(): void {
    for (const folder of this.#folders) folder.close();
  }

  async #step(): Promise<void> {
    this.#mindClock();
    const polling = this.#folders.some(({ state }) => state === "polled");
    const { at, task } = this.#agenda.next(this.#changes.due, polling);
    const wait = at - this.#options.now();
    if (wait > 0) await this.#sleep(wait);
    else await this.#do(task);
  }

  /** A box without a clock of its own may start in the future and be put right by NTP. */
  #mindClock(): void {
    const now = this.#options.now();
    if (now < this.#time - CLOCK_SET_BACK) {
      this.#agenda.restart();
      this.#changes.clear();
      this.#changed();
    }
    this.#time = now;
  }

  async #do(task: Task): Promise<void> {
    if (task.kind === "folders") await this.#checkFolders();
    else if (task.kind === "look") await this.#look();
    else await this.#run(task.job);
  }

  /** Until so many ms have passed, a first change has come, or the watch ends. */
  #sleep(ms: number): Promise<void> {
    if (this.#options.signal.aborted) return Promise.resolve();
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, Math.min(ms, LONGEST_SLEEP));
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  #changed(): void {
    if (this.#changes.note(this.#options.now())) this.#wake();
  }

  /** What it cannot read now it reads in an hour: a failed look must not end a watch. */
  async #look(): Promise<void> {
    const { look, now } = this.#options;
    const found = await look().catch((error) => this.#lookFailed(error));
    this.#agenda.looked(found?.jobs ?? [], now());
    if (found === undefined) return;
    this.#ignores = ignoring(found);
    await this.#follow(found.folders);
  }

  #lookFailed(error: unknown): undefined {
    if (this.#options.signal.aborted) return undefined;
    const code = error instanceof ColdframeError ? error.code : "unexpected";
    const retry = this.#options.now() + 3_600_000;
    this.#options.tell({ event: "failed", job: "look", code, message: messageOf(error), retry });
    return undefined;
  }

  /** Watches what is new in the list, and leaves what is not in it any more. */
  async #follow(paths: readonly string[]): Promise<void> {
    const same = paths.length === this.#folders.length &&
      this.#folders.every(({ path }) => paths.includes(path));
    if (same) return;
    for (const folder of this.#folders) if (!paths.includes(folder.path)) folder.close();
    const known = new Map(this.#folders.map((folder) => [folder.path, folder]));
    this.#folders = paths.map((path) => known.get(path) ?? this.#folder(path));
    await this.#checkFolders();
    this.#options.tell({ event: "watching", folders: paths });
  }

  #folder(path: string): WatchedFolder {
    const { start, tell } = this.#options;
    const events = {
      changed: () => this.#changed(),
      state: (folder: WatchedFolder, before: FolderState | undefined) => {
        const { state } = folder;
        if (state === undefined || (before === undefined && state === "watched")) return;
        if (before === "missing") this.#agenda.forgive(); // what failed may well go now
        tell({ event: "folder", path, state });
      },
    };
    return new WatchedFolder(path, { start, ignores: (changed) => this.#ignores(changed), events });
  }

  async #checkFolders(): Promise<void> {
    for (const folder of this.#folders) await folder.check();
    this.#agenda.foldersChecked(this.#options.now());
  }

  async #run(job: DueJob["job"]): Promise<void> {
    const { run, service, now, signal } = this.#options;
    if (job === "sync") this.#changes.clear();
    service.status(`Running ${job}`);
    const ended = await run(this.#argsOf(job));
    if (signal.aborted) return;
    if (![0, 3, 4].includes(ended.code)) this.#failed(job, ended);
    else this.#finished(job, ended);
    service.status(
      `Watching ${this.#folders.length} folders; last: ${job}, ${new Date(now()).toISOString()}`,
    );
  }

  #argsOf(job: DueJob["job"]): string[] {
    if (job !== "sync") return [job];
    return [job, ...this.#options.dirs, "--rest", String(Math.ceil(this.#options.rest / 1000))];
  }

  #finished(job: string, ended: Ended): void {
    this.#agenda.done(job, this.#options.now());
    this.#options.tell({ event: "job", job, code: ended.code, result: ended.result });
    if (unsettledIn(ended.result) > 0) this.#changed();
  }

  #failed(job: string, { code, result }: Ended): void {
    const { now, tell } = this.#options;
    const error = errorIn(result) ?? { code: "unexpected", message: `it ended with exit code ${code}` };
    const retry = this.#agenda.failed(job, error.code === "busy", now());
    if (job === "sync") this.#changes.note(now()); // its changes are still to be stored
    tell({ event: "failed", job, ...error, retry });
  }
}

function nothingToWatch(): ColdframeError {
  return new ColdframeError("usage", "there is no folder to watch yet", {
    hint: "Name one: `coldframe watch ~/Pictures`.",
  });
}

/** How many files a sync has left since they were still being written. */
function unsettledIn(result: unknown): number {
  const sources = within(result, "scan", "sources");
  if (!Array.isArray(sources)) return 0;
  return sources.reduce((sum: number, source) => sum + Number(within(source, "unsettled") ?? 0), 0);
}

function errorIn(result: unknown): { code: string; message: string } | undefined {
  const [code, message] = [within(result, "error", "code"), within(result, "error", "message")];
  return typeof code === "string" && typeof message === "string" ? { code, message } : undefined;
}
