/** A watch in a process of its own. */

import { spawn } from "node:child_process";
import { once } from "node:events";
import process from "node:process";
import type { Result, User } from "../cli/harness.ts";
import { scriptCommand } from "../cli/process.ts";

/** A watch that runs. */
export interface RunningWatch {
  out(): string;
  err(): string;
  /** Until it has said something, on either stream. */
  says(pattern: RegExp): Promise<void>;
  signal(name: "SIGINT" | "SIGTERM" | "SIGHUP" | "SIGKILL"): void;
  /** SIGTERM, and what it leaves behind. */
  stop(): Promise<Result>;
  readonly ended: Promise<Result>;
  readonly pid: number;
}

/** Waits until something is so; throws when it is not after a minute. */
export async function until(
  isSo: () => boolean | Promise<boolean>,
  what: () => string = () => "it",
  ms = 60_000,
): Promise<void> {
  const end = Date.now() + ms;
  while (!await isSo()) {
    if (Date.now() > end) throw new Error(`not so after ${ms} ms: ${what()}`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

/**
 * Starts `coldframe watch` with files taken for written after a second.
 *
 * @param through a command that runs the one it gets as arguments
 * @param program instead of the script on this runtime
 */
export function startWatch(
  user: User,
  folder?: string,
  { through = [], program = scriptCommand("watch"), rest = 1 }: {
    through?: readonly string[];
    program?: readonly string[];
    rest?: number;
  } = {},
): RunningWatch {
  const folders = folder === undefined ? [] : [folder];
  const [first = "", ...args] = [...through, ...program, ...folders, "--rest", String(rest)];
  const child = spawn(first, args, {
    env: { ...process.env, NO_COLOR: "1", COLDFRAME_HOME: user.home, ...user.env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let [out, err] = ["", ""];
  child.stdout.setEncoding("utf8").on("data", (text: string) => out += text);
  child.stderr.setEncoding("utf8").on("data", (text: string) => err += text);
  const ended = once(child, "close").then(([code]) => ({ code: Number(code ?? 137), out, err }));
  const pid = child.pid;
  if (pid === undefined) throw new Error("it could not be started");
  // Not by `child.kill`, after which Deno reports the signal, however the child ended.
  const signal = (name: NodeJS.Signals) => void process.kill(pid, name);
  return {
    out: () => out,
    err: () => err,
    says: (pattern) =>
      until(() => pattern.test(out) || pattern.test(err), () => `it says ${pattern}, but\n${out}\n${err}`),
    signal,
    stop: () => {
      signal("SIGTERM");
      return ended;
    },
    ended,
    pid,
  };
}
