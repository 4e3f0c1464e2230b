/** Checks of mirrors. */

import assert from "node:assert/strict";
import { chmod, readFile, rm, writeFile } from "node:fs/promises";
import { test } from "node:test";
import { put } from "../cli/files.ts";
import { type User, withUser } from "../cli/harness.ts";
import { pseudoRandom } from "../tools.ts";
import { check } from "./tools.ts";

/** A home whose only mirror has two photos, unencrypted so that a test knows their names. */
async function mirrored(user: User): Promise<void> {
  user.clock = Date.parse("2026-11-22T10:00:00Z");
  await user.ok("init", "--classic", "--yes");
  await writeFile(
    user.path("home/config.toml"),
    `[mirrors.stick]\nstore = "file:${user.path("stick")}"\nsource = "${
      user.path("Photos")
    }"\nplain = true\n`,
  );
  for (const name of ["a.jpg", "b.jpg"]) {
    await put(user, `Photos/${name}`, pseudoRandom(5_000, name.charCodeAt(0)));
  }
  await user.ok("mirror", "stick");
  user.clock += 1000;
}

test("a clean mirror has nothing wrong, and is read back and restored when it is asked for", () =>
  withUser(async (user) => {
    await mirrored(user);
    const looked = await check(user, "mirror", "stick");
    assert.deepEqual([looked.kinds, looked.proven("mirrored files", "listed")], [[], 2]);
    const read = await check(user, "mirror", "stick", "--deep", "--all");
    assert.deepEqual([read.kinds, read.proven("mirrored files", "restored")], [[], 2]);
  }));

test("what is gone from a mirror or damaged there is found, and sent again after --mend", () =>
  withUser(async (user) => {
    await mirrored(user);
    await rm(user.path("stick/mirror/a.jpg"));
    const path = user.path("stick/mirror/b.jpg");
    await chmod(path, 0o600);
    await writeFile(path, (await readFile(path)).map((byte, i) => i === 9 ? byte ^ 1 : byte));
    assert.deepEqual((await check(user, "mirror", "stick")).kinds, ["object-missing damage"]);
    const read = await check(user, "mirror", "stick", "--deep", "--all");
    assert.deepEqual(read.kinds, ["object-damaged damage", "object-missing damage"]);
    assert.deepEqual(read.findings.flatMap(({ files }) => files).sort(), ["Photos/a.jpg", "Photos/b.jpg"]);
    user.clock = (user.clock ?? 0) + 1000;
    const mended = await check(user, "mirror", "stick", "--mend");
    assert.deepEqual([mended.kinds, mended.mended.length], [[], 2]);
    await user.ok("mirror", "stick");
    const whole = await check(user, "mirror", "stick", "--deep", "--all");
    assert.deepEqual([
      whole.findings.filter(({ severity }) => severity === "damage"),
      whole.proven("mirrored files", "restored"),
    ], [[], 2]);
  }));

test("a mirror that the settings do not have is wrong usage", () =>
  withUser(async (user) => {
    await mirrored(user);
    const { code, err } = await user.run("check", "mirror", "stik");
    assert.equal(code, 2);
    assert.match(err, /They have stick/);
  }));
