/** Every command has its --help, with what it takes and an example that really is one. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { withUser } from "./harness.ts";

const COMMANDS = [
  [],
  ["init"],
  ["sync"],
  ["watch"],
  ["schedule"],
  ["schedule", "install"],
  ["schedule", "show"],
  ["schedule", "remove"],
  ["scan"],
  ["pack"],
  ["upload"],
  ["mirror"],
  ["ls"],
  ["ls", "files"],
  ["ls", "dirs"],
  ["ls", "big"],
  ["ls", "pending"],
  ["ls", "volumes"],
  ["ls", "staged"],
  ["ls", "uploads"],
  ["tree"],
  ["find"],
  ["status"],
  ["restore"],
  ["thaw"],
  ["thaw", "cancel"],
  ["uploads"],
  ["uploads", "abort"],
  ["recover"],
  ["import"],
  ["import", "lomob"],
  ["import", "gpg"],
  ["cost"],
  ["check"],
  ["doctor"],
  ["key"],
  ["key", "show"],
  ["key", "add"],
  ["key", "kit"],
  ["key", "protect"],
  ["auth"],
  ["auth", "google"],
  ["alert"],
  ["alert", "test"],
  ["alert", "list"],
];

for (const command of COMMANDS) {
  const name = ["coldframe", ...command].join(" ");
  test(`${name} --help goes to standard output and has an example of itself`, () =>
    withUser(async (user) => {
      const { code, out, err } = await user.run(...command, "--help");
      assert.equal(code, 0);
      assert.equal(err, "");
      assert.match(out, new RegExp(`^Usage: ${name}`));
      const [, example = ""] = /\nExample:\n {2}(coldframe .*)\n/.exec(out) ?? [];
      assert.ok(example.startsWith(name), `an example of ${name}: ${example}`);
      assert.ok(out.split("\n").every((line) => line.length <= 80), "it fits a terminal of 80 columns");
    }));
}

test("every command of the program's own help is tried here", () =>
  withUser(async (user) => {
    const { out } = await user.run("--help");
    const listed = [...out.matchAll(/^ {2}([a-z]+)(?: \[options\]| <|$| {2,})/gm)].map(([, name]) => name);
    const tried = new Set(COMMANDS.map(([name]) => name));
    for (const name of listed) assert.ok(name === undefined || name === "coldframe" || tried.has(name), name);
  }));

test("--version prints the version", () =>
  withUser(async (user) => {
    assert.match(await user.ok("--version"), /^\d+\.\d+\.\d+\n$/);
  }));
