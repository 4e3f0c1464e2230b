/** Opening an address in the user's browser. */

import { spawn } from "node:child_process";
import process from "node:process";

type Environment = Readonly<Record<string, string | undefined>>;

/** The program that opens an address with whatever the user has chosen for it. */
function opener(env: Environment): readonly [program: string, ...args: string[]] | undefined {
  if (process.platform === "darwin") return ["open"];
  // `start` is part of cmd, which would read the address's `&` as its own.
  if (process.platform === "win32") return ["rundll32", "url.dll,FileProtocolHandler"];
  // Without a screen xdg-open would start a browser of text in the user's terminal.
  const screen = env["DISPLAY"] || env["WAYLAND_DISPLAY"];
  return screen ? ["xdg-open"] : undefined;
}

/**
 * Asks the system to show an address. Whether it did cannot be known: the address must be printed, too.
 *
 * @param address without anything that is secret for longer than this moment: it stands in a process list
 * @returns false when there is no screen, or nothing to open it with
 */
export function openBrowser(address: string, env: Environment): Promise<boolean> {
  const command = opener(env);
  if (command === undefined) return Promise.resolve(false);
  const [program, ...args] = command;
  return new Promise((resolve) => {
    try {
      const child = spawn(program, [...args, address], { stdio: "ignore", detached: true, env });
      child.on("error", () => resolve(false));
      child.on("spawn", () => {
        child.unref(); // the browser outlives us
        resolve(true);
      });
    } catch {
      resolve(false); // some systems say so at once
    }
  });
}
