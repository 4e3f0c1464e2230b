/** A check in words, for a terminal. */

import type { Finding } from "../catalog/findings.ts";
import { LEVELS } from "../catalog/proofs.ts";
import { formatMoney } from "../cost/money.ts";
import type { DrillReport } from "../jobs/check/drill.ts";
import type { CheckReport, Group, StoreReport } from "../jobs/check/look.ts";
import { formatSize } from "../size.ts";
import { count, formatDuration, printable } from "./format.ts";
import { complain, line, styled, type Terminal, warn } from "./terminal.ts";

/** Files named with a finding, at the most. */
const NAMED = 10;

/** Says what a check proved, and what it found. */
export function describeCheck(terminal: Terminal, report: CheckReport): void {
  line(terminal, styled(terminal, "bold", capital(report.job)));
  for (const store of report.stores) describeStore(terminal, store);
  for (const done of report.mended) line(terminal, `  mended: ${printable(done)}`);
  for (const finding of report.findings) describeFinding(terminal, finding);
  if (report.findings.length === 0) line(terminal, "  Nothing is wrong, as far as was looked.");
}

function describeStore(terminal: Terminal, { store, groups, requests, cost }: StoreReport): void {
  line(terminal, `  ${printable(store)}`);
  for (const group of groups) line(terminal, `    ${describeGroup(group)}`);
  for (const remark of groups.flatMap(({ remarks }) => remarks)) line(terminal, `    (${remark})`);
  if (requests.lists === 0) return; // no store was asked
  const asked = [
    count(requests.lists, "listing"),
    count(requests.heads, "HEAD", "HEADs"),
    ...(requests.gets > 0
      ? [`${count(requests.gets, "GET", "GETs")}, ${formatSize(requests.bytesRead)} read`]
      : []),
  ];
  const price = cost === undefined ? "" : `: ${formatMoney(cost.total, cost.currency)}`;
  line(terminal, `    asked: ${asked.join(", ")}${price}`);
}

/** Objects whose size is of no interest. */
const SMALL: readonly string[] = ["manifests", "snapshots"];

/** `volumes: 50 (250 GB): 50 listed, 50 checksummed`. What a level is not named for, it was not proven. */
function describeGroup({ what, objects, bytes, proven }: Group): string {
  if (objects === 0) return `${what}: none`;
  const levels = LEVELS.filter((level) => proven[level] > 0)
    .map((level) => `${proven[level].toLocaleString("en-US")} ${level}`);
  const said = levels.length === 0 ? "nothing proven" : levels.join(", ");
  const size = SMALL.includes(what) ? "" : ` (${formatSize(bytes)})`;
  return `${what}: ${objects.toLocaleString("en-US")}${size}: ${said}`;
}

function describeFinding(terminal: Terminal, { severity, message, hint, files }: Finding): void {
  if (severity === "damage") complain(terminal, message, hint ?? "See docs/CHECK.md.");
  else {
    warn(terminal, message);
    if (hint !== undefined) terminal.err(`→ ${printable(hint)}\n`);
  }
  for (const path of files.slice(0, NAMED)) terminal.err(`    ${printable(path)}\n`);
  if (files.length > NAMED) {
    terminal.err(`    and ${count(files.length - NAMED, "file")} more (all with --json)\n`);
  }
}

function capital(text: string): string {
  return text.slice(0, 1).toUpperCase() + text.slice(1);
}

/** Says how a drill went. */
export function describeDrill(terminal: Terminal, { files, took, findings }: DrillReport): void {
  if (files.length === 0) return line(terminal, "There is nothing that could be restored now.");
  const bytes = formatSize(files.reduce((sum, { size }) => sum + size, 0));
  line(terminal, `Drill: ${count(files.length, "file")} (${bytes}), in ${formatDuration(took / 1000)}`);
  for (const { path, outcome, reason } of files) {
    line(
      terminal,
      `  ${OUTCOMES[outcome]}  ${printable(path)}${reason === undefined ? "" : `: ${printable(reason)}`}`,
    );
  }
  for (const finding of findings) describeFinding(terminal, finding);
}

const OUTCOMES: Readonly<Record<DrillReport["files"][number]["outcome"], string>> = {
  same: "restored, the same as in its folder",
  restored: "restored, right by its SHA-256  ",
  failed: "FAILED                          ",
};
