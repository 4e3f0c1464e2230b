/** What the imports share on the command line. */

import { type Command, Option } from "commander";
import { ColdframeError } from "../errors.ts";
import { homePath } from "../home/home.ts";
import type { ImportJob } from "../jobs/import/job.ts";
import { type ImportProblem, isDamage } from "../jobs/import/problems.ts";
import type { StoreContext } from "../store/context.ts";
import type { ThawTier } from "../store/store.ts";
import { EXIT, type ExitCode, type GlobalFlags } from "./command.ts";
import { count } from "./format.ts";
import { progressReporter } from "./progress.ts";
import { complain, line, type Terminal, warn } from "./terminal.ts";

/** Flags of every import. */
export interface ImportFlags extends GlobalFlags {
  readonly list?: boolean;
  readonly check?: boolean;
  readonly to?: string;
  readonly only?: string[];
  readonly overwrite?: boolean;
  readonly dryRun?: boolean;
  readonly thaw?: ThawTier;
}

/** Adds the flags of every import. */
export function addImportFlags(command: Command): Command {
  return command
    .argument("<from...>", "where the objects are: s3://…, gdrive:Folder, or a folder or file here")
    .option("--list", "say what is there; needs no key")
    .option("--check", "read everything, and prove it by its hash")
    .option("--to <dir>", "restore into this folder")
    .option("--only <pattern...>", "only files that match, as `restore` takes them")
    .option("--overwrite", "replace files in the target folder that differ")
    .addOption(thawOption())
    .option("--dry-run", "say what would be done, and write nothing");
}

const TIERS: readonly ThawTier[] = ["Bulk", "Standard", "Expedited"];

function thawOption(): Option {
  return new Option("--thaw <tier>", "have archived objects thawed: Bulk (two days), Standard, Expedited")
    .argParser((text) => {
      const tier = TIERS.find((one) => one.toLowerCase() === text.toLowerCase());
      if (tier !== undefined) return tier;
      throw new ColdframeError("usage", `--thaw: "${text}" is not one of ${TIERS.join(", ")}`);
    });
}

/**
 * Exactly one thing is done at a time.
 *
 * @throws ColdframeError `usage`
 */
export function assertOneMode(modes: Readonly<Record<string, boolean>>): void {
  const chosen = Object.keys(modes).filter((name) => modes[name] === true);
  if (chosen.length === 1) return;
  const names = Object.keys(modes).join(", ");
  throw new ColdframeError(
    "usage",
    chosen.length === 0 ? `say what to do: ${names}` : `${chosen.join(" and ")} do not go together`,
    { hint: "Begin with --list, which only looks." },
  );
}

/** The surroundings of a place that needs no home. A home is only looked into for a sign-in to Google. */
export function importContext(terminal: Terminal, flags: GlobalFlags, job: ImportJob): StoreContext {
  return {
    env: terminal.env,
    fetch,
    signal: terminal.signal,
    now: () => terminal.now(),
    home: homePath(flags.home, terminal.env),
    warn: (text) => job.report.warn(text),
  };
}

/** Where an import reports to. */
export function importJob(terminal: Terminal, flags: GlobalFlags): ImportJob {
  return { report: progressReporter(terminal, flags.json === true), signal: terminal.signal };
}

/** Names every problem, and what can be done. */
export function printProblems(terminal: Terminal, problems: readonly ImportProblem[]): void {
  if (problems.length === 0) return;
  for (const { message } of problems) warn(terminal, message);
  const hints = new Set(problems.flatMap(({ hint }) => hint ?? []));
  complain(terminal, count(problems.length, "problem"), [...hints].join(" ") || "See above.");
}

/** Says what a later run will find readable. */
export function printThawing(terminal: Terminal, keys: readonly string[]): void {
  if (keys.length === 0) return;
  line(terminal, `${count(keys.length, "object")} being thawed. Run the same again when they are.`);
}

/**
 * The exit code of an import.
 *
 * @param done whether anything of what was asked for was done
 */
export function importExit(
  problems: readonly ImportProblem[],
  { done, check }: { readonly done: boolean; readonly check: boolean },
): ExitCode {
  if (check && problems.some(isDamage)) return EXIT.damage;
  if (problems.length === 0) return EXIT.done;
  return done ? EXIT.partly : EXIT.failed;
}
