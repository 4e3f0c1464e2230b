/** `coldframe tree`: the files of one volume. */

import type { Command } from "commander";
import { findVolume, listVolumes, volumeFiles } from "../../catalog/volumes.ts";
import { ColdframeError } from "../../errors.ts";
import type { Session } from "../../jobs/session.ts";
import { formatSize } from "../../size.ts";
import { type CommandContext, EXIT, type GlobalFlags, newCommand, withSession } from "../command.ts";
import { formatDay, tree } from "../format.ts";
import { json, line } from "../terminal.ts";

export function treeCommand(context: CommandContext): Command {
  return newCommand(
    "tree",
    "Show the files of a volume as a tree.",
    "coldframe tree 2024-05-01--2024-06-30--1a2b3c4d",
  )
    .argument("<volume>", "the volume's name, or the beginning of it")
    .action((name: string, flags: GlobalFlags) => run(context, name, flags));
}

async function run(context: CommandContext, name: string, flags: GlobalFlags): Promise<void> {
  await withSession(context, flags, {}, async (session) => {
    const volume = await volumeNamed(session, name);
    const files = (await volumeFiles(session.db, volume.id)).filter((file) => file.offset !== undefined);
    context.finish(EXIT.done);
    if (flags.json === true) {
      return files.forEach(({ path, size, mtime, sha256, offset }) =>
        json(context.terminal, { path, size, mtime, sha256, offset })
      );
    }
    line(context.terminal, volume.name);
    const leaves = files.map(({ path, size, mtime }) => ({
      path,
      label: `${formatSize(size).padStart(8)} ${formatDay(mtime)}`,
    }));
    tree(leaves).forEach((text) => line(context.terminal, text));
  });
}

async function volumeNamed(session: Session, name: string) {
  const exact = await findVolume(session.db, name.replace(/\.iso(\.age)?$/, ""));
  if (exact !== undefined) return exact;
  const candidates = (await listVolumes(session.db)).filter((volume) => volume.name.startsWith(name));
  const [only] = candidates;
  if (only !== undefined && candidates.length === 1) return only;
  const what = candidates.length === 0 ? "no volume is called" : `${candidates.length} volumes begin with`;
  throw new ColdframeError("nothing-found", `${what} ${name}`, {
    hint: "`coldframe ls volumes` lists them.",
  });
}
