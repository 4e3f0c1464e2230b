/** The built binary, run as on a machine that has nothing else of ours. */

import { execFile } from "node:child_process";
import { copyFile, mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { withFolder } from "../tools.ts";

const exec = promisify(execFile);
const ROOT = fileURLToPath(new URL("../../", import.meta.url));

/** Building takes a download and 100 MB for each target, so only on demand. */
export const BUILDS = process.env["COLDFRAME_BUILD_TESTS"] === "1";

/** The targets that this machine runs. */
export type Target = "linux-x64" | "linux-arm64";

/** What runs a program of another processor, with the libraries of Debian's `*-arm64-cross` packages. */
const EMULATOR: Readonly<Record<Target, readonly string[]>> = {
  "linux-x64": [],
  "linux-arm64": ["qemu-aarch64-static", "-L", "/usr/aarch64-linux-gnu"],
};

const built = new Map<Target, Promise<string>>();

/** The path of the binary, built from these sources, once per run of the tests. */
export function binary(target: Target): Promise<string> {
  let path = built.get(target);
  if (path === undefined) built.set(target, path = build(target));
  return path;
}

async function build(target: Target): Promise<string> {
  const { stdout } = await exec("bun", [join(ROOT, "scripts", "build.ts"), target], { cwd: ROOT });
  return stdout.trim();
}

/** A machine of a user: folders, and nothing of the project. */
export interface Machine {
  /** A path on it. */
  path(...names: string[]): string;
  /** The temporary folder of its programs. */
  readonly temporary: string;
  /** Runs the program in the folder `cwd`; its output. Throws where it ends with another code than 0. */
  run(target: Target, ...args: string[]): Promise<string>;
}

/** A fresh machine, with a `.env` and a `bunfig.toml` in the working folder that the program must not read. */
export function withMachine<T>(body: (machine: Machine) => Promise<T>): Promise<T> {
  return withFolder(async (folder) => {
    const path = (...names: string[]) => join(folder, ...names);
    for (const name of ["tmp", "cwd", "user"]) await mkdir(path(name));
    await writeFile(path("cwd", ".env"), `COLDFRAME_HOME=${path("strange")}\n`);
    await writeFile(path("cwd", "bunfig.toml"), 'preload = ["./not-there.ts"]\n');
    const temporary = path("tmp");
    const run = async (target: Target, ...args: string[]) => {
      const [program, ...rest] = [...EMULATOR[target], await installed(target, path), ...args];
      if (program === undefined) throw new Error("no program");
      const env = { PATH: process.env["PATH"], HOME: path("user"), TMPDIR: temporary, NO_COLOR: "1" };
      return (await exec(program, rest, { cwd: path("cwd"), env })).stdout;
    };
    return await body({ path, temporary, run });
  });
}

const copies = new Map<string, Promise<string>>();

/** A copy of the binary on that machine: nothing it needs may stand beside the original. */
function installed(target: Target, path: Machine["path"]): Promise<string> {
  const copy = path(`coldframe-${target}`);
  let made = copies.get(copy);
  if (made === undefined) {
    made = binary(target).then((original) => copyFile(original, copy)).then(() => copy);
    copies.set(copy, made);
  }
  return made;
}
