/** `coldframe tree`: the files of one volume, by the catalog or by a volume's file alone. */

import type { Command } from "commander";
import { volumeFiles } from "../../catalog/volume-files.ts";
import { findVolume, listVolumes } from "../../catalog/volumes.ts";
import { ColdframeError } from "../../errors.ts";
import { type ImageItem, readContents, Room } from "../../jobs/image/contents.ts";
import type { Session } from "../../jobs/session.ts";
import { formatSize } from "../../size.ts";
import { type CommandContext, EXIT, type GlobalFlags, newCommand, withSession } from "../command.ts";
import { formatDay, type Leaf, printable, tree } from "../format.ts";
import {
  addIdentityFlag,
  exitOf,
  type IdentityFlags,
  itemJson,
  lossReporter,
  meansFile,
  withImage,
} from "../image.ts";
import { json, line, warn } from "../terminal.ts";

export function treeCommand(context: CommandContext): Command {
  const command = newCommand(
    "tree",
    "Show the files of a volume as a tree.",
    "coldframe tree 2024-05-01--2024-06-30--1a2b3c4d\n  coldframe tree /mnt/usb/volume.iso.age",
  );
  return addIdentityFlag(command)
    .argument("<volume>", "the volume's name, or the beginning of it; or any .iso or .iso.age file")
    .action(async (name: string, flags: GlobalFlags & IdentityFlags) => {
      if (await meansFile(name)) await runOnFile(context, name, flags);
      else await run(context, name, flags);
    });
}

async function runOnFile(context: CommandContext, path: string, flags: GlobalFlags & IdentityFlags) {
  const { terminal } = context;
  await withImage(context, flags, path, async (image) => {
    context.finish(exitOf(image));
    const contents = await readContents(image, (text) => warn(terminal, text));
    const leaves: Leaf[] = [];
    const room = new Room();
    for await (const item of contents.items(lossReporter(context))) {
      terminal.signal.throwIfAborted();
      if (flags.json === true) {
        json(terminal, itemJson(item));
        continue;
      }
      room.take(item);
      leaves.push(leafOf(item));
    }
    if (flags.json === true) return;
    line(terminal, printable(contents.name || path));
    tree(leaves).forEach((text) => line(terminal, text));
  });
}

function leafOf(item: ImageItem): Leaf {
  const { path, mtime } = item;
  if (item.kind === "dir") return { path, label: "", suffix: "/" };
  const size = item.kind === "file" ? formatSize(item.size) : "link";
  const label = `${size.padStart(8)} ${formatDay(mtime)}`;
  return item.kind === "file" ? { path, label } : { path, label, suffix: ` → ${printable(item.target)}` };
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
  const exact = await findVolume(session.db, name);
  if (exact !== undefined) return exact;
  const candidates = (await listVolumes(session.db)).filter((volume) => volume.name.startsWith(name));
  const [only] = candidates;
  if (only !== undefined && candidates.length === 1) return only;
  const what = candidates.length === 0 ? "no volume is called" : `${candidates.length} volumes begin with`;
  throw new ColdframeError("nothing-found", `${what} ${name}`, {
    hint: "`coldframe ls volumes` lists them.",
  });
}
