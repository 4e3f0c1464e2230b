/** A scan's report as text and as JSON; `scan` and `sync` show the same. */

import type { ScanReport, SourceScan } from "../jobs/scan.ts";
import { amount, count, printable } from "./format.ts";
import { complain, line, type Terminal, warn } from "./terminal.ts";

/** One line per source, and one per file that could not be taken. */
export function describeScan(terminal: Terminal, source: SourceScan): void {
  line(terminal, `${printable(source.source)}: ${facts(source).join(", ")}`);
  describeSpoilt(terminal, source);
  for (const problem of source.problems) warn(terminal, `skipped ${problem.path}: ${problem.reason}`);
}

/** Files named, at the most. */
const NAMED = 10;

/** What looks like the work of ransomware, if anything does. */
export function describeSpoilt(
  terminal: Terminal,
  { source, spoilt: { files, examples } }: SourceScan,
): void {
  if (files === 0) return;
  complain(
    terminal,
    `${
      count(files, "known file")
    } in ${source} have become random bytes at once, as ransomware makes them. ` +
      "They were not stored; what was stored of them before is safe",
    "Take this machine off the network and look at the files. If they are as you want them: " +
      "coldframe sync --accept-changes",
  );
  for (const path of examples.slice(0, NAMED)) terminal.err(`    ${printable(path)}\n`);
  if (files > NAMED) terminal.err(`    and ${count(files - NAMED, "file")} more\n`);
}

/** One warning per source that could not be scanned. */
export function describeFailures(terminal: Terminal, report: ScanReport): void {
  for (const { error } of report.failures) warn(terminal, `${error.message}. ${error.hint ?? ""}`.trim());
}

function facts(source: SourceScan): string[] {
  const changes: [number, string][] = [
    [source.added, "new"],
    [source.changed, "changed"],
    [source.moved, "moved"],
    [source.gone, "gone"],
  ];
  const left = [
    source.symlinks > 0 ? count(source.symlinks, "symlink") : "",
    source.special > 0 ? count(source.special, "special file") : "",
  ].filter((text) => text !== "");
  return [
    amount(source.files, source.bytes),
    ...changes.filter(([n]) => n > 0).map(([n, what]) => `${n.toLocaleString("en-US")} ${what}`),
    ...(source.unsettled > 0
      ? [`${source.unsettled.toLocaleString("en-US")} still being written, left for the next run`]
      : []),
    ...(left.length > 0 ? [`${left.join(" and ")} not stored`] : []),
  ];
}

/** A scan's report for programs. */
export function scanJson(report: ScanReport): unknown {
  return {
    sources: report.sources,
    failures: report.failures.map(({ path, error }) => ({ path, code: error.code, message: error.message })),
  };
}
