/** Memory: what a mirror holds must not grow with what is in it. */

import assert from "node:assert/strict";
import process from "node:process";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { run } from "../tools.ts";

const FEW = 5_000;
const MANY = 50_000;
/** Bytes of heap for each further object, at most. A set of their names takes 100 and more. */
const MOST = 25;

/** What a look at a mirror of so many objects holds at most, in bytes. */
async function heldFor(count: number): Promise<number> {
  const program = fileURLToPath(new URL("held-memory.ts", import.meta.url));
  const args = "Deno" in globalThis ? ["run", "-A", "--v8-flags=--expose-gc"] : ["--expose-gc"];
  const { stdout } = await run(process.execPath, [...args, program, String(count)]);
  return Number(stdout);
}

test("looking at a mirror holds as much for 50,000 objects as for 5,000", { timeout: 120_000 }, async () => {
  const [few, many] = [await heldFor(FEW), await heldFor(MANY)];
  assert.ok(few > 0 && many > 0, `${few} and ${many} bytes`);
  const each = (many - few) / (MANY - FEW);
  assert.ok(each < MOST, `${each.toFixed(0)} bytes for each further object: ${few} and ${many} in all`);
});
