/** Passwords, tokens and addresses that are themselves a key: from the environment, or a file of their own. */

import { open } from "node:fs/promises";
import { resolve } from "node:path";
import process from "node:process";
import { ColdframeError, messageOf, systemCode } from "../errors.ts";
import type { NotifyContext } from "./channel.ts";

/** Where a secret is. */
export interface SecretPlace {
  /** What it is, for messages, such as "the mail password". */
  readonly what: string;
  /** The environment variable that is looked at first. */
  readonly variable: string;
  /** A file, from the home if relative; undefined where the settings name none. */
  readonly file: string | undefined;
}

/** No password is longer, in bytes. */
const LONGEST = 4096;

/**
 * Reads a secret; a file's first line.
 *
 * @returns undefined when it is at neither place
 * @throws ColdframeError `config` when the file is missing, empty, or can be read by others
 */
export async function readSecret(
  { env, home }: Pick<NotifyContext, "env" | "home">,
  { what, variable, file }: SecretPlace,
): Promise<string | undefined> {
  const given = env[variable];
  if (given !== undefined && given !== "") return given;
  if (file === undefined) return undefined;
  const path = resolve(home, file);
  const [line = ""] = (await readPrivate(path, what)).split(/\r?\n/);
  if (line.trim() !== "") return line.trim();
  throw new ColdframeError("config", `${path} is empty; it should hold ${what} on its first line`);
}

/** Looks at the rights of the very file that is read. Windows keeps rights elsewhere. */
async function readPrivate(path: string, what: string): Promise<string> {
  const file = await open(path, "r").catch((error) => {
    const why = systemCode(error) === "ENOENT" ? "there is no such file" : messageOf(error);
    throw new ColdframeError("config", `cannot read ${what} from ${path}: ${why}`, {
      hint: "Put it there, on one line, and run: chmod 600 on that file.",
      cause: error,
    });
  });
  try {
    const { mode, size } = await file.stat();
    if (process.platform !== "win32" && (mode & 0o077) !== 0) {
      throw new ColdframeError("config", `others on this machine can read ${path}`, {
        hint: `It holds ${what}. Run: chmod 600 '${path}'`,
      });
    }
    if (size > LONGEST) throw new ColdframeError("config", `${path} is too large to hold ${what}`);
    return await file.readFile("utf8");
  } finally {
    await file.close();
  }
}
