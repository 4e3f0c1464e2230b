/** What mirrors did, as text and as JSON; `mirror` and `sync` show the same. */

import type { FillReport } from "../jobs/mirror/fill.ts";
import type { MirrorReport } from "../jobs/mirror/plan.ts";
import type { MirrorOutcome } from "../jobs/mirror/settings.ts";
import { amount, count, printable } from "./format.ts";
import { defaultHint } from "./hints.ts";
import { describeSpoilt } from "./scan-text.ts";
import { complain, line, type Terminal, warn } from "./terminal.ts";

/** A few lines per mirror, and one per file that could not be copied. */
export function describeMirror(terminal: Terminal, report: MirrorReport): void {
  const { wanted, present, copied, adopted, left, lost, problems, dryRun } = report;
  for (const scan of report.scans) describeSpoilt(terminal, scan);
  for (const { path, reason } of problems) {
    warn(terminal, `not copied: ${reason.includes(path) ? reason : `${path}: ${reason}`}`);
  }
  const gone = count(lost.length, "object was", "objects were");
  if (lost.length > 0) warn(terminal, `${gone} gone from the mirror, or not ours any more: ${firstOf(lost)}`);
  const there = `${present.files.toLocaleString("en-US")} of ${
    amount(wanted.files, wanted.bytes)
  } were there`;
  if (dryRun) {
    line(terminal, `${printable(report.name)}: ${there}. Would copy ${amount(left.files, left.bytes)}.`);
    return;
  }
  line(terminal, `${printable(report.name)}: ${there}. ${copiedText(report)}`);
  if (copied.files > 0 && report.versions > 0) {
    line(
      terminal,
      `  ${count(report.versions, "changed file stands", "changed files stand")} beside the older version.`,
    );
  }
  if (adopted.files > 0) {
    const them = amount(adopted.files, adopted.bytes);
    line(terminal, `  Found there, put by another program, with the right bytes: ${them}.`);
  }
  if (left.files > 0) line(terminal, `  Left for the next run: ${amount(left.files, left.bytes)}.`);
  if (report.foreign > 0) {
    line(
      terminal,
      `  ${count(report.foreign, "other object")} in the mirror ${
        report.foreign === 1 ? "is" : "are"
      } not from this home.`,
    );
  }
  if (report.notMended > 0) {
    complain(
      terminal,
      `${
        count(report.notMended, "object is", "objects are")
      } gone from the mirror, and the folder does not have these bytes any more`,
      "If they are in a volume, `coldframe find --all` says in which.",
    );
  }
}

function copiedText({ copied }: MirrorReport): string {
  return copied.files === 0 ? "Nothing new." : `Copied ${amount(copied.files, copied.bytes)}.`;
}

function firstOf(lost: MirrorReport["lost"]): string {
  const names = lost.slice(0, 3).map(({ path }) => path).join(", ");
  return lost.length > 3 ? `${names} and ${count(lost.length - 3, "other")}` : names;
}

/** How a mirror of the settings fared. */
export function describeOutcome(terminal: Terminal, { name, report, error }: MirrorOutcome): void {
  if (report !== undefined) return describeMirror(terminal, report);
  complain(terminal, `the mirror ${name} failed: ${error.message}`, error.hint ?? defaultHint(error.code));
}

/** How a mirror of the settings fared, for programs. */
export function outcomeJson({ name, report, error }: MirrorOutcome): unknown {
  if (report !== undefined) return report;
  return { name, error: { code: error.code, message: error.message, hint: error.hint } };
}

/** What filling a disk did. */
export function describeFill(terminal: Terminal, report: FillReport): void {
  const { wanted, existing, fromDisk, fromStore, differing, failed, left, unnamed, dryRun } = report;
  line(
    terminal,
    `${existing.files.toLocaleString("en-US")} of ${amount(wanted.files, wanted.bytes)} were in ${
      printable(report.to)
    }, with the right bytes.`,
  );
  if (report.retimed > 0) {
    line(
      terminal,
      `${count(report.retimed, "file")} got ${report.retimed === 1 ? "its" : "their"} time back.`,
    );
  }
  if (fromDisk.files > 0) {
    line(terminal, `Copied from the other disk: ${amount(fromDisk.files, fromDisk.bytes)}.`);
  }
  if (fromStore.files > 0) {
    line(terminal, `Fetched from the store: ${amount(fromStore.files, fromStore.bytes)}.`);
  }
  if (left.files > 0) {
    line(terminal, `${dryRun ? "Would bring" : "Left for the next run:"} ${amount(left.files, left.bytes)}.`);
  }
  for (const { path, what, aside } of differing) {
    const state = what === "damaged"
      ? "is damaged: same size and time, other bytes"
      : "differs from the mirror's";
    warn(terminal, `${path} ${state}${aside === undefined ? "" : `. Mended; the bad one is ${aside}`}`);
  }
  for (const { path, reason } of failed) {
    warn(terminal, `not brought: ${reason.includes(path) ? reason : `${path}: ${reason}`}`);
  }
  if (unnamed.count > 0) {
    warn(
      terminal,
      `${count(unnamed.count, "object")} in the mirror ${
        unnamed.count === 1 ? "is" : "are"
      } in no index, so nothing proves ` +
        `what their bytes should be: ${unnamed.first.slice(0, 3).join(", ")}`,
    );
  }
  const unmended = differing.filter(({ aside }) => aside === undefined).length;
  if (unmended > 0) {
    complain(
      terminal,
      `${count(unmended, "file differs", "files differ")} from the mirror, and was left as it is`.replace(
        "files differ from the mirror, and was left as it is",
        "files differ from the mirror, and were left as they are",
      ),
      "Add --repair to put the mirror's in their place; the bad ones stay beside them under another name.",
    );
  }
}
