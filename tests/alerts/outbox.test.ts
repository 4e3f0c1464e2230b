/** The outbox: what a crash does to a message, and two processes that tell at the same time. */

import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { openCatalog } from "../../lib/catalog/catalog.ts";
import { claimTurn, endTurn, queueNotice, tidyNotices, waitingNotices } from "../../lib/catalog/notices.ts";
import { settleFindings } from "../../lib/catalog/findings.ts";
import { deliver, queueNews } from "../../lib/jobs/alerts/outbox.ts";
import { parseProblems, renderProblems } from "../../lib/jobs/alerts/problems.ts";
import { oneAtATime } from "../../lib/jobs/alerts/one-at-a-time.ts";
import { openSession } from "../../lib/jobs/open.ts";
import { SILENT } from "../../lib/jobs/report.ts";
import type { Session } from "../../lib/jobs/session.ts";
import { type Channel, NotifyError } from "../../lib/notify/channel.ts";
import { withUser } from "../cli/harness.ts";
import { withFolder } from "../tools.ts";

const NOW = Date.parse("2026-03-01T12:00:00Z");
const SENDER = { host: "attic", home: "/home/me" };

/** An open home in which one thing is wrong. */
function withTrouble(
  body: (session: Session, again: () => Promise<Session>) => Promise<void>,
): Promise<void> {
  return withUser(async (user) => {
    await user.ok("init", "--yes", "--classic");
    const opened: { close(): Promise<void> }[] = [];
    const open = async () => {
      const one = await openSession({
        ...{ root: user.home, create: false, lockFor: undefined, staging: undefined, cold: undefined },
        ...{ env: {}, signal: user.signal, report: SILENT, now: () => NOW },
      });
      opened.push(one);
      return one.session;
    };
    const session = await open();
    const finding = { name: "x", kind: "k", message: "x is gone", hint: undefined, files: [] };
    await settleFindings(session.db, "volumes", [{ ...finding, severity: "damage" }], NOW);
    await body(session, open).finally(() => Promise.all(opened.map((one) => one.close())));
  });
}

/** A channel that does as it is told, and the names of the messages it took. */
function channel(outcomes: (Error | undefined)[]): { channel: Channel; taken: string[] } {
  const taken: string[] = [];
  const send = ({ id }: { readonly id: string }) => {
    const outcome = outcomes.shift();
    if (outcome instanceof NotifyError) return Promise.reject(outcome);
    taken.push(id);
    return outcome === undefined ? Promise.resolve() : Promise.reject(outcome);
  };
  return { channel: { name: "mail", place: "here", send }, taken };
}

test("a run that dies after a message was taken sends it again, under the same name, and then no more", () =>
  withTrouble(async (session, again) => {
    const { channel: mail, taken } = channel([new Error("the power went")]);
    await queueNews(session, [mail], SENDER);
    await assert.rejects(deliver(session, [mail]), /the power went/);
    await deliver(await again(), [mail]);
    await deliver(session, [mail]);
    assert.equal(taken.length, 2);
    assert.equal(taken[0], taken[1]);
  }));

test("what was written down but never sent, is sent by the next run", () =>
  withTrouble(async (session, again) => {
    const { channel: mail, taken } = channel([]);
    await queueNews(session, [mail], SENDER);
    const next = await again();
    await queueNews(next, [mail], SENDER);
    await deliver(next, [mail]);
    assert.equal(taken.length, 1);
  }));

test("a message that is refused does not hold up the next, and one channel not the other", () =>
  withTrouble(async (session) => {
    const { channel: mail, taken } = channel([new NotifyError("refused", "550 no")]);
    const { channel: dead } = channel([new NotifyError("failed", "down"), new NotifyError("failed", "down")]);
    const both = [mail, { ...dead, name: "ntfy" as const }];
    await queueNews(session, both, SENDER);
    await settleFindings(session.db, "volumes", [], NOW);
    await queueNews(session, both, SENDER);
    assert.deepEqual(await deliver(session, both), ["550 no", "down"]);
    assert.deepEqual(taken.map((id) => id.split("-")[0]), ["closed"]);
    assert.equal((await waitingNotices(session.db, session.home.box, "mail")).length, 1);
    assert.equal((await waitingNotices(session.db, session.home.box, "ntfy")).length, 2);
  }));

test("two processes that tell at the same time tell it once", () =>
  withTrouble(async (session, again) => {
    const { channel: mail, taken } = channel([]);
    const tell = (one: Session) =>
      oneAtATime(one, async () => {
        await queueNews(one, [mail], SENDER);
        await deliver(one, [mail]);
      });
    await Promise.all([tell(session), tell(await again()), tell(await again())]);
    assert.equal(taken.length, 1);
  }));

test("a turn is taken by one, given back, and over when its owner died", () =>
  withFolder(async (folder) => {
    const db = await openCatalog(`${folder}/catalog.db`, { archive: "a", opaqueKey: "b" });
    assert.deepEqual([await claimTurn(db, "box", 1000, 50), await claimTurn(db, "box", 1050, 50)], [
      true,
      false,
    ]);
    assert.equal(await claimTurn(db, "another box", 1000, 50), true);
    assert.equal(await claimTurn(db, "box", 1051, 50), true, "over");
    await endTurn(db, "box");
    assert.equal(await claimTurn(db, "box", 1052, 50), true);
    db.close();
  }));

test("however much is to be told, no more than a hundred messages wait for a channel", () =>
  withFolder(async (folder) => {
    const db = await openCatalog(`${folder}/catalog.db`, { archive: "a", opaqueKey: "b" });
    const notice = {
      box: "b",
      kind: "opened",
      urgency: "low",
      made: 5,
      subject: "s",
      body: "b",
      problems: "[]",
    };
    for (const channel of ["mail", "ntfy"]) {
      await db.write(
        Array.from({ length: 150 }, (_, i) => queueNotice({ ...notice, message: `m${i}`, channel })),
      );
    }
    const tidy = (now: number) => tidyNotices(db, { now, waiting: now - 10, settled: now - 20, most: 100 });
    await tidy(6);
    for (const channel of ["mail", "ntfy"]) {
      const left = await waitingNotices(db, "b", channel);
      assert.deepEqual([left.length, left[0]?.message], [100, "m50"], "the newest are kept");
    }
    await tidy(16);
    assert.equal((await waitingNotices(db, "b", "mail")).length, 0, "too old");
    await tidy(100);
    assert.deepEqual(await db.all("SELECT count(*) AS n FROM notices", [], (row) => row.int("n")), [0]);
    db.close();
  }));

test("problems come out of the catalog as they went in", () => {
  const text = fc.string();
  const problem = fc.record({
    scope: text,
    name: text,
    kind: text,
    severity: fc.constantFrom("damage" as const, "warning" as const),
    message: text,
    hint: fc.option(text, { nil: undefined }),
    files: fc.array(text),
    opened: fc.nat(),
    closed: fc.option(fc.nat(), { nil: undefined }),
  }, { noNullPrototype: true });
  fc.assert(fc.property(fc.array(problem), (problems) => {
    assert.deepEqual(parseProblems(renderProblems(problems)), problems);
  }));
  assert.deepEqual(parseProblems('[{"name":"x"},7,null]'), []);
});
