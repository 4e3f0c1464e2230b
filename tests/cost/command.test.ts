/** `coldframe cost` on a real home, whose volume is said to be in Deep Archive. */

import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { test } from "node:test";
import { connect } from "../../lib/catalog/database.ts";
import { builtinText } from "../../lib/cost/builtin.ts";
import { assertFails } from "../cli/failing.ts";
import { put } from "../cli/files.ts";
import { type User, withUser } from "../cli/harness.ts";
import { pseudoRandom } from "../tools.ts";
import { GB } from "./figures.ts";

const COLD = "s3://family?region=us-east-1&class=DEEP_ARCHIVE";

/** One sealed volume, and a staged file that waits. */
async function archive(user: User): Promise<void> {
  await put(user, "Photos/a.jpg", pseudoRandom(1_000_000, 1));
  await user.ok("sync", user.path("Photos"), "--seal");
  await put(user, "Photos/b.jpg", pseudoRandom(1_000_000, 2));
  await user.ok("sync");
}

/** Lets the catalog say that the volume has 5 GB and is in Deep Archive, and that an upload hangs there. */
async function inTheCloud(user: User): Promise<void> {
  const db = connect(user.path("home/catalog.db"));
  try {
    await db.write([
      { sql: "UPDATE volumes SET store = ?, object_size = ?", args: [COLD, 5 * GB] },
      {
        sql: `INSERT INTO uploads (box, store, key, volume, content, size, header, file_key, nonce, started)
              VALUES ('other', ?, 'volumes/x', NULL, 1, ?, x'', x'', x'', 0)`,
        args: [COLD, 4 * GB],
      },
      { sql: "INSERT INTO upload_parts SELECT id, 0, ?, 'a', 'tag' FROM uploads", args: [2 * GB] },
      { sql: "INSERT INTO upload_parts SELECT id, 1, ?, 'b', NULL FROM uploads", args: [2 * GB] },
    ]);
  } finally {
    db.close();
  }
}

function at(value: unknown, ...path: (string | number)[]): unknown {
  return path.reduce<unknown>(
    (of, key) => typeof of === "object" && of !== null ? Reflect.get(of, key) : undefined,
    value,
  );
}

test("a folder of one's own is free, and said to be", () =>
  withUser(async (user) => {
    await archive(user);
    const out = await user.ok("cost");
    assert.match(out, /file:.*store\n {2}Free: a folder of yours/);
    assert.match(out, /\$0\.00 a month, \$0\.00 a year/);
  }));

test("Google Drive counts against the plan, another provider's prices are not known", () =>
  withUser(async (user) => {
    await archive(user);
    assert.match(await user.ok("cost", "--cold", "gdrive:Family"), /Free: Google Drive .* storage plan/);
    const other = "s3://family?endpoint=https://s3.example.net&class=DEEP_ARCHIVE";
    assert.match(await user.ok("cost", "--cold", other), /Not known: .*other than AWS: write a prices\.json/);
    const ia = "s3://family?region=us-east-1&class=STANDARD_IA";
    assert.match(await user.ok("cost", "--cold", ia), /Not known: .*no class STANDARD_IA/);
  }));

test("a volume of 5 GB and 2 GB confirmed of an upload: 5 × $0.00099 + 2 × $0.023, and 40 KB, a month", () =>
  withUser(async (user) => {
    await archive(user);
    await inTheCloud(user);
    const report = await user.json("cost", "--cold", COLD);
    const storage = at(report, "stores", 0, "storage");
    assert.equal(at(storage, "volumes"), 0.00495);
    assert.equal(at(storage, "unfinished"), 0.046);
    assert.equal(at(storage, "overhead"), 0.000000206); // (32 × $0.00099 + 8 × $0.023) / 2^20 = $0.0000002057
    assert.equal(at(storage, "month"), 0.050950206);
    assert.equal(at(report, "total", "year"), 0.611402468); // 12 × $0.0509502056…, rounded once
  }));

test("sending those 5 GB took 640 parts and a begin at STANDARD, one end in the class, and a manifest", () =>
  withUser(async (user) => {
    await archive(user);
    await inTheCloud(user);
    const requests = at(await user.json("cost", "--cold", COLD), "stores", 0, "requests");
    assert.deepEqual(at(requests, "counts"), { finished: 1, parts: 641, standard: 1, gets: 1 });
    assert.equal(at(requests, "total"), 0.0032604); // 0.00005 + 641 × 0.000005 + 0.000005 + 0.0000004
  }));

test("requests older than thirty days and a minimum that is over are no longer counted", () =>
  withUser(async (user) => {
    await archive(user);
    await inTheCloud(user);
    user.clock = Date.now() + 181 * 86_400_000;
    const store = at(await user.json("cost", "--cold", COLD), "stores", 0);
    assert.equal(at(store, "requests", "total"), 0);
    assert.equal(at(store, "earlyDelete", "volumes"), 0);
  }));

test("every section says from which day its prices are", () =>
  withUser(async (user) => {
    await archive(user);
    await inTheCloud(user);
    const report = await user.json("cost", "--cold", COLD);
    assert.deepEqual(Object.keys(report), ["prices", "stores", "total", "seal", "advice", "comparison"]);
    for (const part of [["stores", 0], ["total"], ["seal"], ["advice"], ["comparison"]]) {
      assert.equal(at(report, ...part, "pricesOf"), at(report, "prices", "date"), part.join("."));
    }
    const out = await user.ok("cost", "--cold", COLD);
    const headings = out.split("\n").filter((line) => line !== "" && !/^( |→|file:)/.test(line));
    assert.equal(headings.length, 6);
    for (const heading of headings) assert.match(heading, /rices of 2026-11-22/);
  }));

test("sealing now is priced for what waits only: one file, one volume, 180 days owed", () =>
  withUser(async (user) => {
    await archive(user);
    const seal = at(await user.json("cost", "--cold", COLD), "seal");
    assert.equal(at(seal, "files"), 1);
    assert.equal(at(seal, "volumes"), 1);
    assert.deepEqual(at(seal, "requests", "counts"), { finished: 1, parts: 0, standard: 1, gets: 1 });
    assert.equal(at(seal, "minimumDays"), 180);
    const bytes = Number(at(seal, "bytes"));
    assert.ok(bytes > 1_000_000 && bytes < 4_000_000, `${bytes}`);
  }));

test("prices.json in the home, or the file that the settings name, takes the place of the built-in prices", () =>
  withUser(async (user) => {
    await archive(user);
    await writeFile(user.path("home/prices.json"), builtinText().replace("2026-11-22", "2031-01-01"));
    assert.match(await user.ok("cost"), /^Prices of 2031-01-01: .*home\/prices\.json/);
    await writeFile(user.path("home/mine.json"), builtinText().replace("2026-11-22", "2032-02-02"));
    await writeFile(user.path("home/config.toml"), 'prices = "mine.json"\n');
    assert.match(await user.ok("cost"), /^Prices of 2032-02-02: .*home\/mine\.json/);
  }));

test("a price file with a mistake, or one that is not there, is an error that names it", () =>
  withUser(async (user) => {
    await archive(user);
    await writeFile(user.path("home/prices.json"), builtinText().replace('"0.00099"', "0.00099"));
    await assertFails(user, ["cost"], {
      code: "config",
      says: /home\/prices\.json: classes\.DEEP_ARCHIVE\.storage must be a price in quotes/,
      hint: /Correct it/,
    });
    await writeFile(user.path("home/config.toml"), 'prices = "gone.json"\n');
    await assertFails(user, ["cost"], {
      code: "config",
      says: /cannot read the prices .*gone\.json/,
      hint: /correct "prices"/,
    });
  }));

test("--print-prices prints the file to start from, without a home", () =>
  withUser(async (user) => assert.equal(await user.ok("cost", "--print-prices"), builtinText())));

test("another region is remarked on", () =>
  withUser(async (user) => {
    await archive(user);
    const out = await user.ok("cost", "--cold", "s3://family?region=eu-central-1&class=GLACIER");
    assert.match(out, /Mind: prices are those of us-east-1, but it is in eu-central-1/);
  }));
