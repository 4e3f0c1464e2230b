/** Alerts from the outside: commands that run, and what people are told. */

import assert from "node:assert/strict";
import { chmod, rename, rm, writeFile } from "node:fs/promises";
import process from "node:process";
import { test } from "node:test";
import { openCatalog } from "../../lib/catalog/catalog.ts";
import { settleFindings } from "../../lib/catalog/findings.ts";
import { put } from "../cli/files.ts";
import type { User } from "../cli/harness.ts";
import { withWatched } from "./told.ts";

const ARCHIVE = { archive: "a".repeat(32), opaqueKey: "b".repeat(64) };

/** What a check of the volumes would find. */
async function find(
  user: User,
  names: readonly string[],
  severity: "damage" | "warning" = "damage",
): Promise<void> {
  const db = await openCatalog(user.path("home/catalog.db"), ARCHIVE);
  const found = names.map((name) => ({
    name,
    kind: "object-missing",
    severity,
    message: `${name} is gone`,
    hint: "Seal it again: coldframe check --mend",
    files: ["Photos/ä\nb.jpg"],
  }));
  await settleFindings(db, "volumes", found, user.clock ?? 0);
  db.close();
}

test("a run that finds nothing tells nothing but its signs of life", () =>
  withWatched(async ({ user, told, heard, pass }) => {
    pass(1);
    await user.ok("sync");
    assert.deepEqual([told(), heard()], [[], ["start", "success"]]);
  }));

test("damage is told once, with the files and the way out, and the sign of life fails while it is open", () =>
  withWatched(async ({ user, told, heard }) => {
    await find(user, ["volumes/x"]);
    await user.ok("sync");
    const [message, ...more] = told();
    assert.deepEqual([message?.kind, message?.urgency, more.length], ["opened", "high", 0]);
    assert.equal(message?.subject, "coldframe: damage: volumes/x is gone");
    assert.match(
      message?.text ?? "",
      /^DAMAGE: volumes\/x is gone\n {2}since 2026-03-03 .*\n {2}1 file:\n {4}Photos\/ä\\nb\.jpg\n {2}→ Seal it again/,
    );
    assert.deepEqual(message?.problems.map(({ kind, files }) => [kind, files]), [["object-missing", [
      "Photos/ä\nb.jpg",
    ]]]);
    await user.ok("sync");
    assert.deepEqual(told(), []);
    assert.deepEqual(heard(), ["start", "fail", "start", "fail"]);
  }));

test("it is reminded of after a week, and told when it is over", () =>
  withWatched(async ({ user, told, heard, pass }) => {
    await find(user, ["volumes/x"]);
    await user.ok("sync");
    told();
    pass(6.5);
    await user.ok("sync");
    assert.deepEqual(told(), []);
    pass(0.5);
    await user.ok("sync");
    assert.deepEqual(told().map(({ subject }) => subject), [
      "coldframe: still open: damage: volumes/x is gone",
    ]);
    await find(user, []);
    await user.ok("sync");
    const [over] = told();
    assert.deepEqual([over?.kind, over?.subject], ["closed", "coldframe: over: volumes/x is gone"]);
    assert.equal(heard().at(-1), "success");
  }));

test("many new problems at once are one message, the damage first", () =>
  withWatched(async ({ user, told }) => {
    const db = Array.from({ length: 200 }, (_, i) => `volumes/${i}`);
    await find(user, db, "warning");
    await user.ok("sync");
    const messages = told();
    assert.equal(messages.length, 1);
    assert.equal(messages[0]?.subject, "coldframe: warning: volumes/0 is gone (and 199 more)");
    assert.match(messages[0]?.text ?? "", /… and 170 more\./);
  }));

test("what cannot be sent is kept, listed, and sent once when the server is back", () =>
  withWatched(async ({ user, hook, told, heard, pass }) => {
    await find(user, ["volumes/x"]);
    hook.status = 500;
    const { code, err } = await user.run("sync");
    assert.equal(code, 0, "an alert that fails does not make the run fail");
    assert.match(
      err,
      /Warning: An alert was not sent; it is kept: the webhook at 127\.0\.0\.1:\d+ answered 500/,
    );
    assert.equal(told().length, 1);
    assert.match(
      await user.ok("alert", "list"),
      /webhook +waits, tried 1 time +coldframe: damage: volumes\/x is gone/,
    );
    hook.status = 200;
    pass(1 / 24);
    await user.ok("sync");
    await user.ok("sync");
    assert.deepEqual(told().map(({ subject }) => subject), ["coldframe: damage: volumes/x is gone"]);
    assert.match(await user.ok("alert", "list"), /webhook +sent 2026-/);
    heard();
  }));

test("a dead channel is asked less and less often, and of what waits nothing is told twice when it is back", () =>
  withWatched(async ({ user, hook, told, pass }) => {
    await find(user, ["volumes/x"]);
    hook.status = 503;
    for (let hour = 0; hour < 12; hour++) {
      await user.ok("sync");
      pass(1 / 24);
    }
    assert.equal(told().length, 9, "it waited 1, 2, 4 … 32 minutes, then 64, 128 and 256");
    for (let day = 0; day < 24; day += 6) {
      pass(6);
      await user.ok("sync");
    }
    told();
    hook.status = 200;
    pass(1);
    await user.ok("sync");
    assert.deepEqual(
      told().map(({ kind }) => kind),
      ["opened", "reminder"],
      "older reminders are superseded",
    );
  }));

test("what could not be sent for a month is given up, and what still holds is told anew", () =>
  withWatched(async ({ user, hook, told, pass }) => {
    await find(user, ["volumes/x"]);
    hook.status = 503;
    await user.ok("sync");
    pass(31);
    await user.ok("sync");
    told();
    hook.status = 200;
    pass(1);
    await user.ok("sync");
    assert.deepEqual(told().map(({ kind }) => kind).sort(), ["digest", "reminder"]);
    assert.match(await user.ok("alert", "list"), /given up +coldframe: damage: volumes\/x/);
  }));

test("a failed run is told with what it said, and when it is over", () =>
  withWatched(async ({ user, told, heard, pass }) => {
    await rename(user.path("Photos"), user.path("Elsewhere"));
    assert.equal((await user.run("sync")).code, 1);
    const [message] = told();
    assert.match(message?.subject ?? "", /^coldframe: warning: sync failed: /);
    assert.match(message?.text ?? "", /Photos/);
    pass(1);
    await user.run("sync");
    assert.deepEqual(told(), []);
    await rename(user.path("Elsewhere"), user.path("Photos"));
    await user.ok("sync");
    assert.match(told()[0]?.subject ?? "", /^coldframe: over: sync failed: /);
    assert.deepEqual(heard(), ["start", "fail", "start", "fail", "start", "success"]);
  }));

test("one folder of two that is missing is told, and a sync of the other does not take that back", () =>
  withWatched(async ({ user, told }) => {
    await put(user, "More/b.jpg", "b");
    await user.ok("sync", user.path("More"));
    await rename(user.path("Photos"), user.path("Elsewhere"));
    assert.equal((await user.run("sync")).code, 3);
    assert.match(told()[0]?.subject ?? "", /Photos.*nothing new in it is protected/);
    await user.ok("sync", user.path("More"));
    assert.deepEqual(told(), []);
    await rename(user.path("Elsewhere"), user.path("Photos"));
    await user.ok("sync");
    assert.equal(told()[0]?.kind, "closed");
  }));

test(
  "files that cannot be read are told by name",
  { skip: process.getuid?.() === 0 },
  () =>
    withWatched(async ({ user, told }) => {
      await put(user, "Photos/locked.jpg", "x");
      await chmod(user.path("Photos/locked.jpg"), 0);
      assert.equal((await user.run("sync")).code, 3);
      assert.match(told()[0]?.text ?? "", /Photos\/locked\.jpg/);
    }),
);

test("a job that has not ended well for twice its time is told by any run that notices", () =>
  withWatched(async ({ user, told, pass }) => {
    await writeFile(
      user.path("home/config.toml"),
      '[checks]\nstaging = "never"\nsources = "never"\nvolumes = "10d"\n',
    );
    pass(19);
    await user.ok("sync");
    assert.deepEqual(told().map(({ kind }) => kind), []);
    pass(1);
    await user.ok("sync");
    const [message] = told();
    assert.match(
      message?.subject ?? "",
      /warning: check volumes has never ended well; it should run every 10 days/,
    );
    assert.match(message?.text ?? "", /→ Run: coldframe check volumes\./);
  }));

test("a usage error and a stopped run tell nobody", () =>
  withWatched(async ({ user, told, heard }) => {
    assert.equal((await user.run("sync", "--volume-size", "x")).code, 2);
    const stop = new AbortController();
    stop.abort(new Error("stopped"));
    user.signal = stop.signal;
    await user.run("sync");
    assert.deepEqual([told(), heard().filter((sign) => sign !== "start")], [[], []]);
  }));

test("a home whose catalog is gone can keep nothing: the sign of life fails", () =>
  withWatched(async ({ user, told, heard }) => {
    await rm(user.path("home/catalog.db"));
    assert.equal((await user.run("sync")).code, 1);
    assert.deepEqual([told(), heard()], [[], ["fail"]]);
  }));

test("a sign of life that cannot be sent is said, without its address, and the run goes on", () =>
  withWatched(async ({ user, signs }) => {
    signs.status = 404;
    const { code, err } = await user.run("sync", "--debug");
    assert.equal(code, 0);
    assert.match(err, /Warning: Nobody could be told: the ping at 127\.0\.0\.1:\d+ answered 404/);
    assert.doesNotMatch(err, /\/id/);
  }));

test("commands that only look ping and tell nothing", () =>
  withWatched(async ({ user, told, heard }) => {
    await find(user, ["volumes/x"]);
    for (const command of [["status"], ["ls", "files"], ["alert", "list"], ["cost"]]) {
      await user.ok(...command);
    }
    assert.deepEqual([told(), heard()], [[], []]);
  }));

test("the digest comes in the first run of a month, and says what is protected, proven, costs and is wrong", () =>
  withWatched(async ({ user, told, pass }) => {
    pass(28);
    await user.ok("sync");
    assert.equal(told().filter(({ kind }) => kind === "digest").length, 0);
    pass(1);
    await user.ok("sync");
    const [digest] = told();
    assert.equal(digest?.kind, "digest");
    assert.match(
      digest?.subject ?? "",
      /^coldframe: digest of 2026-04-01: 1 file \(1 B\), nothing is wrong$/,
    );
    for (
      const line of [
        /^Protected\n {2}Files {7}1 file \(1 B\)$/m,
        /^ {2}At risk {5}none$/m,
        /^Last good runs\n {2}sync +2026-04-01$/m,
        /^Cost\n {2}\S+ a month/m,
        /^Open problems\n {2}None\.$/m,
      ]
    ) assert.match(digest?.text ?? "", line);
    await user.ok("sync");
    assert.deepEqual(told(), []);
  }));

test("alert test says for each channel what came of it, and needs no catalog", () =>
  withWatched(async ({ user, hook, told, heard }) => {
    await rm(user.path("home/catalog.db"));
    const good = await user.run("alert", "test");
    assert.deepEqual([good.code, good.out.split("\n").length], [0, 3]);
    assert.match(good.out, /^sent {2}webhook to /m);
    assert.deepEqual([told().map(({ kind }) => kind), heard()], [["test"], ["success"]]);
    hook.status = 403;
    const bad = await user.run("alert", "test");
    assert.equal(bad.code, 1);
    assert.match(
      bad.err,
      /^Error: webhook: the webhook at 127\.0\.0\.1:\d+ answered 403\n→ Its token or secret/m,
    );
    assert.match(bad.out, /^sent {2}ping/m);
    const { channels } = await user.json("alert", "test");
    assert.deepEqual(
      Array.isArray(channels) && channels.map(({ channel, error }) => [channel, error === null]),
      [
        ["webhook", false],
        ["ping", true],
      ],
    );
    user.env = {};
    const none = await user.run("alert", "test");
    assert.equal(none.code, 1);
    assert.match(none.err, /names no channel: nobody would be told/);
  }));

test("whoever sets up a channel later is told of what is open by then", () =>
  withWatched(async ({ user, told, pass }) => {
    const env = user.env;
    user.env = {};
    await find(user, ["volumes/x"]);
    await user.ok("sync");
    pass(10);
    user.env = env;
    await user.ok("sync");
    assert.deepEqual(told().map(({ kind }) => kind), ["opened"]);
  }));
