/** What a release is made of. */

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { test } from "node:test";
import { RELEASE } from "../../lib/cli/version.ts";
import { notesOf } from "../../scripts/changelog.ts";

const CHANGELOG =
  "# Changelog\n\n## 1.1.0 (2026-12-01)\n\nNew.\n\n- one\n\n## 1.1.0-rc.1\n\nTried.\n\n## 1.0.0\n";

function ofProject(path: string): Promise<string> {
  return readFile(new URL(`../../${path}`, import.meta.url), "utf8");
}

test("the notes of a version are what stands below its heading", () => {
  assert.equal(notesOf(CHANGELOG, "1.1.0"), "New.\n\n- one\n");
  assert.equal(notesOf(CHANGELOG, "1.1.0-rc.1"), "Tried.\n");
});

for (const version of ["1.0.0", "1.1", "2.0.0"]) {
  test(`there is no release ${version}, of which nothing is said`, () => {
    assert.throws(() => notesOf(CHANGELOG, version), /says nothing of/);
  });
}

test("the changelog says something of the version in the sources, which deno.json names, too", async () => {
  assert.notEqual(notesOf(await ofProject("CHANGELOG.md"), RELEASE), "");
  const manifest: unknown = JSON.parse(await ofProject("deno.json"));
  assert.equal(Reflect.get(Object(manifest), "version"), RELEASE);
});
