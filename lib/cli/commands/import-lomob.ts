/** `coldframe import lomob`: images and files that lomo-backup stored. */

import type { Command } from "commander";
import { adoptLomob, type AdoptReport } from "../../jobs/import/adopt.ts";
import type { ImportJob } from "../../jobs/import/job.ts";
import { type LomobReport, readLomob } from "../../jobs/import/lomob.ts";
import { LomobDatabase } from "../../jobs/import/lomob-database.ts";
import {
  listLomob,
  type LomobObject,
  type LomobSource,
  lomobSource,
} from "../../jobs/import/lomob-source.ts";
import { openPlace } from "../../jobs/import/place.ts";
import type { ImportProblem } from "../../jobs/import/problems.ts";
import { formatSize } from "../../size.ts";
import type { StoreContext } from "../../store/context.ts";
import { type CommandContext, newCommand, withSession } from "../command.ts";
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
import { masterKeyAsker } from "../passphrase.ts";
import { json, line, type Terminal } from "../terminal.ts";

interface Flags extends ImportFlags {
  readonly adopt?: boolean;
  readonly db?: string;
}

export function importLomobCommand(context: CommandContext): Command {
  const command = newCommand(
    "lomob",
    "Read what lomo-backup stored, with its master key from LOMOB_MASTER_KEY or a prompt. Nothing is delivered " +
      "that its hash does not prove, and the objects are never changed.",
    "coldframe import lomob 's3://lomorage?region=us-east-1' --db lomob.db --list\n" +
      "  coldframe import lomob 's3://lomorage?region=us-east-1' --to ~/Restored\n" +
      "  coldframe import lomob 's3://lomorage?region=us-east-1' --adopt",
  );
  return addImportFlags(command)
    .option("--adopt", "make the images volumes of this archive, so that nothing is uploaded twice")
    .option("--db <file>", "lomo-backup's lomob.db: it tells what should be in each image")
    .action((from: string[], flags: Flags) => run(context, from, flags));
}

async function run(context: CommandContext, from: readonly string[], flags: Flags): Promise<void> {
  const { list = false, check = false, adopt = false } = flags;
  assertOneMode({ "--list": list, "--check": check, "--to DIR": flags.to !== undefined, "--adopt": adopt });
  const db = flags.db === undefined ? undefined : await LomobDatabase.open(flags.db);
  const problems: ImportProblem[] = [];
  let done = false;
  try {
    for (const place of from) {
      const outcome = await runPlace(context, place, flags, db);
      problems.push(...outcome.problems);
      done ||= outcome.done;
    }
  } finally {
    await db?.close();
  }
  context.finish(importExit(problems, { done, check }));
}

/** What counts for the exit code. */
interface Outcome {
  readonly problems: readonly ImportProblem[];
  readonly done: boolean;
}

async function runPlace(
  context: CommandContext,
  from: string,
  flags: Flags,
  db: LomobDatabase | undefined,
): Promise<Outcome> {
  const { terminal } = context;
  const job = importJob(terminal, flags);
  const masterKey = masterKeyAsker(terminal);
  const open = async (stores: StoreContext): Promise<LomobSource> =>
    lomobSource(await openPlace(from, stores), db, masterKey);
  if (flags.adopt === true && flags.dryRun !== true) {
    return await withSession(context, flags, { lockFor: "import" }, async (session) => {
      return printAdopted(
        terminal,
        flags,
        await adoptLomob(session, await open(session.storeContext), flags.thaw),
      );
    });
  }
  const source = await open(importContext(terminal, flags, job));
  if (flags.list === true) return printList(terminal, flags, source, await listLomob(source));
  return await read(terminal, flags, source, job);
}

async function read(
  terminal: Terminal,
  flags: Flags,
  source: LomobSource,
  job: ImportJob,
): Promise<Outcome> {
  const report = await readLomob(source, {
    patterns: flags.only ?? ["**"],
    to: flags.to,
    overwrite: flags.overwrite === true,
    dryRun: flags.dryRun === true,
    thaw: flags.thaw,
  }, job);
  if (flags.json === true) json(terminal, { dryRun: flags.dryRun === true, ...report });
  else print(terminal, report, flags);
  const { restored, existing, thawing, images, problems } = report;
  const checked = flags.to === undefined && images.some(({ proof }) => proof !== undefined);
  return { problems, done: checked || restored + existing + thawing.length > 0 };
}

function print(terminal: Terminal, report: LomobReport, flags: Flags): void {
  const { files, bytes, restored, existing } = report;
  if (flags.dryRun === true) {
    line(
      terminal,
      `Would read ${amount(files, bytes)}${flags.to === undefined ? "" : ` to ${printable(flags.to)}`}.`,
    );
  } else if (flags.to === undefined) line(terminal, `Read ${amount(files, bytes)}.`);
  else line(terminal, `Restored ${count(restored, "file")} to ${printable(flags.to)}.`);
  if (existing > 0) line(terminal, `${count(existing, "file was", "files were")} there already, the same.`);
  for (const { path, to } of report.renamed) {
    line(terminal, `${printable(path)} is ${printable(to)}: its name was taken by another file.`);
  }
  if (flags.dryRun !== true) { for (const image of report.images) line(terminal, proofOf(image)); }
  printThawing(terminal, report.thawing);
  printProblems(terminal, report.problems);
}

/** Honest words: what vouches for an image. */
function proofOf({ key, proof, files }: LomobReport["images"][number]): string {
  const what = `${printable(key)}, ${count(files, "file")}`;
  switch (proof) {
    case "salt":
      return `${what}: proven by the hash in its salt.`;
    case "database":
      return `${what}: proven by its SHA-256 in lomob.db.`;
    case "none":
      return `${what}: read, but nothing proves it: it is not encrypted, and no lomob.db was given.`;
    case "wrong":
      return `${what}: not what was stored.`;
    case undefined:
      return `${printable(key)}: could not be read.`;
  }
}

function printAdopted(terminal: Terminal, flags: Flags, report: AdoptReport): Outcome {
  if (flags.json === true) json(terminal, report);
  else printAdoption(terminal, report);
  return {
    problems: report.problems,
    done: report.adopted.length + report.known + report.thawing.length > 0,
  };
}

function printAdoption(terminal: Terminal, { adopted, known, spared, thawing, problems }: AdoptReport): void {
  const files = adopted.reduce((sum, image) => sum + image.files, 0);
  line(terminal, `Adopted ${count(adopted.length, "image")} with ${count(files, "file")}.`);
  if (known > 0) line(terminal, `${count(known, "image was", "images were")} adopted before.`);
  printThawing(terminal, thawing);
  if (spared.contents > 0) {
    line(terminal, `${amount(spared.contents, spared.bytes)} need no upload any more.`);
  }
  if (adopted.length > 0) {
    line(
      terminal,
      "Keep the master key with your coldframe key: restoring these needs both programs' secrets.",
    );
    line(terminal, "Next: coldframe sync, which also stores a snapshot of the catalog.");
  }
  printProblems(terminal, problems);
}

function printList(
  terminal: Terminal,
  flags: Flags,
  source: LomobSource,
  objects: readonly LomobObject[],
): Outcome {
  if (flags.json === true) json(terminal, { from: source.place.store.url, objects: objects.map(itemJson) });
  else {
    for (const object of objects) line(terminal, describe(object));
    line(terminal, count(objects.length, "object"));
  }
  return { problems: [], done: true };
}

function describe({ kind, info, recorded }: LomobObject): string {
  const remarks = [
    ...(recorded === undefined ? [] : [`${count(recorded.files, "file")} in lomob.db`]),
    ...(info.availability.state === "ready" ? [] : [info.availability.state]),
    ...(info.size === 0 ? ["EMPTY: its upload failed"] : []),
  ];
  const day = info.modified === undefined ? "          " : formatDay(info.modified);
  const facts = `${kind.padEnd(7)}  ${formatSize(info.size).padStart(8)}  ${day}`;
  return `${facts}  ${printable(info.key)}${remarks.length === 0 ? "" : `  (${remarks.join(", ")})`}`;
}

function itemJson({ kind, info, recorded }: LomobObject): Record<string, unknown> {
  const { key, size, modified, availability } = info;
  return {
    kind,
    key,
    size,
    modified,
    state: availability.state,
    sha256: recorded?.sha256,
    files: recorded?.files,
  };
}
