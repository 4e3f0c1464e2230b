/** Price files: what the built-in one says, and what is refused. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { builtinPrices, builtinText } from "../../lib/cost/builtin.ts";
import { parsePrices } from "../../lib/cost/prices.ts";
import { hasCode } from "../../lib/errors.ts";

/** Storage and PUT, as AWS publishes them for us-east-1: $/GB-month and $/1,000. */
const PUBLISHED = {
  STANDARD: ["0.023", "0.005", 0],
  GLACIER_IR: ["0.004", "0.02", 90],
  GLACIER: ["0.0036", "0.03", 90],
  DEEP_ARCHIVE: ["0.00099", "0.05", 180],
} as const;

for (const [name, [storage, put, days]] of Object.entries(PUBLISHED)) {
  test(`${name} costs $${storage} a gigabyte and month, $${put} for 1,000 PUT, ${days} days at least`, () => {
    const of = builtinPrices().classes.get(name);
    assert.equal(of?.storage.toFixed(6), Number(storage).toFixed(6));
    assert.equal(of?.put.toFixed(6), Number(put).toFixed(6));
    assert.equal(of?.minimumDays, days);
  });
}

/** Thawing: $/GB, $/1,000, minutes. */
const TIERS = {
  GLACIER: [["Bulk", 0, 0, 300, 720], ["Standard", 0.01, 0.05, 180, 300], ["Expedited", 0.03, 10, 1, 5]],
  DEEP_ARCHIVE: [["Bulk", 0.0025, 0.025, 0, 2880], ["Standard", 0.02, 0.1, 0, 720]],
} as const;

for (const [name, tiers] of Object.entries(TIERS)) {
  test(`${name} thaws by ${tiers.map(([tier]) => tier).join(", ")}, cheapest first, at published prices`, () => {
    const of = builtinPrices().classes.get(name);
    assert.deepEqual(
      of?.tiers.map((t) => [t.name, t.gigabyte.toJSON(), t.thousand.toJSON(), t.minutes.from, t.minutes.to]),
      tiers,
    );
    assert.deepEqual(of?.overhead, { own: 32 * 1024, standard: 8 * 1024 });
  });
}

test("GET costs $0.0004 for 1,000; reading Instant Retrieval $0.03 a gigabyte", () => {
  const { standard, classes } = builtinPrices();
  assert.equal(standard.get.toJSON(), 0.0004);
  assert.equal(classes.get("GLACIER_IR")?.retrieval.toJSON(), 0.03);
});

test("100 GB a month leave for nothing, then a gigabyte costs $0.09", () => {
  const { egress } = builtinPrices();
  assert.equal(egress.freeBytes, 100 * 2 ** 30);
  assert.equal(egress.gigabyte.toJSON(), 0.09);
});

test("the printed price file is one that is read", () => {
  assert.deepEqual(
    parsePrices(builtinText(), "prices.json").classes.get("GLACIER")?.overhead,
    builtinPrices().classes.get("GLACIER")?.overhead,
  );
});

for (
  const [what, from, to, says] of [
    ["a number for a price", '"0.00099"', "0.00099", /DEEP_ARCHIVE\.storage must be a price in quotes/],
    ["a negative price", '"0.00099"', '"-1"', /classes\.DEEP_ARCHIVE\.storage must be a price/],
    [
      "a mistyped key",
      '"minimumDays": 180',
      '"minimunDays": 180',
      /classes\.DEEP_ARCHIVE\.minimunDays is not known/,
    ],
    ["a key too many", '"region"', '"regoin": "x", "region"', /: regoin is not known/],
    ["no date", '"date": "2026-11-22",', "", /: date is missing/],
    ["a day that is none", "2026-11-22", "2026-02-30", /date must be a day/],
    ["no STANDARD", '"STANDARD"', '"OTHER"', /classes\.STANDARD is missing/],
    ["a gigabyte of nothing", '"gigabyte": 1073741824', '"gigabyte": 0', /gigabyte must be above 0/],
    [
      "half a day",
      '"minimumDays": 180',
      '"minimumDays": 0.5',
      /classes\.DEEP_ARCHIVE\.minimumDays must be a whole/,
    ],
    [
      "a time the wrong way round",
      "300,\n            720",
      "720,\n            300",
      /tiers\.Bulk\.minutes must be two/,
    ],
    ["no tier at all", '"tiers": {', '"tiers": {}, "was": {', /classes\.GLACIER\.tiers must name a tier/],
    ["a list for the classes", '"classes": {', '"classes": [], "was": {', /: classes must be an object/],
    ["something cut off", "\n}\n", "", /it is not JSON/],
  ] as const
) {
  test(`a price file with ${what} is refused by the name of the key`, () => {
    const text = builtinText().replace(from, to);
    assert.notEqual(text, builtinText(), "the file was changed");
    assert.throws(
      () => parsePrices(text, "/p/prices.json"),
      (error) =>
        hasCode(error, "config") && /price file \/p\/prices\.json/.test(error.message) &&
        says.test(error.message),
    );
  });
}
