/** Images from an enemy: whatever they name, nothing is written outside of the folder of a restore. */

import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { lstat, mkdir, readdir, readFile, readlink, symlink, writeFile } from "node:fs/promises";
import { test } from "node:test";
import { type Bytes, fromHex, utf8 } from "../../lib/bytes.ts";
import { sha256Hex } from "../../lib/store/checksum.ts";
import { filesBelow, put } from "../cli/files.ts";
import { type Result, type User, withUser } from "../cli/harness.ts";
import {
  DIR,
  entry,
  folder,
  image,
  mode,
  name,
  type RecordSpec,
  ROOT,
  SECTOR,
  SP,
} from "../iso/read-crafted.ts";

/** A symbolic link as Rock Ridge has it; the target's parts are at most a few bytes long. */
function linkTo(id: string, called: string, target: string): RecordSpec {
  const parts = target.split("/").map((part, i) => {
    if (part === "" && i === 0) return fromHex("08 00");
    if (part === "..") return fromHex("04 00");
    return Buffer.concat([Uint8Array.of(0, part.length), utf8(part)]);
  });
  const systemUse = Buffer.concat([mode(0o120777), name(called), entry("SL", Uint8Array.of(0), ...parts)]);
  return { id, systemUse };
}

const file = (id: string, called: string): RecordSpec => ({
  id,
  block: 40,
  size: 4,
  systemUse: name(called),
});
const dir = (id: string, called: string, block: number): RecordSpec => ({
  id,
  block,
  size: SECTOR,
  flags: DIR,
  systemUse: name(called),
});

function imageOf(
  root: readonly RecordSpec[],
  folders: Readonly<Record<number, readonly RecordSpec[]>> = {},
): Bytes {
  const sectors: Record<number, Uint8Array> = { [ROOT]: folder(ROOT, ROOT, root, SP), 40: utf8("evil") };
  for (const [block, records] of Object.entries(folders)) {
    sectors[Number(block)] = folder(Number(block), ROOT, records);
  }
  return image(sectors);
}

async function restoreAll(user: User, bytes: Bytes, ...more: string[]): Promise<Result> {
  await writeFile(user.path("x.iso"), bytes);
  return await user.run("restore", "**", "--image", user.path("x.iso"), "--to", user.path("out"), ...more);
}

/** Runs `body` with a user who has a folder beside the one to restore into, which must stay as it is. */
function besideTarget(body: (user: User) => Promise<void>): Promise<void> {
  return withUser(async (user) => {
    await put(user, "victim/x", "mine");
    await body(user);
    assert.deepEqual(await filesBelow(user.path("victim")), ["x"]);
    assert.equal(await readFile(user.path("victim/x"), "utf8"), "mine");
  });
}

test("a folder of the same name as a link before it is left out, and the link made", () =>
  besideTarget(async (user) => {
    const bytes = imageOf([linkTo("A", "a", "../victim"), dir("B", "a", 21)], { 21: [file("Y", "y")] });
    const { code, err } = await restoreAll(user, bytes);
    assert.equal(code, 3);
    assert.match(err, /not restored: the image has a link and something else named a/);
    assert.equal(await readlink(user.path("out/a")), "../victim");
  }));

test("a link of the same name as a folder before it does not replace the folder", () =>
  besideTarget(async (user) => {
    const bytes = imageOf([dir("A", "a", 21), linkTo("B", "a", "../victim")], { 21: [file("Y", "y")] });
    const { code, err } = await restoreAll(user, bytes);
    assert.equal(code, 3);
    assert.match(err, /not restored: .*\/out\/a is already there/);
    assert.equal(await readFile(user.path("out/a/y"), "utf8"), "evil");
  }));

for (const overwrite of [[], ["--overwrite"]]) {
  test(`a link that one image left does not lead the files of the next one away ${overwrite}`, () =>
    besideTarget(async (user) => {
      assert.equal((await restoreAll(user, imageOf([linkTo("A", "a", "../victim")]))).code, 0);
      const bytes = imageOf([dir("A", "a", 21)], {
        21: [file("X", "x"), file("Y", "y"), dir("Z", "z", 22)],
        22: [],
      });
      const { code, err } = await restoreAll(user, bytes, ...overwrite);
      assert.equal(code, 1);
      assert.match(err, /not restored: a\/y: .*a symbolic link is in the way/);
      assert.match(err, /not restored: a\/z: .*a symbolic link is in the way/);
    }));

  test(`a file does not take the place of what a link leads to ${overwrite}`, () =>
    besideTarget(async (user) => {
      await mkdir(user.path("out"));
      await symlink("../victim/x", user.path("out/x"));
      await symlink("../victim/new", user.path("out/new"));
      const { code } = await restoreAll(user, imageOf([file("A", "new"), file("X", "x")]), ...overwrite);
      assert.equal(code, 1);
      assert.ok((await lstat(user.path("out/x"))).isSymbolicLink());
    }));
}

test("a link below a link is not made", () =>
  besideTarget(async (user) => {
    assert.equal((await restoreAll(user, imageOf([linkTo("A", "a", "../victim")]))).code, 0);
    const { code } = await restoreAll(user, imageOf([dir("A", "a", 21)], { 21: [linkTo("L", "l", "x")] }));
    assert.equal(code, 1);
  }));

test("the folder to restore into may itself be reached by a link", () =>
  withUser(async (user) => {
    await mkdir(user.path("real"));
    await symlink("real", user.path("out"));
    assert.equal((await restoreAll(user, imageOf([dir("A", "a", 21)], { 21: [file("Y", "y")] }))).code, 0);
    assert.equal(await readFile(user.path("real/a/y"), "utf8"), "evil");
  }));

const MANIFEST_LINE = { size: 4, mtime: "2024-05-01T10:00:00.000Z", mode: "6777", offset: 40 * SECTOR };
const SUM = sha256Hex(utf8("evil"));

/** An image whose manifest says that it is one of ours, and lists these paths. */
function manifestImage(rows: readonly Record<string, unknown>[]): Bytes {
  const header = {
    format: "coldframe-manifest/1",
    volume: "CRAFTED",
    archive: "",
    box: "",
    created: "",
    files: rows.filter((row) => row["folder"] !== true).length,
    references: 0,
    folders: rows.filter((row) => row["folder"] === true).length,
  };
  const lines = [header, ...rows.map((row) => ({ ...MANIFEST_LINE, sha256: SUM, ...row }))];
  const text = utf8(lines.map((line) => JSON.stringify(line) + "\n").join(""));
  const records = [{ id: "M", block: 41, size: text.length, systemUse: name("MANIFEST.jsonl") }];
  return image({ [ROOT]: folder(ROOT, ROOT, records, SP), 40: utf8("evil"), 41: text });
}

test("no path of a manifest leads out, and set-user-id bits do not come back", () =>
  besideTarget(async (user) => {
    const paths = ["../victim/x", "/etc/x", "a/../../victim/y", "a//b", "", ".", "nul\0", "good"];
    const rows = [...paths.map((path) => ({ path })), { path: "../victim/new", folder: true }];
    const { code, err } = await restoreAll(user, manifestImage(rows));
    assert.equal(code, 3);
    assert.equal(err.match(/refusing to restore outside/g)?.length, paths.length);
    assert.deepEqual(await readdir(user.path("out")), ["good"]);
    assert.deepEqual(await readdir(user.path("victim")), ["x"]);
    assert.equal((await lstat(user.path("out/good"))).mode & 0o7777, 0o777);
  }));

test("places of a manifest that are outside of the image, or hold other bytes, are named", () =>
  besideTarget(async (user) => {
    const rows = [
      { path: "far", offset: Number.MAX_SAFE_INTEGER - 10 },
      { path: "long", size: Number.MAX_SAFE_INTEGER },
      { path: "other", offset: 39 * SECTOR },
    ];
    const { code, err } = await restoreAll(user, manifestImage(rows));
    assert.equal(code, 1);
    assert.match(err, /far: it should stand at bytes/);
    assert.match(err, /long: it should stand at bytes/);
    assert.match(err, /other: .*not those that were backed up/);
  }));

const BROKEN: [string, Record<string, unknown>][] = [
  ["a mode that is none", { path: "a", mode: "rwxr" }],
  ["a time that is none", { path: "a", mtime: "yesterday" }],
  ["a negative offset", { path: "a", offset: -1 }],
  ["a path that is no text", { path: 7 }],
];
for (const [what, row] of BROKEN) {
  test(`a manifest with ${what} is passed over, and said so`, () =>
    withUser(async (user) => {
      const { code, err } = await restoreAll(user, manifestImage([row]));
      assert.equal(code, 0);
      assert.match(
        err,
        /MANIFEST\.jsonl in the image cannot be used, and is passed over: the manifest's line 2/,
      );
      assert.deepEqual(await readdir(user.path("out")), ["MANIFEST.jsonl"]);
    }));
}

test("control characters in names and targets reach no terminal", () =>
  withUser(async (user) => {
    const bytes = imageOf([file("A", "a\x1b[2Jb"), linkTo("B", "l", "\x1b[31m")]);
    await writeFile(user.path("x.iso"), bytes);
    for (const args of [["tree", user.path("x.iso")], ["find", "**", "--image", user.path("x.iso")]]) {
      const { code, out } = await user.run(...args);
      assert.equal(code, 0);
      assert.ok(!out.includes("\x1b"));
      assert.match(out, /a\\u001b\[2Jb/);
    }
  }));

test("a folder that leads back to the root is named, and the rest still comes back", () =>
  withUser(async (user) => {
    const { code, err } = await restoreAll(user, imageOf([file("A", "a"), dir("D", "loop", ROOT)]));
    assert.equal(code, 3);
    assert.match(err, /not restored: .*leads to the same folder twice at \/loop/);
    assert.equal(await readFile(user.path("out/a"), "utf8"), "evil");
  }));
