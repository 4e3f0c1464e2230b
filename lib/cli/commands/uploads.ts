/** `coldframe uploads`: managing uploads that are not finished. */

import type { Command } from "commander";
import { ColdframeError } from "../../errors.ts";
import { abortUploads, type UnfinishedUpload } from "../../jobs/uploads.ts";
import { formatSize } from "../../size.ts";
import {
  addStoreFlags,
  type CommandContext,
  EXIT,
  type GlobalFlags,
  newCommand,
  newGroup,
  type StoreFlags,
  withSession,
} from "../command.ts";
import { formatTime, printable } from "../format.ts";
import { json, line, warn } from "../terminal.ts";

interface Flags extends GlobalFlags, StoreFlags {
  readonly all?: boolean;
  readonly dryRun?: boolean;
}

export function uploadsCommand(context: CommandContext): Command {
  const uploads = newGroup(
    "uploads",
    "Manage uploads that are not finished; `ls uploads` lists them.",
    "coldframe uploads abort --all",
  );
  const abort = newCommand(
    "abort",
    "End uploads and remove what was sent of them. Nothing is lost: the next sync stores their files anew.",
    "coldframe uploads abort 2024-05-01--2024-06-30--1a2b3c4d",
  );
  uploads.addCommand(
    addStoreFlags(abort)
      .argument("[name...]", "keys, or names of volumes, as `ls uploads` shows them")
      .option("--all", "all of this machine, and all that its catalog does not know")
      .option("--dry-run", "say which would be ended, and end none")
      .action((names: string[], flags: Flags) => run(context, names, flags)),
  );
  uploads.action(() => uploads.help({ error: true }));
  return uploads;
}

async function run(context: CommandContext, names: readonly string[], flags: Flags): Promise<void> {
  const { terminal } = context;
  const [all, dryRun] = [flags.all === true, flags.dryRun === true];
  if (!all && names.length === 0) {
    throw new ColdframeError("usage", "no upload is named", {
      hint: "Name one that `coldframe ls uploads` lists, or add --all.",
    });
  }
  await withSession(context, flags, { lockFor: "uploads abort" }, async (session) => {
    const report = await abortUploads(session, { names, all, dryRun });
    const { aborted, failed } = report;
    if (failed.length > 0) context.finish(aborted.length > 0 ? EXIT.partly : EXIT.failed);
    else context.finish(EXIT.done);
    if (flags.json === true) return json(terminal, { dryRun, ...report });
    for (const { key, reason } of failed) warn(terminal, `not ended: ${key}: ${reason}`);
    for (const upload of aborted) {
      line(terminal, `${dryRun ? "Would end" : "Ended"}: ${describeUpload(upload)}`);
    }
    if (aborted.length + failed.length === 0) line(terminal, "No upload is unfinished.");
  });
}

/** An upload in one line. */
export function describeUpload({ store, key, of, size, sent, started }: UnfinishedUpload): string {
  const progress = size === undefined ? [] : [`${formatSize(sent ?? 0)} of ${formatSize(size)}`];
  const since = started === undefined ? [] : [`since ${formatTime(started)}`];
  const whose = of === "unknown"
    ? ["unknown to this catalog: perhaps another box's"]
    : of === "another box"
    ? ["of another box"]
    : [];
  return [...progress, ...since, `${printable(key)} at ${printable(store)}`, ...whose].join("  ");
}
