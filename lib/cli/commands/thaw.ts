/** `coldframe thaw`: what is being thawed, and ending a restore that nobody wants any more. */

import type { Command } from "commander";
import { ColdframeError } from "../../errors.ts";
import { cancelRestore } from "../../jobs/restore/continue.ts";
import { type RestoreStatus, restoreStatus } from "../../jobs/restore/status.ts";
import type { PolledThaw } from "../../jobs/restore/thaw.ts";
import { formatSize } from "../../size.ts";
import { type CommandContext, EXIT, type GlobalFlags, newCommand, withSession } from "../command.ts";
import { count, formatTime, printable, table } from "../format.ts";
import { json, line, type Terminal } from "../terminal.ts";

export function thawCommand(context: CommandContext): Command {
  const thaw = newCommand(
    "thaw",
    "The restores that wait for thawed volumes, and how these stand. Asks the stores; costs next to nothing.",
    "coldframe thaw\n  coldframe thaw cancel 1",
  ).action((flags: GlobalFlags) => show(context, flags));
  const cancel = newCommand(
    "cancel",
    "End a restore that waits. What the store has begun to thaw cannot be called back: it is paid for.",
    "coldframe thaw cancel 1",
  ).argument("<n>", "the number of the restore, as `coldframe thaw` shows it");
  thaw.addCommand(
    cancel.action((n: string, _: unknown, command: Command) => end(context, n, command.optsWithGlobals())),
  );
  return thaw;
}

function show(context: CommandContext, flags: GlobalFlags): Promise<void> {
  const { terminal } = context;
  return withSession(context, flags, {}, async (session) => {
    const restores = await restoreStatus(session);
    if (flags.json === true) json(terminal, { restores });
    else if (restores.length === 0) line(terminal, "No restore waits on this machine.");
    else for (const restore of restores) print(terminal, restore);
    context.finish(EXIT.done);
  });
}

function print(terminal: Terminal, { id, target, files, done, created, thaws }: RestoreStatus): void {
  line(
    terminal,
    `Restore ${id} of ${formatTime(created)} to ${printable(target)}: ${done} of ${
      count(files, "file")
    } there`,
  );
  const columns = [{ title: "Volume" }, { title: "Size", align: "right" as const }, { title: "Tier" }, {
    title: "State",
  }];
  const rows = thaws.map((thaw) => [
    printable(thaw.key.replace(/^volumes\//, "")),
    formatSize(thaw.size),
    thaw.tier,
    describeState(thaw),
  ]);
  for (const text of table(columns, rows)) line(terminal, `  ${text}`);
  if (thaws.some(({ state }) => state === "ready")) {
    line(terminal, "→ Fetch what is ready with `coldframe restore --continue`.");
  }
}

function describeState({ state, until, readyBy, requested, ready }: PolledThaw): string {
  if (state === "unknown") return "the store does not answer";
  if (state === "ready") return until === undefined ? "ready" : `ready until ${formatTime(until)}`;
  if (requested === undefined) return "not asked for yet; `coldframe restore --continue` does";
  if (state === "archived" && ready !== undefined) {
    return "ran out; `coldframe restore --continue` asks again";
  }
  return readyBy === undefined ? "being thawed" : `being thawed, ready by ${formatTime(readyBy)}`;
}

function end(context: CommandContext, text: string, flags: GlobalFlags): Promise<void> {
  if (!/^\d{1,9}$/.test(text)) {
    throw new ColdframeError("usage", `"${text}" is not the number of a restore`, {
      hint: "`coldframe thaw` lists them.",
    });
  }
  const { terminal } = context;
  return withSession(context, flags, {}, async (session) => {
    const restore = await cancelRestore(session, Number(text));
    if (flags.json === true) json(terminal, { cancelled: restore });
    else {
      line(
        terminal,
        `Restore ${restore.id} is ended; ${restore.done} of ${count(restore.files, "file")} came back.`,
      );
      line(
        terminal,
        "What the store has begun to thaw goes on there and is paid for; the copies go by themselves.",
      );
    }
    context.finish(EXIT.done);
  });
}
