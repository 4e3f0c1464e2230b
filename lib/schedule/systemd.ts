/** systemd units (systemd.service(5), systemd.timer(5), systemd.exec(5)). Pure. */

import { MARK, type ScheduledCommand, type ScheduleFile, type SchedulePlan, unitName } from "./plan.ts";

/** The exit code for a home that another run holds (EX_TEMPFAIL of sysexits.h): no reason for an alarm. */
export const BUSY = 75;

/** How often the watch says that it lives, s; systemd starts it anew when it does not. */
const WATCHDOG = 300;
/** How long a run may take to come to a clean stop, s. */
const STOP = 120;

/** All units of a plan. */
export function systemdUnits(plan: SchedulePlan): ScheduleFile[] {
  return plan.commands.flatMap((command) => {
    const name = unitName(plan, command);
    const service = { name: `${name}.service`, text: serviceUnit(plan, command) };
    if (command.every === "always") return [service];
    return [service, { name: `${name}.timer`, text: timerUnit(command) }];
  });
}

/** The unit to enable: the timer, or the daemon itself. */
export function unitToEnable(plan: SchedulePlan, command: ScheduledCommand): string {
  return `${unitName(plan, command)}.${command.every === "always" ? "service" : "timer"}`;
}

function serviceUnit(plan: SchedulePlan, command: ScheduledCommand): string {
  const isDaemon = command.every === "always";
  return render([
    ["Unit", [
      `Description=${command.description}`,
      "Documentation=https://github.com/coldframe/coldframe",
      ...(plan.user === undefined ? [] : ["Wants=network-online.target", "After=network-online.target"]),
    ]],
    ["Service", [
      `ExecStart=${commandLine([...plan.program, ...command.args])}`,
      ...(isDaemon ? daemon() : ["Type=oneshot"]),
      `SuccessExitStatus=${BUSY}`,
      `TimeoutStopSec=${STOP}`,
      "KillMode=mixed",
      ...(plan.user === undefined ? [] : [`User=${plan.user}`]),
      `EnvironmentFile=-${specifiers(plan.home)}/environment`,
      ...POLITE,
      ...HARDENED,
      ...(plan.user === undefined ? [] : confined(plan.writes)),
    ]],
    ...(isDaemon
      ? [["Install", [`WantedBy=${plan.user === undefined ? "default" : "multi-user"}.target`]] as const]
      : []),
  ]);
}

/** `NotifyAccess=all`, since `systemd-notify` speaks for the watch. */
function daemon(): string[] {
  return [
    "Type=notify",
    "NotifyAccess=all",
    `WatchdogSec=${WATCHDOG}`,
    "Restart=always",
    "RestartSec=30",
    "ExecReload=kill -HUP $MAINPID",
  ];
}

/** The machine is there for other things, too. */
const POLITE = ["Nice=10", "IOSchedulingClass=best-effort", "IOSchedulingPriority=7", "CPUWeight=20"];

/** What works without a file system of its own, and so in units of a user, too. */
const HARDENED = [
  "NoNewPrivileges=true",
  "LockPersonality=true",
  "RestrictRealtime=true",
  "RestrictSUIDSGID=true",
  "RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX AF_NETLINK",
  "SystemCallArchitectures=native",
  "UMask=0077",
];

/** It reads everything and writes only its own; only the system's manager may do that. */
function confined(writes: readonly string[]): string[] {
  return [
    "ProtectSystem=strict",
    ...writes.map((path) => `ReadWritePaths=${quote(`-${path}`)}`),
    "PrivateTmp=true",
    "PrivateDevices=true",
    "ProtectClock=true",
    "ProtectControlGroups=true",
    "ProtectHostname=true",
    "ProtectKernelLogs=true",
    "ProtectKernelModules=true",
    "ProtectKernelTunables=true",
    "RestrictNamespaces=true",
  ];
}

function timerUnit({ description, every }: ScheduledCommand): string {
  return render([
    ["Unit", [`Description=${description}`]],
    ["Timer", [
      `OnCalendar=${every === "hour" ? "hourly" : "daily"}`,
      "Persistent=true",
      `RandomizedDelaySec=${every === "hour" ? "5min" : "2h"}`,
    ]],
    ["Install", ["WantedBy=timers.target"]],
  ]);
}

function render(sections: readonly (readonly [name: string, lines: readonly string[]])[]): string {
  const texts = sections.map(([name, lines]) => `\n[${name}]\n${lines.join("\n")}\n`);
  return `# ${MARK}\n${texts.join("")}`;
}

/** `%` begins a specifier everywhere in a unit. */
function specifiers(text: string): string {
  return text.replaceAll("%", "%%");
}

/** The program itself may hold no quotes, backslashes or variables; `env` starts such a one as an argument. */
function commandLine(words: readonly string[]): string {
  const isPlain = !/["'\\$]/.test(words[0] ?? "");
  return [...(isPlain ? [] : ["/usr/bin/env"]), ...words].map(quote).join(" ");
}

/**
 * One word of a command line or a list of paths (systemd.service(5), "Command lines"; systemd.syntax(7),
 * "Quoting"): in quotes where it has to be, with `$` doubled, as it begins a variable.
 */
function quote(word: string): string {
  const text = specifiers(word).replaceAll("$", "$$$$");
  if (/^[\w@%+=:,./$-]+$/.test(text)) return text;
  const escaped = text.replace(/["\\]/g, "\\$&").replaceAll("\n", "\\n").replaceAll("\t", "\\t");
  return `"${escaped}"`;
}
