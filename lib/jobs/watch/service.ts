/**
 * Telling systemd that we run (sd_notify(3)). Its socket takes datagrams of the unix domain, for which no
 * runtime of ours has an API, so `systemd-notify` sends them; units need `NotifyAccess=all` for that.
 */

import { spawn } from "node:child_process";
import { once } from "node:events";
import { messageOf } from "../../errors.ts";

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
  let last = Promise.resolve();
  const send = (assignment: string) => {
    last = last.then(() => notify(env, assignment)).catch((error) => { // one after the other
      if (!warned) warn(`systemd cannot be told that the watch runs: ${messageOf(error)}`);
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

async function notify(env: Readonly<Record<string, string | undefined>>, assignment: string): Promise<void> {
  await once(spawn("systemd-notify", [assignment], { stdio: "ignore", env: { ...env } }), "close");
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
