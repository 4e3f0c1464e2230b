/** `coldframe restore`: bring files back. */

import { type Command, Option } from "commander";
import { Money } from "../../cost/money.ts";
import { ColdframeError } from "../../errors.ts";
import { THAWED_DAYS } from "../../jobs/cost.ts";
import { type ImageRestoreReport, restoreFromImage } from "../../jobs/image/restore.ts";
import { continueRestores, type ContinueSettings } from "../../jobs/restore/continue.ts";
import { isTier } from "../../jobs/restore/price.ts";
import { restore, type RestoreReport } from "../../jobs/restore/restore.ts";
import type { Waiting } from "../../jobs/restore/run.ts";
import type { RestoreCounts } from "../../jobs/restore/tally.ts";
import type { Session } from "../../jobs/session.ts";
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
import { sleep } from "../../store/sleep.ts";
import type { ThawTier } from "../../store/store.ts";
import { amount, count, formatTime, printable } from "../format.ts";
import { defaultHint } from "../hints.ts";
import { addIdentityFlag, type IdentityFlags, imageOption, withImage } from "../image.ts";
import { masterKeyAsker, passphraseAsker } from "../passphrase.ts";
import { progressReporter } from "../progress.ts";
import { askConsent, describePlan } from "../restore-plan.ts";
import { complain, json, line, type Terminal, warn } from "../terminal.ts";

interface Flags extends GlobalFlags, IdentityFlags {
  readonly to?: string;
  readonly image?: string;
  readonly since?: number;
  readonly until?: number;
  readonly at?: number;
  readonly volume?: string;
  readonly deleted?: boolean;
  readonly withCompanions?: boolean;
  readonly overwrite?: boolean;
  readonly dryRun?: boolean;
  readonly plan?: boolean;
  readonly yes?: boolean;
  readonly maxCost?: Money;
  readonly tier?: ThawTier;
  readonly days: number;
  readonly wait?: boolean;
  readonly continue?: boolean | number;
}

export function restoreCommand(context: CommandContext): Command {
  const command = newCommand(
    "restore",
    "Bring files back, each proven by its SHA-256. What is in the target folder is never replaced unless you say so. " +
      "What must be thawed first is priced and asked about.",
    "coldframe restore 'Pictures/2024/**' --to ~/Restored\n" +
      "  coldframe restore '**' --to ~/Restored --plan\n" +
      "  coldframe restore '**' --to ~/Restored --yes --max-cost 5 --wait\n" +
      "  coldframe restore --continue\n" +
      "  coldframe restore '**' --image volume.iso.age --to ~/Restored",
  );
  return addIdentityFlag(command)
    .argument("[pattern...]", "names, paths or patterns with *, ? and ** ('**' is everything)")
    .option("--to <dir>", "the folder to restore into")
    .addOption(imageOption("restore from this", CATALOG_FLAGS))
    .addOption(momentOption("--since <date>", "only files from this day on"))
    .addOption(momentOption("--until <date>", "only files before this day"))
    .addOption(momentOption("--at <date>", "the files as they were then, earlier versions included"))
    .option("--volume <name>", "only files of this volume")
    .option("--deleted", "also files that are gone from their folder")
    .option("--with-companions", "also what belongs to them: live-photo movies, edits, raw files")
    .option("--overwrite", "replace files in the target folder that differ")
    .option("--plan", "show where everything comes from, how long it takes and what it costs; do nothing")
    .option("--dry-run", "the same as --plan")
    .addOption(tierOption())
    .addOption(daysOption())
    .addOption(maxCostOption())
    .option("--yes", "agree to what it costs; needed where nobody can be asked")
    .option("--wait", "stay until everything is thawed and fetched")
    .addOption(continueOption())
    .action((patterns: string[], flags: Flags) => choose(context, patterns, flags));
}

/** Flags that ask the catalog, by their names in commander. */
const CATALOG_FLAGS = ["at", "volume", "deleted", "withCompanions", "plan", "tier", "wait", "continue"];

function tierOption(): Option {
  return new Option("--tier <tier>", "how to thaw: bulk, standard or expedited (default: the cheapest)")
    .argParser((text): ThawTier => {
      const name = text.slice(0, 1).toUpperCase() + text.slice(1).toLowerCase();
      if (isTier(name)) return name;
      throw new ColdframeError("usage", `--tier: "${text}" is not a tier`, {
        hint: "Write bulk, standard or expedited.",
      });
    });
}

function daysOption(): Option {
  return new Option("--days <n>", "how long thawed copies shall stay").default(THAWED_DAYS)
    .argParser((text) => {
      const days = /^\d{1,3}$/.test(text) ? Number(text) : 0;
      if (days >= 1 && days <= MOST_DAYS) return days;
      throw new ColdframeError("usage", `--days: "${text}" is not a number of days`, {
        hint: `Write a number from 1 to ${MOST_DAYS}.`,
      });
    });
}

/** A copy kept for longer costs more than an object in STANDARD. */
const MOST_DAYS = 365;

function maxCostOption(): Option {
  return new Option("--max-cost <amount>", "refuse when it would cost more, such as 5 or 0.50")
    .argParser((text) => {
      try {
        return Money.parse(text);
      } catch {
        throw new ColdframeError("usage", `--max-cost: "${text}" is not an amount`, {
          hint: "Write a number such as 5 or 0.50, in the currency of the prices.",
        });
      }
    });
}

function continueOption(): Option {
  return new Option(
    "--continue [n]",
    "go on with the restores that wait, or with one; `coldframe thaw` lists them",
  )
    .conflicts(["to", "plan", "dryRun", "tier", "overwrite", "withCompanions"])
    .argParser((text) => {
      if (/^\d{1,9}$/.test(text)) return Number(text);
      throw new ColdframeError("usage", `--continue: "${text}" is not the number of a restore`, {
        hint: "`coldframe thaw` lists the restores that wait.",
      });
    });
}

async function choose(context: CommandContext, patterns: readonly string[], flags: Flags): Promise<void> {
  if (flags.continue !== undefined) {
    if (patterns.length > 0) throw missing("--continue goes on with what was begun and takes no pattern");
    return await goOn(context, flags, flags.continue === true ? undefined : Number(flags.continue));
  }
  if (patterns.length === 0) throw missing("missing required argument 'pattern'");
  const { to } = flags;
  if (to === undefined) throw missing("required option '--to <dir>' not specified");
  if (flags.image !== undefined) await runOnImage(context, patterns, { ...flags, to }, flags.image);
  else await run(context, patterns, { ...flags, to });
}

function missing(what: string): ColdframeError {
  return new ColdframeError("usage", what, { hint: "See `coldframe restore --help`." });
}

type TargetFlags = Flags & { readonly to: string };

/** How to get at keys, money and time. */
function settingsOf({ terminal }: CommandContext, flags: Flags, session: Session): ContinueSettings {
  const consent = { yes: flags.yes === true, chosen: flags.tier !== undefined };
  return {
    maxCost: flags.maxCost,
    wait: flags.wait === true,
    sleep,
    unlock: unlockWith(flags.identity ?? session.home.paths.identity, passphraseAsker(terminal)),
    masterKey: masterKeyAsker(terminal),
    approve: (plan, option) => askConsent(terminal, plan, option, consent),
  };
}

async function run(context: CommandContext, patterns: readonly string[], flags: TargetFlags): Promise<void> {
  const { terminal } = context;
  await withSession(context, flags, {}, async (session) => {
    const { to, since, until, at, volume, deleted, withCompanions: companions, tier, days } = flags;
    const selection = { patterns, since, until, at, volume, deleted, companions };
    const [planOnly, overwrite] = [flags.plan === true || flags.dryRun === true, flags.overwrite === true];
    const settings = { ...settingsOf(context, flags, session), to, overwrite, tier, days };
    const report = await restore(session, { ...selection, ...settings, planOnly });
    if (flags.json === true) json(terminal, { dryRun: planOnly, ...report });
    else {
      print(terminal, report, planOnly);
      printDamage(terminal, report);
      if (planOnly) printPlan(terminal, report);
      else printWaiting(terminal, report.waiting);
    }
    context.finish(exitCode(report, report.waiting?.files));
  });
}

function printPlan(terminal: Terminal, { plan, failed }: RestoreReport): void {
  if (plan !== undefined) { for (const text of describePlan(plan)) line(terminal, text); }
  printFailures(terminal, failed);
}

function printWaiting(terminal: Terminal, waiting: Waiting | undefined): void {
  if (waiting === undefined) return;
  const { restore, volumes, files, readyBy } = waiting;
  const by = readyBy === undefined ? "" : `; they are ready by ${formatTime(readyBy)}`;
  line(
    terminal,
    `Restore ${restore} waits for ${count(volumes, "volume")} with ${count(files, "file")}${by}.`,
  );
  line(terminal, "→ Come back with `coldframe restore --continue`; `coldframe thaw` says how it stands.");
}

async function goOn(context: CommandContext, flags: Flags, id: number | undefined): Promise<void> {
  const { terminal } = context;
  await withSession(context, flags, {}, async (session) => {
    const reports = await continueRestores(session, settingsOf(context, flags, session), id);
    if (flags.json === true) json(terminal, { restores: reports });
    else {
      for (const report of reports) {
        print(terminal, report, false);
        printDamage(terminal, report);
        printWaiting(terminal, report.waiting);
      }
    }
    const codes = reports.map((report) => exitCode(report, report.waiting?.files));
    context.finish(codes.find((code) => code !== EXIT.done) ?? EXIT.done);
  });
}

async function runOnImage(
  context: CommandContext,
  patterns: readonly string[],
  flags: TargetFlags,
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

function print(terminal: Terminal, report: RestoreCounts, dryRun: boolean): void {
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

/** Damage in a stored object that the files asked for got round, if they did. */
function printDamage(terminal: Terminal, { damaged, failed }: RestoreCounts): void {
  if (damaged.length === 0) return;
  for (const { reason } of damaged) warn(terminal, reason);
  const whole = failed.length === 0 ? "; every file asked for came back whole" : "";
  complain(
    terminal,
    `${count(damaged.length, "stored object is", "stored objects are")} damaged${whole}`,
    "Run `coldframe check volumes` to see which other files are affected, and what mends it.",
  );
}

/** Each file that did not come back, how many they are, and what can be done. */
function printFailures(terminal: Terminal, failed: RestoreCounts["failed"]): void {
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
function exitCode(report: RestoreCounts, found = 0, missing = 0): ExitCode {
  if (report.failed.length + missing === 0) return report.damaged.length === 0 ? EXIT.done : EXIT.damage;
  return report.restored + report.existing + found > 0 ? EXIT.partly : EXIT.failed;
}
