/** lomo-backup's cost example, from its prices: 50,000 photos of 2 MB and 5,000 videos of 30 MB. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { compareLayouts } from "../../lib/cost/compare.ts";
import { formatMoney, type Money } from "../../lib/cost/money.ts";
import { lomoPrices } from "./figures.ts";

const FIRST = { files: 55_000, bytes: 50_000 * 2e6 + 5_000 * 30e6 };
const MONTHLY = { files: 300, bytes: 250 * 2e6 + 50 * 30e6 };

/** An ISO in one request, as there. */
const ONE_REQUEST = () => 0;

function compare(workload: typeof FIRST) {
  const { prices, of } = lomoPrices();
  return compareLayouts(prices, of, workload, 10e9, ONE_REQUEST);
}

function shown(amount: Money): string {
  return formatMoney(amount, "USD");
}

test("storage: 250 GB × $0.0036 = $0.90 a month, whichever way", () => {
  assert.equal(FIRST.bytes, 250e9);
  assert.equal(shown(compare(FIRST).perFile.storage), "$0.90");
  assert.equal(shown(compare(FIRST).volumes.storage), "$0.90");
});

test("upload of one object per file: 55,000 × $0.03 / 1,000 = $1.65", () => {
  assert.equal(compare(FIRST).perFile.upload.toJSON(), 1.65);
});

test("a check of each: 55,000 × $0.0004 / 1,000 = $0.022", () => {
  assert.equal(compare(FIRST).perFile.check.toJSON(), 0.022);
});

test("each month 2 GB more: 2 × $0.0036 = $0.0072", () => {
  assert.equal(MONTHLY.bytes, 2e9);
  assert.equal(shown(compare(MONTHLY).perFile.storage), "$0.0072");
});

test("their upload: 300 × $0.03 / 1,000 = $0.009", () => {
  assert.equal(shown(compare(MONTHLY).perFile.upload), "$0.009");
});

test("their check: 300 × $0.0004 / 1,000 = $0.00012", () => {
  assert.equal(shown(compare(MONTHLY).perFile.check), "$0.00012");
});

test("25 volumes of 10 GB: 25 × $0.03 / 1,000 = $0.00075; the example forgot the thousand and says $0.75", () => {
  const { volumes } = compare(FIRST);
  assert.equal(volumes.objects, 25);
  assert.equal(volumes.upload.toJSON(), 0.00075);
  assert.equal(volumes.upload.times(1000).toJSON(), 0.75);
});
