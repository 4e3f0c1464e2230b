/** From where a content comes: what can be read now, then what is on its way, then as little thawing as will do. */

import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { type Choosable, type ChoosableObject, choosePlaces } from "../../lib/jobs/restore/choose.ts";

const place = (
  content: number,
  object: string,
  state: ChoosableObject["state"],
  { size = 5e9, rank = 2 } = {},
): Choosable => ({ content, object: { id: object, state, size, rank } });

function chosen(...places: Choosable[]): Record<number, string> {
  return Object.fromEntries([...choosePlaces(places)].map(([content, { object }]) => [content, object.id]));
}

const CASES: readonly [name: string, places: Choosable[], expected: Record<number, string>][] = [
  ["what can be read now before what is cold", [place(1, "cold", "archived"), place(1, "warm", "ready")], {
    1: "warm",
  }],
  ["what is being thawed before what is not", [place(1, "cold", "archived"), place(1, "soon", "thawing")], {
    1: "soon",
  }],
  ["a disk here before a bucket", [
    place(1, "bucket", "ready", { size: 1 }),
    place(1, "disk", "ready", { rank: 0 }),
  ], { 1: "disk" }],
  ["the smaller of two objects of equal rank", [
    place(1, "volume", "ready"),
    place(1, "single", "ready", { size: 3e6 }),
  ], { 1: "single" }],
  ["a volume that must be thawed anyhow serves the other content, too", [
    place(1, "a", "archived", { size: 1e9 }),
    place(1, "b", "archived"),
    place(2, "b", "archived"),
  ], { 1: "b", 2: "b" }],
  ["one volume with both rather than two", [
    place(1, "a", "archived"),
    place(1, "both", "archived"),
    place(2, "both", "archived"),
    place(2, "c", "archived"),
  ], { 1: "both", 2: "both" }],
  ["the smaller of two cold volumes", [
    place(1, "large", "archived"),
    place(1, "small", "archived", { size: 1e9 }),
  ], { 1: "small" }],
  ["nothing for nothing", [], {}],
];

for (const [name, places, expected] of CASES) {
  test(name, () => assert.deepEqual(chosen(...places), expected));
}

const anyPlace = fc.record({
  content: fc.integer({ min: 0, max: 8 }),
  object: fc.integer({ min: 0, max: 5 }).map(String),
  rank: fc.integer({ min: 0, max: 2 }),
});

test("every content that has a place gets one of its own, and a cold one only when it has no other", () =>
  fc.assert(fc.property(
    fc.array(anyPlace),
    fc.array(fc.constantFrom("ready", "thawing", "archived"), {
      minLength: 6,
      maxLength: 6,
    }),
    (raw, states) => {
      const places = raw.map(({ content, object: id, rank }) =>
        place(content, id, states[Number(id)] ?? "ready", { size: 1e9 * (1 + Number(id)), rank })
      );
      const found = choosePlaces(places);
      assert.deepEqual(new Set(found.keys()), new Set(places.map(({ content }) => content)));
      for (const [content, one] of found) {
        const own = places.filter((other) => other.content === content);
        assert.ok(own.includes(one));
        const states = own.map(({ object }) => object.state);
        if (one.object.state !== "ready") assert.ok(!states.includes("ready"));
        if (one.object.state === "archived") assert.ok(states.every((state) => state === "archived"));
      }
    },
  )));

test("no volume is thawed whose contents the others bring, when one volume has everything cheapest", () => {
  const all = Array.from({ length: 20 }, (_, i) => place(i, "all", "archived", { size: 2e9 }));
  const each = Array.from({ length: 20 }, (_, i) => place(i, `v${i}`, "archived", { size: 1e9 }));
  assert.deepEqual(new Set(Object.values(chosen(...each, ...all))), new Set(["all"]));
});
