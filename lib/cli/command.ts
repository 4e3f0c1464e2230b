/** What all commands share: global flags, opening a session, exit codes. */

import { Command, Option } from "commander";
import { ColdframeError, hasCode, messageOf } from "../errors.ts";
import { parseVolumeSize } from "../home/config.ts";
import { homePath } from "../home/home.ts";
import { oversee, tellOfBrokenHome } from "../jobs/alerts/oversee.ts";
import { type OpenSession, openSession } from "../jobs/open.ts";
import type { Session } from "../jobs/session.ts";
import { parseRate, type RateSchedule } from "../store/rate.ts";
import { parseMoment } from "./format.ts";
import { progressReporter } from "./progress.ts";
import { type Terminal, warn } from "./terminal.ts";

/**
 * Exit codes, the same for every command (DESIGN §2). `busy` is EX_TEMPFAIL of sysexits.h: another run holds the
 * home, so a timer that meets a run has nothing to report.
 */
export const EXIT = { done: 0, failed: 1, usage: 2, partly: 3, damage: 4, busy: 75 } as const;
export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

/** Makes one command; its action leaves the exit code by `finish`. */
export type CommandMaker = (context: CommandContext) => Command;

/** What a command is given. */
export interface CommandContext {
  readonly terminal: Terminal;
  /** Sets the exit code of a command that ran to its end. */
  finish(code: ExitCode): void;
}

/** Flags that mean the same everywhere. */
export interface GlobalFlags {
  readonly home?: string;
  readonly json?: boolean;
  readonly debug?: boolean;
}

/** Flags of commands that use stores. */
export interface StoreFlags {
  readonly staging?: string;
  readonly cold?: string;
  readonly limitRate?: RateSchedule;
  readonly objectLock?: string;
}

/** A command that only holds others. It has no flags: commander would take theirs for its own. */
export function newGroup(name: string, description: string, example: string): Command {
  return new Command(name).description(description).addHelpText("after", `\nExample:\n  ${example}`);
}

/** A command with the flags that every command has. */
export function newCommand(name: string, description: string, example: string): Command {
  return newGroup(name, description, example)
    .option(
      "--home <dir>",
      "the folder with settings, catalog and keys (default: COLDFRAME_HOME or ~/.coldframe)",
    )
    .option("--json", "print JSON, with stable keys, instead of text")
    .option("--debug", "show where an error came from");
}

/** `--staging` and `--cold`. */
export function addStoreFlags(command: Command): Command {
  return command
    .option("--staging <url>", "where single files wait, such as file:/mnt/usb/store")
    .option("--cold <url>", "where volumes are kept, such as file:/mnt/usb/store");
}

/** `--object-lock`, for commands that write to the cold store. */
export function lockOption(): Option {
  return new Option(
    "--object-lock <time>",
    "volumes at S3 cannot be deleted for so long, such as 365d or 10y",
  );
}

/** `--limit-rate`, for commands that send much. */
export function limitRateOption(): Option {
  return new Option("--limit-rate <rate>", 'how fast to send, such as 2M or "08:00-23:00 500k, else 2M"')
    .argParser((text) => {
      try {
        return parseRate(text);
      } catch (error) {
        if (!hasCode(error, "config")) throw error;
        const hint = error.hint === undefined ? {} : { hint: error.hint };
        throw new ColdframeError("usage", `--limit-rate: ${error.message}`, hint);
      }
    });
}

/** `--rest`, in ms where it is given. */
export function restOption(): Option {
  return new Option(
    "--rest <seconds>",
    "leave files for the next run that changed less than so long ago",
  ).argParser((text) => {
    if (/^\d{1,5}$/.test(text)) return Number(text) * 1000;
    throw new ColdframeError("usage", `--rest: "${text}" is not a number of seconds`, {
      hint: "Write whole seconds, such as --rest 10.",
    });
  });
}

/** `--volume-size`. */
export function volumeSizeOption(): Option {
  return new Option("--volume-size <size>", "the largest volume: k, M, G (powers of 1000), Ki, Mi, Gi")
    .argParser((text) => parseVolumeSize(text, "--volume-size"));
}

/** A flag that takes a day or a time. */
export function momentOption(flags: string, description: string): Option {
  return new Option(flags, description).argParser((text) => {
    const moment = parseMoment(text);
    if (moment !== undefined) return moment;
    throw new ColdframeError("usage", `${flags.split(" ")[0]}: "${text}" is not a date`, {
      hint: "Write a day such as 2024-05-01, or a time such as 2024-05-01T12:30:00Z.",
    });
  });
}

/** How a command uses the home. */
export interface SessionNeeds {
  /** Make a home where there is none. */
  readonly create?: boolean;
  /** The name for the lock; only commands that write need it. */
  readonly lockFor?: string;
  /** The job that it runs, as in `runs`, or the command that runs several: people hear how it ended. */
  readonly job?: string;
}

/** Opens a session, runs `body`, and closes it whatever happens. */
export async function withSession<T>(
  { terminal }: CommandContext,
  flags: GlobalFlags & StoreFlags,
  { job, ...needs }: SessionNeeds,
  body: (session: Session, opened: OpenSession) => Promise<T>,
): Promise<T> {
  const root = homePath(flags.home, terminal.env);
  const opened = await openSession({
    root,
    create: needs.create ?? false,
    lockFor: needs.lockFor,
    staging: flags.staging,
    cold: flags.cold,
    limitRate: flags.limitRate,
    objectLock: flags.objectLock,
    env: terminal.env,
    signal: terminal.signal,
    report: progressReporter(terminal, flags.json === true),
    now: () => terminal.now(),
  }).catch(async (error) => {
    if (job !== undefined) await cryForHelp(terminal, root, error);
    throw error;
  });
  const { session } = opened;
  try {
    return await (job === undefined
      ? body(session, opened)
      : oversee(session, job, () => body(session, opened)));
  } finally {
    await opened.close();
  }
}

/** A home that cannot be opened can note nothing; another run that holds it is no trouble. */
async function cryForHelp(terminal: Terminal, root: string, error: unknown): Promise<void> {
  if (hasCode(error, "busy") || hasCode(error, "usage") || terminal.signal.aborted) return;
  const { env, signal } = terminal;
  const context = { env, home: root, fetch, signal, now: () => terminal.now() };
  await tellOfBrokenHome(context).catch((failure) => {
    warn(terminal, `Nobody could be told: ${messageOf(failure)}`);
  });
}
