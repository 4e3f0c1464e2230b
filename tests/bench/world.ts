/** Where the benchmarks live: one folder, gone afterwards, with data that is made when first asked for. */

import { existsSync, mkdirSync, rmSync } from "node:fs";
import { homedir, loadavg } from "node:os";
import { join, resolve } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { hasTool } from "../tools.ts";
import { makeHousehold, makeLarge, makeTree } from "./data.ts";
import { type Command, must } from "./measure.ts";

const ROOT = resolve(fileURLToPath(import.meta.url), "..", "..", "..");

/** A folder with data and archives, and the ways to run coldframe. */
export class World {
  readonly folder: string;
  /** 1 for the sizes of the published table. */
  readonly scale: number;
  readonly rounds: number;
  /** Of the machine, in the minute before. */
  readonly loadBefore = loadavg()[0] ?? 0;

  constructor(folder: string, scale: number, rounds: number) {
    this.folder = folder;
    this.scale = scale;
    this.rounds = rounds;
    mkdirSync(this.path("homes"), { recursive: true });
    for (const name of Object.keys(process.env)) {
      if (/^(AWS|RESTIC|RCLONE|BORG|COLDFRAME)_/.test(name)) delete process.env[name]; // how their user has set them
    }
    process.env["DENO_DIR"] ??= join(homedir(), ".cache", "deno");
    process.env["HOME"] = this.fresh("user"); // caches and settings of every program
  }

  /** A number of files or bytes at this scale. */
  scaled(full: number): number {
    return Math.max(1, Math.round(full * this.scale));
  }

  path(...parts: readonly string[]): string {
    return join(this.folder, ...parts);
  }

  has(program: string): boolean {
    return hasTool(program);
  }

  remove(...parts: readonly string[]): void {
    rmSync(this.path(...parts), { recursive: true, force: true });
  }

  /** An empty folder. */
  fresh(name: string): string {
    this.remove(name);
    mkdirSync(this.path(name), { recursive: true });
    return this.path(name);
  }

  /** What has been written goes to the disk now, and not while the next one is measured. */
  settle = (): void => {
    must({ argv: ["sync", "-f", this.folder] });
  };

  // ---- data

  household(bytes = this.scaled(1e9)): string {
    return this.#data(`household-${bytes}`, (folder) => makeHousehold(folder, bytes));
  }

  tree(files = this.scaled(100_000)): string {
    return this.#data(`tree-${files}`, (folder) => makeTree(folder, files));
  }

  large(): string {
    const bytes = this.scaled(200e6);
    return this.#data(`large-${bytes}`, (folder) => makeLarge(folder, 20, bytes));
  }

  #data(name: string, make: (folder: string) => void): string {
    const folder = this.path("data", name);
    if (!existsSync(folder)) make(folder);
    return folder;
  }

  // ---- coldframe

  /** The binary for this machine, as `deno task build` makes it. */
  get binary(): string {
    return join(ROOT, "dist", `coldframe-${process.platform}-${process.arch}`);
  }

  build(): void {
    must({ argv: ["bun", join(ROOT, "scripts", "build.ts")] });
  }

  bun(...args: readonly string[]): Command {
    return { argv: [this.binary, ...args] };
  }

  deno(...args: readonly string[]): Command {
    return { argv: ["deno", "run", "-A", join(ROOT, "scripts", "coldframe.ts"), ...args] };
  }

  /** A program of this folder, by Bun. */
  own(name: string, ...args: readonly string[]): Command {
    return { argv: ["bun", join(ROOT, "tests", "bench", name), ...args] };
  }
}
