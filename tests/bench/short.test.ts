/** The benchmark itself, on next to nothing: that it runs everyone who is there and writes its page. */

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import process from "node:process";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { BUILDS } from "../build/program.ts";
import { run, withFolder } from "../tools.ts";

const PROGRAM = fileURLToPath(new URL("main.ts", import.meta.url));
const enabled = BUILDS && process.platform === "linux" && !("Deno" in globalThis);
const options = { skip: enabled ? false : "only with COLDFRAME_BUILD_TESTS=1, under Bun", timeout: 300_000 };

test(
  "a benchmark of next to nothing names every peer and judges the targets",
  options,
  () =>
    withFolder(async (folder) => {
      const page = join(folder, "page.md");
      const env = { ...process.env, COLDFRAME_BENCH_SCALE: "0.001", COLDFRAME_BENCH_ROUNDS: "1" };
      await run("bun", [PROGRAM, "start", "household", "catalog", "--write", page], { env });
      const text = await readFile(page, "utf8");
      for (const name of ["coldframe", "coldframe (Deno)", "restic", "rclone crypt", "borg", "cp -a"]) {
        assert.match(
          text,
          new RegExp(`^\\| ${name.replace(/[()]/g, "\\$&")} \\| (missing|[\\d.]+ m?s) \\|`, "m"),
        );
      }
      assert.match(text, /\| one photo back: less than 1 s \| [\d.]+ s \| (met|\*\*missed\*\*) \|/);
    }),
);

test("an unknown subject is refused by name", async () => {
  const program = "Deno" in globalThis ? ["run", "-A", PROGRAM] : [PROGRAM];
  await assert.rejects(run(process.execPath, [...program, "nosuch"]), /no subject "nosuch"/);
});
