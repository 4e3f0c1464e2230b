/** `coldframe restore`: bring files back. */

import type { Command } from "commander";
import { type ImageRestoreReport, restoreFromImage } from "../../jobs/image/restore.ts";
import { restore, type RestoreReport } from "../../jobs/restore/restore.ts";
import { unlockWith } from "../../jobs/unlock.ts";
import {
  type CommandContext,
  EXIT,
  type ExitCode,
  type GlobalFlags,
  momentOption,
  newCommand,
  withSession,
} from "../command.ts";
import { amount, count, printable } from "../format.ts";
import { defaultHint } from "../hints.ts";
import { addIdentityFlag, type IdentityFlags, imageOption, withImage } from "../image.ts";
import { masterKeyAsker, passphraseAsker } from "../passphrase.ts";
import { progressReporter } from "../progress.ts";
import { complain, json, line, type Terminal, warn } from "../terminal.ts";

interface Flags extends GlobalFlags, IdentityFlags {
  readonly to: string;
  readonly image?: string;
  readonly since?: number;
  readonly until?: number;
  readonly at?: number;
  readonly volume?: string;
  readonly deleted?: boolean;
  readonly overwrite?: boolean;
  readonly dryRun?: boolean;
}

export function restoreCommand(context: CommandContext): Command {
  const command = newCommand(
    "restore",
    "Bring files back, each proven by its SHA-256. What is in the target folder is never replaced unless you say so.",
    "coldframe restore 'Pictures/2024/**' --to ~/Restored\n" +
      "  coldframe restore '**' --image volume.iso.age --to ~/Restored",
  );
  return addIdentityFlag(command)
    .argument("<pattern...>", "names, paths or patterns with *, ? and ** ('**' is everything)")
    .requiredOption("--to <dir>", "the folder to restore into")
    .addOption(imageOption("restore from this", ["at", "volume", "deleted"]))
    .addOption(momentOption("--since <date>", "only files from this day on"))
    .addOption(momentOption("--until <date>", "only files before this day"))
    .addOption(momentOption("--at <date>", "the files as they were then, earlier versions included"))
    .option("--volume <name>", "only files of this volume")
    .option("--deleted", "also files that are gone from their folder")
    .option("--overwrite", "replace files in the target folder that differ")
    .option("--dry-run", "say what would be restored, and write nothing")
    .action((patterns: string[], flags: Flags) =>
      flags.image === undefined
        ? run(context, patterns, flags)
        : runOnImage(context, patterns, flags, flags.image)
    );
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
      masterKey: masterKeyAsker(context.terminal),
    });
    if (flags.json === true) json(context.terminal, { dryRun: flags.dryRun === true, ...report });
    else print(context.terminal, report, flags.dryRun === true);
    context.finish(exitCode(report));
  });
}

async function runOnImage(
  context: CommandContext,
  patterns: readonly string[],
  flags: Flags,
  path: string,
): Promise<void> {
  const { terminal, finish } = context;
  const { to, since, until } = flags;
  const [overwrite, dryRun, quiet] = [flags.overwrite === true, flags.dryRun === true, flags.json === true];
  await withImage(context, flags, path, async (image) => {
    const request = { patterns, to, since, until, overwrite, dryRun };
    const job = { report: progressReporter(terminal, quiet), signal: terminal.signal };
    const report = await restoreFromImage(image, request, job);
    if (quiet) json(terminal, { dryRun, ...report });
    else {
      print(terminal, report, dryRun);
      if (dryRun) printFailures(terminal, report.failed);
      printImageFacts(terminal, report, image.encrypted);
    }
    const found = dryRun ? report.files : report.folders + report.links;
    finish(exitCode(report, found, report.elsewhere.length));
  });
}

/** What only an image leaves to say: what is in other volumes, and what its bytes are worth. */
function printImageFacts(terminal: Terminal, report: ImageRestoreReport, encrypted: boolean): void {
  const volumes = Map.groupBy(report.elsewhere, ({ volume }) => volume);
  for (const [volume, paths] of volumes) {
    warn(terminal, `${count(paths.length, "file")} named here, with the bytes in volume ${volume}:`);
    for (const { path } of paths) warn(terminal, `not restored: ${path}`);
  }
  if (report.links > 0) line(terminal, `Made ${count(report.links, "symbolic link")}.`);
  if (report.restored + report.existing > 0) line(terminal, proofOf(report, encrypted));
}

/** Honest words: what is said to be proven was compared with a SHA-256 that came with the image. */
function proofOf({ proof, restored, existing, unproven }: ImageRestoreReport, encrypted: boolean): string {
  const files = restored + existing;
  if (unproven === 0) return `Each was proven by its SHA-256 in the ${proof} of the image.`;
  const seal = encrypted ? ", but that the image is as it was encrypted" : "";
  if (proof === "none") {
    return `Nothing proves their bytes${seal}: the image has no MANIFEST.jsonl and no SHA256SUMS.`;
  }
  return `${files - unproven} of ${
    count(files, "file")
  } proven by SHA-256; ${proof} does not name the others.`;
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
  if (report.folders > 0) line(terminal, `Made ${count(report.folders, "folder")}.`);
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

/**
 * @param found what else came back, beside files
 * @param missing what else did not
 */
function exitCode(report: RestoreReport, found = 0, missing = 0): ExitCode {
  if (report.failed.length + missing === 0) return EXIT.done;
  return report.restored + report.existing + found > 0 ? EXIT.partly : EXIT.failed;
}
