/** The terminal of this process. */

import process from "node:process";
import { createInterface } from "node:readline/promises";
import { Writable } from "node:stream";
import { text } from "node:stream/consumers";
import { ColdframeError, systemCode } from "../errors.ts";
import type { Terminal } from "./terminal.ts";

/** This process's streams, environment and signals, until `close`. */
export function processTerminal(): Terminal & { close(): void } {
  const stop = new AbortController();
  const onSignal = (signal: string) => {
    if (stop.signal.aborted) process.exit(1); // asked twice: go at once; the next run tidies up
    const hint = "Run the same command again: it goes on where it stopped.";
    stop.abort(new ColdframeError("interrupted", `stopped by ${signal}`, { hint }));
  };
  process.on("SIGINT", onSignal);
  process.on("SIGTERM", onSignal);
  process.stdout.on("error", (error) => {
    if (systemCode(error) === "EPIPE") process.exit(0); // `coldframe ls | head` has read enough
    throw error;
  });
  const live = process.stderr.isTTY === true;
  return {
    out: (text) => void process.stdout.write(text),
    err: (text) => void process.stderr.write(text),
    live,
    interactive: process.stdin.isTTY === true && live,
    colour: live && (process.env["NO_COLOR"] ?? "") === "" && process.env["TERM"] !== "dumb",
    columns: process.stdout.columns,
    env: process.env,
    ask: (question, options) => {
      const interrupt = () => onSignal("SIGINT");
      return ask(question, { secret: options?.secret ?? false, signal: stop.signal, interrupt });
    },
    input: () => text(process.stdin),
    now: () => Date.now(),
    onHangup(listener) {
      process.on("SIGHUP", listener);
      return () => void process.off("SIGHUP", listener);
    },
    signal: stop.signal,
    close() {
      process.off("SIGINT", onSignal);
      process.off("SIGTERM", onSignal);
    },
  };
}

async function ask(
  question: string,
  { secret, signal, interrupt }: { secret: boolean; signal: AbortSignal; interrupt: () => void },
): Promise<string | undefined> {
  if (secret) process.stderr.write(question);
  const silent = new Writable({ write: (_chunk, _encoding, done) => done() });
  const output = secret ? silent : process.stderr;
  const reader = createInterface({ input: process.stdin, output, terminal: process.stdin.isTTY === true });
  // While a question is open, the terminal sends Ctrl-C as a key.
  reader.on("SIGINT", interrupt);
  try {
    const ended = new Promise<undefined>((resolve) => reader.once("close", () => resolve(undefined)));
    // The reader draws its line anew with each key, so the question must be its own.
    return await Promise.race([reader.question(secret ? "" : question, { signal }), ended]);
  } catch (error) {
    signal.throwIfAborted();
    throw error;
  } finally {
    reader.close();
    if (secret) process.stderr.write("\n");
  }
}
