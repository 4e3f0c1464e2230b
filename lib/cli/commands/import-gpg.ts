/** `coldframe import gpg`: files that savethepictures stored, or that gpg encrypted with a passphrase. */

import type { Command } from "commander";
import { emptyObject, type GpgObject, type GpgReport, listGpg, readGpg } from "../../jobs/import/gpg.ts";
import { MirrorSink } from "../../jobs/import/gpg-mirror.ts";
import { type ForeignPlace, openPlace } from "../../jobs/import/place.ts";
import { formatSize } from "../../size.ts";
import { type CommandContext, newCommand, withSession } from "../command.ts";
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
    "coldframe import gpg 's3://my-bucket?region=eu-north-1' --list\n" +
      "  coldframe import gpg 's3://my-bucket?region=eu-north-1' --to ~/Restored\n" +
      "  coldframe import gpg 's3://my-bucket?region=eu-north-1' --into offsite",
  );
  return addImportFlags(command)
    .option("--into <mirror>", "encrypt anew into a mirror: one of the settings, or the URL of a store")
    .action((from: string[], flags: Flags) => run(context, from, flags));
}

interface Flags extends ImportFlags {
  readonly into?: string;
}

async function run(context: CommandContext, from: readonly string[], flags: Flags): Promise<void> {
  const { list = false, check = false, to, into } = flags;
  assertOneMode({
    "--list": list,
    "--check": check,
    "--to DIR": to !== undefined,
    "--into MIRROR": into !== undefined,
  });
  if (into === undefined || flags.dryRun === true) return await importAll(context, from, flags, undefined);
  await withSession(context, flags, { lockFor: "import" }, async (session) => {
    const mirror = await MirrorSink.open(session, into);
    try {
      await importAll(context, from, flags, mirror);
    } finally {
      await mirror.close();
    }
  });
}

async function importAll(
  { terminal, finish }: CommandContext,
  from: readonly string[],
  flags: Flags,
  into: MirrorSink | undefined,
): Promise<void> {
  const { list = false, check = false } = flags;
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
      into,
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
  finish(importExit(problems, { done, check }));
}

function print(terminal: Terminal, report: GpgReport, flags: Flags): void {
  const { files, bytes, proven, restored, existing } = report;
  if (flags.dryRun === true) {
    line(terminal, `Would read ${amount(files, bytes)}.`);
  } else if (flags.into !== undefined) {
    line(terminal, `Put ${count(restored, "file")} into ${printable(flags.into)}.`);
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
