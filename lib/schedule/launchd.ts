/** Property lists for launchd (launchd.plist(5)). Pure. */

import { MARK, type ScheduledCommand, type ScheduleFile, type SchedulePlan, unitName } from "./plan.ts";

/** All property lists of a plan. */
export function launchdPlists(plan: SchedulePlan): ScheduleFile[] {
  return plan.commands.map((command) => ({
    name: `${label(plan, command)}.plist`,
    text: plist(plan, command),
  }));
}

/** What launchd knows the job by. */
export function label(plan: SchedulePlan, command: ScheduledCommand): string {
  return `io.github.coldframe.${unitName(plan, command)}`;
}

function plist(plan: SchedulePlan, command: ScheduledCommand): string {
  const log = `${plan.home}/${command.name}.log`;
  const entries: readonly (readonly [key: string, value: string])[] = [
    ["Label", text(label(plan, command))],
    ["ProgramArguments", list([...plan.program, ...command.args])],
    ...(command.every === "always"
      ? [["KeepAlive", "<true/>"], ["RunAtLoad", "<true/>"]] as const
      : [["StartCalendarInterval", startsAt(command.every)]] as const),
    ["ProcessType", text("Background")],
    ["LowPriorityIO", "<true/>"],
    ["Nice", "<integer>10</integer>"],
    ["Umask", "<integer>63</integer>"], // 077
    ["StandardOutPath", text(log)],
    ["StandardErrorPath", text(log)],
  ];
  return [
    '<?xml version="1.0" encoding="UTF-8"?>',
    '<!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" "http://www.apple.com/DTDs/PropertyList-1.0.dtd">',
    `<!-- ${MARK} -->`,
    '<plist version="1.0">',
    "<dict>",
    ...entries.map(([key, value]) => `  <key>${key}</key>${value}`),
    "</dict>",
    "</plist>",
    "",
  ].join("\n");
}

/** Missed while the machine slept, it runs when it wakes; unlike with StartInterval. */
function startsAt(every: "hour" | "day"): string {
  const at = every === "hour" ? [["Minute", 17]] : [["Hour", 4], ["Minute", 43]];
  return `<dict>${at.map(([key, n]) => `<key>${key}</key><integer>${n}</integer>`).join("")}</dict>`;
}

function list(words: readonly string[]): string {
  return `<array>${words.map(text).join("")}</array>`;
}

function text(value: string): string {
  return `<string>${value.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;")}</string>`;
}
