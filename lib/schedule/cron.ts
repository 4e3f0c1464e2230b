/** Lines of a crontab (crontab(5)). Pure. */

import { MARK, type ScheduledCommand, type SchedulePlan } from "./plan.ts";
import { BUSY } from "./systemd.ts";

/** The last line of our part of a crontab. */
function endMark({ suffix }: SchedulePlan): string {
  return `# End of coldframe${suffix}.`;
}

function startMark({ suffix }: SchedulePlan): string {
  return `# coldframe${suffix}: ${MARK}`;
}

/** Our part of a crontab. */
export function cronLines(plan: SchedulePlan): string {
  return [startMark(plan), ...plan.commands.map((command) => cronLine(plan, command)), endMark(plan), ""]
    .join("\n");
}

/**
 * A crontab with our part of this home replaced, or removed.
 *
 * @param ours the new part, or "" to remove it
 */
export function replaceLines(crontab: string, plan: SchedulePlan, ours: string): string {
  const part = linesOf(crontab, plan);
  const rest = part === undefined ? crontab : crontab.replace(part, () => "");
  return (rest === "" || rest.endsWith("\n") ? rest : `${rest}\n`) + ours;
}

/** Our part of a crontab, or undefined where there is none. */
export function linesOf(crontab: string, plan: SchedulePlan): string | undefined {
  const start = `\n${crontab}`.indexOf(`\n${startMark(plan)}\n`);
  const end = crontab.indexOf(`${endMark(plan)}\n`, start);
  return start < 0 || end < 0 ? undefined : crontab.slice(start, end + endMark(plan).length + 1);
}

/** Cron mails whatever is printed: nothing when all went well, or when another run held the home. */
function cronLine({ program, home }: SchedulePlan, { args, every }: ScheduledCommand): string {
  const command = [...program, ...args].map(shellWord).join(" ");
  const quietly = `out=$(nice ${command} 2>&1) || [ $? = ${BUSY} ] || printf '%s\\n' "$out"`;
  const line = every === "always" ? `${command} >>${shellWord(`${home}/watch.log`)} 2>&1` : quietly;
  return `${WHEN[every]} ${line.replaceAll("%", "\\%")}`; // a bare % would end the command
}

/** Not on the hour, when everybody's jobs start. */
const WHEN: Readonly<Record<ScheduledCommand["every"], string>> = {
  hour: "17 * * * *",
  day: "43 4 * * *",
  always: "@reboot",
};

/** POSIX shell, 2.2.2: nothing is special in single quotes but the quote that ends them. */
function shellWord(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}
