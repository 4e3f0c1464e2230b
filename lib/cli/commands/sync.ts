/** `coldframe sync`: the main job. */

import type { Command } from "commander";
import { homePath, homePaths } from "../../home/home.ts";
import type { OpenSession } from "../../jobs/open.ts";
import { sync } from "../../jobs/sync.ts";
import { needsAttention, type SyncReport, type Trouble } from "../../jobs/sync-report.ts";
import { previewSync, type SyncPreview } from "../../jobs/preview.ts";
import { formatSize } from "../../size.ts";
import {
  addStoreFlags,
  type CommandContext,
  EXIT,
  type GlobalFlags,
  limitRateOption,
  lockOption,
  newCommand,
  restOption,
  type StoreFlags,
  volumeSizeOption,
  withSession,
} from "../command.ts";
import { amount, count, printable } from "../format.ts";
import { describeOutcome, outcomeJson } from "../mirror-text.ts";
import { describeFailures, describeScan, scanJson } from "../scan-text.ts";
import { complain, json, line, styled, type Terminal, warn } from "../terminal.ts";
import { keyAdvice } from "../key-advice.ts";

interface Flags extends GlobalFlags, StoreFlags {
  readonly volumeSize?: number;
  readonly seal?: boolean;
  readonly rest?: number;
  readonly dryRun?: boolean;
  readonly acceptGone?: boolean;
  readonly acceptDevice?: boolean;
  readonly acceptChanges?: boolean;
}

export function syncCommand(context: CommandContext): Command {
  return addStoreFlags(
    newCommand(
      "sync",
      "Protect folders: find what is new, store it, say what was done.",
      "coldframe sync ~/Pictures",
    ),
  )
    .argument("[dir...]", "folders to protect; without any, those protected so far")
    .addOption(volumeSizeOption())
    .addOption(limitRateOption())
    .addOption(lockOption())
    .option("--seal", "make a volume of what waits now, though it is not full")
    .addOption(restOption())
    .option("--dry-run", "say what would be done, and write nothing")
    .option("--accept-gone", "most files of a folder, or files in staging, are really gone")
    .option("--accept-device", "a folder has really moved to another disk")
    .option("--accept-changes", "files that have become random bytes are as they should be")
    .action((dirs: string[], flags: Flags) => run(context, dirs, flags));
}

async function run(context: CommandContext, dirs: readonly string[], flags: Flags): Promise<void> {
  const accept = {
    gone: flags.acceptGone === true,
    device: flags.acceptDevice === true,
    changes: flags.acceptChanges === true,
  };
  if (flags.dryRun === true) return await dryRun(context, dirs, flags);
  await withSession(
    context,
    flags,
    { create: dirs.length > 0, lockFor: "sync", job: "sync" },
    async (session, opened) => {
      if (opened.created && flags.json !== true) welcome(context.terminal, opened);
      const volumeSize = flags.volumeSize ?? session.home.config.volumeSize;
      const report = await sync(session, {
        dirs,
        accept,
        rest: flags.rest,
        seal: flags.seal === true,
        volumeSize,
      });
      if (flags.json === true) json(context.terminal, toJson(report));
      else print(context.terminal, report, opened);
      context.finish(needsAttention(report) ? EXIT.partly : EXIT.done);
    },
  );
}

async function dryRun(context: CommandContext, dirs: readonly string[], flags: Flags): Promise<void> {
  const { env, signal } = context.terminal;
  const result = await previewSync({ root: homePath(flags.home, env), dirs, env, signal });
  if (flags.json === true) json(context.terminal, { dryRun: true, ...result });
  else printPreview(context.terminal, result);
}

/** Once, when the home is made: where the key is, and what depends on it. */
function welcome(terminal: Terminal, { session }: OpenSession): void {
  const { root, identity } = session.home.paths;
  const lines = [styled(terminal, "bold", `New home: ${root}`), ...keyAdvice(identity), ""];
  terminal.err(lines.join("\n") + "\n");
}

function print(terminal: Terminal, report: SyncReport, { session }: OpenSession): void {
  for (const source of report.scan.sources) describeScan(terminal, source);
  describeFailures(terminal, report.scan);
  for (const problem of report.changed) warn(terminal, `left for the next run: ${problem.reason}`);
  const { staged, sealed, waiting } = report;
  if (report.missing > 0) {
    warn(
      terminal,
      `${count(report.missing, "staged file")} had been removed from the store, and had to be stored again.`,
    );
  }
  for (const { path, reason } of report.lost) {
    complain(terminal, `${path} is lost: ${reason}, and the file is not in its folder any more`, LOST);
  }
  if (staged.files > 0) line(terminal, `Staged ${amount(staged.files, staged.bytes)}.`);
  for (const volume of sealed) {
    line(terminal, `Sealed ${volume.name}: ${amount(volume.files, volume.size)}.`);
  }
  if (report.early) line(terminal, "The last volume is not full: staging had no room for what waited.");
  if (report.tidied > 0) {
    line(terminal, `Removed ${count(report.tidied, "staged file")} that are in volumes now.`);
  }
  if (report.abandoned.length > 0) {
    const uploads = count(report.abandoned.length, "upload");
    warn(
      terminal,
      `${uploads} in the stores, begun over a week ago and unknown here, take space. ` +
        "`coldframe ls uploads` lists them, `coldframe uploads abort` ends them.",
    );
  }
  if (staged.files + sealed.length === 0) line(terminal, "Nothing new to store.");
  if (waiting.files > 0) {
    line(terminal, `Waiting in staging until a volume is full: ${amount(waiting.files, waiting.bytes)}.`);
  }
  if (report.stagingTrouble !== undefined) describeTrouble(terminal, report.stagingTrouble, report.unstaged);
  if (report.unstaged > 0) {
    complain(
      terminal,
      `not protected yet, since staging did not take them: ${count(report.unstaged, "file")}`,
      "See `coldframe ls pending`. The next run tries again; --seal puts them into a volume now.",
    );
  }
  for (const outcome of report.mirrors) describeOutcome(terminal, outcome);
  const cold = session.urls.cold;
  line(terminal, `Stored at ${cold}`);
  if (cold === `file:${homePaths(session.home.paths.root).store}`) {
    line(terminal, "  This is on the same machine as the photos. To keep a copy elsewhere, name a");
    line(terminal, `  store with --cold URL or in ${session.home.paths.config}.`);
  }
}

const LOST =
  "If it went into the bin of the store, take it back out there. To give it up: coldframe sync --accept-gone";

function describeTrouble(terminal: Terminal, { code, message, hint }: Trouble, unstaged: number): void {
  const next = hint ?? "Nothing is lost; the next run tries again.";
  if (code !== "store-full") return complain(terminal, `staging does not work: ${message}`, next);
  if (unstaged > 0) return complain(terminal, `staging is full: ${message}`, next);
  warn(terminal, `staging was full, so more was sealed than usual: ${message}. ${next}`);
}

function toJson(report: SyncReport): unknown {
  return { ...report, scan: scanJson(report.scan), mirrors: report.mirrors.map(outcomeJson) };
}

function printPreview(terminal: Terminal, result: SyncPreview): void {
  for (const source of result.sources) {
    line(
      terminal,
      `${printable(source.path)}: ${amount(source.files, source.bytes)}, of which new or changed: ` +
        `${amount(source.toRead, source.toReadBytes)}, gone: ${source.gone.toLocaleString("en-US")}`,
    );
  }
  line(terminal, `Would read and store up to ${formatSize(result.toReadBytes)}. Nothing was written.`);
}
