/** What several tests need: programs from outside, temporary folders, and files to work on. */

import process from "node:process";
import { execFile, spawnSync } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { promisify } from "node:util";

/** Runs a program and gives its output as text; throws when it exits with another code than 0. */
export const run = promisify(execFile);

/** Whether a program is on the PATH. */
export function hasTool(name: string): boolean {
  return spawnSync("sh", ["-c", `command -v ${name}`]).status === 0;
}

/**
 * A test that needs programs from outside. Where one is missing the test is left out, except in CI
 * (`CI=true`), where that is a failure: a judge that did not come has not agreed. `timeout` is in ms; two
 * minutes unless said otherwise, as a kernel or a server takes longer to start than Bun gives a test.
 */
export function testWith(
  tools: readonly string[],
  name: string,
  body: () => Promise<void>,
  options: { timeout?: number } = {},
): void {
  const missing = tools.filter((tool) => !hasTool(tool));
  if (missing.length === 0) {
    test(name, { timeout: 120_000, ...options }, body);
  } else if (process.env["CI"] === "true") {
    test(name, () => {
      throw new Error(`missing in CI: ${missing.join(", ")}`);
    });
  } else {
    test(`${name} (left out: ${missing.join(", ")} not installed)`, () => {});
  }
}

/** Runs `body` with a fresh folder, in `parent`, that is gone afterwards, whatever happens. */
export async function withFolder<T>(body: (folder: string) => Promise<T>, parent = tmpdir()): Promise<T> {
  const folder = await mkdtemp(join(parent, "coldframe-test-"));
  try {
    return await body(folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Bytes that look random but are the same in every run (xorshift32). */
export function pseudoRandom(length: number, seed = 1): Uint8Array<ArrayBuffer> {
  const words = new Uint32Array(Math.ceil(length / 4));
  let state = (seed * 0x9e3779b1) >>> 0 || 1;
  for (let i = 0; i < words.length; i++) {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    words[i] = state;
  }
  return new Uint8Array(words.buffer, 0, length);
}
