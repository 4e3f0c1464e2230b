/** Putting a schedule in place: systemd, launchd or cron, whichever this machine has. */

import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { readFile, rm, stat } from "node:fs/promises";
import { createHash } from "node:crypto";
import { homedir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { promisify } from "node:util";
import { ColdframeError, messageOf, systemCode } from "../errors.ts";
import { makeFolder, writeFileDurably } from "../files.ts";
import { openHome } from "../home/home.ts";
import { cronLines, linesOf, replaceLines } from "../schedule/cron.ts";
import { launchdPlists } from "../schedule/launchd.ts";
import { commandsFor, MARK, type ScheduleFile, type SchedulePlan } from "../schedule/plan.ts";
import { systemdUnits, unitToEnable } from "../schedule/systemd.ts";
import { localFolder } from "../store/open.ts";
import { noHome } from "./open.ts";

const run = promisify(execFile);

/** Who starts the runs. */
export type Manager = "systemd" | "launchd" | "cron";

/** What the user asks for. */
export interface ScheduleChoices {
  /** Absolute path of the home. */
  readonly root: string;
  /** This program, and what stands before the arguments of `coldframe`. */
  readonly program: readonly string[];
  /** The daemon instead of timers. */
  readonly watch: boolean;
  /** For the machine, not for the user that is signed in. */
  readonly system: boolean;
  readonly manager: Manager;
  readonly env: Readonly<Record<string, string | undefined>>;
}

/** What is in place, or would be. */
export interface Schedule {
  readonly manager: Manager;
  /** Files with their paths; of cron, its part of the crontab under that name. */
  readonly files: readonly ScheduleFile[];
}

/** The manager of this machine. */
export async function usualManager(platform: string = process.platform): Promise<Manager> {
  if (platform === "darwin") return "launchd";
  if (platform === "win32") {
    throw new ColdframeError("usage", "schedules for Windows are not made by coldframe", {
      hint: "Let the Task Scheduler run `coldframe sync` every hour and `coldframe check` every day.",
    });
  }
  // sd_booted(3): that folder is there when systemd runs the machine.
  return await stat("/run/systemd/system").then(() => "systemd", () => "cron");
}

/**
 * What would be installed; writes nothing.
 *
 * @throws ColdframeError `home` when there is none, or when its path cannot stand in a schedule
 */
export async function planSchedule(choices: ScheduleChoices): Promise<{ plan: SchedulePlan } & Schedule> {
  const { root, env } = choices;
  const home = await openHome(root);
  if (home === undefined) throw noHome(root);
  const { staging, cold } = home.config;
  const stores = [staging, cold].flatMap((url) => url === undefined ? [] : localFolder(url, env) ?? []);
  const plan: SchedulePlan = {
    ...barePlan(choices),
    user: choices.system ? (await stat(root)).uid : undefined,
    writes: [...new Set([root, ...stores])],
  };
  for (const path of [...plan.program, ...plan.writes]) assertOneLine(path);
  return { plan, manager: choices.manager, files: filesOf(plan, choices) };
}

/** As much of a plan as is known of a home that may be gone. */
function barePlan({ root, env, program, watch }: ScheduleChoices): SchedulePlan {
  const usual = join(env["HOME"] ?? homedir(), ".coldframe");
  const suffix = root === usual ? "" : `-${createHash("sha256").update(root).digest("hex").slice(0, 8)}`;
  return { program, home: root, suffix, user: undefined, writes: [root], commands: commandsFor(root, watch) };
}

function filesOf(plan: SchedulePlan, choices: ScheduleChoices): ScheduleFile[] {
  if (choices.manager === "cron") return [{ name: "crontab", text: cronLines(plan) }];
  const files = choices.manager === "systemd" ? systemdUnits(plan) : launchdPlists(plan);
  return files.map(({ name, text }) => ({ name: join(folderOf(choices), name), text }));
}

/** Where the manager looks for files. */
function folderOf({ manager, system, env }: ScheduleChoices): string {
  const home = env["HOME"] ?? homedir();
  if (manager === "launchd") return system ? "/Library/LaunchDaemons" : join(home, "Library/LaunchAgents");
  return system
    ? "/etc/systemd/system"
    : join(env["XDG_CONFIG_HOME"] ?? join(home, ".config"), "systemd/user");
}

/** Puts a schedule in place of the one that this home has, and starts it. */
export async function installSchedule(choices: ScheduleChoices): Promise<Schedule> {
  const { plan, files, manager } = await planSchedule(choices);
  await removeSchedule(choices); // from timers to the daemon, or back
  if (manager === "cron") {
    await writeCrontab(choices, replaceLines(await crontab(choices), plan, cronLines(plan)));
  } else {
    await makeFolder(folderOf(choices), 0o755);
    for (const { name, text } of files) await writeUnit(name, text);
    await start(choices, plan);
  }
  return { manager, files };
}

async function writeUnit(path: string, text: string): Promise<void> {
  try {
    await writeFileDurably(path, text, { mode: 0o644, replace: true });
  } catch (error) {
    throw new ColdframeError("home", `cannot write ${path}: ${messageOf(error)}`, {
      hint: "For --system, run it as root: sudo coldframe schedule install --system --home DIR",
      cause: error,
    });
  }
}

async function start(choices: ScheduleChoices, plan: SchedulePlan): Promise<void> {
  if (choices.manager === "systemd") {
    await systemctl(choices, "daemon-reload");
    const units = plan.commands.map((command) => unitToEnable(plan, command));
    return await systemctl(choices, "enable", "--now", ...units);
  }
  for (const { name } of launchdPlists(plan)) {
    await tool(choices, "launchctl", "bootstrap", domain(choices), join(folderOf(choices), name));
  }
}

/** The files of this home's schedule that are in place. */
export async function installedSchedule(choices: ScheduleChoices): Promise<Schedule> {
  const { manager } = choices;
  if (manager === "cron") {
    const text = linesOf(await crontab(choices), barePlan(choices));
    return { manager, files: text === undefined ? [] : [{ name: "crontab", text }] };
  }
  const names = new Set(
    [true, false].flatMap((watch) => filesOf(barePlan({ ...choices, watch }), choices)).map(({ name }) =>
      name
    ),
  );
  const files: ScheduleFile[] = [];
  for (const name of names) {
    const text = await readFile(name, "utf8").catch(() => "");
    if (text.includes(MARK)) files.push({ name, text });
  }
  return { manager, files };
}

/** Stops and removes this home's schedule; what is not ours stays. */
export async function removeSchedule(choices: ScheduleChoices): Promise<Schedule> {
  const installed = await installedSchedule(choices);
  if (installed.files.length === 0) return installed;
  if (choices.manager === "cron") {
    await writeCrontab(choices, replaceLines(await crontab(choices), barePlan(choices), ""));
    return installed;
  }
  await stop(choices, installed.files);
  for (const { name } of installed.files) await rm(name, { force: true });
  if (choices.manager === "systemd") await systemctl(choices, "daemon-reload");
  return installed;
}

async function stop(choices: ScheduleChoices, files: readonly ScheduleFile[]): Promise<void> {
  const names = files.map(({ name }) => name.slice(name.lastIndexOf("/") + 1));
  if (choices.manager === "systemd") return await systemctl(choices, "disable", "--now", ...names);
  for (const name of names) {
    const target = `${domain(choices)}/${name.replace(/\.plist$/, "")}`;
    await tool(choices, "launchctl", "bootout", target).catch(() => {}); // it was not loaded
  }
}

function domain({ system }: ScheduleChoices): string {
  return system ? "system" : `gui/${process.getuid?.() ?? 0}`;
}

function systemctl(choices: ScheduleChoices, ...args: readonly string[]): Promise<void> {
  return tool(choices, "systemctl", ...(choices.system ? [] : ["--user"]), ...args);
}

async function tool({ env }: ScheduleChoices, program: string, ...args: readonly string[]): Promise<void> {
  try {
    await run(program, args, { env: { ...env } });
  } catch (error) {
    throw toolFailed(`${program} ${args.join(" ")}`, error);
  }
}

function toolFailed(command: string, error: unknown): ColdframeError {
  const said = error instanceof Error ? String(Reflect.get(error, "stderr") ?? "").trim() : "";
  return new ColdframeError("home", `${command} failed: ${said === "" ? messageOf(error) : said}`, {
    hint: "Try that command by hand, or use cron: coldframe schedule install --cron",
    cause: error,
  });
}

/** A user without a crontab has an empty one. */
async function crontab({ env }: ScheduleChoices): Promise<string> {
  try {
    return (await run("crontab", ["-l"], { env: { ...env } })).stdout;
  } catch (error) {
    if (systemCode(error) === "ENOENT") throw noCron();
    if (!/no crontab/.test(messageOf(error))) throw toolFailed("crontab -l", error);
    return "";
  }
}

function noCron(): ColdframeError {
  return new ColdframeError("home", "there is neither systemd nor cron on this machine", {
    hint: "Install cron, such as by `sudo apt install cron`, or let `coldframe watch` run.",
  });
}

async function writeCrontab({ env }: ScheduleChoices, text: string): Promise<void> {
  const child = spawn("crontab", ["-"], { env: { ...env }, stdio: ["pipe", "ignore", "inherit"] });
  child.stdin.end(text);
  const [code] = await once(child, "close");
  if (code !== 0) throw toolFailed("crontab -", new Error(`exit code ${code}`));
}

/** No manager has a way to write a line break in a path, and none could be meant. */
function assertOneLine(path: string): void {
  if ([...path].every((character) => character >= " ")) return;
  throw new ColdframeError("home", `${JSON.stringify(path)} cannot stand in a schedule`, {
    hint: "Choose a path without line breaks.",
  });
}
