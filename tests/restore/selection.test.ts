/** What comes along, and from where: companions, mirrors, and a copy that fails. */

import assert from "node:assert/strict";
import { chmod, rm, writeFile } from "node:fs/promises";
import { test } from "node:test";
import { filesBelow, put } from "../cli/files.ts";
import { type User, withUser } from "../cli/harness.ts";

const NAMES = ["IMG_1.HEIC", "IMG_1.MOV", "IMG_1.HEIC.xmp", "IMG_1.dng", "IMG_10.HEIC", "sub/IMG_1.MOV"];

async function photos(user: User): Promise<void> {
  for (const name of NAMES) await put(user, `Photos/${name}`, `bytes of ${name}`);
}

for (
  const [flags, expected] of [
    [[], ["IMG_1.HEIC"]],
    [["--with-companions"], ["IMG_1.HEIC", "IMG_1.HEIC.xmp", "IMG_1.MOV", "IMG_1.dng"]],
    [["--with-companions", "--until", "2024-06-01"], [
      "IMG_1.HEIC",
      "IMG_1.HEIC.xmp",
      "IMG_1.MOV",
      "IMG_1.dng",
    ]],
  ] as const
) {
  test(`restoring a live photo with ${flags.join(" ") || "no flag"} brings ${expected.length} files`, () =>
    withUser(async (user) => {
      await photos(user);
      await put(user, "Photos/IMG_1.dng", "raw, developed later", "2025-01-01T00:00:00Z");
      await user.ok("sync", user.path("Photos"), "--seal");
      await user.ok("restore", "Photos/IMG_1.HEIC", "--to", user.path("out"), ...flags);
      assert.deepEqual(await filesBelow(user.path("out/Photos")), [...expected].sort());
    }));
}

test("a companion is taken as it was then, with --at", () =>
  withUser(async (user) => {
    user.clock = Date.parse("2026-03-01T12:00:00Z");
    await photos(user);
    await user.ok("sync", user.path("Photos"), "--seal");
    user.clock += 5 * 86_400_000;
    await rm(user.path("Photos/IMG_1.MOV"));
    await user.ok("sync", "--seal");
    const flags = ["--with-companions", "--at", "2026-03-03"];
    await user.ok("restore", "Photos/IMG_1.HEIC", "--to", user.path("out"), ...flags);
    assert.ok((await filesBelow(user.path("out/Photos"))).includes("IMG_1.MOV"));
  }));

test("where a staged copy is damaged, the volume's is taken in the same run", () =>
  withUser(async (user) => {
    await put(user, "Photos/a.jpg", "the photo");
    await user.ok("sync", user.path("Photos"), "--staging", `file:${user.path("stage")}`);
    const [staged = ""] = (await filesBelow(user.path("stage"))).filter((path) => path.startsWith("staged/"));
    const bytes = "not what was stored";
    await user.ok("sync", "--seal", "--staging", `file:${user.path("elsewhere")}`);
    await writeDamaged(user.path("stage", staged), bytes);
    await user.ok("restore", "a.jpg", "--to", user.path("out"));
    assert.deepEqual(await filesBelow(user.path("out")), ["Photos/a.jpg"]);
  }));

async function writeDamaged(path: string, bytes: string): Promise<void> {
  await rm(path, { force: true });
  await writeFile(path, bytes);
  await chmod(path, 0o644);
}
