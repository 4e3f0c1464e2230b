/**
 * Telling systemd that we run (sd_notify(3)). Its socket takes datagrams of the unix domain, for which no
 * runtime of ours has an API, so `systemd-notify` sends them; units need `NotifyAccess=all` for that.
 */

import { spawn } from "node:child_process";

/** What the service manager is told. */
export interface Service {
  /** All folders are watched; `systemctl start` returns. */
  ready(): void;
  /** One line for `systemctl status`. */
  status(text: string): void;
  /** It ends on purpose. */
  stopping(): void;
  /** No further sign of life. */
  close(): void;
}

const NONE: Service = { ready() {}, status() {}, stopping() {}, close() {} };

/**
 * The service manager that started this process, if one did.
 *
 * @param warn told once where it cannot be reached
 */
export function serviceManager(
  env: Readonly<Record<string, string | undefined>>,
  warn: (line: string) => void,
): Service {
  if ((env["NOTIFY_SOCKET"] ?? "") === "") return NONE;
  let warned = false;
  const send = (...assignments: string[]) => {
    const child = spawn("systemd-notify", assignments, { stdio: "ignore", env: { ...env } });
    child.on("error", (error) => {
      if (!warned) warn(`systemd cannot be told that the watch runs: ${error.message}`);
      warned = true;
    });
  };
  const watchdog = watchdogTimer(env, () => send("WATCHDOG=1"));
  return {
    ready: () => send("--ready"),
    status: (text) => send(`--status=${text}`),
    stopping: () => send("STOPPING=1"),
    close: () => clearInterval(watchdog),
  };
}

/** Half of the time that sd_watchdog_enabled(3) gives, as it advises. */
function watchdogTimer(
  env: Readonly<Record<string, string | undefined>>,
  beat: () => void,
): ReturnType<typeof setInterval> | undefined {
  const micros = Number(env["WATCHDOG_USEC"]);
  if (!(micros > 0)) return undefined;
  return setInterval(beat, micros / 2000);
}
