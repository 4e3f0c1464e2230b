/** Memory as a fact to test: what a program holds must not grow with what it goes over. */

import assert from "node:assert/strict";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { run } from "./tools.ts";

const FEW = 5_000;
const MANY = 50_000;

/** For such a program: bytes of heap in use after a collection. */
export function heapInUse(): number {
  const collect: unknown = Reflect.get(globalThis, "gc");
  if (typeof collect !== "function") throw new Error("run it with --expose-gc");
  collect();
  return process.memoryUsage().heapUsed;
}

/** Bytes of heap that a program says it held for so many things; it finds `gc` in reach. */
async function heldFor(program: URL, count: number): Promise<number> {
  const args = "Deno" in globalThis ? ["run", "-A", "--v8-flags=--expose-gc"] : ["--expose-gc"];
  const { stdout } = await run(process.execPath, [...args, fileURLToPath(program), String(count)]);
  return Number(stdout);
}

/**
 * Asserts that a program, which takes a number of things as its argument and prints the bytes that it held,
 * holds fewer than so many bytes for each further one.
 */
export async function assertHolds(program: URL, most: number): Promise<void> {
  const [few, many] = [await heldFor(program, FEW), await heldFor(program, MANY)];
  assert.ok(few > 0 && many > 0, `${few} and ${many} bytes`);
  const each = (many - few) / (MANY - FEW);
  assert.ok(each < most, `${each.toFixed(0)} bytes for each further one: ${few} and ${many} in all`);
}
