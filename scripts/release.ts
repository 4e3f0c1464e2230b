/**
 * Makes the files of a release in `dist/release`: a binary for each target, `install.sh`, `SHA256SUMS`, and
 * the notes.
 *
 *     deno task release v0.1.0
 */

import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { copyFile, mkdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { basename, join, resolve } from "node:path";
import process from "node:process";
import { pipeline } from "node:stream/promises";
import { fileURLToPath } from "node:url";
import { RELEASE } from "../lib/cli/version.ts";
import { notesOf } from "./changelog.ts";

const ROOT = resolve(fileURLToPath(import.meta.url), "..", "..");
const OUT = join(ROOT, "dist", "release");

async function release(tag: string | undefined): Promise<void> {
  if (tag !== `v${RELEASE}`) {
    throw new Error(`the tag is ${tag}, the version in lib/cli/version.ts ${RELEASE}`);
  }
  const notes = notesOf(await readFile(join(ROOT, "CHANGELOG.md"), "utf8"), RELEASE);
  await rm(OUT, { recursive: true, force: true });
  await mkdir(OUT, { recursive: true });
  const files = [...await takeBinaries(), await takeInstaller()];
  await writeFile(join(OUT, "SHA256SUMS"), (await Promise.all(files.map(sumLine))).join(""));
  await writeFile(join(ROOT, "dist", "notes.md"), notes);
}

async function takeBinaries(): Promise<string[]> {
  const args = [join(ROOT, "scripts", "build.ts"), "all"];
  const built = execFileSync("bun", args, { cwd: ROOT, encoding: "utf8" }).trim().split("\n");
  return await Promise.all(built.map(async (from) => {
    const to = join(OUT, basename(from));
    await rename(from, to);
    return to;
  }));
}

async function takeInstaller(): Promise<string> {
  const to = join(OUT, "install.sh");
  await copyFile(join(ROOT, "install.sh"), to);
  return to;
}

/** A line as `sha256sum -c` reads it. */
async function sumLine(path: string): Promise<string> {
  const hash = createHash("sha256");
  await pipeline(createReadStream(path), hash);
  return `${hash.digest("hex")}  ${basename(path)}\n`;
}

await release(process.argv[2]);
