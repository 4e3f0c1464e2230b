/** `coldframe check`: prove the copies. */

import { rename, rm, writeFile } from "node:fs/promises";
import process from "node:process";
import { Argument, type Command, Option } from "commander";
import type { Finding } from "../../catalog/findings.ts";
import { latestSuccesses } from "../../catalog/runs.ts";
import { ColdframeError, hasCode, messageOf } from "../../errors.ts";
import { check, isDamage, jobOf, type Subject } from "../../jobs/check/check.ts";
import type { DeepOptions, ThawOffer } from "../../jobs/check/deep.ts";
import { checkHistory } from "../../jobs/check/history.ts";
import { drill, type DrillReport } from "../../jobs/check/drill.ts";
import type { CheckReport } from "../../jobs/check/look.ts";
import { parseSample, type Sample } from "../../jobs/check/sample.ts";
import { dueJobs } from "../../jobs/due.ts";
import type { PlaintextKeys } from "../../jobs/restore/plaintext.ts";
import { rhythmsOf } from "../../jobs/rhythms.ts";
import type { Session } from "../../jobs/session.ts";
import { unlockWith } from "../../jobs/unlock.ts";
import type { ThawTier } from "../../store/store.ts";
import { formatSize } from "../../size.ts";
import { checkPage } from "../check-page.ts";
import { describeCheck, describeDrill } from "../check-text.ts";
import {
  addStoreFlags,
  type CommandContext,
  EXIT,
  type GlobalFlags,
  newCommand,
  type StoreFlags,
  withSession,
} from "../command.ts";
import { count, formatDay, printable } from "../format.ts";
import { addIdentityFlag, type IdentityFlags } from "../image.ts";
import { passphraseAsker } from "../passphrase.ts";
import { json, line, showError, type Terminal } from "../terminal.ts";

interface Flags extends GlobalFlags, StoreFlags, IdentityFlags {
  readonly deep?: boolean;
  readonly sample?: Sample;
  readonly all?: boolean;
  readonly thaw?: ThawTier;
  readonly yes?: boolean;
  readonly drill?: number | true;
  readonly report?: string;
  readonly mend?: boolean;
  readonly acceptLost?: boolean;
}

const SUBJECTS = ["staging", "volumes", "sources", "mirror"] as const;

const DRILL_FILES = 5;

const TIERS: Readonly<Record<string, ThawTier>> = {
  bulk: "Bulk",
  standard: "Standard",
  expedited: "Expedited",
};

export function checkCommand(context: CommandContext): Command {
  const command = newCommand(
    "check",
    "Prove the copies: that they are there, that they are what was stored, that they come back. Without a subject, what is due. Exit code 4 when damage was found.",
    "coldframe check volumes\n" +
      "  coldframe check staging --deep --sample 2%\n" +
      "  coldframe check --drill 10",
  );
  return addIdentityFlag(addStoreFlags(command))
    .addArgument(new Argument("[subject]", "what to check").choices(SUBJECTS))
    .argument("[name]", "which mirror")
    .option("--deep", "also read copies back, and decrypt them where the key is there")
    .addOption(
      new Option("--sample <amount>", "how much to read: files (20), bytes (500M) or a share (2%)")
        .argParser(parseSample),
    )
    .addOption(new Option("--all", "read everything").conflicts("sample"))
    .addOption(
      new Option("--thaw <tier>", "ask for archived volumes to be read; the price is shown first")
        .choices(Object.keys(TIERS)).argParser(tierOf),
    )
    .option("--yes", "take the price of --thaw")
    .addOption(
      new Option("--drill [files]", "restore files taken by chance, and compare them with their folders")
        .argParser(parseCount),
    )
    .option("--report <file>", "also write what was proven when as a page of HTML; alone, checks nothing")
    .option("--mend", "repair what is damaged and can be")
    .option("--accept-lost", "give up files that are in damaged volumes only")
    .action((subject: string | undefined, name: string | undefined, flags: Flags) =>
      run(context, subjectOf(subject, name), flags)
    );
}

/** @throws ColdframeError `usage` for a mirror without a name, or anything else with one */
function subjectOf(subject: string | undefined, name: string | undefined): Subject | undefined {
  const kind = SUBJECTS.find((known) => known === subject);
  if (kind === undefined) return undefined;
  if (kind === "mirror") {
    if (name !== undefined) return { kind, name };
    throw new ColdframeError("usage", "which mirror?", { hint: "Name it: coldframe check mirror NAME" });
  }
  if (name === undefined) return { kind };
  throw new ColdframeError("usage", `check ${kind} takes no name`, { hint: "See `coldframe check --help`." });
}

function tierOf(text: string): ThawTier {
  const tier = TIERS[text.toLowerCase()];
  if (tier !== undefined) return tier;
  throw new ColdframeError("usage", `--thaw: there is no tier "${text}"`, {
    hint: `Write ${Object.keys(TIERS).join(", ")}.`,
  });
}

function parseCount(text: string): number {
  if (/^[1-9]\d{0,5}$/.test(text)) return Number(text);
  throw new ColdframeError("usage", `--drill: "${text}" is not a number of files`);
}

async function run(context: CommandContext, subject: Subject | undefined, flags: Flags): Promise<void> {
  assertUsage(subject?.kind, flags);
  const writes = flags.mend === true || flags.acceptLost === true;
  // To look takes no lock: a check of hours must not keep new photos from being stored.
  const job = subject === undefined ? "check" : jobOf(subject);
  await withSession(context, flags, { job, ...(writes && { lockFor: "check" }) }, async (session) => {
    if (flags.drill !== undefined) return await runDrill(context, session, flags);
    const pageOnly = subject === undefined && flags.report !== undefined;
    const due = subject === undefined && !pageOnly ? await dueSubjects(session) : undefined;
    const subjects = due?.subjects ?? (subject === undefined ? [] : [subject]);
    const { reports, failed } = await checkAll(context, session, subjects, flags);
    if (flags.report !== undefined) await writePage(context.terminal, session, flags.report);
    if (flags.json === true) json(context.terminal, { checks: reports.map(toJson) });
    else if (subjects.length === 0 && !pageOnly) line(context.terminal, nothingDue(due?.next));
    const damage = reports.some(({ findings }) => isDamage(findings));
    context.finish(damage ? EXIT.damage : failed ? EXIT.failed : EXIT.done);
  });
}

function assertUsage(name: string | undefined, flags: Flags): void {
  const needs = (flag: string, what: string) =>
    new ColdframeError("usage", `${flag} needs ${what}`, { hint: "See `coldframe check --help`." });
  if (flags.mend === true && name === undefined) throw needs("--mend", "a subject");
  if (flags.acceptLost === true && name !== "volumes") throw needs("--accept-lost", "the subject volumes");
  if (flags.thaw !== undefined && (name !== "volumes" || flags.deep !== true)) {
    throw needs("--thaw", "the subject volumes, and --deep");
  }
  if (flags.sample !== undefined && flags.deep !== true) throw needs("--sample", "--deep");
  if (flags.all === true && flags.deep !== true && name !== "sources") throw needs("--all", "--deep");
  if (flags.drill !== undefined && name !== undefined) throw needs("--drill", "no subject");
}

function nothingDue(next: { readonly job: string; readonly due: number } | undefined): string {
  const when = next === undefined ? "" : `; the next is \`${next.job}\`, on ${formatDay(next.due)}`;
  return `No check is due${when}. Name one to make it now: coldframe check volumes`;
}

/** The checks whose time has come, and the one that is next. */
async function dueSubjects(session: Session) {
  const last = await latestSuccesses(session.db, session.home.box);
  const { config } = session.home;
  const subjects: Subject[] = [
    { kind: "staging" },
    { kind: "volumes" },
    { kind: "sources" },
    ...config.mirrors.map(({ name }) => ({ kind: "mirror", name }) as const),
  ];
  const jobs = new Set(subjects.map(jobOf));
  const all = dueJobs(rhythmsOf(config), last, 0, session.now()).filter(({ job }) => jobs.has(job));
  const due = new Set(all.filter(({ isDue }) => isDue).map(({ job }) => job));
  const [next] = all.toSorted((a, b) => a.due - b.due);
  return { subjects: subjects.filter((subject) => due.has(jobOf(subject))), next };
}

/** One that fails does not keep the others from being made. */
async function checkAll(
  { terminal }: CommandContext,
  session: Session,
  subjects: readonly Subject[],
  flags: Flags,
): Promise<{ reports: CheckReport[]; failed: boolean }> {
  const reports: CheckReport[] = [];
  const keys = keysOf(terminal, session, flags);
  const deep = flags.deep === true ? await deepOptions(terminal, keys, flags) : undefined;
  let failed = false;
  for (const subject of subjects) {
    try {
      const report = await check(session, subject, {
        deep,
        keys,
        all: flags.all === true,
        mend: flags.mend === true,
        acceptLost: flags.acceptLost === true,
      });
      reports.push(report);
      if (flags.json !== true) describeCheck(terminal, report);
    } catch (error) {
      if (subjects.length === 1 || !(error instanceof ColdframeError)) throw error;
      session.signal.throwIfAborted();
      showError(terminal, error, flags.debug === true);
      failed = true;
    }
  }
  return { reports, failed };
}

function keysOf(terminal: Terminal, session: Session, flags: Flags): PlaintextKeys {
  return { unlock: unlockWith(flags.identity ?? session.home.paths.identity, passphraseAsker(terminal)) };
}

/** Without the key there is less to prove, which the report says; a key that was named must be there. */
async function deepOptions(
  terminal: Terminal,
  keys: PlaintextKeys,
  flags: Flags,
): Promise<DeepOptions> {
  const hasKey = await keys.unlock().then(() => true, (error) => {
    const lacks = hasCode(error, "key-missing") || hasCode(error, "passphrase");
    if (!lacks || flags.identity !== undefined) throw error;
    return false;
  });
  const tier = flags.thaw;
  return {
    sample: flags.all === true ? { kind: "all" } : flags.sample,
    keys: hasKey ? keys : undefined,
    random: () => Math.random(),
    thaw: tier === undefined ? undefined : { tier, approve: (offer) => approve(terminal, offer, flags) },
  };
}

async function approve(terminal: Terminal, offer: ThawOffer, flags: Flags): Promise<boolean> {
  terminal.err(`${describeOffer(offer)}\n`);
  if (flags.yes === true) return true;
  if (!terminal.interactive) {
    throw new ColdframeError("usage", "a thaw costs money, and nobody is there to say yes", {
      hint: "Add --yes to take the price.",
    });
  }
  return /^y(es)?$/i.test((await terminal.ask("Thaw? [y/N] ") ?? "").trim());
}

function describeOffer({ volumes, bytes, days, price, hours }: ThawOffer): string {
  const cost = price === undefined ? "the price is not known here" : price;
  const wait = hours === undefined ? "" : `, in ${hours.from} to ${hours.to} hours`;
  return `To thaw ${count(volumes, "volume")} (${formatSize(bytes)}) for ${days} days${wait}: ${cost}.`;
}

/** Names of photos are in it: it is for its owner only. */
async function writePage(terminal: Terminal, session: Session, path: string): Promise<void> {
  const page = checkPage(await checkHistory(session, formatDay));
  const fresh = `${path}.${process.pid}.part`;
  try {
    await writeFile(fresh, page, { mode: 0o600 });
    await rename(fresh, path);
  } catch (error) {
    await rm(fresh, { force: true });
    throw new ColdframeError("home", `cannot write ${path}: ${messageOf(error)}`, { cause: error });
  }
  terminal.err(`Wrote ${printable(path)}\n`);
}

async function runDrill({ terminal, finish }: CommandContext, session: Session, flags: Flags): Promise<void> {
  const report = await drill(session, {
    count: typeof flags.drill === "number" ? flags.drill : DRILL_FILES,
    keys: keysOf(terminal, session, flags),
    random: () => Math.random(),
  });
  if (flags.json === true) json(terminal, drillJson(report));
  else describeDrill(terminal, report);
  finish(isDamage(report.findings) ? EXIT.damage : EXIT.done);
}

function drillJson({ files, took, findings }: DrillReport): unknown {
  return { drill: files, tookSeconds: took / 1000, findings: findings.map(findingJson) };
}

function toJson({ job, started, ended, stores, findings, mended }: CheckReport): unknown {
  return {
    check: job.replace(/^check /, ""),
    started: timeJson(started),
    ended: timeJson(ended),
    damage: isDamage(findings),
    stores,
    findings: findings.map(findingJson),
    mended,
  };
}

function findingJson(finding: Finding): unknown {
  return { ...finding, opened: timeJson(finding.opened), seen: timeJson(finding.seen) };
}

function timeJson(ms: number): string {
  return new Date(ms).toISOString();
}
