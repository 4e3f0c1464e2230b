/** `coldframe restore`: bring files back. */

import type { Command } from "commander";
import { restore, type RestoreReport } from "../../jobs/restore/restore.ts";
import { unlockWith } from "../../jobs/unlock.ts";
import {
  type CommandContext,
  EXIT,
  type GlobalFlags,
  momentOption,
  newCommand,
  withSession,
} from "../command.ts";
import { amount, count, printable } from "../format.ts";
import { defaultHint } from "../hints.ts";
import { passphraseAsker } from "../passphrase.ts";
import { complain, json, line, type Terminal, warn } from "../terminal.ts";

interface Flags extends GlobalFlags {
  readonly to: string;
  readonly identity?: string;
  readonly since?: number;
  readonly until?: number;
  readonly at?: number;
  readonly volume?: string;
  readonly deleted?: boolean;
  readonly overwrite?: boolean;
  readonly dryRun?: boolean;
}

export function restoreCommand(context: CommandContext): Command {
  return newCommand(
    "restore",
    "Bring files back, each proven by its SHA-256. What is in the target folder is never replaced unless you say so.",
    "coldframe restore 'Pictures/2024/**' --to ~/Restored",
  )
    .argument("<pattern...>", "names, paths or patterns with *, ? and ** ('**' is everything)")
    .requiredOption("--to <dir>", "the folder to restore into")
    .option("--identity <file>", "the secret key (default: the one in the home)")
    .addOption(momentOption("--since <date>", "only files from this day on"))
    .addOption(momentOption("--until <date>", "only files before this day"))
    .addOption(momentOption("--at <date>", "the files as they were then, earlier versions included"))
    .option("--volume <name>", "only files of this volume")
    .option("--deleted", "also files that are gone from their folder")
    .option("--overwrite", "replace files in the target folder that differ")
    .option("--dry-run", "say what would be restored, and write nothing")
    .action((patterns: string[], flags: Flags) => run(context, patterns, flags));
}

async function run(context: CommandContext, patterns: readonly string[], flags: Flags): Promise<void> {
  await withSession(context, flags, {}, async (session) => {
    const unlock = unlockWith(
      flags.identity ?? session.home.paths.identity,
      passphraseAsker(context.terminal),
    );
    const { to, since, until, at, volume, deleted } = flags;
    const report = await restore(session, {
      patterns,
      to,
      since,
      until,
      at,
      volume,
      deleted,
      overwrite: flags.overwrite === true,
      dryRun: flags.dryRun === true,
      unlock,
    });
    if (flags.json === true) json(context.terminal, { dryRun: flags.dryRun === true, ...report });
    else print(context.terminal, report, flags.dryRun === true);
    context.finish(exitCode(report));
  });
}

function print(terminal: Terminal, report: RestoreReport, dryRun: boolean): void {
  const to = printable(report.to);
  if (dryRun) return line(terminal, `Would restore ${amount(report.files, report.bytes)} to ${to}.`);
  if (report.restored > 0) line(terminal, `Restored ${count(report.restored, "file")} to ${to}.`);
  if (report.existing > 0) {
    line(
      terminal,
      `${count(report.existing, "file was", "files were")} there already, with the right contents.`,
    );
  }
  printFailures(terminal, report.failed);
}

/** Each file that did not come back, how many they are, and what can be done. */
function printFailures(terminal: Terminal, failed: RestoreReport["failed"]): void {
  const [first] = failed;
  if (first === undefined) return;
  for (const { path, reason } of failed) {
    warn(terminal, `not restored: ${reason.includes(path) ? reason : `${path}: ${reason}`}`);
  }
  const hints = new Set(failed.map(({ hint, code }) => hint ?? defaultHint(code)));
  complain(terminal, `${count(failed.length, "file")} could not be restored`, [...hints].join(" "));
}

function exitCode(report: RestoreReport): (typeof EXIT)[keyof typeof EXIT] {
  if (report.failed.length === 0) return EXIT.done;
  return report.restored + report.existing > 0 ? EXIT.partly : EXIT.failed;
}
