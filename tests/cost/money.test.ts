/** Amounts are exact until they are shown, and then rounded once. */

import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { formatMoney, Money } from "../../lib/cost/money.ts";

test("ten cents and twenty are exactly thirty, where doubles are not", () => {
  const sum = Money.parse("0.1").plus(Money.parse("0.2"));
  assert.equal(sum.compare(Money.parse("0.3")), 0);
  assert.notEqual(0.1 + 0.2, 0.3);
});

test("a price per gigabyte of bytes that make no whole cents loses nothing on the way", () => {
  const byte = Money.parse("0.00099").times(1, 2 ** 30);
  assert.equal(byte.times(2 ** 30).compare(Money.parse("0.00099")), 0);
});

for (
  const [text, decimals, shown] of [
    ["0", 2, "0.00"],
    ["0.004", 2, "0.00"],
    ["0.005", 2, "0.01"], // halves go up
    ["0.0049999", 2, "0.00"],
    ["1.005", 2, "1.01"], // as a double it is 1.00499…
    ["0.995", 2, "1.00"],
    ["12", 0, "12"],
  ] as const
) {
  test(`${text} with ${decimals} decimals is ${shown}`, () => {
    assert.equal(Money.parse(text).toFixed(decimals), shown);
  });
}

for (
  const [text, shown] of [
    ["0", "$0.00"],
    ["0.00012", "$0.00012"],
    ["0.0072", "$0.0072"],
    ["0.009", "$0.009"],
    ["0.00996", "$0.01"],
    ["0.00994", "$0.0099"],
    ["0.000000012", "$0.000000012"],
    ["0.0000000001", "under $0.00000001"],
    ["0.01", "$0.01"],
    ["1.65", "$1.65"],
    ["1234.5", "$1234.50"],
  ] as const
) {
  test(`${text} dollars are shown as ${shown}`, () => {
    assert.equal(formatMoney(Money.parse(text), "USD"), shown);
  });
}

test("another currency is named", () => {
  assert.equal(formatMoney(Money.parse("2.5"), "EUR"), "EUR 2.50");
});

test("in JSON an amount is a number with at most nine decimals", () => {
  assert.equal(JSON.stringify({ cost: Money.parse("1").times(1, 3) }), '{"cost":0.333333333}');
});

for (const text of ["", "-1", "1e3", ".5", "1,5", "$1", "1.", "0x1"]) {
  test(`"${text}" is not a price`, () => assert.throws(() => Money.parse(text), RangeError));
}

test("property: sums of cents are those of whole numbers", () => {
  fc.assert(fc.property(fc.array(fc.integer({ min: 0, max: 10 ** 9 })), (cents) => {
    const sum = Money.sum(cents.map((n) => Money.parse("0.01").times(n)));
    assert.equal(sum.compare(Money.parse("0.01").times(cents.reduce((a, b) => a + b, 0))), 0);
  }));
});

test("property: what is shown is never further than half a digit from the amount", () => {
  fc.assert(fc.property(fc.nat(10 ** 9), fc.integer({ min: 1, max: 10 ** 6 }), (n, d) => {
    const off = Math.abs(Number(Money.parse("1").times(n, d).toFixed(2)) - n / d);
    assert.ok(off <= 0.005 + 1e-6);
  }));
});
