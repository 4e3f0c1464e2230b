/** Wrong usage: exit code 2, what is wrong, and where to look. */

import assert from "node:assert/strict";
import { readdir } from "node:fs/promises";
import { test } from "node:test";
import { assertFails, assertOneLine } from "./failing.ts";
import { put } from "./files.ts";
import { withUser } from "./harness.ts";

/** Command line → what the error says, and its hint. */
const WRONG: readonly [args: string[], says: RegExp, hint: RegExp][] = [
  [["bogus"], /unknown command 'bogus'/, /coldframe --help/],
  [["syc"], /unknown command 'syc'.*Did you mean sync\?/, /coldframe --help/],
  [["ls", "bogus"], /unknown command 'bogus'/, /coldframe ls --help/],
  [["key", "bogus"], /unknown command 'bogus'/, /coldframe key --help/],
  [["sync", "--bogus"], /unknown option '--bogus'/, /coldframe sync --help/],
  [["sync", "--sael"], /unknown option '--sael'.*Did you mean --seal\?/, /coldframe sync --help/],
  [["ls", "files", "--bogus"], /unknown option '--bogus'/, /coldframe ls files --help/],
  [["restore", "**"], /required option '--to <dir>' not specified/, /coldframe restore --help/],
  [["restore", "--to", "out"], /missing required argument 'pattern'/, /coldframe restore --help/],
  [["tree"], /missing required argument 'volume'/, /coldframe tree --help/],
  [["find"], /missing required argument 'pattern'/, /coldframe find --help/],
  [["status", "extra"], /too many arguments/, /coldframe status --help/],
  [["sync", "--volume-size", "5X"], /--volume-size: "5X" is not a size/, /such as 5G or 4\.5GiB/],
  [["sync", "--volume-size", ""], /--volume-size: "" is not a size/, /such as 5G/],
  [["sync", "--volume-size", "-5G"], /--volume-size: "-5G" is not a size/, /such as 5G/],
  [["sync", "--volume-size", "1k"], /--volume-size: 1k is too small/, /start at 1M/],
  [["pack", "--volume-size", "5X"], /--volume-size: "5X" is not a size/, /such as 5G/],
  [["init", "--volume-size", "5X"], /--volume-size: "5X" is not a size/, /such as 5G/],
  [["init", "--volume-size", "1k"], /--volume-size: 1k is too small/, /start at 1M/],
  [["ls", "big", "--size", "many"], /--size: "many" is not a size/, /such as 5G/],
  [["restore", "**", "--to", "out", "--at", "yesterday"], /--at: "yesterday" is not a date/, /2024-05-01/],
  [
    ["restore", "**", "--to", "out", "--since", "2024-13-01"],
    /--since: "2024-13-01" is not a date/,
    /a day such/,
  ],
  [
    ["restore", "**", "--to", "out", "--until", "2024-02-30"],
    /--until: "2024-02-30" is not a date/,
    /a day such/,
  ],
  [["key", "protect", "--work-factor", "many"], /--work-factor/, /10 to 20/],
  [["key", "protect", "--work-factor", "99"], /--work-factor/, /10 to 20/],
];

for (const [args, says, hint] of WRONG) {
  test(`coldframe ${args.map((arg) => arg === "" ? "''" : arg).join(" ")} is wrong usage`, () =>
    withUser(async (user) => {
      const text = await user.run(...args);
      assert.equal(text.code, 2, text.err);
      assertOneLine(text, { says, hint });
      assert.equal(text.out, "");
      const json = await user.run(...args, "--json");
      assert.equal(json.code, 2, json.err);
      const { error } = JSON.parse(json.out);
      assert.equal(error.code, "usage");
      assert.match(error.message, says);
      assert.match(error.hint, hint);
    }));
}

test("a command line with a mistake makes no home", () =>
  withUser(async (user) => {
    await put(user, "Photos/a.jpg", "a");
    await user.run("sync", user.path("Photos"), "--volume-size", "5X");
    await user.run("sync", user.path("Photos"), "--bogus");
    const status = await user.run("status");
    assert.match(status.err, /there is no coldframe home/);
  }));

test("a flag without its value is wrong usage", () =>
  withUser(async (user) => {
    const result = await user.run("sync", "--cold");
    assert.equal(result.code, 2);
    assertOneLine(result, { says: /option '--cold <url>' argument missing/, hint: /coldframe sync --help/ });
  }));

test("a first sync that names no folder makes no home", () =>
  withUser(async (user) => {
    await assertFails(user, ["sync"], { code: "home", says: /there is no coldframe home/, hint: /sync DIR/ });
    await assertFails(user, ["scan"], { code: "home", says: /there is no coldframe home/, hint: /sync DIR/ });
    assert.deepEqual(await readdir(user.folder), []);
  }));

test("a sync without a folder, and none known, is wrong usage", () =>
  withUser(async (user) => {
    await user.ok("init", "--yes");
    await assertFails(user, ["sync"], {
      code: "usage",
      says: /there is no folder to protect yet/,
      hint: /coldframe sync ~\/Pictures/,
      exit: 2,
    });
  }));

for (const args of [[], ["ls"], ["key"]]) {
  test(`coldframe ${args.join(" ")} without a command shows its help, and is wrong usage`, () =>
    withUser(async (user) => {
      const { code, out, err } = await user.run(...args);
      assert.equal(code, 2);
      assert.equal(out, "");
      assert.match(err, /^Usage: coldframe/);
      assert.match(err, /\nExample:\n {2}coldframe /);
    }));
}
