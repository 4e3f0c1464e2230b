/** `coldframe mirror`: one object per file, one way; and back onto a disk. */

import { type Command, Option } from "commander";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { mirroredPages } from "../../catalog/mirrors.ts";
import { ColdframeError, messageOf } from "../../errors.ts";
import { parseDisk } from "../../home/config-mirrors.ts";
import { folderOnDisk } from "../../home/disks.ts";
import { homePath, homePaths, openHome } from "../../home/home.ts";
import { fill, type FillReport, type FillRequest } from "../../jobs/mirror/fill.ts";
import { entryOf } from "../../jobs/mirror/index-objects.ts";
import { isPartial, mirror } from "../../jobs/mirror/mirror.ts";
import type { MirrorPlan } from "../../jobs/mirror/plan.ts";
import { mirrorNamed, type MirrorOutcome, PARALLEL, runMirror, wanted } from "../../jobs/mirror/settings.ts";
import { openStores } from "../../jobs/recover/stores.ts";
import type { Session } from "../../jobs/session.ts";
import { unlockWith } from "../../jobs/unlock.ts";
import { parseSize } from "../../size.ts";
import {
  type CommandContext,
  EXIT,
  type ExitCode,
  type GlobalFlags,
  limitRateOption,
  newCommand,
  type StoreFlags,
  withSession,
} from "../command.ts";
import { addIdentityFlag, type IdentityFlags } from "../image.ts";
import { describeFill, describeMirror, describeOutcome, outcomeJson } from "../mirror-text.ts";
import { passphraseAsker } from "../passphrase.ts";
import { progressReporter } from "../progress.ts";
import { json, warn } from "../terminal.ts";

interface Flags extends GlobalFlags, IdentityFlags, Pick<StoreFlags, "limitRate"> {
  readonly plain?: boolean;
  readonly names?: "path" | "opaque";
  readonly include?: string[];
  readonly exclude?: string[];
  readonly max?: number;
  readonly maxBytes?: number;
  readonly parallel?: number;
  readonly disk?: string;
  readonly from?: string;
  readonly repair?: boolean;
  readonly dryRun?: boolean;
  readonly acceptGone?: boolean;
  readonly acceptDevice?: boolean;
  readonly acceptChanges?: boolean;
}

export function mirrorCommand(context: CommandContext): Command {
  const command = newCommand(
    "mirror",
    "Copy every file of a folder to a store, one object each, and never replace or remove any there; " +
      "or, the other way round, fill a disk from such a store.",
    "coldframe mirror /media/stick 's3://bucket/photos?region=eu-central-1'\n" +
      "  coldframe mirror 's3://bucket/photos' /media/new --from /media/stick",
  );
  return addIdentityFlag(command)
    .argument("[from]", "a folder; or a store, or a mirror of the settings, to fill a disk from")
    .argument("[to]", "a store; or the folder to fill. With one name or none, mirrors of the settings run")
    .addOption(limitRateOption())
    .option("--plain", "do not encrypt: for a store that you trust")
    .addOption(new Option("--names <kind>", "what the store sees of names").choices(["path", "opaque"]))
    .option("--include <pattern...>", "only these files and folders")
    .option("--exclude <pattern...>", "not these files and folders")
    .addOption(numberOption("--max <n>", "copy that many files in this run, at most"))
    .addOption(sizeOption("--max-bytes <size>", "copy that much in this run, at most"))
    .addOption(numberOption("--parallel <n>", `files on their way at the same time (default: ${PARALLEL})`))
    .addOption(diskOption())
    .option("--from <dir>", "filling a disk: another copy here, which is asked before the store")
    .option("--repair", "filling a disk: put the right bytes in the place of bad ones, which are kept")
    .option("--dry-run", "say what would be copied, and copy nothing")
    .option("--accept-gone", "most files of the folder are really gone")
    .option("--accept-device", "the folder has really moved to another disk")
    .option("--accept-changes", "files that have become random bytes are as they should be")
    .action((from: string | undefined, to: string | undefined, flags: Flags) =>
      run(context, from, to, flags)
    );
}

function numberOption(flags: string, description: string): Option {
  return new Option(flags, description).argParser((text) => {
    const value = Number(text);
    if (/^\d+$/.test(text) && Number.isSafeInteger(value) && value > 0) return value;
    throw new ColdframeError("usage", `${flags.split(" ")[0]}: "${text}" is no number from 1`);
  });
}

function sizeOption(flags: string, description: string): Option {
  return new Option(flags, description).argParser((text) => parseSize(text, flags.split(" ")[0]));
}

function diskOption(): Option {
  return new Option("--disk <id>", "the disk that the folder must be on: UUID=… or LABEL=…").argParser(
    (text) => {
      try {
        return parseDisk(text);
      } catch (error) {
        throw new ColdframeError("usage", `--disk: ${messageOf(error)}`);
      }
    },
  );
}

/** A word before a colon, of at least two letters, as one letter is a Windows drive. */
function isUrl(text: string): boolean {
  return /^[a-z][a-z0-9+.-]+:/i.test(text);
}

async function run(
  context: CommandContext,
  from: string | undefined,
  to: string | undefined,
  flags: Flags,
): Promise<void> {
  if (from === undefined || to === undefined) return await runConfigured(context, from, flags);
  if (isUrl(to)) {
    if (isUrl(from)) throw twoStores();
    return await runCopy(context, from, to, flags);
  }
  await runFill(context, from, to, flags);
}

function twoStores(): ColdframeError {
  return new ColdframeError("usage", "one of the two must be a folder, the other a store", {
    hint: "A mirror goes from a folder to a store, or from a store to a folder.",
  });
}

// ---- to a store

async function runCopy(context: CommandContext, from: string, to: string, flags: Flags): Promise<void> {
  refuse(flags, "filling a disk", ["from", "repair", "identity"]);
  if (flags.plain === true && flags.names === "opaque") {
    throw new ColdframeError("usage", "with --plain, opaque names would hide nothing");
  }
  await withSession(context, flags, { create: true, lockFor: "mirror", ...jobOf(flags) }, async (session) => {
    const report = await mirror(session, to, () => planFrom(from, to, flags));
    if (flags.json === true) json(context.terminal, report);
    else describeMirror(context.terminal, report);
    context.finish(codeOf(report));
  });
}

async function planFrom(from: string, to: string, flags: Flags): Promise<MirrorPlan> {
  const path = flags.disk === undefined ? from : await folderOnDisk(flags.disk, from);
  return {
    name: to,
    store: to,
    sources: [{ path, named: false }],
    encrypted: flags.plain !== true,
    opaque: flags.names === "opaque",
    wants: wantedBy(flags),
    limitRate: undefined, // the session keeps to it
    window: undefined,
    ...limitsOf(flags),
  };
}

/** A dry run is nothing that people should hear of. */
function jobOf(flags: Flags) {
  return flags.dryRun === true ? {} : { job: "mirror" };
}

function limitsOf(flags: Flags) {
  return {
    parallel: flags.parallel ?? PARALLEL,
    maxFiles: flags.max ?? Infinity,
    maxBytes: flags.maxBytes ?? Infinity,
    accept: {
      gone: flags.acceptGone === true,
      device: flags.acceptDevice === true,
      changes: flags.acceptChanges === true,
    },
    dryRun: flags.dryRun === true,
  };
}

function wantedBy(flags: Flags): (path: string) => boolean {
  return wanted({ include: flags.include ?? [], exclude: flags.exclude ?? [] });
}

function codeOf(report: { readonly notMended: number } & Parameters<typeof isPartial>[0]): ExitCode {
  if (report.notMended > 0) return EXIT.damage;
  return isPartial(report) ? EXIT.partly : EXIT.done;
}

// ---- mirrors of the settings

async function runConfigured(context: CommandContext, name: string | undefined, flags: Flags): Promise<void> {
  refuse(flags, "a folder and a store given here; mirrors of the settings have theirs", [
    "plain",
    "names",
    "include",
    "exclude",
    "disk",
    "from",
    "repair",
    "identity",
  ]);
  await withSession(context, flags, { lockFor: "mirror", ...jobOf(flags) }, async (session) => {
    const { mirrors } = session.home.config;
    if (name === undefined && mirrors.length === 0) throw nothingToDo(session);
    const chosen = name === undefined ? mirrors : [mirrorNamed(session, name)];
    const { parallel, max, maxBytes, limitRate, dryRun } = flags;
    const { accept } = limitsOf(flags);
    const limits = {
      accept,
      dryRun: dryRun === true,
      ...(parallel !== undefined && { parallel }),
      ...(max !== undefined && { maxFiles: max }),
      ...(maxBytes !== undefined && { maxBytes }),
      ...(limitRate !== undefined && { limitRate }),
    };
    const outcomes: MirrorOutcome[] = [];
    for (const config of chosen) outcomes.push(await runMirror(session, config, limits));
    const [only] = outcomes;
    if (outcomes.length === 1 && only?.error !== undefined) throw only.error;
    for (const outcome of outcomes) {
      if (flags.json === true) json(context.terminal, outcomeJson(outcome));
      else describeOutcome(context.terminal, outcome);
    }
    context.finish(worstOf(outcomes));
  });
}

function nothingToDo(session: Session): ColdframeError {
  return new ColdframeError("usage", "the settings have no mirror yet", {
    hint: `Name a folder and a store, or write a table [mirrors.NAME] into ${session.home.paths.config}.`,
  });
}

/** All failed: failed; damage before skipped files. */
function worstOf(outcomes: readonly MirrorOutcome[]): ExitCode {
  const reports = outcomes.flatMap(({ report }) => report === undefined ? [] : [report]);
  if (reports.length === 0) return EXIT.failed;
  const codes = reports.map(codeOf);
  if (codes.includes(EXIT.damage)) return EXIT.damage;
  return reports.length < outcomes.length || codes.includes(EXIT.partly) ? EXIT.partly : EXIT.done;
}

// ---- to a disk

async function runFill(context: CommandContext, from: string, to: string, flags: Flags): Promise<void> {
  refuse(flags, "copying to a store", [
    "plain",
    "names",
    "limitRate",
    "acceptGone",
    "acceptDevice",
    "acceptChanges",
  ]);
  const root = homePath(flags.home, context.terminal.env);
  const hasHome = await openHome(root) !== undefined;
  const report = hasHome
    ? await withSession(context, flags, {}, (session) => fillWithHome(context, session, from, to, flags))
    : await fillWithoutHome(context, from, to, flags);
  if (flags.json === true) json(context.terminal, report);
  else describeFill(context.terminal, report);
  context.finish(fillCode(report));
}

async function fillWithHome(
  context: CommandContext,
  session: Session,
  from: string,
  to: string,
  flags: Flags,
): Promise<FillReport> {
  const url = isUrl(from) ? from : mirrorNamed(session, from).store;
  const store = await session.storeAt(url);
  const scratch = session.home.paths.root;
  return await fill({
    ...await requestOf(context, to, flags),
    store,
    known: knownFiles(session, store.url),
    scratch,
  }, session);
}

async function* knownFiles(session: Session, store: string): AsyncGenerator<ReturnType<typeof entryOf>[]> {
  for await (const page of mirroredPages(session.db, store)) {
    yield page.filter(({ missing }) => missing === undefined).map(entryOf);
  }
}

async function fillWithoutHome(
  context: CommandContext,
  from: string,
  to: string,
  flags: Flags,
): Promise<FillReport> {
  const { terminal } = context;
  if (!isUrl(from)) {
    throw new ColdframeError("usage", `${from} is no store, and there is no home with settings`, {
      hint: "Write the store's URL, such as s3://bucket/prefix or file:/mnt/usb/store.",
    });
  }
  const { env, signal, now } = terminal;
  const quiet = flags.json === true;
  const [store] = await openStores([from], { env, signal, now, fetch, warn: (text) => warn(terminal, text) });
  if (store === undefined) throw twoStores();
  const scratch = await mkdtemp(join(tmpdir(), "coldframe-"));
  try {
    const job = { report: progressReporter(terminal, quiet), signal, now };
    return await fill({ ...await requestOf(context, to, flags), store, known: undefined, scratch }, job);
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}

async function requestOf(
  { terminal }: CommandContext,
  to: string,
  flags: Flags,
): Promise<Omit<FillRequest, "store" | "known" | "scratch">> {
  const identity = flags.identity ?? homePaths(homePath(flags.home, terminal.env)).identity;
  const { parallel, maxFiles, maxBytes, dryRun } = limitsOf(flags);
  return {
    to: flags.disk === undefined ? to : await folderOnDisk(flags.disk, to),
    from: flags.from,
    wants: wantedBy(flags),
    parallel,
    maxFiles,
    maxBytes,
    repair: flags.repair === true,
    dryRun,
    unlock: unlockWith(identity, passphraseAsker(terminal)),
  };
}

function fillCode({ differing, failed, unnamed }: FillReport): ExitCode {
  if (differing.some(({ what, aside }) => what === "damaged" && aside === undefined)) return EXIT.damage;
  const isWhole = failed.length + unnamed.count === 0 && differing.every(({ aside }) => aside !== undefined);
  return isWhole ? EXIT.done : EXIT.partly;
}

/** Flags that mean nothing here are a misunderstanding, which must not pass in silence. */
function refuse(flags: Flags, meant: string, names: readonly (keyof Flags)[]): void {
  const given = names.find((name) => flags[name] !== undefined);
  if (given === undefined) return;
  const flag = given.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
  throw new ColdframeError("usage", `--${flag} is for ${meant}`, { hint: "See `coldframe mirror --help`." });
}
