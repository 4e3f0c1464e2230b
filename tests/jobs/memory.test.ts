/**
 * The memory of a run that uploads a volume. COLDFRAME_MEMORY_BYTES=5000000000 makes it as large as a real
 * one; the peak hardly depends on it.
 */

import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { mkdir, readdir, truncate, writeFile } from "node:fs/promises";
import process from "node:process";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { type User, withUser } from "../cli/harness.ts";
import { withS3 } from "../servers/s3/server.ts";
import { pseudoRandom, run } from "../tools.ts";

const SIZE = Number(process.env["COLDFRAME_MEMORY_BYTES"] ?? 400_000_000);
/** Bytes. The program that users run is Bun's; Deno takes more for itself. */
const MOST = "Deno" in globalThis ? 450e6 : 200e6;
/** As the binary is started, see scripts/build.ts. */
const RUNTIME = "Deno" in globalThis ? ["run", "-A", "--v8-flags=--expose-gc"] : ["--expose-gc"];
/** Time enough for 5 GB; in ms. */
const TIMEOUT = 300_000;

/** A long video, all of zeros so that it takes no room, and photos. */
async function source(user: User): Promise<string> {
  const folder = user.path("Photos");
  await mkdir(folder);
  await writeFile(`${folder}/long.mov`, "");
  await truncate(`${folder}/long.mov`, SIZE);
  for (let i = 0; i < 8; i++) await writeFile(`${folder}/${i}.jpg`, pseudoRandom(3_000_000, i + 1));
  return folder;
}

async function peakOfSync(user: User, store: string, env: Record<string, string> = {}): Promise<number> {
  const args = ["sync", await source(user), "--seal", "--volume-size", "100G", "--cold", store];
  return await peakOf(user, args, env);
}

/** The most memory that a command takes, in bytes. */
async function peakOf(
  user: User,
  args: readonly string[],
  env: Record<string, string> = {},
): Promise<number> {
  const program = [fileURLToPath(new URL("peak-memory.ts", import.meta.url)), ...args];
  const { stdout } = await run(process.execPath, [...RUNTIME, ...program], {
    env: { ...process.env, ...env, COLDFRAME_HOME: user.home },
  });
  return Number(stdout);
}

function assertSmall(peak: number, what = "uploading"): void {
  console.log(`${what} ${SIZE / 1e6} MB took ${Math.round(peak / 1e6)} MB of memory at most`);
  assert.ok(peak > 20e6 && peak < MOST, `${peak} bytes`);
}

const options = { timeout: TIMEOUT, skip: existsSync("/proc/self/status") ? false : "needs Linux's /proc" };

test(
  `a volume goes to an s3: store within ${MOST / 1e6} MB`,
  options,
  () =>
    withUser((user) =>
      withS3({ buckets: ["bucket"], bodies: "hash" }, async (server) => {
        const env = { AWS_ACCESS_KEY_ID: server.accessKey, AWS_SECRET_ACCESS_KEY: server.secretKey };
        const url = `s3://bucket?region=${server.region}&endpoint=${server.url}`;
        assertSmall(await peakOfSync(user, url, env));
      })
    ),
);

test(
  `a volume goes to a file: store within ${MOST / 1e6} MB`,
  options,
  () => withUser(async (user) => assertSmall(await peakOfSync(user, `file:${user.path("store")}`))),
);

test(
  `a volume comes back from a file: store within ${MOST / 1e6} MB`,
  options,
  () =>
    withUser(async (user) => {
      const store = `file:${user.path("store")}`;
      await user.ok("sync", await source(user), "--seal", "--volume-size", "100G", "--cold", store);
      const peak = await peakOf(user, ["restore", "**", "--to", user.path("out")]);
      assert.deepEqual((await readdir(user.path("out/Photos"))).length, 9);
      assertSmall(peak, "restoring");
    }),
);

/** The peak of a first run with so many small files. */
function peakOfFirstRun(files: number): Promise<number> {
  return withUser(async (user) => {
    for (let i = 0; i < files; i++) {
      const folder = user.path(`Photos/${Math.floor(i / 500)}`);
      if (i % 500 === 0) await mkdir(folder, { recursive: true });
      await writeFile(`${folder}/${i}.jpg`, pseudoRandom(100, i + 1));
    }
    return await peakOf(user, ["sync", user.path("Photos"), "--seal"]);
  });
}

/** What is measured is 1.4 and 2.0. */
const GROWTH = "Deno" in globalThis ? 2.8 : 1.8;

test(`a first run of ten times as many files takes at most ${GROWTH} times the memory`, options, async () => {
  const few = await peakOfFirstRun(1_500);
  const many = await peakOfFirstRun(15_000);
  console.log(`1,500 files took ${Math.round(few / 1e6)} MB, 15,000 took ${Math.round(many / 1e6)} MB`);
  assert.ok(many <= GROWTH * few, `${few} and ${many} bytes`);
});
