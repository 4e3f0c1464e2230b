/** `coldframe pack`: volumes as files, without uploading. */

import type { Command } from "commander";
import { pack } from "../../jobs/pack.ts";
import { formatSize } from "../../size.ts";
import {
  type CommandContext,
  EXIT,
  type GlobalFlags,
  newCommand,
  volumeSizeOption,
  withSession,
} from "../command.ts";
import { count, printable } from "../format.ts";
import { json, line } from "../terminal.ts";

interface Flags extends GlobalFlags {
  readonly out: string;
  readonly plain?: boolean;
  readonly seal?: boolean;
  readonly dryRun?: boolean;
  readonly volumeSize?: number;
}

export function packCommand(context: CommandContext): Command {
  return newCommand(
    "pack",
    "Build volumes as files in a folder, from what is in no volume yet. They count as protected only once they are stored.",
    "coldframe pack --out /mnt/disc --plain --seal",
  )
    .option("--out <dir>", "the folder for the files", ".")
    .option("--plain", "unencrypted images (.iso), ready to burn or to mount")
    .option("--seal", "also pack what does not fill a volume")
    .option("--dry-run", "say what would be built, and write nothing")
    .addOption(volumeSizeOption())
    .action((flags: Flags) => run(context, flags));
}

async function run(context: CommandContext, flags: Flags): Promise<void> {
  const { terminal } = context;
  await withSession(context, flags, { lockFor: "pack" }, async (session) => {
    const report = await pack(session, {
      out: flags.out,
      plain: flags.plain === true,
      seal: flags.seal === true,
      dryRun: flags.dryRun === true,
      volumeSize: flags.volumeSize ?? session.home.config.volumeSize,
    });
    context.finish(EXIT.done);
    if (flags.json === true) return json(terminal, { dryRun: flags.dryRun === true, ...report });
    const verb = flags.dryRun === true ? "Would pack" : "Packed";
    for (const { path, files, size } of report.packed) {
      line(terminal, `${verb} ${printable(path)}: ${count(files, "file")}, ${formatSize(size)}`);
    }
    if (report.packed.length === 0) line(terminal, "No volume is full.");
    if (report.waiting > 0) {
      line(
        terminal,
        `${count(report.waiting, "file waits", "files wait")} until a volume is full; --seal packs now.`,
      );
    }
  });
}
