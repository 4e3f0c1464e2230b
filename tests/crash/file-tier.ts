/** A folder as a `file:` store. What happens in it is read from the system calls of the runs (strace). */

import { existsSync } from "node:fs";
import { readdir, readFile, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import {
  type Standing,
  type Step,
  stepOfWrite,
  type Stop,
  type StoreEvent,
  type Tier,
  Trap,
  Watch,
} from "./tier.ts";
import type { Call } from "./trace.ts";

const UNFINISHED = ".coldframe-tmp";

/** A folder of its own for each round. */
export class FileTier implements Tier {
  readonly kind = "file";
  readonly url: string;
  readonly env = {};
  readonly #root: string;
  readonly #trap = new Trap();
  readonly #watch = new Watch();
  readonly #calls: StoreEvent[] = [];

  constructor(root: string) {
    this.#root = root;
    this.url = `file:${root}`;
  }

  /** The system calls have their times. */
  look(): void {}

  onRequest(): void {}

  prepare(): Promise<void> {
    return Promise.resolve();
  }

  async objects(): ReturnType<Tier["objects"]> {
    const standing = new Map<string, Standing>();
    for (const path of await filesBelow(this.#root)) {
      if (path.startsWith(".")) continue;
      const { size, ino, mtimeMs } = await stat(join(this.#root, path));
      standing.set(path, { size, identity: `${ino} ${mtimeMs}` });
    }
    return { standing, twice: [] };
  }

  /** The files of single writes that a kill cut off are swept after a day, so they are not counted. */
  async unfinished(): Promise<string[]> {
    const names = await readdir(join(this.#root, UNFINISHED)).catch(() => []);
    const uploads = names.filter((name) => /^upload-.*\.(json|part)$/.test(name));
    return await Promise.all(
      uploads.map(async (name) =>
        name.endsWith(".json") ? await readFile(join(this.#root, UNFINISHED, name), "utf8") : name
      ),
    );
  }

  async lose(prefix: string): Promise<void> {
    await rm(join(this.#root, prefix), { recursive: true });
  }

  arm(stop: Stop | undefined, kill: () => void): void {
    this.#trap.arm(stop, kill);
  }

  /** Hears of a call of a run at the moment it is entered. */
  entered(call: Call): void {
    const stop = this.#trap.meets(this.#stepOf(call));
    if (stop === undefined) return;
    if (stop.when === "before") return this.#trap.kill();
    const timer = setInterval(() => {
      const hadEffect = call.name === "unlink" ? !existsSync(call.path) : existsSync(call.path);
      if (!hadEffect) return;
      clearInterval(timer);
      this.#trap.kill();
    }, 1);
  }

  /** Takes up what a run did. */
  note(calls: readonly Call[]): void {
    for (const { name, path, at } of calls) {
      const key = this.#keyOf(path);
      if (key === undefined) continue;
      if (name === "link" || name === "rename") this.#calls.push({ at, kind: "written", key });
      if (name === "unlink") this.#calls.push({ at, kind: "removed", key });
    }
  }

  /** The key of an object of this store that is at a path. */
  #keyOf(path: string): string | undefined {
    const key = path.startsWith(`${this.#root}/`) ? path.slice(this.#root.length + 1) : undefined;
    return key?.startsWith(".") ? undefined : key;
  }

  #stepOf({ name, path }: Call): Step | undefined {
    const inHere = path.startsWith(`${this.#root}/`);
    if (inHere && name === "fdatasync" && path.endsWith(".part")) return "4 part sent";
    if (inHere && name === "rename" && path.endsWith(".json")) return "4 upload begun";
    const key = this.#keyOf(path);
    if (name === "unlink") return key?.startsWith("staged/") ? "9 staged object removed" : undefined;
    return key !== undefined && name === "link" ? stepOfWrite(key) : undefined;
  }

  async events(): Promise<readonly StoreEvent[]> {
    this.#watch.look((await this.objects()).standing);
    return [...this.#calls, ...this.#watch.events.filter(({ kind }) => kind === "replaced")];
  }

  faults(): readonly unknown[] {
    return [];
  }

  close(): Promise<void> {
    return Promise.resolve();
  }
}

async function filesBelow(root: string): Promise<string[]> {
  const entries = await readdir(root, { recursive: true, withFileTypes: true }).catch(() => []);
  return entries.filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(root.length + 1));
}
