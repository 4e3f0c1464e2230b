/** `coldframe status`: one screen, also on a phone. */

import type { Command } from "commander";
import { totals } from "../../catalog/look.ts";
import { openFindings } from "../../catalog/findings.ts";
import { latestRuns, latestSnapshot } from "../../catalog/runs.ts";
import { listSources } from "../../catalog/sources.ts";
import { listVolumes, plannedVolumes } from "../../catalog/volumes.ts";
import type { Session } from "../../jobs/session.ts";
import { formatSize } from "../../size.ts";
import { type CommandContext, EXIT, type GlobalFlags, newCommand, withSession } from "../command.ts";
import { amount, count, formatTime, printable } from "../format.ts";
import { json, line, styled, type Terminal } from "../terminal.ts";

export function statusCommand(context: CommandContext): Command {
  return newCommand(
    "status",
    "What is protected where, what is not, and what to do next.",
    "coldframe status",
  )
    .action((flags: GlobalFlags) =>
      withSession(context, flags, {}, async (session) => {
        const facts = await gather(session);
        if (flags.json === true) json(context.terminal, facts);
        else print(context.terminal, facts);
        context.finish(EXIT.done);
      })
    );
}

type Facts = Awaited<ReturnType<typeof gather>>;

async function gather(session: Session) {
  const { db, home } = session;
  const [sources, sums, volumes, unfinished, runs, snapshot, findings] = await Promise.all([
    listSources(db),
    totals(db),
    listVolumes(db),
    plannedVolumes(db, home.box),
    latestRuns(db, home.box),
    latestSnapshot(db),
    openFindings(db),
  ]);
  const stored = volumes.filter((volume) => volume.state === "stored");
  return {
    home: home.paths.root,
    settings: { sources: home.config.sources },
    sources: sources.map(({ name, path, scanned }) => ({ name, path, scanned })),
    ...sums,
    volumes: { stored: stored.length, bytes: stored.reduce((sum, volume) => sum + volume.objectSize, 0) },
    unfinished: unfinished.map((volume) => volume.name),
    runs,
    snapshot: snapshot?.time,
    findings,
  };
}

function print(terminal: Terminal, facts: Facts): void {
  const { unprotected, onlyStaged, onlyMirrored, inVolumes } = facts;
  const place = ({ contents, bytes }: { contents: number; bytes: number }) => amount(contents, bytes);
  line(
    terminal,
    `Files       ${amount(facts.files, facts.bytes)} in ${count(facts.sources.length, "folder")}`,
  );
  line(terminal, `In volumes  ${place(inVolumes)}`);
  line(terminal, `In staging  ${place(onlyStaged)}`);
  if (onlyMirrored.contents > 0) line(terminal, `In mirrors  ${place(onlyMirrored)}, and nowhere else`);
  const atRisk = unprotected.contents === 0 ? "none" : styled(terminal, "red", place(unprotected));
  line(terminal, `At risk     ${atRisk}`);
  line(terminal, `Volumes     ${facts.volumes.stored} stored, ${formatSize(facts.volumes.bytes)}`);
  for (const name of facts.unfinished) line(terminal, `Unfinished  ${name}`);
  for (const run of facts.runs) {
    line(terminal, `Last ${run.job.padEnd(6)} ${formatTime(run.started)}, ${run.outcome ?? "not finished"}`);
  }
  line(terminal, `Snapshot    ${facts.snapshot === undefined ? "none yet" : formatTime(facts.snapshot)}`);
  for (const { name, path, scanned } of facts.sources) {
    const when = scanned === undefined ? "not scanned yet" : `scanned ${formatTime(scanned)}`;
    line(terminal, `Folder      ${printable(name)}: ${printable(path)}, ${when}`);
  }
  for (const { severity, message, hint } of facts.findings) {
    const color = severity === "damage" ? "red" : "yellow";
    line(terminal, styled(terminal, color, `Problem     ${printable(message)}`));
    if (hint !== undefined) line(terminal, `→ ${printable(hint)}`);
  }
  nextSteps(facts).forEach((step) => line(terminal, `→ ${step}`));
}

function nextSteps(facts: Facts): string[] {
  const steps: string[] = [];
  if (facts.sources.length === 0) {
    const known = facts.settings.sources.length > 0;
    steps.push(
      known ? "Protect your folders: coldframe sync" : "Protect a folder: coldframe sync ~/Pictures",
    );
  }
  if (facts.unprotected.contents > 0) steps.push("Store what is at risk: coldframe sync");
  if (facts.unfinished.length > 0) steps.push("Finish what was interrupted: coldframe sync");
  return [...new Set(steps)];
}
