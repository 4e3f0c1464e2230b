/** `coldframe scan`: bring the catalog up to date, store nothing. */

import type { Command } from "commander";
import { scanSources } from "../../jobs/scan.ts";
import { type CommandContext, EXIT, type GlobalFlags, newCommand, withSession } from "../command.ts";
import { describeFailures, describeScan, scanJson } from "../scan-text.ts";
import { json } from "../terminal.ts";

interface Flags extends GlobalFlags {
  readonly acceptGone?: boolean;
  readonly acceptDevice?: boolean;
  readonly acceptChanges?: boolean;
}

export function scanCommand(context: CommandContext): Command {
  return newCommand(
    "scan",
    "Bring the catalog up to date with the folders; store nothing.",
    "coldframe scan ~/Pictures",
  )
    .argument("[dir...]", "folders to look at; without any, those protected so far")
    .option("--accept-gone", "most files of a folder are really gone")
    .option("--accept-device", "a folder has really moved to another disk")
    .option("--accept-changes", "files that have become random bytes are as they should be")
    .action((dirs: string[], flags: Flags) =>
      withSession(context, flags, { create: dirs.length > 0, lockFor: "scan" }, async (session) => {
        const accept = {
          gone: flags.acceptGone === true,
          device: flags.acceptDevice === true,
          changes: flags.acceptChanges === true,
        };
        const report = await scanSources(session, { dirs, accept });
        if (flags.json === true) json(context.terminal, scanJson(report));
        else {
          for (const source of report.sources) describeScan(context.terminal, source);
          describeFailures(context.terminal, report);
        }
        const partly = report.sources.some(({ spoilt }) => spoilt.files > 0) || report.failures.length > 0 ||
          report.sources.some((source) => source.problems.length > 0);
        context.finish(partly ? EXIT.partly : EXIT.done);
      })
    );
}
