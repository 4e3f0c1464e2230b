/** `coldframe ls`: lists out of the catalog. */

import type { Command } from "commander";
import type { Database } from "../../catalog/database.ts";
import {
  listFolders,
  listStaged,
  type VersionFilter,
  versionPages,
  type VersionRow,
} from "../../catalog/look.ts";
import { listVolumes } from "../../catalog/volumes.ts";
import type { Session } from "../../jobs/session.ts";
import { unfinishedUploads } from "../../jobs/uploads.ts";
import { formatSize, parseSize } from "../../size.ts";
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
import { type Column, formatDay, formatTime, printable, table, tree } from "../format.ts";
import { json, line, type Terminal } from "../terminal.ts";
import { placeOf } from "./find.ts";
import { describeUpload } from "./uploads.ts";

interface Flags extends GlobalFlags, StoreFlags {
  readonly all?: boolean;
  readonly size?: number;
}

export function lsCommand(context: CommandContext): Command {
  const ls = newGroup("ls", "List files, folders, volumes and what waits.", "coldframe ls volumes");
  const add = (name: string, description: string, example: string, show: Show) => {
    const command = newCommand(name, description, example);
    ls.addCommand(command.action((flags: Flags) => run(context, flags, show)));
    return command;
  };
  add("files", "Every file with the place of its copy.", "coldframe ls files", showFiles)
    .option("--all", "also earlier versions and files that are gone");
  add("dirs", "Folders, with how much is in each.", "coldframe ls dirs", showFolders);
  add("big", "Files of at least a size, largest first.", "coldframe ls big --size 100M", showBig)
    .option("--size <size>", "the smallest size to list", (text: string) => parseSize(text, "--size"));
  add(
    "pending",
    "Files that are in no volume yet, and whether they are staged.",
    "coldframe ls pending",
    showPending,
  );
  add("volumes", "Volumes, with state, place, dates and checksum.", "coldframe ls volumes", showVolumes);
  add(
    "staged",
    "What is in staging, as a tree: size, date, content hash, object hash.",
    "coldframe ls staged",
    showStaged,
  );
  addStoreFlags(
    add(
      "uploads",
      "Uploads that are not finished, here and in the stores.",
      "coldframe ls uploads",
      showUploads,
    ),
  );
  return ls;
}

type Show = (terminal: Terminal, session: Session, flags: Flags) => Promise<void>;

async function run(context: CommandContext, flags: Flags, show: Show): Promise<void> {
  let empty = true;
  const out = (text: string) => {
    empty = false;
    context.terminal.out(text);
  };
  const terminal = { ...context.terminal, out, now: () => context.terminal.now() };
  await withSession(context, flags, {}, (session) => show(terminal, session, flags));
  if (empty && flags.json !== true) context.terminal.err("There is nothing to list.\n");
  context.finish(EXIT.done);
}

const showFiles: Show = (terminal, { db }, flags) =>
  listVersions(terminal, db, flags, { all: flags.all === true });

const showPending: Show = (terminal, { db }, flags) => listVersions(terminal, db, flags, { pending: true });

async function listVersions(
  terminal: Terminal,
  db: Database,
  flags: Flags,
  filter: VersionFilter,
): Promise<void> {
  for await (const page of versionPages(db, filter)) {
    for (const version of page) {
      if (flags.json === true) json(terminal, version);
      else line(terminal, versionLine(version));
    }
  }
}

function versionLine(version: VersionRow): string {
  const ending = version.ending === undefined ? "" : `  (${version.ending})`;
  const facts = `${formatSize(version.size).padStart(8)}  ${formatTime(version.mtime)}`;
  return `${facts}  ${placeOf(version).padEnd(38)}  ${printable(version.path)}${ending}`;
}

const showFolders: Show = async (terminal, { db }, flags) => {
  const folders = await listFolders(db);
  if (flags.json === true) return folders.forEach((folder) => json(terminal, folder));
  const columns: Column[] = [{ title: "Files", align: "right" }, { title: "Size", align: "right" }, {
    title: "Folder",
  }];
  const rows = folders.map(({ path, files, bytes }) => [String(files), formatSize(bytes), printable(path)]);
  table(columns, rows).forEach((text) => line(terminal, text));
};

/** lomo-backup's choice, and a good one: most photos are below, most videos above. */
const BIG = 50_000_000;

const showBig: Show = async (terminal, { db }, flags) => {
  const found: VersionRow[] = [];
  for await (const page of versionPages(db, { minSize: flags.size ?? BIG })) found.push(...page);
  for (const version of found.toSorted((a, b) => b.size - a.size)) {
    if (flags.json === true) json(terminal, version);
    else line(terminal, versionLine(version));
  }
};

const showVolumes: Show = async (terminal, { db }, flags) => {
  const volumes = await listVolumes(db);
  if (flags.json === true) return volumes.forEach((volume) => json(terminal, volume));
  const columns: Column[] = [
    { title: "Volume" },
    { title: "State" },
    { title: "Files", align: "right" },
    { title: "Size", align: "right" },
    { title: "Stored" },
    { title: "Checksum" },
    { title: "Place" },
  ];
  const rows = volumes.map((volume) => [
    volume.name,
    volume.state,
    String(volume.files),
    formatSize(volume.objectSize),
    volume.stored === undefined ? "" : formatDay(volume.stored),
    shortHash(volume.checksum),
    printable(volume.store),
  ]);
  table(columns, rows).forEach((text) => line(terminal, text));
};

const showStaged: Show = async (terminal, { db }, flags) => {
  const staged = await listStaged(db);
  if (flags.json === true) return staged.forEach((object) => json(terminal, object));
  const leaves = staged.map(({ path, size, mtime, sha256, checksum }) => ({
    path,
    label: `${formatSize(size).padStart(8)} ${formatDay(mtime)} ${sha256.slice(0, 6)} ${shortHash(checksum)}`,
  }));
  tree(leaves).forEach((text) => line(terminal, text));
};

const showUploads: Show = async (terminal, session, flags) => {
  for (const upload of await unfinishedUploads(session)) {
    if (flags.json === true) json(terminal, upload);
    else line(terminal, describeUpload(upload));
  }
};

/** The first digits of a checksum such as `sha256:1f3a…`. */
function shortHash(checksum: string | undefined): string {
  return checksum?.split(":")[1]?.slice(0, 6) ?? "";
}
