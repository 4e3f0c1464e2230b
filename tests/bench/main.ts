/**
 * `deno task bench [SUBJECT…] [--write FILE] [--json FILE]`: measures coldframe beside what people would
 * otherwise use, and prints a table. Without subjects, all of them.
 *
 * COLDFRAME_BENCH_SCALE shrinks or grows the data (1 is that of docs/BENCHMARKS.md); COLDFRAME_BENCH_ROUNDS
 * is how often each program runs (3); COLDFRAME_BENCH_DIR is the folder to work in (the system's temporary
 * one), with 12 GB free at scale 1.
 */

import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { parseArgs } from "node:util";
import { growth, household, large, s3, tree } from "./backup.ts";
import { catalog } from "./catalog.ts";
import { markdown, report } from "./report.ts";
import { image, scan, startUp } from "./scan.ts";
import type { Measured, Subject } from "./subject.ts";
import { World } from "./world.ts";

const SUBJECTS: Readonly<Record<string, Subject>> = {
  start: startUp,
  household,
  large,
  scan,
  tree,
  s3,
  catalog,
  image,
  growth,
};

const { values, positionals } = parseArgs({
  options: { write: { type: "string" }, json: { type: "string" } },
  allowPositionals: true,
});
const unknown = positionals.find((name) => SUBJECTS[name] === undefined);
if (unknown !== undefined) {
  throw new Error(`no subject "${unknown}"; there are ${Object.keys(SUBJECTS).join(", ")}`);
}
const { env } = process;
const folder = mkdtempSync(join(env["COLDFRAME_BENCH_DIR"] ?? tmpdir(), "coldframe-bench-"));
process.once("exit", () => rmSync(folder, { recursive: true, force: true }));
process.once("SIGINT", () => process.exit(130));
const world = new World(
  folder,
  Number(env["COLDFRAME_BENCH_SCALE"] ?? 1),
  Number(env["COLDFRAME_BENCH_ROUNDS"] ?? 3),
);
world.build();
/** What people have written below the figures stays. */
function remarksIn(path: string | undefined): string {
  const text = path !== undefined && existsSync(path) ? readFileSync(path, "utf8") : "";
  return /\n## What the profiles say\n.*/s.exec(text)?.[0] ?? "";
}

const remarks = remarksIn(values.write);
const tables: Measured[] = [];
for (const name of positionals.length > 0 ? positionals : Object.keys(SUBJECTS)) {
  const began = performance.now();
  tables.push(...await SUBJECTS[name]?.(world) ?? []);
  process.stderr.write(`${name}: ${Math.round((performance.now() - began) / 1000)} s\n`);
  const found = report(world, tables);
  // After each subject: whoever stops the rest keeps what was measured.
  if (values.json !== undefined) writeFileSync(values.json, `${JSON.stringify(found, null, 2)}\n`);
  if (values.write !== undefined) writeFileSync(values.write, markdown(found) + remarks);
}
if (values.write === undefined) process.stdout.write(markdown(report(world, tables)));
