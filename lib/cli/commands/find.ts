/** `coldframe find`: where is this photo? */

import type { Command } from "commander";
import { versionPages, type VersionRow } from "../../catalog/look.ts";
import { ColdframeError } from "../../errors.ts";
import { pathMatcher } from "../../plan/glob.ts";
import { formatSize } from "../../size.ts";
import { type CommandContext, EXIT, type GlobalFlags, newCommand, withSession } from "../command.ts";
import { formatTime, printable } from "../format.ts";
import { json, line } from "../terminal.ts";

interface Flags extends GlobalFlags {
  readonly all?: boolean;
}

export function findCommand(context: CommandContext): Command {
  return newCommand(
    "find",
    "Find files by name or pattern, and say where each copy is.",
    "coldframe find 'IMG_20*.heic'",
  )
    .argument("<pattern...>", "a name, a path, or a pattern with *, ? and **")
    .option("--all", "also earlier versions and files that are gone")
    .action((patterns: string[], flags: Flags) => run(context, patterns, flags));
}

async function run(context: CommandContext, patterns: readonly string[], flags: Flags): Promise<void> {
  const matches = pathMatcher(patterns);
  let found = 0;
  await withSession(context, flags, {}, async (session) => {
    for await (const page of versionPages(session.db, { all: flags.all === true })) {
      for (const version of page) {
        if (!matches(version.path)) continue;
        found++;
        if (flags.json === true) json(context.terminal, version);
        else line(context.terminal, describe(version));
      }
    }
  });
  if (found > 0) return context.finish(EXIT.done);
  throw new ColdframeError("nothing-found", `nothing matches ${patterns.join(" ")}`, {
    hint: "Quote patterns, so that the shell leaves them alone; --all looks at earlier versions, too.",
  });
}

function describe(version: VersionRow): string {
  const state = version.ending === undefined
    ? ""
    : `  (${version.ending} since ${formatTime(version.ended ?? 0)})`;
  const facts = `${formatSize(version.size).padStart(8)}  ${formatTime(version.mtime)}`;
  return `${facts}  ${placeOf(version).padEnd(38)}  ${printable(version.path)}${state}`;
}

/** The nearest safe place of a version, in one phrase. */
export function placeOf(version: Pick<VersionRow, "volume" | "staged">): string {
  if (version.volume !== undefined) return `volume ${version.volume}`;
  return version.staged ? "staging" : "not stored yet";
}
