/** Restoring from an archive class, against the strict server and by a clock that the test moves. */

import assert from "node:assert/strict";
import { readFile, rename, rm } from "node:fs/promises";
import { test } from "node:test";
import { openFindings } from "../../lib/catalog/findings.ts";
import { connect } from "../../lib/catalog/database.ts";
import { within } from "../../lib/json.ts";
import { filesBelow } from "../cli/files.ts";
import { type ColdArchive, DAY, HOUR, withCold } from "./cold-archive.ts";

const restoring = ({ user }: ColdArchive, ...more: string[]) =>
  user.run("restore", "w*", "--to", user.path("out"), ...more);

async function assertComplete({ user }: ColdArchive, files = 30): Promise<void> {
  const found = await filesBelow(user.path("out"));
  assert.equal(found.length, files);
  for (const path of found) {
    assert.deepEqual(await readFile(user.path("out", path)), await readFile(user.path(path)), path);
  }
}

async function findings({ user }: ColdArchive): Promise<string[]> {
  const db = connect(user.path("home/catalog.db"));
  try {
    const thaws = (await openFindings(db)).filter(({ kind }) => kind.startsWith("thaw-"));
    return thaws.map(({ kind, message }) => `${kind}: ${message}`);
  } finally {
    db.close();
  }
}

test("--plan says what is thawed, how long it takes and what it costs, and asks for nothing", () =>
  withCold(async (archive) => {
    const { code, out } = await restoring(archive, "--plan");
    assert.equal(code, 0);
    assert.match(out, /Would restore 30 files \(300 kB\)/);
    assert.match(out, /30 files from 12 volumes at s3:.*\n +12 volumes \(25\.5 MB\) to be thawed/);
    assert.match(out, /Bulk +within 48 h .*\n +Standard +within 12 h/);
    assert.doesNotMatch(out, /Expedited/);
    assert.equal(archive.asked("RestoreObject").length, 0);
    assert.deepEqual(await filesBelow(archive.user.path("out")), []);
  }));

test("the plan's bytes and requests are those that the server counts", () =>
  withCold(async (archive) => {
    const { plan } = await archive.user.json("restore", "w*", "--to", archive.user.path("out"), "--yes");
    archive.pass(49 * HOUR);
    const from = archive.server.log.length;
    assert.equal((await archive.user.run("restore", "--continue")).code, 0);
    const gets = archive.asked("GetObject", from);
    assert.equal(gets.length, within(plan, "fetch", "requests"));
    const sent = gets.reduce((sum, request) => sum + request.sent, 0);
    const planned = Number(within(plan, "fetch", "bytes"));
    assert.ok(sent <= planned && sent > planned * 0.8, `${sent} of ${planned}`);
    const sizes = archive.keys("volumes/").map((key) =>
      archive.server.bytes("bucket", `family/${key}`).length
    );
    const bytes = sizes.reduce((sum, size) => sum + size, 0);
    assert.deepEqual(within(plan, "thaw"), { volumes: 12, bytes, days: 7 });
  }));

test("where nobody can be asked, a thaw needs --yes: else nothing is asked for", () =>
  withCold(async (archive) => {
    const { code, err } = await restoring(archive);
    assert.equal(code, 1);
    assert.match(
      err,
      /^Error: nobody was asked: Thaw 2 volumes .* by Bulk \(the cheapest, within 48 h\) for \$0\.0/,
    );
    assert.equal(archive.asked("RestoreObject").length, 0);
  }, { volumes: 2 }));

test("on a terminal it asks, and no is no", () =>
  withCold(async (archive) => {
    archive.user.answers = ["n"];
    const { code, err } = await restoring(archive);
    assert.equal(code, 1);
    assert.match(err, /Thaw 2 volumes .*\? \[y\/N\] n\nError: this restore was not agreed to/);
    assert.equal(archive.asked("RestoreObject").length, 0);
    archive.user.answers = ["y"];
    assert.equal((await restoring(archive)).code, 0);
    assert.equal(archive.asked("RestoreObject").length, 2);
  }, { volumes: 2 }));

for (
  const [limit, tier, code] of [
    ["0.00005", [], 1],
    ["0.00005", ["--tier", "standard"], 1],
    ["5", [], 0],
    ["5", ["--tier", "standard"], 0],
  ] as const
) {
  test(`--max-cost ${limit} ${tier.join(" ")} ${code === 0 ? "allows" : "refuses"} it`, () =>
    withCold(async (archive) => {
      const result = await restoring(archive, "--yes", "--max-cost", limit, ...tier);
      assert.equal(result.code, code, result.err);
      if (code === 1) {
        assert.match(result.err, /Error: this restore would cost \$0\.\d+, more than the \$0\.00005/);
      }
      assert.equal(archive.asked("RestoreObject").length, code === 0 ? 2 : 0);
    }, { volumes: 2 }));
}

test("--max-cost refuses what has no known price", () =>
  withCold(async (archive) => {
    const { code, err } = await restoring(archive, "--yes", "--max-cost", "5");
    assert.equal(code, 1);
    assert.match(err, /Error: the price is not known, so it may be above \$5\.00/);
    assert.equal(archive.asked("RestoreObject").length, 0);
  }, { volumes: 1, priced: false }));

test("a tier that the class does not have is wrong usage", () =>
  withCold(async (archive) => {
    const { code, err } = await restoring(archive, "--yes", "--tier", "expedited");
    assert.equal(code, 2);
    assert.match(err, /→ Choose --tier bulk or standard\./);
    assert.equal(archive.asked("RestoreObject").length, 0);
  }, { volumes: 1 }));

for (
  const [storageClass, tier, hours] of [
    ["DEEP_ARCHIVE", "bulk", 48],
    ["DEEP_ARCHIVE", "standard", 12],
    ["GLACIER", "bulk", 12],
    ["GLACIER", "standard", 5],
    ["GLACIER", "expedited", 5 / 60],
  ] as const
) {
  test(`${storageClass} by ${tier}: waits until ${hours.toFixed(1)} hours are over, not longer`, () =>
    withCold(async (archive) => {
      const { code, out } = await restoring(archive, "--yes", "--tier", tier);
      assert.equal(code, 0);
      assert.match(out, /^Restore 1 waits for 1 volume with 3 files; .* ready by /m);
      archive.pass(hours * HOUR - 1000);
      const early = await archive.user.run("restore", "--continue");
      assert.match(early.out, /^Restore 1 waits for 1 volume/m);
      archive.pass(1000);
      const late = await archive.user.run("restore", "--continue");
      assert.match(late.out, /^Restored 3 files to /);
      await assertComplete(archive, 3);
      assert.equal(archive.asked("RestoreObject").length, 1);
      assert.equal((await archive.user.run("restore", "--continue")).code, 1, "nothing waits any more");
    }, { storageClass, volumes: 1 }));
}

test("30 files out of 12 volumes: each volume is asked for once, each range read once", () =>
  withCold(async (archive) => {
    assert.equal((await restoring(archive, "--yes")).code, 0);
    assert.equal((await restoring(archive, "--yes")).code, 0, "typed again, it is the same restore");
    archive.pass(49 * HOUR);
    const from = archive.server.log.length;
    assert.match((await restoring(archive)).out, /^Restored 30 files/);
    assert.equal(archive.ranges(from), 30);
    assert.equal(archive.asked("RestoreObject").length, 12);
    await assertComplete(archive);
    assert.match(await archive.user.ok("thaw"), /^No restore waits/);
  }));

test("a thawed copy that ran out is thawed again only when the user agrees again", () =>
  withCold(async (archive) => {
    await restoring(archive, "--yes", "--days", "1");
    archive.pass(49 * HOUR);
    assert.match(await archive.user.ok("thaw"), /ready until/);
    archive.pass(5 * DAY);
    assert.match(await archive.user.ok("thaw"), /ran out; `coldframe restore --continue` asks again/);
    assert.match((await findings(archive))[0] ?? "", /^thaw-expired: restore 1: 2 thawed copies ran out/);
    const refused = await archive.user.run("restore", "--continue");
    assert.equal(refused.code, 1);
    assert.match(refused.err, /nobody was asked: Thaw 2 volumes/);
    assert.equal(archive.asked("RestoreObject").length, 2);
    assert.equal((await archive.user.run("restore", "--continue", "--yes")).code, 0);
    assert.equal(archive.asked("RestoreObject").length, 4);
    archive.pass(49 * HOUR);
    assert.match((await archive.user.run("restore", "--continue")).out, /^Restored 5 files/);
  }, { volumes: 2 }));

test("what the store thaws already, whoever asked for it, is not asked for again", () =>
  withCold(async (archive) => {
    const [key = ""] = archive.keys("volumes/");
    const object = archive.server.object("bucket", `family/${key}`);
    assert.ok(object);
    const now = archive.server.now();
    object.restore = { tier: "Bulk", readyAt: now + HOUR, expires: now + 5 * DAY };
    assert.equal((await restoring(archive, "--yes")).code, 0);
    assert.equal(archive.asked("RestoreObject").length, 1);
    assert.ok(archive.asked("RestoreObject").every((request) => !request.key.endsWith(key)));
  }, { volumes: 2 }));

test("an object that somebody else begins to thaw in between is taken as thawing (RestoreAlreadyInProgress)", () =>
  withCold(async (archive) => {
    archive.server.faults.add({
      operation: "RestoreObject",
      fault: { kind: "error", status: 409, code: "RestoreAlreadyInProgress", when: "after" },
    });
    assert.equal((await restoring(archive, "--yes")).code, 0);
    archive.pass(49 * HOUR);
    assert.match((await archive.user.run("restore", "--continue")).out, /^Restored 3 files/);
    assert.equal(archive.asked("RestoreObject").length, 1);
  }, { volumes: 1 }));

test("a store that refuses to thaw is an error, and --continue asks it again", () =>
  withCold(async (archive) => {
    archive.server.deny.push({ operation: "RestoreObject" });
    const { code, err } = await restoring(archive, "--yes");
    assert.equal(code, 1);
    assert.match(err, /s3:RestoreObject|denied|not allowed/i);
    archive.server.deny.length = 0;
    assert.equal((await archive.user.run("restore", "--continue")).code, 0);
    archive.pass(49 * HOUR);
    assert.match((await archive.user.run("restore", "--continue")).out, /^Restored 3 files/);
  }, { volumes: 1 }));

test("without the key nothing is thawed: it would be paid for nothing", () =>
  withCold(async (archive) => {
    await rm(archive.user.path("home/keys/identity.txt"));
    const { code, err } = await restoring(archive, "--yes");
    assert.equal(code, 1);
    assert.match(err, /no secret key/);
    assert.equal(archive.asked("RestoreObject").length, 0);
  }, { volumes: 1 }));

test("what can be read now comes at once, what is cold waits", () =>
  withCold(async (archive) => {
    await archive.put("w99.jpg", 5000, 99);
    await archive.user.ok("sync", archive.user.path("Photos"), ...archive.stores);
    const { code, out } = await restoring(archive, "--yes");
    assert.equal(code, 0);
    assert.match(out, /^Restored 1 file to .*\nRestore 1 waits for 1 volume with 3 files/);
    archive.pass(49 * HOUR);
    assert.match((await archive.user.run("restore", "--continue")).out, /^Restored 3 files/);
    await assertComplete(archive, 4);
  }, { volumes: 1 }));

test("an empty file needs no thaw", () =>
  withCold(async (archive) => {
    await archive.put("empty.txt", 0, 1);
    await archive.user.ok("sync", archive.user.path("Photos"), ...archive.stores, "--seal");
    const { code, out } = await archive.user.run("restore", "empty.txt", "--to", archive.user.path("out"));
    assert.equal(code, 0);
    assert.match(out, /^Restored 1 file/);
  }, { volumes: 1 }));

test("thaw cancel ends the waiting, and says honestly that the store goes on", () =>
  withCold(async (archive) => {
    await restoring(archive, "--yes");
    const out = await archive.user.ok("thaw", "cancel", "1");
    assert.match(
      out,
      /^Restore 1 is ended; 0 of 3 files came back\.\nWhat the store has begun to thaw goes on/,
    );
    assert.match(await archive.user.ok("thaw"), /^No restore waits/);
    assert.equal((await archive.user.run("thaw", "cancel", "1")).code, 1);
    assert.equal((await archive.user.run("thaw", "cancel", "one")).code, 2);
  }, { volumes: 1 }));

test("--continue does not write where the target's disk is not plugged in", () =>
  withCold(async (archive) => {
    await restoring(archive, "--yes");
    await rm(archive.user.path("out"), { recursive: true });
    archive.pass(49 * HOUR);
    const { code, err } = await archive.user.run("restore", "--continue");
    assert.equal(code, 1);
    assert.match(err, /the folder .*out that was restored into is not there/);
    assert.deepEqual(await filesBelow(archive.user.path("out")), []);
  }, { volumes: 1 }));

test("sync goes on with what is ready where the key is there, and tells it where it is not", () =>
  withCold(async (archive) => {
    const { user } = archive;
    await restoring(archive, "--yes");
    await user.ok("sync", ...archive.stores);
    assert.deepEqual(await findings(archive), [], "nothing to tell while it is cold");
    archive.pass(49 * HOUR);
    const identity = user.path("home/keys/identity.txt");
    await rename(identity, user.path("elsewhere"));
    await user.ok("sync", ...archive.stores);
    assert.deepEqual(await findings(archive), [
      "thaw-ready: restore 1: 1 of 1 volumes can be read until 2026-03-11; 3 files wait",
    ]);
    assert.deepEqual(await filesBelow(user.path("out")), []);
    await rename(user.path("elsewhere"), identity);
    await user.ok("sync", ...archive.stores);
    await assertComplete(archive, 3);
    assert.deepEqual(await findings(archive), []);
  }, { volumes: 1 }));

test("a bucket without archive classes thaws nothing, and says no word about it", () =>
  withCold(async (archive) => {
    const { code, out, err } = await restoring(archive);
    assert.equal(code, 0);
    assert.match(out, /^Restored 5 files/);
    assert.doesNotMatch(out + err, /thaw|tier/i);
    assert.equal(archive.asked("RestoreObject").length, 0);
  }, { volumes: 2, storageClass: "STANDARD" }));
