/** `coldframe status`: one screen, also on a phone. */

import type { Command } from "commander";
import { statusOf } from "../../jobs/status.ts";
import { type CommandContext, EXIT, type GlobalFlags, newCommand, withSession } from "../command.ts";
import { printStatus } from "../status-text.ts";
import { json } from "../terminal.ts";

export function statusCommand(context: CommandContext): Command {
  return newCommand(
    "status",
    "What is protected where, what is not, what is wrong, and what to do next.",
    "coldframe status",
  )
    .action((flags: GlobalFlags) => status(context, flags));
}

async function status(context: CommandContext, flags: GlobalFlags): Promise<void> {
  const { terminal } = context;
  await withSession(context, flags, {}, async (session) => {
    const found = await statusOf(session, terminal.env);
    if (flags.json === true) json(terminal, found);
    else printStatus(terminal, found, session.now());
    context.finish(EXIT.done);
  });
}
