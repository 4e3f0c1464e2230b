/** What a real Linux kernel makes of images: boots user-mode Linux once and mounts each image in each way. */

import process from "node:process";
import { spawn } from "node:child_process";
import { chmod, copyFile, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { withFolder } from "../tools.ts";

/** The programs a test that boots a kernel needs. */
export const UML_TOOLS: readonly string[] = ["linux", "python3"];

/** How a kernel can look at an image: by Rock Ridge, by Joliet, by neither, or as UDF. */
export type View = "rock" | "joliet" | "plain" | "udf";

/** What the kernel says of one path. Times in ms, whole seconds but in UDF. */
export type Seen =
  & { readonly path: string; readonly mtime: number }
  & (
    | { readonly kind: "file"; readonly size: number; readonly sha256: string }
    | { readonly kind: "dir"; readonly mode: number; readonly links: number }
    | { readonly kind: "symlink"; readonly target: string }
  );

/** One image to look at. Of files above 64 MiB only 4,096 bytes at each window are hashed. */
export interface Job {
  readonly path: string;
  readonly views: readonly View[];
  readonly windows: readonly number[];
  /** The paths to look at, when all would take too long. */
  readonly only?: readonly string[];
  /** Folders whose names are listed without looking at what they name. */
  readonly list?: readonly string[];
}

/** What one view of an image shows. */
export interface Shown {
  readonly entries: Seen[];
  /** Folder → the names in it, for the folders the job lists. */
  readonly names: Record<string, string[]>;
}

type Report = Partial<Record<View, Shown | { error: string }>>;

/**
 * Boots a kernel, mounts the images, and gives what it saw, by image and view.
 *
 * @throws Error when the kernel did not come up, or would not mount or read an image.
 */
export function seenByKernel(jobs: readonly Job[]): Promise<Map<View, Shown>[]> {
  return withFolder(async (folder) => {
    const init = join(folder, "init.py");
    await copyFile(new URL("uml_init.py", import.meta.url), init);
    await writeFile(init, `#!/usr/bin/python3\n${await readFile(init, "utf8")}`);
    await chmod(init, 0o755);
    await writeFile(join(folder, "job.json"), JSON.stringify(jobs));
    await boot(init, folder);
    const reports: Report[] = JSON.parse(await readReport(folder));
    return reports.map((report, i) => viewsOf(report, jobs[i]?.path ?? ""));
  });
}

async function readReport(folder: string): Promise<string> {
  try {
    return await readFile(join(folder, "report.json"), "utf8");
  } catch (cause) {
    const why = await readFile(join(folder, "failure.txt"), "utf8").catch(() => "it did not come up");
    throw new Error(`no report from the kernel: ${why}`, { cause });
  }
}

function viewsOf(report: Report, path: string): Map<View, Shown> {
  const views = new Map<View, Shown>();
  for (const view of ["rock", "joliet", "plain", "udf"] as const) {
    const seen = report[view];
    if (seen === undefined) continue;
    if ("error" in seen) throw new Error(`the kernel does not read ${path} as ${view}: ${seen.error}`);
    views.set(view, seen);
  }
  return views;
}

/** Runs the kernel until it powers itself off; a kernel that hangs is ended after two minutes. */
function boot(init: string, folder: string): Promise<void> {
  const kernel = spawn("linux", [
    "mem=256M",
    "rootfstype=hostfs",
    "rootflags=/",
    "rw",
    `init=${init}`,
    "con=null",
    "con0=fd:0,fd:1",
    "quiet",
  ], {
    stdio: ["ignore", "ignore", "ignore"],
    // The kernel keeps its memory and its sockets in these.
    env: { ...process.env, TMPDIR: folder, HOME: folder },
    timeout: 120_000,
    killSignal: "SIGKILL",
  });
  return new Promise((resolve, reject) => {
    kernel.on("error", reject);
    kernel.on("exit", () => resolve());
  });
}
