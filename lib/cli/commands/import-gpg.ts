/** `coldframe import gpg`: files that savethepictures stored, or that gpg encrypted with a passphrase. */

import type { Command } from "commander";
import { emptyObject, type GpgObject, type GpgReport, listGpg, readGpg } from "../../jobs/import/gpg.ts";
import { type ForeignPlace, openPlace } from "../../jobs/import/place.ts";
import { formatSize } from "../../size.ts";
import { type CommandContext, newCommand } from "../command.ts";
import type { ImportProblem } from "../../jobs/import/problems.ts";
import { amount, count, formatDay, printable } from "../format.ts";
import {
  addImportFlags,
  assertOneMode,
  importContext,
  importExit,
  type ImportFlags,
  importJob,
  printProblems,
  printThawing,
} from "../importing.ts";
import { gpgPassphraseAsker } from "../passphrase.ts";
import { json, line, type Terminal } from "../terminal.ts";

export function importGpgCommand(context: CommandContext): Command {
  const command = newCommand(
    "gpg",
    "Read what savethepictures stored: PATH.gpg objects, encrypted with one passphrase, which comes from " +
      "COLDFRAME_GPG_PASSPHRASE or a prompt. Needs the program gpg. The objects are never changed.",
    "coldframe import gpg s3://my-bucket?region=eu-north-1 --list\n" +
      "  coldframe import gpg s3://my-bucket?region=eu-north-1 --to ~/Restored",
  );
  return addImportFlags(command)
    .action((from: string[], flags: ImportFlags) => run(context, from, flags));
}

async function run(context: CommandContext, from: readonly string[], flags: ImportFlags): Promise<void> {
  const { terminal } = context;
  const { list = false, check = false } = flags;
  assertOneMode({ "--list": list, "--check": check, "--to DIR": flags.to !== undefined });
  const job = importJob(terminal, flags);
  const passphrase = gpgPassphraseAsker(terminal);
  const problems: ImportProblem[] = [];
  let done = list;
  for (const url of from) {
    const place = await openPlace(url, importContext(terminal, flags, job));
    if (list) {
      problems.push(...printList(terminal, flags, place, await listGpg(place)));
      continue;
    }
    const report = await readGpg(place, {
      patterns: flags.only ?? ["**"],
      to: flags.to,
      overwrite: flags.overwrite === true,
      dryRun: flags.dryRun === true,
      thaw: flags.thaw,
      passphrase,
    }, job);
    if (flags.json === true) json(terminal, { dryRun: flags.dryRun === true, ...report });
    else print(terminal, report, flags);
    problems.push(...report.problems);
    done ||= report.proven + report.thawing.length > 0;
  }
  context.finish(importExit(problems, { done, check }));
}

function print(terminal: Terminal, report: GpgReport, flags: ImportFlags): void {
  const { files, bytes, proven, restored, existing } = report;
  if (flags.dryRun === true) {
    line(terminal, `Would read ${amount(files, bytes)}.`);
  } else if (flags.to === undefined) {
    line(terminal, `Decrypted ${count(proven, "file")} of ${files}, each proven whole.`);
  } else {
    line(terminal, `Restored ${count(restored, "file")} to ${printable(flags.to)}.`);
    if (restored > 0) {
      line(terminal, "Their times are those of the encryption: savethepictures did not keep the files' own.");
    }
  }
  if (existing > 0) line(terminal, `${count(existing, "file was", "files were")} there already, the same.`);
  printThawing(terminal, report.thawing);
  printProblems(terminal, report.problems);
}

/** @returns objects that are no use */
function printList(
  terminal: Terminal,
  flags: ImportFlags,
  place: ForeignPlace,
  objects: readonly GpgObject[],
): ImportProblem[] {
  const problems = objects.filter(({ info, path }) => path !== undefined && info.size === 0)
    .map(({ info }) => emptyObject(info));
  if (flags.json === true) {
    json(terminal, { from: place.store.url, objects: objects.map(itemJson), problems });
    return problems;
  }
  for (const { info, path } of objects) {
    const day = info.modified === undefined ? "          " : formatDay(info.modified);
    const what = path === undefined ? `not a .gpg object: ${printable(info.key)}` : printable(path);
    const state = info.availability.state === "ready" ? "" : `  (${info.availability.state})`;
    line(terminal, `${formatSize(info.size).padStart(8)}  ${day}  ${what}${state}`);
  }
  line(terminal, count(objects.length, "object"));
  printProblems(terminal, problems);
  return problems;
}

function itemJson({ info, path }: GpgObject): Record<string, unknown> {
  const { key, size, modified, availability } = info;
  return { key, path, size, modified, state: availability.state };
}
