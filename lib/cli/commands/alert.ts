/** `coldframe alert`: whether people can be reached, and what they were told. */

import type { Command } from "commander";
import { listNotices, type Notice } from "../../catalog/notices.ts";
import { ColdframeError } from "../../errors.ts";
import { homePath, openHome } from "../../home/home.ts";
import { type Trial, tryChannels } from "../../jobs/alerts/trial.ts";
import {
  type CommandContext,
  EXIT,
  type GlobalFlags,
  newCommand,
  newGroup,
  withSession,
} from "../command.ts";
import { count, formatTime, printable, table } from "../format.ts";
import { complain, json, line, styled, type Terminal } from "../terminal.ts";

export function alertCommand(context: CommandContext): Command {
  const alert = newGroup(
    "alert",
    "Who is told when something is wrong, and what they were told.",
    "coldframe alert test",
  );
  alert.addCommand(testCommand(context));
  alert.addCommand(listCommand(context));
  alert.action(() => alert.help({ error: true }));
  return alert;
}

function testCommand(context: CommandContext): Command {
  return newCommand(
    "test",
    "Send a test message through each channel of config.toml, and say what came of it.",
    "coldframe alert test",
  )
    .action((flags: GlobalFlags) => test(context, flags));
}

/** Needs no catalog: channels are tried when something is wrong, too. */
async function test(context: CommandContext, flags: GlobalFlags): Promise<void> {
  const { terminal } = context;
  const { env, signal } = terminal;
  const root = homePath(flags.home, env);
  const home = await openHome(root);
  if (home === undefined) {
    throw new ColdframeError("home", `there is no coldframe home at ${root}`, {
      hint: "Run `coldframe init` first, or name another with --home DIR.",
    });
  }
  const outside = { env, home: home.paths.root, fetch, signal, now: () => terminal.now() };
  const trials = await tryChannels(home.config.alerts, outside);
  if (trials.length === 0) {
    throw new ColdframeError("config", `${home.paths.config} names no channel: nobody would be told`, {
      hint: "Add [alerts.mail], [alerts.ntfy], [alerts.webhook] or [alerts.ping]; see docs/ALERTS.md.",
    });
  }
  const isGood = trials.every(({ error }) => error === undefined);
  context.finish(isGood ? EXIT.done : EXIT.failed);
  if (flags.json === true) return json(terminal, { ok: isGood, channels: trials });
  trials.forEach((trial) => printTrial(terminal, trial));
}

function printTrial(terminal: Terminal, { channel, place, error, hint }: Trial): void {
  if (error === undefined) {
    return line(terminal, `${styled(terminal, "green", "sent")}  ${channel} to ${printable(place)}`);
  }
  complain(terminal, `${channel}: ${error}`, hint ?? "Correct [alerts] in config.toml; see docs/ALERTS.md.");
}

const SHOWN = 50;

function listCommand(context: CommandContext): Command {
  return newCommand(
    "list",
    `Messages that wait to be sent, and the newest ${SHOWN} of those that were.`,
    "coldframe alert list",
  )
    .action((flags: GlobalFlags) =>
      withSession(context, flags, {}, async ({ db }) => {
        const notices = await listNotices(db, SHOWN);
        if (flags.json === true) json(context.terminal, { notices: notices.map(toJson) });
        else print(context.terminal, notices);
        context.finish(EXIT.done);
      })
    );
}

function toJson({ message, channel, kind, urgency, made, subject, attempts, tried, error, ...rest }: Notice) {
  const { sent, dropped } = rest;
  return { id: message, channel, kind, urgency, made, subject, attempts, tried, error, sent, dropped };
}

function print(terminal: Terminal, notices: readonly Notice[]): void {
  if (notices.length === 0) return line(terminal, "Nothing was told yet.");
  const rows = notices.map((one) => [
    formatTime(one.made),
    one.channel,
    stateOf(one),
    printable(one.subject),
  ]);
  for (
    const text of table(["Written", "Channel", "State", "Subject"].map((title) => ({ title })), rows)
  ) line(terminal, text);
  const stuck = notices.find(({ sent, dropped, error }) =>
    sent === undefined && dropped === undefined && error !== undefined
  );
  if (stuck !== undefined) line(terminal, `→ ${printable(stuck.error ?? "")}`);
}

function stateOf({ sent, dropped, attempts }: Notice): string {
  if (sent !== undefined) return `sent ${formatTime(sent)}`;
  if (dropped !== undefined) return "given up";
  return attempts === 0 ? "waits" : `waits, tried ${count(attempts, "time")}`;
}
