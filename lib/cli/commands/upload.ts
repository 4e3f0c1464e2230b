/** `coldframe upload`: image files to the cold store. */

import type { Command } from "commander";
import { uploadImages } from "../../jobs/upload.ts";
import { formatSize } from "../../size.ts";
import {
  addStoreFlags,
  type CommandContext,
  EXIT,
  type GlobalFlags,
  limitRateOption,
  lockOption,
  newCommand,
  type StoreFlags,
  withSession,
} from "../command.ts";
import { count, printable } from "../format.ts";
import { json, line, warn } from "../terminal.ts";

interface Flags extends GlobalFlags, StoreFlags {
  readonly plain?: boolean;
  readonly force?: boolean;
  readonly dryRun?: boolean;
}

export function uploadCommand(context: CommandContext): Command {
  return addStoreFlags(
    newCommand(
      "upload",
      "Send image files to the cold store: those that `pack` made, whose files then count as stored, or any others. Interrupted, it goes on where it was.",
      "coldframe upload /mnt/disc/2024-05-01--2024-06-30--1a2b3c4d.iso",
    ),
  )
    .argument("<file...>", "images called .iso or .iso.age")
    .option("--plain", "send .iso files as they are, unencrypted")
    .option("--force", "give up what was sent of a file before, and begin again")
    .option("--dry-run", "only look at the files, and say what would be sent")
    .addOption(limitRateOption())
    .addOption(lockOption())
    .action((files: string[], flags: Flags) => run(context, files, flags));
}

async function run(context: CommandContext, files: readonly string[], flags: Flags): Promise<void> {
  const { terminal } = context;
  const [plain, force, dryRun] = [flags.plain === true, flags.force === true, flags.dryRun === true];
  await withSession(context, flags, dryRun ? {} : { lockFor: "upload" }, async (session) => {
    const report = await uploadImages(session, { files, plain, force, dryRun });
    const { uploaded, failed } = report;
    if (failed.length > 0) context.finish(uploaded.length > 0 ? EXIT.partly : EXIT.failed);
    else context.finish(EXIT.done);
    if (flags.json === true) return json(terminal, { dryRun, ...report });
    for (const { reason } of failed) warn(terminal, `not uploaded: ${reason}`);
    for (const image of uploaded) {
      const verb = image.sent ? (dryRun ? "Would upload" : "Uploaded") : "Stored before:";
      const holds = image.files > 0 ? `, ${count(image.files, "file")}` : "";
      line(terminal, `${verb} ${printable(image.path)}: ${formatSize(image.size)}${holds}`);
    }
    if (uploaded.length > 0 && !dryRun) line(terminal, `Stored at ${printable((await session.cold()).url)}`);
  });
}
