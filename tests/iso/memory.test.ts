/** What an image keeps in memory. */

import assert from "node:assert/strict";
import process from "node:process";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { run } from "../tools.ts";

test("an image keeps at most 150 bytes per file beside its manifest", { timeout: 180_000 }, async () => {
  const program = fileURLToPath(new URL("memory.ts", import.meta.url));
  const args = "Deno" in globalThis
    ? ["run", "-A", "--v8-flags=--expose-gc", program]
    : ["--expose-gc", program];
  const { stdout } = await run(process.execPath, args);
  const bytes = Number(stdout);
  assert.ok(bytes > 20 && bytes <= 150, `${stdout.trim()} bytes per file`);
});
