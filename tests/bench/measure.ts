/** Running programs side by side, in turn, and what each of them took. */

import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";

/** A program to run. */
export interface Command {
  readonly argv: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
}

/** What one run took, its children included. */
export interface Cost {
  /** Wall time, in seconds. */
  readonly seconds: number;
  /** User and system time together, in seconds: what stays the same on a busy machine. */
  readonly cpu: number;
  /** The largest resident set of any one process, in bytes. */
  readonly memory: number;
}

/** One of those that are compared. */
export interface Entry {
  readonly name: string;
  /** False for a program that is not on this machine. */
  readonly installed?: boolean;
  /** Not measured: brings the world to where the run begins. */
  before?(round: number): void;
  run(): Command;
}

/** What one of those compared took in the middle of its rounds. */
export interface Row {
  readonly name: string;
  /** Undefined for a program that is not installed. */
  readonly cost: Cost | undefined;
}

/** A script of the shell, with arguments that it finds in `$1` and so on. */
export function shell(script: string, ...args: readonly string[]): Command {
  return { argv: ["sh", "-c", script, "sh", ...args] };
}

/** Runs something that is not measured. */
export function must({ argv, env }: Command): string {
  const [program = "", ...args] = argv;
  const done = spawnSync(program, args, {
    env: { ...process.env, ...env },
    encoding: "utf8",
    maxBuffer: 1 << 28,
  });
  if (done.status === 0) return done.stdout;
  throw new Error(`${argv.join(" ")} ended with ${done.status ?? done.error}: ${done.stderr}`);
}

/** Runs a program by GNU time, which asks the kernel what it and its children took. */
export function measure({ argv, env }: Command): Cost {
  const folder = mkdtempSync(join(tmpdir(), "coldframe-time-"));
  const notes = join(folder, "notes");
  try {
    const start = performance.now();
    const done = spawnSync("/usr/bin/time", ["-o", notes, "-f", "%U %S %M", ...argv], {
      env: { ...process.env, ...env },
      stdio: ["ignore", "ignore", "pipe"],
      maxBuffer: 1 << 28,
    });
    const seconds = (performance.now() - start) / 1000;
    if (done.error !== undefined) {
      throw new Error(`GNU time (package "time") is needed: ${done.error.message}`);
    }
    if (done.status !== 0) throw new Error(`${argv.join(" ")} ended with ${done.status}: ${done.stderr}`);
    const [user = 0, system = 0, kilobytes = 0] = readFileSync(notes, "utf8").trim().split(" ").map(Number);
    return { seconds, cpu: user + system, memory: kilobytes * 1024 };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/**
 * Lets everyone run once in each round, so that what slows the machine down for a while slows down all.
 *
 * @param settle called before each run: what the one before has left to write shall not slow this one
 */
export function inTurn(entries: readonly Entry[], rounds: number, settle: () => void): Row[] {
  const costs = new Map(entries.map(({ name }): [string, Cost[]] => [name, []]));
  for (let round = 0; round < rounds; round++) {
    for (const { name, installed, before, run } of entries) {
      if (installed === false) continue;
      before?.(round);
      settle();
      costs.get(name)?.push(measure(run()));
    }
  }
  return [...costs].map(([name, all]) => ({ name, cost: all.length === 0 ? undefined : middle(all) }));
}

/** Each figure's median over the rounds. */
export function middle(costs: readonly Cost[]): Cost {
  const of = (key: keyof Cost) => median(costs.map((cost) => cost[key]));
  return { seconds: of("seconds"), cpu: of("cpu"), memory: of("memory") };
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? NaN;
}
