/** Mirrors of the settings: which run when, and with which rules. */

import assert from "node:assert/strict";
import { appendFile, mkdir } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { put } from "../cli/files.ts";
import type { User } from "../cli/harness.ts";
import { DAY, namesIn, NOON, withMirrorUser } from "./tools.ts";

const configure = (user: User, text: string) => appendFile(join(user.home, "config.toml"), `\n${text}\n`);

/** The mirrors that a sync ran, by name. */
async function ran(user: User, ...args: string[]): Promise<string[]> {
  const { mirrors } = await user.json("sync", ...args);
  return Array.isArray(mirrors) ? mirrors.map(({ name }) => String(name)) : [];
}

test("sync runs each mirror once a day, with its own rules", () =>
  withMirrorUser(async (user) => {
    await put(user, "Photos/2019/a.jpg", "a");
    await put(user, "Photos/private/b.jpg", "b");
    await configure(
      user,
      `
[mirrors.friend]
store = "file:${user.path("friend")}"
exclude = ["private"]
source = "${user.path("Photos")}"
[mirrors.stick]
store = "file:${user.path("other")}"
plain = true`,
    );
    assert.deepEqual(await ran(user, user.path("Photos")), ["friend", "stick"]);
    assert.deepEqual(await namesIn(user, "friend"), ["2019/a.jpg.age"]);
    assert.deepEqual(await namesIn(user, "other"), ["Photos/2019/a.jpg", "Photos/private/b.jpg"]);
    user.clock = NOON + 3_600_000;
    assert.deepEqual(await ran(user), []);
    user.clock = NOON + DAY - 3_600_000; // a nightly run that starts a little early is not late by a day
    assert.deepEqual(await ran(user), ["friend", "stick"]);
  }));

test("a mirror that fails is named, ends the sync with exit code 3, and does not keep others from running", () =>
  withMirrorUser(async (user) => {
    await put(user, "Photos/a.jpg", "a");
    await configure(
      user,
      `
[mirrors.absent]
store = "file:${user.path("x")}"
source = "${user.path("nowhere")}"
[mirrors.gone]
store = "file:${user.path("y")}"
source = "Pictures"
disk = "UUID=0000-0000-never"
[mirrors.stick]
store = "file:${user.path("other")}"
source = "${user.path("Photos")}"`,
    );
    const { code, err, out } = await user.run("sync", user.path("Photos"));
    assert.equal(code, 3);
    assert.match(err, /the mirror absent failed: .*nowhere is not there/);
    assert.match(
      err,
      /the mirror gone failed: the disk UUID=0000-0000-never is not plugged in|cannot be told/,
    );
    assert.match(out, /stick: 0 of 1 file \(1 B\) were there\. Copied 1 file/);
    assert.deepEqual(await ran(user), ["absent", "gone"], "and is tried again by the next sync");
  }));

test("a mirror keeps to its hours: outside of them, sync leaves it and a run by name sends nothing", () =>
  withMirrorUser(async (user) => {
    await put(user, "Photos/a.jpg", "a");
    await configure(
      user,
      `
[mirrors.night]
store = "file:${user.path("night")}"
window = "22:00-06:00"`,
    );
    const at = (hour: number) => new Date(2026, 2, 2, hour).getTime();
    user.clock = at(12);
    assert.deepEqual(await ran(user, user.path("Photos")), []);
    const report = await user.json("mirror", "night");
    assert.deepEqual(report["left"], { files: 1, bytes: 1 });
    user.clock = at(23);
    assert.deepEqual((await user.json("mirror", "night"))["copied"], { files: 1, bytes: 1 });
  }));

test("a home that only mirrors needs no folder to protect: sync runs its mirrors", () =>
  withMirrorUser(async (user) => {
    await put(user, "Photos/a.jpg", "a");
    await configure(
      user,
      `
[mirrors.stick]
store = "file:${user.path("other")}"
source = "${user.path("Photos")}"`,
    );
    assert.deepEqual(await ran(user), ["stick"]);
    const { onlyMirrored, onlyStaged } = await user.json("status");
    assert.deepEqual([onlyMirrored, onlyStaged], [{ contents: 1, bytes: 1 }, { contents: 0, bytes: 0 }]);
  }));

test("find names every copy: staging, and each mirror by its name, with the date of its proof", () =>
  withMirrorUser(async (user) => {
    await put(user, "Photos/a.jpg", "a");
    await configure(
      user,
      `[mirrors.stick]\nstore = "file:${user.path("other")}"\nsource = "${user.path("Photos")}"`,
    );
    await user.ok("sync", user.path("Photos"));
    const out = await user.ok("find", "a.jpg");
    assert.match(out, /\n +staging at file:.*: staged\/[0-9a-f]{40}\.age, checksummed 2026-03-01 /);
    assert.match(out, /\n +mirror stick at file:.*\/other: mirror\/a\.jpg\.age, checksummed 2026-03-01 /);
  }));

test("a disk is filled from a mirror by its name", () =>
  withMirrorUser(async (user) => {
    await put(user, "Photos/a.jpg", "a");
    await configure(
      user,
      `[mirrors.stick]\nstore = "file:${user.path("other")}"\nsource = "${user.path("Photos")}"`,
    );
    await user.ok("mirror", "stick");
    await mkdir(user.path("new"));
    assert.match(await user.ok("mirror", "stick", user.path("new")), /Fetched from the store: 1 file/);
  }));

test("a name that no mirror has is a mistake that names those there are", () =>
  withMirrorUser(async (user) => {
    await configure(user, `[mirrors.stick]\nstore = "file:/x"`);
    const { code, err } = await user.run("mirror", "stik");
    assert.equal(code, 2);
    assert.match(err, /no mirror called stik[^]*They have stick/);
  }));

/** Command line → what is wrong with it. */
const MISTAKES: readonly [args: string[], says: RegExp][] = [
  [[], /the settings have no mirror yet/],
  [["file:/a", "file:/b"], /one of the two must be a folder/],
  [["/a", "file:/b", "--plain", "--names", "opaque"], /would hide nothing/],
  [["/a", "file:/b", "--from", "/c"], /--from is for filling a disk/],
  [["file:/a", "/b", "--plain"], /--plain is for copying to a store/],
  [["/a", "file:/b", "--max", "0"], /--max: "0" is no number/],
  [["/a", "file:/b", "--max-bytes", "x"], /--max-bytes: "x" is not a size/],
  [["/a", "file:/b", "--disk", "sda1"], /--disk: "sda1" names no disk/],
  [["stick", "--plain"], /--plain is for a folder and a store given here/],
];

for (const [args, says] of MISTAKES) {
  test(`mirror ${args.join(" ")} is wrong usage`, () =>
    withMirrorUser(async (user) => {
      const { code, err } = await user.run("mirror", ...args);
      assert.equal(code, 2);
      assert.match(err, says);
    }));
}
