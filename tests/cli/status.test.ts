/** `coldframe status` on small windows, with all there may be to say. */

import assert from "node:assert/strict";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { settleFindings } from "../../lib/catalog/findings.ts";
import { wrap } from "../../lib/cli/format.ts";
import { homePath, openHome } from "../../lib/home/home.ts";
import { openHomeCatalog } from "../../lib/jobs/open.ts";
import { pseudoRandom } from "../tools.ts";
import { type User, withUser } from "./harness.ts";

const NOW = Date.parse("2026-03-01T12:00:00Z");
const DAY = 86_400_000;

/** A home with files in a volume, in staging and at risk, and with damage found. */
async function lived(user: User): Promise<void> {
  const folder = user.path("Photos with a rather long name", "of a folder below");
  await mkdir(folder, { recursive: true });
  const put = (name: string, seed: number) => writeFile(join(folder, name), pseudoRandom(90_000, seed));
  user.clock = NOW;
  await put("a.jpg", 1);
  await user.ok("sync", folder, "--seal");
  await put("b.jpg", 2);
  await user.ok("sync");
  await put("c.jpg", 3);
  await user.ok("scan");
  await user.ok("check", "volumes");
  const home = await openHome(homePath(user.home, {}));
  assert.ok(home !== undefined);
  const db = await openHomeCatalog(home, {});
  const hint = "Store it again: coldframe sync";
  const message = "the volume 2024-05-01--2024-06-30--1a2b3c4d is not in its store any more";
  await settleFindings(
    db,
    "test",
    [{ name: "a", kind: "x", severity: "damage", message, hint, files: [] }],
    NOW,
  );
  db.close();
}

for (const columns of [40, 60, 80]) {
  test(`in a window of ${columns} columns, no line is longer, and all is said on one screen`, () =>
    withUser(async (user) => {
      await lived(user);
      user.columns = columns;
      const lines = (await user.ok("status")).trimEnd().split("\n");
      for (const line of lines) assert.ok(line.length <= columns, `${line.length}: ${line}`);
      assert.ok(lines.length <= 30, lines.join("\n"));
      const text = lines.join(" ").replace(/ +/g, " ").replaceAll("1a2b3 c4d", "1a2b3c4d");
      for (
        const what of [
          "DAMAGE the volume 2024-05-01--2024-06-30--1a2b3c4d is not in its store any more",
          "→ Store it again: coldframe sync",
          "Protected 1 file (90.0 kB) in volumes",
          "Waiting 1 file (90.0 kB) in staging",
          "At risk 1 file (90.0 kB)",
          "Volumes 1 stored",
          "Last sync 2026-03-01",
          "Last check volumes 2026-03-01",
          "→ Store what is at risk: coldframe sync",
        ]
      ) assert.ok(text.includes(what), `${what}\n${lines.join("\n")}`);
    }));
}

test("what is wrong stands first", () =>
  withUser(async (user) => {
    await lived(user);
    assert.match(await user.ok("status"), /^DAMAGE /);
  }));

test("the next job is named with its time, and one that is long overdue as such", () =>
  withUser(async (user) => {
    await lived(user);
    const { due } = await user.json("status") as { due: { job: string; due: number }[] };
    assert.equal(due.find(({ job }) => job === "sync")?.due, NOW + DAY);
    assert.deepEqual(due.map(({ due }) => due), due.map(({ due }) => due).toSorted((a, b) => a - b));
    user.clock = NOW + 365 * DAY;
    assert.match(await user.ok("status"), /^Overdue {4}(sync|check)/m);
  }));

test("a store with prices says what the archive costs a month", () =>
  withUser(async (user) => {
    await lived(user);
    assert.doesNotMatch(await user.ok("status"), /^Cost/m);
    assert.equal((await user.json("status"))["cost"], null);
    const cold = "s3://bucket/home?region=eu-west-1&class=DEEP_ARCHIVE";
    await writeFile(user.path("home/config.toml"), `cold = "${cold}"\n`);
    assert.match(await user.ok("status"), /^Cost {7}\$\d+\.\d\d+ a month$/m);
  }));

const WRAPPED: readonly [text: string, width: number, lines: readonly string[]][] = [
  ["", 5, [""]],
  ["12345", 5, ["12345"]],
  ["123456", 5, ["12345", "6"]],
  ["12 34 56", 5, ["12 34", "56"]],
  ["12345 6", 5, ["12345", "6"]],
  ["1 23456789", 5, ["1", "23456", "789"]],
];

for (const [text, width, lines] of WRAPPED) {
  test(`"${text}" in ${width} columns is ${JSON.stringify(lines)}`, () => {
    assert.deepEqual(wrap(text, width), lines);
  });
}
