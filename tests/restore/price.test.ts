/** What a restore costs, from the published prices, to the cent. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { builtinPrices } from "../../lib/cost/builtin.ts";
import { formatMoney } from "../../lib/cost/money.ts";
import { priceRestore, type Reading } from "../../lib/jobs/restore/price.ts";

const GB = 1024 ** 3;
const SOURCE = { prices: builtinPrices(), from: "test", own: false };
const DEEP = "s3://bucket?region=us-east-1&class=DEEP_ARCHIVE";
const FLEXIBLE = "s3://bucket?region=us-east-1&class=GLACIER";
const INSTANT = "s3://bucket?region=us-east-1&class=GLACIER_IR";
const OTHER = "s3://bucket?region=auto&endpoint=https://example.com";

const reading = (store: string, more: Partial<Reading> = {}): Reading => ({
  store,
  kind: "volume",
  thaw: true,
  objects: 12,
  objectBytes: 60 * GB,
  readBytes: 2 * GB,
  gets: 1000,
  ...more,
});

function costs(...readings: Reading[]): Record<string, string> {
  const { options } = priceRestore(readings, SOURCE, {}, 7);
  return Object.fromEntries(
    options.map((
      { tier, cost },
    ) => [tier ?? "now", cost === undefined ? "?" : formatMoney(cost.total, "USD")]),
  );
}

test("Deep Archive: 60 GB × $0.0025 + 12 × $0.025/1,000 + copies 60 GB × $0.023 × 7/30 + GETs, cheapest first", () => {
  // Bulk: 0.15 + 0.0003 + 0.322 + 0.0004; Standard: 1.20 + 0.0012 + 0.322 + 0.0004
  assert.deepEqual(costs(reading(DEEP)), { Bulk: "$0.47", Standard: "$1.52" });
  assert.deepEqual(Object.keys(costs(reading(DEEP))), ["Bulk", "Standard"]);
});

test("Flexible: Bulk is free but for the copies; Expedited is 60 × $0.03 + 12 × $10/1,000", () => {
  // 0.322 + 0.0004; + 0.60 + 0.0006; + 1.80 + 0.12
  assert.deepEqual(costs(reading(FLEXIBLE)), { Bulk: "$0.32", Standard: "$0.92", Expedited: "$2.24" });
});

test("Instant is not thawed: 2 GB × $0.03", () => {
  assert.deepEqual(costs(reading(INSTANT, { thaw: false })), { now: "$0.06" });
});

test("what is thawed already costs the reading only", () => {
  assert.deepEqual(costs(reading(DEEP, { thaw: false })), { now: "$0.0004" });
});

test("egress beyond 100 GB: 50 GB × $0.09, counted once over all stores", () => {
  const half = { thaw: false, readBytes: 75 * GB, gets: 0 };
  assert.deepEqual(costs(reading(DEEP, half), reading(FLEXIBLE, half)), { now: "$4.50" });
});

test("only tiers that all stores have are offered", () => {
  assert.deepEqual(Object.keys(costs(reading(DEEP), reading(FLEXIBLE))), ["Bulk", "Standard"]);
});

test("a store of unknown prices makes the total unknown, and is named", () => {
  const { options, unpriced } = priceRestore([reading(DEEP), reading(OTHER)], SOURCE, {}, 7);
  assert.deepEqual(options.map(({ cost }) => cost), [undefined, undefined]);
  assert.deepEqual(unpriced.map(({ store }) => store), [OTHER]);
});

test("a folder is free", () => {
  assert.deepEqual(costs(reading("file:/mnt", { thaw: false })), { now: "$0.00" });
});
