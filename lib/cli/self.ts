/** Starting this program again: as a child, or from a service manager. */

import { spawn } from "node:child_process";
import process from "node:process";
import { fileURLToPath } from "node:url";

/** Where Bun keeps the modules of a compiled program: only then is the program one file. */
const COMPILED = /^(\/\$bunfs\/|[A-Z]:[\\/]~BUN[\\/])/;

/** The program and the arguments that stand before those of `coldframe`; absolute paths. */
export function ownCommand(): [program: string, ...args: string[]] {
  if (COMPILED.test(process.argv[1] ?? "")) return [process.execPath];
  const script = fileURLToPath(new URL("../../scripts/coldframe.ts", import.meta.url));
  return [process.execPath, ...("Deno" in globalThis ? ["run", "-A", script] : [script])];
}

/** How a child ended, and what it wrote to standard output. */
export interface ChildEnd {
  readonly code: number;
  readonly out: string;
}

/**
 * Runs `coldframe …args` in a process of its own, in a session of its own: Ctrl-C in the terminal reaches
 * only us, and an abort reaches the child once, since a second signal would make it stop at once.
 *
 * @param onError gets what it writes to standard error
 */
export function runSelf(
  args: readonly string[],
  options: {
    readonly env: Readonly<Record<string, string | undefined>>;
    readonly signal: AbortSignal;
    readonly onError: (text: string) => void;
  },
): Promise<ChildEnd> {
  const [program, ...before] = ownCommand();
  const child = spawn(program, [...before, ...args], {
    env: { ...options.env },
    stdio: ["ignore", "pipe", "pipe"],
    detached: process.platform !== "win32",
  });
  let out = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => out += text);
  child.stderr.setEncoding("utf8").on("data", options.onError);
  // Not by `child.kill`, after which Deno reports the signal, however the child ended.
  const stop = () => child.pid !== undefined && process.kill(child.pid, "SIGTERM");
  options.signal.addEventListener("abort", stop, { once: true });
  return new Promise<ChildEnd>((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (code) => resolve({ code: code ?? 1, out }));
  }).finally(() => options.signal.removeEventListener("abort", stop));
}
