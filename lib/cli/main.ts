/** The entry of every script: parses the arguments, runs one command, sets the exit code. */

import { Command, CommanderError } from "commander";
import process from "node:process";
import { ColdframeError, hasCode, messageOf } from "../errors.ts";
import { type CommandMaker, EXIT, type ExitCode } from "./command.ts";
import { alertCommand } from "./commands/alert.ts";
import { authCommand } from "./commands/auth.ts";
import { costCommand } from "./commands/cost.ts";
import { checkCommand } from "./commands/check.ts";
import { doctorCommand } from "./commands/doctor.ts";
import { findCommand } from "./commands/find.ts";
import { importCommand } from "./commands/import.ts";
import { initCommand } from "./commands/init.ts";
import { keyCommand } from "./commands/key.ts";
import { lsCommand } from "./commands/ls.ts";
import { mirrorCommand } from "./commands/mirror.ts";
import { packCommand } from "./commands/pack.ts";
import { recoverCommand } from "./commands/recover.ts";
import { restoreCommand } from "./commands/restore.ts";
import { scanCommand } from "./commands/scan.ts";
import { scheduleCommand } from "./commands/schedule.ts";
import { statusCommand } from "./commands/status.ts";
import { syncCommand } from "./commands/sync.ts";
import { thawCommand } from "./commands/thaw.ts";
import { treeCommand } from "./commands/tree.ts";
import { uploadCommand } from "./commands/upload.ts";
import { uploadsCommand } from "./commands/uploads.ts";
import { watchCommand } from "./commands/watch.ts";
import { hintFor } from "./hints.ts";
import { processTerminal } from "./process-terminal.ts";
import { json, showError, type Terminal } from "./terminal.ts";
import { VERSION } from "./version.ts";

const COMMANDS: readonly CommandMaker[] = [
  initCommand,
  syncCommand,
  watchCommand,
  scheduleCommand,
  scanCommand,
  packCommand,
  uploadCommand,
  mirrorCommand,
  lsCommand,
  treeCommand,
  findCommand,
  statusCommand,
  restoreCommand,
  thawCommand,
  uploadsCommand,
  recoverCommand,
  importCommand,
  costCommand,
  checkCommand,
  doctorCommand,
  keyCommand,
  authCommand,
  alertCommand,
];

/** Runs the program on this process: its arguments, streams and signals. */
export async function main(args: readonly string[] = process.argv.slice(2)): Promise<void> {
  const terminal = processTerminal();
  process.exitCode = await runCommand(args, terminal);
  terminal.close();
}

/**
 * Runs one command.
 *
 * @param args as after the program's name
 * @returns the exit code
 */
export async function runCommand(args: readonly string[], terminal: Terminal): Promise<ExitCode> {
  let code: ExitCode = EXIT.done;
  const program = buildProgram(terminal, (finished) => code = finished);
  try {
    await program.parseAsync([...args], { from: "user" });
    return code;
  } catch (error) {
    return failed(error, args, terminal);
  }
}

function buildProgram(terminal: Terminal, finish: (code: ExitCode) => void): Command {
  const program = new Command("coldframe")
    .description(
      "Keeps a household's photos and videos safe for decades: encrypted, in cold storage, provably.",
    )
    .version(VERSION)
    .helpCommand(false)
    .addHelpText("after", "\nExample:\n  coldframe sync ~/Pictures\n\nEvery command has its own --help.");
  for (const make of COMMANDS) program.addCommand(make({ terminal, finish }));
  for (const command of [program, ...descendants(program)]) behave(command, terminal);
  return program;
}

function descendants(command: Command): Command[] {
  return command.commands.flatMap((child) => [child, ...descendants(child)]);
}

function behave(command: Command, terminal: Terminal): void {
  command.exitOverride((end) => {
    throw isMistake(end) ? usageError(end, command) : end;
  }).configureOutput({
    writeOut: (text) => terminal.out(text),
    writeErr: (text) => terminal.err(text),
    outputError: () => {}, // said like any other error, by `failed`
  });
}

/** Help and the version number end a command line, too; help for want of a command has an exit code. */
function isMistake(end: CommanderError): boolean {
  return end.exitCode !== 0 && end.code !== "commander.help";
}

/** The library's message in our form: one line, and where to look. */
function usageError(end: CommanderError, command: Command): ColdframeError {
  const message = end.message.replace(/^error: /, "").replace(/\s*\n\s*/g, " ");
  return new ColdframeError("usage", message, { hint: usageHint(command), cause: end });
}

function usageHint(command: Command): string {
  const names: string[] = [];
  for (let at: Command | null = command; at !== null; at = at.parent) names.unshift(at.name());
  return `See \`${names.join(" ")} --help\`.`;
}

function failed(error: unknown, args: readonly string[], terminal: Terminal): ExitCode {
  if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.done : EXIT.usage;
  showError(terminal, error, args.includes("--debug"));
  if (args.includes("--json")) json(terminal, { error: describe(error) });
  if (hasCode(error, "usage")) return EXIT.usage;
  return hasCode(error, "busy") ? EXIT.busy : EXIT.failed;
}

function describe(error: unknown): Record<string, unknown> {
  const code = error instanceof ColdframeError ? error.code : "unexpected";
  return { code, message: messageOf(error), hint: hintFor(error) };
}
