/** Programs that run beside a test: started on free ports, stopped whatever happens, their folder removed. */

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { openSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { createServer } from "node:net";
import { join } from "node:path";
import process from "node:process";
import { withFolder } from "../tools.ts";

/** An S3 server made by others. */
export interface RealServer {
  /** `http://127.0.0.1:<port>`. */
  readonly endpoint: string;
  readonly region: string;
  readonly accessKey: string;
  readonly secretKey: string;
  /** Empty, made for this body. */
  readonly bucket: string;
}

const STOP_MS = 5000;

/** Starts programs in one folder, and stops them in the reverse order. */
export class Daemons {
  readonly folder: string;
  readonly #children: { readonly name: string; readonly child: ChildProcess }[] = [];

  constructor(folder: string) {
    this.folder = folder;
  }

  /** Starts a program; its output goes to `<name>.out` in the folder. */
  start(name: string, args: readonly string[], env: Readonly<Record<string, string>> = {}): void {
    const out = openSync(join(this.folder, `${name}.out`), "a");
    const child = spawn(name, args, { stdio: ["ignore", out, out], env: { ...process.env, ...env } });
    // Without a listener a missing program would end the whole test run; `until` reports it instead.
    child.on("error", () => {});
    this.#children.push({ name, child });
  }

  /**
   * Waits until `ready` says so.
   *
   * @param seconds how long to wait
   * @throws Error with the end of the program's output when it ends or takes too long
   */
  async until(name: string, seconds: number, ready: () => Promise<boolean>): Promise<void> {
    const deadline = Date.now() + seconds * 1000;
    while (!(await ready())) {
      const ended = this.#children.find((one) => one.child.exitCode !== null || one.child.pid === undefined);
      if (ended !== undefined) throw new Error(`${ended.name} ended: ${await this.#output(ended.name)}`);
      if (Date.now() > deadline) throw new Error(`${name} is not ready: ${await this.#output(name)}`);
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }

  async #output(name: string): Promise<string> {
    return (await readFile(join(this.folder, `${name}.out`), "utf8").catch(() => "")).slice(-2000);
  }

  /** Stops everything, the stubborn with SIGKILL. */
  async stop(): Promise<void> {
    for (const { child } of this.#children.reverse()) {
      if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) continue;
      const ended = once(child, "exit");
      child.kill("SIGTERM");
      const timer = setTimeout(() => child.kill("SIGKILL"), STOP_MS);
      await ended;
      clearTimeout(timer);
    }
  }

  /** For the case that the test run itself is stopped. */
  kill(): void {
    for (const { child } of this.#children) child.kill("SIGKILL");
  }
}

/** Runs `body` with a fresh folder for programs, all of which are gone afterwards. */
export async function withDaemons<T>(body: (daemons: Daemons) => Promise<T>): Promise<T> {
  return await withFolder(async (folder) => {
    const daemons = new Daemons(folder);
    const onExit = () => daemons.kill();
    process.once("exit", onExit);
    try {
      return await body(daemons);
    } finally {
      await daemons.stop();
      process.removeListener("exit", onExit);
    }
  });
}

/** A port of 127.0.0.1 that was free a moment ago. */
export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  if (address === null || typeof address === "string") throw new Error("no free port");
  return address.port;
}

/** Whether something answers HTTP at a URL, with whatever status. */
export async function answers(url: string): Promise<boolean> {
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(2000) });
    await response.body?.cancel();
    return response.status < 500;
  } catch {
    return false;
  }
}
