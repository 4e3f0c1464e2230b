/** Running the real scripts in a process of their own, on the runtime that runs the tests. */

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import process from "node:process";
import { fileURLToPath } from "node:url";
import type { Result, User } from "./harness.ts";

/** A script that runs. */
export interface Running {
  readonly child: ChildProcess;
  /** What it leaves behind when it has ended; a signal counts as 128 and its number, as in a shell. */
  readonly ended: Promise<Result>;
}

const IN_DENO = "Deno" in globalThis;

/** Starts `scripts/<name>.ts` as the user would, without a terminal. */
export function startScript(user: User, name: string, ...args: string[]): Running {
  const script = fileURLToPath(new URL(`../../scripts/${name}.ts`, import.meta.url));
  const child = spawn(process.execPath, [...(IN_DENO ? ["run", "-A", script] : [script]), ...args], {
    env: { ...process.env, NO_COLOR: "1", COLDFRAME_HOME: user.home, ...user.env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  return { child, ended: outcome(child) };
}

async function outcome(child: ChildProcess): Promise<Result> {
  let out = "";
  let err = "";
  child.stdout?.setEncoding("utf8").on("data", (text: string) => out += text);
  child.stderr?.setEncoding("utf8").on("data", (text: string) => err += text);
  const [code, signal] = await once(child, "close");
  return { code: code ?? (signal === "SIGKILL" ? 137 : 130), out, err };
}
