/** `coldframe check`: prove the copies. */

import { Argument, type Command } from "commander";
import { latestSuccesses } from "../../catalog/runs.ts";
import { ColdframeError } from "../../errors.ts";
import { check, isDamage, jobOf, type Subject } from "../../jobs/check/check.ts";
import type { CheckReport } from "../../jobs/check/look.ts";
import { dueJobs } from "../../jobs/due.ts";
import { rhythmsOf } from "../../jobs/rhythms.ts";
import type { Session } from "../../jobs/session.ts";
import { describeCheck } from "../check-text.ts";
import {
  addStoreFlags,
  type CommandContext,
  EXIT,
  type GlobalFlags,
  newCommand,
  type StoreFlags,
  withSession,
} from "../command.ts";
import { formatDay } from "../format.ts";
import { json, line, showError } from "../terminal.ts";

type Flags = GlobalFlags & StoreFlags;

export function checkCommand(context: CommandContext): Command {
  return addStoreFlags(
    newCommand(
      "check",
      "Prove the copies: that they are there, that they are what was stored, that they come back. Without a subject, what is due. Exit code 4 when damage was found.",
      "coldframe check volumes",
    ),
  )
    .addArgument(new Argument("[subject]", "what to check").choices(["staging", "volumes"]))
    .action((subject: string | undefined, flags: Flags) => run(context, subject, flags));
}

async function run(context: CommandContext, name: string | undefined, flags: Flags): Promise<void> {
  await withSession(context, flags, {}, async (session) => {
    const due = name === undefined ? await dueSubjects(session) : undefined;
    const subjects = due?.subjects ?? [subjectOf(name)];
    const { reports, failed } = await checkAll(context, session, subjects, flags);
    if (flags.json === true) json(context.terminal, { checks: reports.map(toJson) });
    else if (due !== undefined && subjects.length === 0) {
      const next = due.next === undefined ? "" : `; ${due.next.job} is on ${formatDay(due.next.due)}`;
      line(context.terminal, `No check is due${next}. Name one to make it now: coldframe check volumes`);
    }
    const damage = reports.some(({ findings }) => isDamage(findings));
    context.finish(damage ? EXIT.damage : failed ? EXIT.failed : EXIT.done);
  });
}

function subjectOf(name: string | undefined): Subject {
  if (name === "staging" || name === "volumes") return { kind: name };
  throw new ColdframeError("usage", `there is nothing to check called "${name ?? ""}"`);
}

const SUBJECTS: readonly Subject[] = [{ kind: "staging" }, { kind: "volumes" }];

/** The checks whose time has come, and the one that is next. */
async function dueSubjects(session: Session) {
  const last = await latestSuccesses(session.db, session.home.box);
  const all = dueJobs(rhythmsOf(session.home.config), last, 0, session.now());
  const isDue = (subject: Subject) => all.some(({ job, isDue }) => isDue && job === jobOf(subject));
  const checks = all.filter(({ job }) => job.startsWith("check ")).toSorted((a, b) => a.due - b.due);
  return { subjects: SUBJECTS.filter(isDue), next: checks[0] };
}

/** One that fails does not keep the others from being made. */
async function checkAll(
  { terminal }: CommandContext,
  session: Session,
  subjects: readonly Subject[],
  flags: Flags,
): Promise<{ reports: CheckReport[]; failed: boolean }> {
  const reports: CheckReport[] = [];
  let failed = false;
  for (const subject of subjects) {
    try {
      const report = await check(session, subject);
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

function toJson({ job, started, ended, stores, findings, mended }: CheckReport): unknown {
  const time = (ms: number) => new Date(ms).toISOString();
  return {
    check: job.replace(/^check /, ""),
    started: time(started),
    ended: time(ended),
    damage: isDamage(findings),
    stores,
    findings: findings.map((finding) => ({
      ...finding,
      opened: time(finding.opened),
      seen: time(finding.seen),
    })),
    mended,
  };
}
