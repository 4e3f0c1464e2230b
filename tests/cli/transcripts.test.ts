/**
 * Every transcript in `transcripts/` goes as it is written. With UPDATE_TRANSCRIPTS=1 they are written anew
 * instead: read the difference before it is committed.
 */

import assert from "node:assert/strict";
import { existsSync, readdirSync } from "node:fs";
import { readFile, writeFile } from "node:fs/promises";
import process from "node:process";
import { test } from "node:test";
import { withUser } from "./harness.ts";
import { replay } from "./transcript.ts";

/** Lines break where a long path says, so it is as long everywhere, whatever TMPDIR is. */
const PARENT = existsSync("/tmp") ? "/tmp" : undefined;

const FOLDER = new URL("./transcripts/", import.meta.url);

for (const name of readdirSync(FOLDER).filter((name) => name.endsWith(".txt")).sort()) {
  test(`transcript: ${name}`, { timeout: 180_000 }, () =>
    withUser(async (user) => {
      user.clock = Date.parse("2026-03-01T12:00:00Z");
      const path = new URL(name, FOLDER);
      const written = await readFile(path, "utf8");
      const real = await replay(user, written);
      if (process.env["UPDATE_TRANSCRIPTS"] === "1") await writeFile(path, real);
      else assert.equal(real, written);
    }, PARENT));
}
