/** The status of a home as rows that fit any window, a phone's too. */

import type { Status } from "../jobs/status.ts";
import { formatMoney } from "../cost/money.ts";
import { formatSize } from "../size.ts";
import { amount, formatTime, printable, wrap } from "./format.ts";
import { line, styled, type Terminal } from "./terminal.ts";

const LABEL = 11;
/** A window of unknown width. */
const USUAL_WIDTH = 80;

/** Prints it, what matters most first. */
export function printStatus(terminal: Terminal, status: Status, now: number): void {
  const row = (label: string, text: string, colour?: "red" | "yellow") =>
    printRow(terminal, label, text, colour);
  printProblems(status, row);
  printAmounts(status, row);
  printRuns(status, row, now);
  for (const { name, path, scanned } of status.sources) {
    const when = scanned === undefined ? "not scanned yet" : `scanned ${formatTime(scanned)}`;
    row("Folder", `${name}: ${path}, ${when}`);
  }
  for (const step of nextSteps(status)) row("→", step);
}

type Row = (label: string, text: string, colour?: "red" | "yellow") => void;

function printProblems({ findings, unfinished }: Status, row: Row): void {
  for (const { severity, message, hint } of findings) {
    const isDamage = severity === "damage";
    row(isDamage ? "DAMAGE" : "Warning", message, isDamage ? "red" : "yellow");
    if (hint !== undefined) row("→", hint);
  }
  for (const name of unfinished) row("Unfinished", name, "yellow");
}

function printAmounts(status: Status, row: Row): void {
  const { inVolumes, onlyStaged, onlyMirrored, unprotected, volumes, cost } = status;
  const of = ({ contents, bytes }: { contents: number; bytes: number }) => amount(contents, bytes);
  row("Protected", `${of(inVolumes)} in volumes`);
  row("Waiting", `${of(onlyStaged)} in staging`);
  if (onlyMirrored.contents > 0) row("Mirrored", `${of(onlyMirrored)}, and nowhere else`);
  if (unprotected.contents === 0) row("At risk", "none");
  else row("At risk", of(unprotected), "red");
  row("Volumes", `${volumes.stored.toLocaleString("en-US")} stored, ${formatSize(volumes.bytes)}`);
  if (cost !== undefined) row("Cost", `${formatMoney(cost.month, cost.currency)} a month`);
}

function printRuns({ runs, snapshot, due }: Status, row: Row, now: number): void {
  for (const { job, started, outcome } of runs) {
    row("Last", `${job} ${formatTime(started)}, ${outcome ?? "not finished"}`);
  }
  row("Snapshot", snapshot === undefined ? "none yet" : formatTime(snapshot));
  const [next] = due;
  if (next === undefined) return;
  if (next.isOverdue) row("Overdue", next.job, "yellow");
  else row("Next", next.due <= now ? `${next.job} is due` : `${next.job} by ${formatTime(next.due)}`);
}

function printRow(terminal: Terminal, label: string, text: string, colour?: "red" | "yellow"): void {
  const width = Math.max(20, (terminal.columns ?? USUAL_WIDTH) - LABEL);
  const lines = wrap(printable(text), width);
  lines.forEach((part, i) => {
    const start = (i === 0 ? label : "").padEnd(LABEL);
    line(terminal, start + (colour === undefined ? part : styled(terminal, colour, part)));
  });
}

function nextSteps({ sources, settings, unprotected, unfinished }: Status): string[] {
  const steps: string[] = [];
  if (sources.length === 0) {
    const known = settings.sources.length > 0;
    steps.push(
      known ? "Protect your folders: coldframe sync" : "Protect a folder: coldframe sync ~/Pictures",
    );
  }
  if (unprotected.contents > 0) steps.push("Store what is at risk: coldframe sync");
  if (unfinished.length > 0) steps.push("Finish what was interrupted: coldframe sync");
  return steps;
}
