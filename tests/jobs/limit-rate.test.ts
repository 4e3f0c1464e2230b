/** How fast a run sends: from the settings or a flag. */

import assert from "node:assert/strict";
import { appendFile, mkdir, readFile, writeFile } from "node:fs/promises";
import { test } from "node:test";
import { pseudoRandom } from "../tools.ts";
import { type User, withUser } from "../cli/harness.ts";

/** Ten files of 100 kB: a megabyte to send. */
async function megabyte(user: User): Promise<void> {
  await mkdir(user.path("Photos"));
  for (let i = 0; i < 10; i++) await writeFile(user.path(`Photos/${i}.jpg`), pseudoRandom(100_000, i + 1));
}

async function seconds(work: () => Promise<unknown>): Promise<number> {
  const started = performance.now();
  await work();
  return (performance.now() - started) / 1000;
}

test("--limit-rate holds for everything that sync sends", () =>
  withUser(async (user) => {
    await megabyte(user);
    const took = await seconds(() => user.ok("sync", user.path("Photos"), "--limit-rate", "500k"));
    // The last object need not be paid for, and a quarter of a second may have been saved up.
    assert.ok(took > 1.4, `1 MB at 500 kB/s took ${took} s`);
    assert.ok(took < 60, `1 MB at 500 kB/s took ${took} s`);
  }));

test("limit-rate of the settings holds, unless a flag says otherwise", () =>
  withUser(async (user) => {
    await megabyte(user);
    await user.ok("init", "--yes");
    const config = await readFile(`${user.home}/config.toml`, "utf8");
    await writeFile(`${user.home}/config.toml`, `${config}\nlimit-rate = "10k"\n`); // takes 100 s
    const freely = await seconds(() => user.ok("sync", user.path("Photos"), "--limit-rate", "unlimited"));
    await writeFile(`${user.home}/config.toml`, `${config}\nlimit-rate = "500k"\n`);
    const limited = await seconds(() => user.ok("sync", "--seal"));
    assert.ok(limited > 1.4, `a volume of 1 MB at 500 kB/s, then its manifest, took ${limited} s`);
    assert.ok(freely < 60, `without a limit it took ${freely} s`);
  }));

test("limit-rate that cannot be understood names the line of the settings", () =>
  withUser(async (user) => {
    await user.ok("init", "--yes");
    await appendFile(`${user.home}/config.toml`, 'limit-rate = "fast"\n');
    const { code, err } = await user.run("sync", user.folder);
    assert.equal(code, 1);
    assert.match(err, /config\.toml, line \d+: .*"fast" is not a rate/);
  }));

test("--limit-rate that cannot be understood is a mistake of usage", () =>
  withUser(async (user) => {
    const { code, err } = await user.run("sync", user.folder, "--limit-rate", "fast");
    assert.equal(code, 2);
    assert.match(err, /^Error: --limit-rate: .*"fast" is not a rate\n→ .*"2M"/);
  }));
