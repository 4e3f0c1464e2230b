/** Who else can use the home, and putting that right. */

import { chmod, readdir, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import process from "node:process";
import type { HomePaths } from "../../home/home.ts";
import type { Session } from "../session.ts";
import { type Finding, finding } from "./finding.ts";

/** A path that only its owner should use. */
interface Private {
  readonly path: string;
  readonly mode: number;
  /** Of the finding, where others can use it. */
  readonly severity: "warning" | "broken";
}

function privatePaths({ root, keys, identity }: HomePaths): Private[] {
  return [
    { path: root, mode: 0o700, severity: "warning" },
    { path: keys, mode: 0o700, severity: "warning" },
    { path: identity, mode: 0o600, severity: "broken" },
  ];
}

/** Those that others can use. Windows keeps rights elsewhere. */
async function exposed(paths: HomePaths): Promise<Private[]> {
  if (process.platform === "win32") return [];
  const found: Private[] = [];
  for (const one of privatePaths(paths)) {
    const others = await stat(one.path).then(({ mode }) => mode & 0o077, () => 0);
    if (others !== 0) found.push(one);
  }
  return found;
}

/** Who else on this machine can read the home. */
export async function permissions({ home }: Session): Promise<Finding[]> {
  const found = await exposed(home.paths);
  if (found.length === 0) return [finding("permissions", "good", `only you can read ${home.paths.root}`)];
  return found.map(({ path, mode, severity }) =>
    finding(
      "permissions",
      severity,
      `others on this machine can use ${path}`,
      `Run \`coldframe doctor --fix\`, or: chmod ${mode.toString(8)} '${path}'`,
    )
  );
}

const DAY = 86_400_000;

/** Files that a power cut left half-written; no write takes a day. */
async function leftovers({ home, now }: Session): Promise<string[]> {
  const found: string[] = [];
  for (const folder of [home.paths.root, home.paths.keys]) {
    for (const name of await readdir(folder).catch(() => [])) {
      if (!/\.[0-9a-f]{12}\.tmp$/.test(name)) continue; // as lib/files.ts names them
      const path = join(folder, name);
      const { mtimeMs } = await stat(path).catch(() => ({ mtimeMs: Infinity }));
      if (mtimeMs < now() - DAY) found.push(path);
    }
  }
  return found;
}

/** Files of no use in the home. */
export async function unused(session: Session): Promise<Finding[]> {
  return (await leftovers(session)).map((path) =>
    finding("leftovers", "warning", `${path} was never finished`, "Run: coldframe doctor --fix")
  );
}

/**
 * Does what is safe: takes rights from others, and removes files that were never finished.
 *
 * @returns a line for each thing done
 */
export async function mend(session: Session): Promise<string[]> {
  const done: string[] = [];
  for (const { path, mode } of await exposed(session.home.paths)) {
    await chmod(path, mode);
    done.push(`Only you can use ${path} now.`);
  }
  for (const path of await leftovers(session)) {
    await rm(path, { force: true });
    done.push(`Removed ${path}.`);
  }
  return done;
}
