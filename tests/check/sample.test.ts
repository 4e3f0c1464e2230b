/** Which copies a sample takes. */

import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { hasCode } from "../../lib/errors.ts";
import { inTurn, parseSample, takeSample } from "../../lib/jobs/check/sample.ts";

for (
  const [text, sample] of [
    ["20", { kind: "count", count: 20 }],
    ["1", { kind: "count", count: 1 }],
    ["500M", { kind: "bytes", bytes: 500_000_000 }],
    ["1.5Gi", { kind: "bytes", bytes: 1_610_612_736 }],
    ["2%", { kind: "share", share: 0.02 }],
    ["0.5 %", { kind: "share", share: 0.005 }],
    ["100%", { kind: "share", share: 1 }],
  ] as const
) {
  test(`--sample ${text} is ${JSON.stringify(sample)}`, () => assert.deepEqual(parseSample(text), sample));
}

for (const text of ["", "0", "0%", "101%", "-1", "many", "5X", "0M", "%", "1e3"]) {
  test(`--sample ${JSON.stringify(text)} is refused`, () =>
    assert.throws(() => parseSample(text), (error) => hasCode(error, "usage")));
}

const size = (n: number) => n;

for (
  const [what, sizes, sample, taken] of [
    ["a count is taken from the front", [5, 6, 7], { kind: "count", count: 2 }, [5, 6]],
    ["bytes are not exceeded, and what still fits is taken", [5, 6, 2], { kind: "bytes", bytes: 8 }, [5, 2]],
    ["the first is taken however large it is", [50, 6, 2], { kind: "bytes", bytes: 8 }, [50]],
    ["a share is one of the bytes", [10, 10, 80], { kind: "share", share: 0.2 }, [10, 10]],
    ["all is all", [1, 2, 3], { kind: "all" }, [1, 2, 3]],
    ["of nothing, nothing is taken", [], { kind: "count", count: 5 }, []],
    ["files of no bytes are taken, too", [0, 0, 9], { kind: "bytes", bytes: 1 }, [0, 0]],
  ] as const
) {
  test(what, () => assert.deepEqual(takeSample<number>(sizes, sample, size), taken));
}

test("samples taken again and again cover everything in turn, whatever the chance", () => {
  fc.assert(fc.property(
    fc.array(fc.integer({ min: 0, max: 1000 }), { minLength: 1, maxLength: 60 }),
    fc.oneof(
      fc.record({ kind: fc.constant("count" as const), count: fc.integer({ min: 1, max: 20 }) }),
      fc.record({ kind: fc.constant("bytes" as const), bytes: fc.integer({ min: 1, max: 3000 }) }),
      fc.record({
        kind: fc.constant("share" as const),
        share: fc.double({ min: 0.01, max: 1, noNaN: true }),
      }),
    ),
    fc.infiniteStream(fc.double({ min: 0, max: 0.999, noNaN: true })),
    (sizes, sample, chance) => {
      const things = sizes.map((bytes, id) => ({ id, bytes }));
      const proven = new Map<number, number>();
      for (let run = 0; run < things.length; run++) {
        const ordered = inTurn(things, ({ id }) => proven.get(id), () => chance.next().value);
        const taken = takeSample(ordered, sample, ({ bytes }) => bytes);
        assert.ok(taken.length > 0);
        for (const { id } of taken) proven.set(id, run);
      }
      assert.equal(proven.size, things.length);
    },
  ));
});

test("what was never proven comes before what was, and the oldest proof before the others", () => {
  const last = new Map([["new", 30], ["old", 10], ["middle", 20]]);
  const ordered = inTurn(["new", "never", "old", "middle"], (name) => last.get(name), () => 0.5);
  assert.deepEqual(ordered, ["never", "old", "middle", "new"]);
});

test("among equals, chance decides", () => {
  const seen = new Set<string>();
  for (const numbers of [[0.1, 0.2], [0.2, 0.1]]) {
    const left = [...numbers];
    seen.add(inTurn(["a", "b"], () => undefined, () => left.shift() ?? 0).join(""));
  }
  assert.deepEqual([...seen].sort(), ["ab", "ba"]);
});
