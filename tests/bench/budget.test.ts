/**
 * No hot path may become several times slower unnoticed. What is compared is CPU time with CPU time of the same
 * process (`hot-paths.ts`), never a clock: the machine that runs this may be slow, and busy.
 */

import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import process from "node:process";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { run } from "../tools.ts";

/** Four times what was measured under the slower runtime, on a machine with a load of ten. */
const MOST: Readonly<Record<string, number>> = {
  "walk and compare 2,000 files": 2,
  "hash 2,000 small files": 6,
  "hash 8 files of 4 MB": 2.8,
  "lay out and make an image of 2,000 files": 3.8,
  "encrypt and prove 16 MB": 4.4,
  "make 20 headers": 4,
  "note and read 2,000 files in the catalog": 2.8,
};

async function measured(): Promise<Map<string, unknown>> {
  const program = fileURLToPath(new URL("hot-paths.ts", import.meta.url));
  const args = "Deno" in globalThis ? ["run", "-A", program] : [program];
  const { stdout } = await run(process.execPath, args);
  return new Map(Object.entries(JSON.parse(stdout)));
}

const options = { timeout: 120_000, skip: existsSync("/proc/self/stat") ? false : "needs fine CPU times" };

test("every hot path stays within its budget of CPU", options, async () => {
  const found = await measured();
  assert.deepEqual([...found.keys()].sort(), Object.keys(MOST).sort());
  const over = [...found].filter(([name, multiple]) =>
    !(typeof multiple === "number" && multiple > 0.01 && multiple <= (MOST[name] ?? 0))
  );
  assert.deepEqual(over, [], "several times the CPU of before; see what was done to these paths");
});
