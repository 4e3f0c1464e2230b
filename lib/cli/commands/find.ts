/** `coldframe find`: where is this photo? */

import type { Command } from "commander";
import { type Copy, whereaboutsOf } from "../../catalog/whereabouts.ts";
import { versionPages, type VersionRow } from "../../catalog/look.ts";
import { ColdframeError } from "../../errors.ts";
import { type ImageItem, readContents } from "../../jobs/image/contents.ts";
import { type PathMatcher, pathMatcher, textsWithin } from "../../plan/glob.ts";
import { formatSize } from "../../size.ts";
import { type CommandContext, EXIT, type GlobalFlags, newCommand, withSession } from "../command.ts";
import { formatTime, printable } from "../format.ts";
import {
  addIdentityFlag,
  exitOf,
  type IdentityFlags,
  imageOption,
  itemJson,
  lossReporter,
  withImage,
} from "../image.ts";
import { json, line, warn } from "../terminal.ts";

interface Flags extends GlobalFlags, IdentityFlags {
  readonly all?: boolean;
  readonly image?: string;
}

export function findCommand(context: CommandContext): Command {
  const command = newCommand(
    "find",
    "Find files by name or pattern, and say where each copy is.",
    "coldframe find 'IMG_20*.heic'",
  );
  return addIdentityFlag(command)
    .argument("<pattern...>", "a name, a path, or a pattern with *, ? and **")
    .option("--all", "also earlier versions and files that are gone")
    .addOption(imageOption("look in this", ["all"]))
    .action((patterns: string[], flags: Flags) => run(context, patterns, flags));
}

async function run(context: CommandContext, patterns: readonly string[], flags: Flags): Promise<void> {
  const matches = pathMatcher(patterns);
  const found = flags.image === undefined
    ? await findInCatalog(context, patterns, flags)
    : await findInImage(context, matches, flags, flags.image);
  if (found > 0) return;
  throw new ColdframeError("nothing-found", `nothing matches ${patterns.join(" ")}`, {
    hint: flags.image === undefined
      ? "Quote patterns, so that the shell leaves them alone; --all looks at earlier versions, too."
      : "Quote patterns, so that the shell leaves them alone; `coldframe tree FILE` shows all that is there.",
  });
}

/** @returns how many there are */
async function findInCatalog(
  context: CommandContext,
  patterns: readonly string[],
  flags: Flags,
): Promise<number> {
  const matches = pathMatcher(patterns);
  const containing = textsWithin(patterns);
  const filter = { all: flags.all === true, ...(containing && { containing }) };
  let found = 0;
  await withSession(context, flags, {}, async (session) => {
    const mirrors = new Map(session.home.config.mirrors.map(({ name, store }) => [store, name]));
    for await (const page of versionPages(session.db, filter)) {
      const matching = page.filter(({ path }) => matches(path));
      found += matching.length;
      const contents = matching.map(({ content }) => content);
      const copies = Map.groupBy(await whereaboutsOf(session.db, contents), ({ content }) => content);
      for (const version of matching) {
        const own = copies.get(version.content) ?? [];
        if (flags.json === true) json(context.terminal, { ...version, copies: own.map(copyJson) });
        else {
          line(context.terminal, describe(version));
          for (const copy of own) line(context.terminal, describeCopy(copy, mirrors));
        }
      }
    }
  });
  context.finish(EXIT.done);
  return found;
}

/** @returns how many there are */
async function findInImage(
  context: CommandContext,
  matches: PathMatcher,
  flags: Flags,
  path: string,
): Promise<number> {
  const { terminal } = context;
  let found = 0;
  await withImage(context, flags, path, async (image) => {
    context.finish(exitOf(image));
    const contents = await readContents(image, (text) => warn(terminal, text));
    for await (const item of contents.items(lossReporter(context))) {
      terminal.signal.throwIfAborted();
      if (!matches(item.path)) continue;
      found++;
      if (flags.json === true) json(terminal, itemJson(item));
      else line(terminal, describeItem(item));
    }
    for (const { path, size, mtime, sha256, volume } of contents.references) {
      if (!matches(path)) continue;
      found++;
      const reference = { kind: "reference", path, size, mtime: Date.parse(mtime), sha256, volume };
      if (flags.json === true) json(terminal, reference);
      else line(terminal, `${factsOf(reference)}  (its bytes are in volume ${printable(volume)})`);
    }
  });
  return found;
}

function describeItem(item: ImageItem): string {
  if (item.kind === "file") return factsOf(item);
  const what = item.kind === "dir" ? "folder" : "link";
  return `${what.padStart(8)}  ${formatTime(item.mtime)}  ${printable(item.path)}`;
}

function factsOf(file: { readonly path: string; readonly size: number; readonly mtime: number }): string {
  return `${formatSize(file.size).padStart(8)}  ${formatTime(file.mtime)}  ${printable(file.path)}`;
}

function describe(version: VersionRow): string {
  const state = version.ending === undefined
    ? ""
    : `  (${version.ending} since ${formatTime(version.ended ?? 0)})`;
  const facts = `${formatSize(version.size).padStart(8)}  ${formatTime(version.mtime)}`;
  return `${facts}  ${placeOf(version).padEnd(38)}  ${printable(version.path)}${state}`;
}

function copyJson({ content: _, ...copy }: Copy): unknown {
  return copy;
}

/** Where a copy is, and what was last proven of it. */
function describeCopy(copy: Copy, mirrors: ReadonlyMap<string, string>): string {
  const name = copy.kind === "mirror" ? mirrors.get(copy.store) : undefined;
  const kind = name === undefined ? copy.kind : `mirror ${name}`;
  const place = `${printable(copy.store)}: ${printable(copy.key)}`;
  return `          ${kind} at ${place}, ${copy.proven} ${formatTime(copy.provenAt)}`;
}

/** The nearest safe place of a version, in one phrase. */
export function placeOf(version: Pick<VersionRow, "volume" | "staged" | "mirrored">): string {
  if (version.volume !== undefined) return `volume ${version.volume}`;
  if (version.staged) return "staging";
  return version.mirrored ? "mirror" : "not stored yet";
}
