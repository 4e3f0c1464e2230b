/** The real program as a child process that can be killed. */

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import process from "node:process";
import { fileURLToPath } from "node:url";
import type { FileTier } from "./file-tier.ts";
import type { Stop, Tier } from "./tier.ts";
import { type CallStop, CAN_TRACE, followTrace, readTrace, traceCommand } from "./trace.ts";

/** What the program runs on. */
export type Runtime = "bun" | "deno";

export type Signal = "SIGKILL" | "SIGINT" | "SIGTERM";

/** When a run is to die. */
export type Kill =
  | { readonly kind: "none" }
  /** So many ms after its start; SIGINT and SIGTERM ask it to end by itself. */
  | { readonly kind: "time"; readonly ms: number; readonly signal: Signal }
  /** In a step of one of its stores. */
  | { readonly kind: "step"; readonly tier: Tier; readonly stop: Stop }
  /** In a system call, such as a write of the catalog. */
  | { readonly kind: "call"; readonly stop: CallStop };

/** One run of the program. */
export interface Run {
  readonly runtime: Runtime;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly kill: Kill;
  /** Where a log of its system calls may be written. */
  readonly log: string;
  /** Stores on the disk, to be told of those calls. */
  readonly disks: readonly FileTier[];
}

/** How a run ended. */
export interface Ended {
  readonly killed: boolean;
  /** The exit code; 137 for a killed one. */
  readonly code: number;
  readonly err: string;
  /** ms. */
  readonly took: number;
}

/** Calls are held for so long around a step that is waited for, in µs. */
const HOLD = 4_000;
/** A run that is not done by now hangs, in ms. */
const PATIENCE = 120_000;

const PROGRAM = fileURLToPath(new URL("../../scripts/coldframe.ts", import.meta.url));
/** A compiled program to kill instead of the sources; it starts sooner. */
const BINARY = process.env["COLDFRAME_PROGRAM"];
const COMMANDS: Readonly<Record<Runtime, readonly string[]>> = {
  bun: BINARY === undefined ? ["bun", PROGRAM] : [BINARY],
  deno: ["deno", "run", "-A", PROGRAM],
};

/** Runs the program to its end, be it killed or not. */
export async function runProgram(run: Run): Promise<Ended> {
  const started = performance.now();
  const child = start(run);
  const signal = run.kill.kind === "time" ? run.kill.signal : "SIGKILL";
  const kill = () => void killChild(child, signal);
  const disarm = arm(run, kill);
  const hanging = setTimeout(() => killChild(child, "SIGKILL"), PATIENCE);
  try {
    const { code, err } = await outcome(child);
    if (performance.now() - started > PATIENCE) throw new Error(`a run hung:\n${err}`);
    return {
      killed: code === 137 || /^Error: stopped by SIG/m.test(err),
      code,
      err,
      took: performance.now() - started,
    };
  } finally {
    clearTimeout(hanging);
    disarm();
    await tell(run);
  }
}

function start({ runtime, args, env, kill, log, disks }: Run): ChildProcess {
  const stop = kill.kind === "call" ? kill.stop : undefined;
  const onDisk = kill.kind === "step" && kill.tier.kind === "file";
  const traced = CAN_TRACE && (disks.length > 0 || stop !== undefined);
  const tracing = { log, stop, hold: onDisk ? HOLD : undefined };
  const line = [...(traced ? traceCommand(tracing) : []), ...COMMANDS[runtime], ...args];
  const [program = "", ...rest] = line;
  return spawn(program, rest, {
    env: { ...process.env, NO_COLOR: "1", ...env },
    stdio: ["ignore", "ignore", "pipe"],
  });
}

/** @returns what takes the trap away again */
function arm({ kill: plan, log, disks }: Run, kill: () => void): () => void {
  if (plan.kind === "time") {
    const timer = setTimeout(kill, plan.ms);
    return () => clearTimeout(timer);
  }
  if (plan.kind !== "step") return () => {};
  plan.tier.arm(plan.stop, kill);
  const following = plan.tier.kind === "file"
    ? followTrace(log, (call) => disks.forEach((disk) => disk.entered(call)))
    : undefined;
  return () => {
    following?.stop();
    plan.tier.arm(undefined, kill);
  };
}

/** Not by `child.kill`, which Deno gives back as the outcome, however the child ended. */
function killChild({ pid }: ChildProcess, signal: Signal): void {
  if (pid === undefined) throw new Error("the program could not be started");
  try {
    process.kill(pid, signal);
  } catch {
    // It had just ended.
  }
}

async function outcome(child: ChildProcess): Promise<{ code: number; err: string }> {
  let err = "";
  child.stderr?.setEncoding("utf8").on("data", (text: string) => err += text);
  const [code] = await once(child, "close");
  return { code: code ?? 137, err };
}

async function tell({ log, disks }: Run): Promise<void> {
  if (!CAN_TRACE || disks.length === 0) return;
  const calls = await readTrace(log);
  for (const disk of disks) disk.note(calls);
}
