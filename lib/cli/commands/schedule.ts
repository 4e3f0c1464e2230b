/** `coldframe schedule`: lets the machine run it by itself. */

import type { Command } from "commander";
import process from "node:process";
import { homePath } from "../../home/home.ts";
import {
  installedSchedule,
  installSchedule,
  planSchedule,
  removeSchedule,
  type Schedule,
  type ScheduleChoices,
  usualManager,
} from "../../jobs/schedule.ts";
import { type CommandContext, EXIT, type GlobalFlags, newCommand, newGroup } from "../command.ts";
import { printable } from "../format.ts";
import { ownCommand } from "../self.ts";
import { json, line, type Terminal } from "../terminal.ts";

interface Flags extends GlobalFlags {
  readonly watch?: boolean;
  readonly system?: boolean;
  readonly cron?: boolean;
  readonly dryRun?: boolean;
}

export function scheduleCommand(context: CommandContext): Command {
  return newGroup(
    "schedule",
    "Let systemd, launchd or cron run coldframe by itself.",
    "coldframe schedule install",
  )
    .addCommand(installCommand(context))
    .addCommand(showCommand(context))
    .addCommand(removeCommand(context));
}

function installCommand(context: CommandContext): Command {
  return withManager(newCommand(
    "install",
    "Sync every hour and make the checks that are due every day, or watch day and night. A second run while one is going on ends at once with exit code 75.",
    "coldframe schedule install --watch",
  ))
    .option("--watch", "a daemon that protects files as they come, instead of timers")
    .option("--dry-run", "print what would be written, and write nothing")
    .action((flags: Flags) => install(context, flags));
}

function showCommand(context: CommandContext): Command {
  return withManager(newCommand("show", "Print the schedule that is in place.", "coldframe schedule show"))
    .action((flags: Flags) => show(context, flags));
}

function removeCommand(context: CommandContext): Command {
  return withManager(newCommand("remove", "Stop and remove the schedule.", "coldframe schedule remove"))
    .option("--dry-run", "say what would be removed, and remove nothing")
    .action((flags: Flags) => remove(context, flags));
}

function withManager(command: Command): Command {
  return command
    .option("--system", "for the machine, also when nobody is signed in; as root, with --home")
    .option("--cron", "lines for cron instead of systemd or launchd");
}

async function install({ terminal, finish }: CommandContext, flags: Flags): Promise<void> {
  const choices = await choicesOf(terminal, flags);
  const dry = flags.dryRun === true;
  const schedule = dry ? await planSchedule(choices) : await installSchedule(choices);
  finish(EXIT.done);
  if (flags.json === true) return json(terminal, { dryRun: dry, ...plain(schedule) });
  if (dry) return printFiles(terminal, schedule);
  for (const { name } of schedule.files) line(terminal, `Written: ${printable(name)}`);
  for (const remark of remarks(choices)) line(terminal, remark);
}

/** What the machine still needs so that it runs when nobody is there. */
function remarks({ manager, system, env, watch }: ScheduleChoices): string[] {
  const what = watch ? "The watch runs now." : "It syncs every hour, and checks what is due every day.";
  if (manager !== "systemd" || system) return [what];
  const user = env["USER"] ?? "$USER";
  return [
    what,
    `So that it runs while you are not signed in: sudo loginctl enable-linger ${printable(user)}`,
  ];
}

async function show({ terminal, finish }: CommandContext, flags: Flags): Promise<void> {
  const schedule = await installedSchedule(await choicesOf(terminal, flags));
  finish(EXIT.done);
  if (flags.json === true) return json(terminal, plain(schedule));
  if (schedule.files.length > 0) return printFiles(terminal, schedule);
  line(terminal, "Nothing is scheduled for this home. To change that: coldframe schedule install");
}

async function remove({ terminal, finish }: CommandContext, flags: Flags): Promise<void> {
  const choices = await choicesOf(terminal, flags);
  const dry = flags.dryRun === true;
  const schedule = await (dry ? installedSchedule : removeSchedule)(choices);
  finish(EXIT.done);
  if (flags.json === true) return json(terminal, { dryRun: dry, ...plain(schedule) });
  const did = dry ? "Would remove" : "Removed";
  for (const { name } of schedule.files) line(terminal, `${did}: ${printable(name)}`);
  if (schedule.files.length === 0) line(terminal, "Nothing is scheduled for this home.");
}

async function choicesOf({ env }: Terminal, flags: Flags): Promise<ScheduleChoices> {
  return {
    root: homePath(flags.home, env),
    program: ownCommand(),
    watch: flags.watch === true,
    system: flags.system === true,
    manager: flags.cron === true ? "cron" : await usualManager(process.platform),
    env,
  };
}

function plain({ manager, files }: Schedule): Schedule {
  return { manager, files };
}

/** As files, so that what is printed may be put in place by hand. */
function printFiles(terminal: Terminal, { files }: Schedule): void {
  files.forEach(({ name, text }, i) => {
    if (i > 0) line(terminal);
    line(terminal, `## ${printable(name)}`);
    terminal.out(text);
  });
}
