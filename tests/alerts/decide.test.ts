/** What is told when: the decision alone, under a clock of the test's own. */

import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { TellableFinding } from "../../lib/catalog/notices.ts";
import { decide, type Decision, monthOf } from "../../lib/jobs/alerts/decide.ts";

const DAY = 86_400_000;
const NOW = Date.parse("2026-03-15T12:00:00Z");

function finding(id: number, rest: Partial<TellableFinding> = {}): TellableFinding {
  return {
    id,
    scope: "volumes",
    name: `volumes/${id}`,
    kind: "object-missing",
    severity: "warning",
    message: `${id} is gone`,
    hint: undefined,
    files: [],
    opened: NOW - 30 * DAY,
    seen: NOW,
    closed: undefined,
    told: undefined,
    ...rest,
  };
}

const told = (daysAgo: number, severity: "warning" | "damage" = "warning") => ({
  told: { last: NOW - daysAgo * DAY, severity },
});

/** What is decided, as kinds with the ids they are about. */
function decided(findings: readonly TellableFinding[], lastDigest = NOW, digest = true): string[] {
  return decide({ findings, lastDigest, digest }, NOW).map((one: Decision) =>
    one.kind === "digest" ? "digest" : `${one.kind} ${one.findings.map(({ id }) => id).join(" ")}`
  );
}

for (
  const [what, findings, expected] of [
    ["nothing is wrong", [], []],
    ["something is new", [finding(1)], ["opened 1"]],
    ["several things are new, they go into one message", [finding(1), finding(2)], ["opened 1 2"]],
    ["all was told six days ago", [finding(1, told(6.99))], []],
    ["all was told a week ago", [finding(1, told(7))], ["reminder 1"]],
    ["one thing was told a week ago, all that is open is in its reminder", [
      finding(1, told(7)),
      finding(2, told(1)),
    ], ["reminder 1 2"]],
    ["something is new while a reminder is due", [finding(1, told(8)), finding(2)], [
      "opened 2",
      "reminder 1",
    ]],
    ["something told is over", [finding(1, { ...told(2), closed: NOW })], ["closed 1"]],
    ["something was over before anybody was told", [finding(1, { closed: NOW })], []],
    ["something is over, its reminder is not due any more", [finding(1, { ...told(9), closed: NOW })], [
      "closed 1",
    ]],
    ["a warning became damage", [finding(1, { ...told(1), severity: "damage" })], ["opened 1"]],
    ["damage became a warning", [finding(1, told(1, "damage"))], []],
    ["the last telling is in the future, since the clock was wrong", [finding(1, told(-400))], [
      "reminder 1",
    ]],
  ] as const
) {
  test(`when ${what}: ${expected.join(", ") || "no message"}`, () => {
    assert.deepEqual(decided(findings), expected);
  });
}

for (
  const [what, last, isDue] of [
    ["in this month", "2026-03-01T00:00:00Z", false],
    ["on the last day of the month before", "2026-02-28T23:59:59Z", true],
    ["in this month of the year before", "2025-03-15T12:00:00Z", true],
    ["by a clock that was years ahead", "2031-01-01T00:00:00Z", true],
  ] as const
) {
  test(`with the last digest ${what}, a digest is ${isDue ? "" : "not "}due`, () => {
    assert.deepEqual(decided([], Date.parse(last)), isDue ? ["digest"] : []);
    assert.deepEqual(decided([], Date.parse(last), false), []);
  });
}

test("whatever happens, nobody is told twice of the same, nor reminded twice in a week", () => {
  const event = fc.record({ hours: fc.integer({ min: 1, max: 100 }), open: fc.uniqueArray(fc.nat(3)) });
  fc.assert(fc.property(fc.array(event, { maxLength: 60 }), (events) => {
    const state = new Map<number, TellableFinding>();
    let nextId = 1;
    let now = NOW;
    let digest = NOW;
    const opened: number[] = [];
    const closed: number[] = [];
    const reminders: number[] = [];
    const digests: string[] = [];
    for (const { hours, open } of events) {
      now += hours * 3_600_000;
      for (const [name, known] of state) {
        if (!open.includes(name) && known.closed === undefined) state.set(name, { ...known, closed: now });
      }
      for (const name of open) {
        const known = state.get(name);
        if (known === undefined || known.closed !== undefined) state.set(name, finding(nextId++));
      }
      for (const one of decide({ findings: [...state.values()], lastDigest: digest, digest: true }, now)) {
        if (one.kind === "digest") {
          digests.push(monthOf(now));
          digest = now;
          continue;
        }
        if (one.kind === "opened") opened.push(...one.findings.map(({ id }) => id));
        if (one.kind === "closed") closed.push(...one.findings.map(({ id }) => id));
        if (one.kind === "reminder") reminders.push(now);
        for (const [name, known] of [...state]) {
          if (!one.findings.some(({ id }) => id === known.id)) continue;
          if (one.kind === "closed") state.delete(name);
          else state.set(name, { ...known, told: { last: now, severity: known.severity } });
        }
      }
    }
    assert.equal(new Set(opened).size, opened.length);
    assert.equal(new Set(closed).size, closed.length);
    assert.ok(closed.every((id) => opened.includes(id)));
    assert.ok(reminders.every((time, i) => i === 0 || time - (reminders[i - 1] ?? 0) >= 7 * DAY));
    assert.equal(new Set(digests).size, digests.length);
  }));
});
