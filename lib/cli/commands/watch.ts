/** `coldframe watch`: protects what is new as it comes, day and night. */

import type { Command } from "commander";
import { resolve } from "node:path";
import { homePath } from "../../home/home.ts";
import type { OpenOptions } from "../../jobs/open.ts";
import { watchTree } from "../../jobs/watch/folder.ts";
import { RAISE_LIMITS } from "../../jobs/watch/limits.ts";
import { parsePlan, planWatch, type WatchPlan } from "../../jobs/watch/plan.ts";
import { serviceManager } from "../../jobs/watch/service.ts";
import { type Ended, watch, type WatchEvent } from "../../jobs/watch/watch.ts";
import {
  addStoreFlags,
  type CommandContext,
  EXIT,
  type GlobalFlags,
  newCommand,
  restOption,
  type StoreFlags,
} from "../command.ts";
import { formatTime, printable } from "../format.ts";
import { progressReporter } from "../progress.ts";
import { runSelf } from "../self.ts";
import { json, line, type Terminal, warn } from "../terminal.ts";
import { describeRun } from "../watch-text.ts";

interface Flags extends GlobalFlags, StoreFlags {
  readonly rest: number;
  readonly dryRun?: boolean;
}

export function watchCommand(context: CommandContext): Command {
  return addStoreFlags(
    newCommand(
      "watch",
      "Protect folders as they change: wait for new files, sync them when they are written to their end, and run checks when they are due. Ends with Ctrl-C.",
      "coldframe watch ~/Pictures",
    ),
  )
    .argument("[dir...]", "folders to watch; without any, those protected so far")
    .addOption(restOption().default(10_000, "10"))
    .option("--dry-run", "say what would be watched and what is due, and do nothing")
    .action((dirs: string[], flags: Flags) => (flags.dryRun === true ? dryRun : run)(context, dirs, flags));
}

async function dryRun(
  { terminal, finish }: CommandContext,
  dirs: readonly string[],
  flags: Flags,
): Promise<void> {
  const home = homePath(flags.home, terminal.env);
  const plan = await planWatch(openOptions(terminal, home, flags), dirs.map((dir) => resolve(dir)));
  if (flags.json === true) json(terminal, { dryRun: true, ...plan });
  else printPlan(terminal, plan);
  finish(EXIT.done);
}

function printPlan(terminal: Terminal, { folders, jobs }: WatchPlan): void {
  for (const folder of folders) line(terminal, `Would watch ${printable(folder)}.`);
  for (const { job, due } of jobs) line(terminal, `Would run ${job}, due ${formatTime(due)}.`);
}

async function run(
  { terminal, finish }: CommandContext,
  given: readonly string[],
  flags: Flags,
): Promise<void> {
  const dirs = given.map((dir) => resolve(dir));
  const service = serviceManager(terminal.env, (text) => warn(terminal, text));
  const home = homePath(flags.home, terminal.env);
  await watch({
    dirs,
    rest: flags.rest,
    run: (args) => runCommand(terminal, [...args, ...passedOn(home, flags)]),
    look: async () =>
      parsePlan(
        (await runCommand(terminal, ["watch", "--dry-run", ...dirs, ...passedOn(home, flags)])).result,
      ),
    start: watchTree,
    service,
    tell: (event) => flags.json === true ? json(terminal, event) : print(terminal, event),
    onHangup: (listener) => terminal.onHangup(listener),
    signal: terminal.signal,
    now: () => terminal.now(),
  });
  finish(EXIT.done);
}

/** The flags that commands need to do the same in a process of their own. */
function passedOn(home: string, { staging, cold }: Flags): string[] {
  return [
    ...["--json", "--home", home],
    ...(staging === undefined ? [] : ["--staging", staging]),
    ...(cold === undefined ? [] : ["--cold", cold]),
  ];
}

async function runCommand(terminal: Terminal, args: readonly string[]): Promise<Ended> {
  const { env, signal } = terminal;
  const { code, out } = await runSelf(args, { env, signal, onError: (text) => terminal.err(text) });
  return { code, result: parseJson(out) };
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined; // it was killed, or printed lines
  }
}

function openOptions(terminal: Terminal, root: string, { staging, cold, json }: Flags): OpenOptions {
  return {
    ...{ root, staging, cold, create: false, lockFor: undefined },
    env: terminal.env,
    signal: terminal.signal,
    report: progressReporter(terminal, json === true),
    now: () => terminal.now(),
  };
}

function print(terminal: Terminal, event: WatchEvent): void {
  switch (event.event) {
    case "watching":
      return line(terminal, `Watching ${event.folders.map(printable).join(", ")}.`);
    case "folder":
      return printFolder(terminal, event);
    case "job":
      return describeRun(terminal, event.job, event.code, event.result);
    case "failed":
      return warn(
        terminal,
        `${event.job}: ${event.message}. It is tried again at ${formatTime(event.retry)}.`,
      );
    case "reload":
      return line(terminal, "Reading the settings again.");
    case "end":
      return line(terminal, "Watching has ended.");
  }
}

function printFolder(terminal: Terminal, { path, state }: Extract<WatchEvent, { event: "folder" }>): void {
  if (state === "watched") return line(terminal, `${printable(path)} is watched again.`);
  if (state === "missing") {
    return warn(terminal, `${path} is not there; it is watched again when it is back.`);
  }
  warn(
    terminal,
    `${path} has more folders than this system lets us watch, so it is scanned every 15 minutes.`,
  );
  warn(terminal, `To have them watched, run: ${RAISE_LIMITS}`);
}
