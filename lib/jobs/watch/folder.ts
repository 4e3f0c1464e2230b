/** One folder under watch: seen to be there, watched as long as it is, and watched again when it is back. */

import { watch as watchFolder } from "node:fs";
import { stat } from "node:fs/promises";
import { join } from "node:path";
import { isWatchLimit } from "./limits.ts";

/**
 * Starts to watch a folder and all below it.
 *
 * @param onChange gets a path relative to the folder, or null where the system does not say
 * @returns how to stop
 */
export type StartWatching = (
  path: string,
  onChange: (name: string | null) => void,
  onError: (error: unknown) => void,
) => () => void;

/** By the system's own means. */
export function watchTree(...[path, onChange, onError]: Parameters<StartWatching>): () => void {
  const watcher = watchFolder(path, { recursive: true });
  watcher.on("change", (_, name) => onChange(name === null ? null : String(name)));
  watcher.on("error", onError);
  return () => {
    watcher.removeAllListeners("change");
    watcher.close();
  };
}

/** `polled`: the system's limit does not allow to watch it, so it is looked at from time to time. */
export type FolderState = "watched" | "missing" | "polled";

/** Where a folder tells what happened. */
export interface FolderEvents {
  /** Something in it changed, or may have. */
  changed(): void;
  /** It is in another state than before. */
  state(folder: WatchedFolder, before: FolderState | undefined): void;
}

/**
 * The kernel keeps 16,384 events for a reader and then drops them (inotify(7), max_queued_events); runtimes do
 * not pass on that it did. A new folder whose event is dropped would never be watched, so after this many
 * events the whole tree is watched anew.
 */
const MANY = 8000;

/** A folder that is to be watched. */
export class WatchedFolder {
  readonly path: string;
  readonly #start: StartWatching;
  readonly #ignores: (name: string) => boolean;
  readonly #events: FolderEvents;
  #state: FolderState | undefined;
  /** Device and inode of what is watched: another disk may be mounted over it, or the folder made anew. */
  #identity: string | undefined;
  #stop: (() => void) | undefined;
  #seen = 0;
  #broken = false;

  /**
   * @param path absolute
   * @param ignores whether a change of this absolute path is of no interest
   */
  constructor(
    path: string,
    options: { start: StartWatching; ignores: (path: string) => boolean; events: FolderEvents },
  ) {
    this.path = path;
    this.#start = options.start;
    this.#ignores = options.ignores;
    this.#events = options.events;
  }

  get state(): FolderState | undefined {
    return this.#state;
  }

  /** Sees to it that what stands there now is watched. To be called now and then; costs one look. */
  async check(): Promise<void> {
    const identity = await stat(this.path).then(({ dev, ino }) => `${dev}:${ino}`, () => undefined);
    if (identity === undefined) return this.#lose();
    const same = identity === this.#identity && !this.#broken && this.#seen < MANY;
    if (same && this.#state !== "missing") return;
    this.close();
    this.#identity = identity;
    this.#watch();
    this.#events.changed(); // whatever happened meanwhile was not seen
  }

  close(): void {
    this.#stop?.();
    this.#stop = undefined;
    this.#seen = 0;
    this.#broken = false;
  }

  #lose(): void {
    this.close();
    this.#identity = undefined;
    this.#enter("missing");
  }

  #watch(): void {
    try {
      this.#enter("watched");
      this.#stop = this.#start(this.path, (name) => this.#change(name), (error) => this.#fail(error));
    } catch (error) {
      this.#fail(error);
    }
  }

  #change(name: string | null): void {
    this.#seen++;
    if (name === null || !this.#ignores(join(this.path, name))) this.#events.changed();
  }

  /** With too few watches there is no use in trying again; what else went wrong, the next check mends. */
  #fail(error: unknown): void {
    if (isWatchLimit(error)) {
      this.close();
      this.#enter("polled");
    } else this.#broken = true;
  }

  #enter(state: FolderState): void {
    const before = this.#state;
    if (before === state) return;
    this.#state = state;
    this.#events.state(this, before);
  }
}
