/** Running the real scripts in a process of their own, on the runtime that runs the tests. */

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import process from "node:process";
import { fileURLToPath } from "node:url";
import type { Result, User } from "./harness.ts";

/** A script that runs. */
export interface Running {
  /** Sends a signal. Not by `child.kill`, after which Deno reports the signal, however the child ended. */
  signal(name: "SIGINT" | "SIGTERM" | "SIGKILL"): void;
  /** What it leaves behind when it has ended. 137 stands for SIGKILL, as in a shell. */
  readonly ended: Promise<Result>;
}

const IN_DENO = "Deno" in globalThis;

/** The command line of `scripts/<name>.ts`. */
export function scriptCommand(name: string): [program: string, ...args: string[]] {
  const script = fileURLToPath(new URL(`../../scripts/${name}.ts`, import.meta.url));
  return [process.execPath, ...(IN_DENO ? ["run", "-A", script] : [script])];
}

/** Starts `scripts/<name>.ts` as the user would, without a terminal. */
export function startScript(user: User, name: string, ...args: string[]): Running {
  const [program, ...before] = scriptCommand(name);
  const child = spawn(program, [...before, ...args], {
    env: { ...process.env, NO_COLOR: "1", COLDFRAME_HOME: user.home, ...user.env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  return {
    signal: (name) => void process.kill(pidOf(child), name),
    ended: outcome(child),
  };
}

async function outcome(child: ChildProcess): Promise<Result> {
  let out = "";
  let err = "";
  child.stdout?.setEncoding("utf8").on("data", (text: string) => out += text);
  child.stderr?.setEncoding("utf8").on("data", (text: string) => err += text);
  const [code, signal] = await once(child, "close");
  if (code === null && signal !== "SIGKILL") throw new Error(`it died of ${signal}:\n${err}`);
  return { code: code ?? 137, out, err };
}

/** Runs a script that must succeed. Its process has let go of every file when this returns. */
export async function okScript(user: User, name: string, ...args: string[]): Promise<string> {
  const { code, out, err } = await startScript(user, name, ...args).ended;
  if (code !== 0) throw new Error(`${name} ended with ${code}:\n${err}`);
  return out;
}

function pidOf(child: ChildProcess): number {
  if (child.pid === undefined) throw new Error("the script could not be started");
  return child.pid; // never 0, which would mean our whole process group
}
