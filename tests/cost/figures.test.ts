/** Each figure of `cost`, worked by hand in its name or beside it. A gigabyte is 2^30 bytes, as AWS bills it. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { adviseVolumeSize } from "../../lib/cost/advice.ts";
import { compareLayouts } from "../../lib/cost/compare.ts";
import { requestCost } from "../../lib/cost/requests.ts";
import { restoreCosts, type RestoreJob } from "../../lib/cost/restore.ts";
import { earlyDelete, storageCost } from "../../lib/cost/storage.ts";
import { exactly, GB, published } from "./figures.ts";

const DAY = 86_400_000;
const NOW = Date.UTC(2026, 0, 1);
const NOTHING = { volumes: [], standardBytes: 0, unfinishedBytes: 0 };
const volumes = (n: number, size: number) => Array.from({ length: n }, () => ({ size, stored: NOW }));

test("100 GB in Deep Archive: 100 × $0.00099 = $0.099 a month", () => {
  const { prices, of } = published("DEEP_ARCHIVE");
  const cost = storageCost(prices, of, { ...NOTHING, volumes: volumes(20, 5 * GB) });
  assert.ok(exactly(cost.volumes, "0.099"));
});

test("32 KB + 8 KB for each of 32,768 archived objects: 1 GB × $0.00099 + 0.25 GB × $0.023 = $0.00674 a month", () => {
  const { prices, of } = published("DEEP_ARCHIVE");
  const cost = storageCost(prices, of, { ...NOTHING, volumes: volumes(32_768, 0) });
  assert.ok(exactly(cost.overhead, "0.00674"));
});

test("an object in Instant Retrieval has no overhead: $0", () => {
  const { prices, of } = published("GLACIER_IR");
  assert.ok(storageCost(prices, of, { ...NOTHING, volumes: volumes(1000, GB) }).overhead.isZero());
});

test("10 GB staged and 2 GB of an unfinished upload: 10 × $0.023 = $0.23, 2 × $0.023 = $0.046 a month", () => {
  const { prices, of } = published("DEEP_ARCHIVE");
  const cost = storageCost(prices, of, { volumes: [], standardBytes: 10 * GB, unfinishedBytes: 2 * GB });
  assert.ok(exactly(cost.standard, "0.23"));
  assert.ok(exactly(cost.unfinished, "0.046"));
});

test("a month is the sum of its lines, a year twelve months: $0.276 × 12 = $3.312", () => {
  const { prices, of } = published("DEEP_ARCHIVE");
  const cost = storageCost(prices, of, { volumes: [], standardBytes: 10 * GB, unfinishedBytes: 2 * GB });
  assert.ok(exactly(cost.month, "0.276"));
  assert.ok(exactly(cost.year, "3.312"));
});

test("Deep Archive: 1,000 completions $0.05, 2,000 parts at STANDARD $0.01, 400 others $0.002, 5,000 GET $0.002", () => {
  const { prices, of } = published("DEEP_ARCHIVE");
  const cost = requestCost(prices, of, { finished: 1000, parts: 2000, standard: 400, gets: 5000 });
  assert.ok(exactly(cost.finished, "0.05"));
  assert.ok(exactly(cost.parts, "0.01"));
  assert.ok(exactly(cost.standard, "0.002"));
  assert.ok(exactly(cost.gets, "0.002"));
  assert.ok(exactly(cost.total, "0.064"));
});

test("Instant Retrieval is no archive: its 2,000 parts cost its own price, $0.04", () => {
  const { prices, of } = published("GLACIER_IR");
  assert.ok(
    exactly(requestCost(prices, of, { finished: 0, parts: 2000, standard: 0, gets: 0 }).parts, "0.04"),
  );
});

/** 10 GB and its 32 KB: 10.000030517578125 GB × $0.00099 × days / 30. */
for (
  const [age, left, cost] of [
    [0, 180, "0.059400181"], // 0.00990003021… × 6
    [30, 150, "0.049500151"],
    [179, 1, "0.000330001"],
    [179.5, 1, "0.000330001"], // a day that has begun counts whole
    [180, 0, "0.000000000"],
    [400, 0, "0.000000000"],
  ] as const
) {
  test(`removing 10 GB of Deep Archive after ${age} days: ${left} of 180 days are owed, $${cost}`, () => {
    const { prices, of } = published("DEEP_ARCHIVE");
    const stored = NOW - age * DAY;
    const early = earlyDelete(prices, of, [{ size: 10 * GB, stored }], NOW);
    assert.equal(early.cost.toFixed(9), cost);
    assert.equal(early.volumes, left === 0 ? 0 : 1);
    assert.equal(early.until, left === 0 ? undefined : stored + 180 * DAY);
  });
}

test("STANDARD has no minimum: nothing is owed", () => {
  const { prices, of } = published("STANDARD");
  assert.ok(earlyDelete(prices, of, volumes(3, GB), NOW).cost.isZero());
});

const ALL: RestoreJob = {
  volumes: 50,
  thawBytes: 250 * GB,
  readBytes: 250 * GB,
  gets: 50_000,
  days: 30,
  freeBytes: 100 * GB,
};

/**
 * 250 GB in 50 volumes. Every tier: 50,000 GET × $0.0004/1,000 = $0.02; copies 250 × $0.023 × 30/30 = $5.75;
 * egress (250 − 100) × $0.09 = $13.50. Deep Archive Bulk: 250 × $0.0025 = $0.625, requests 50 × $0.025/1,000 +
 * $0.02 = $0.02125; total $19.89625.
 */
const FULL = {
  DEEP_ARCHIVE: [["Bulk", "0.625", "0.02125", "19.89625"], ["Standard", "5", "0.025", "24.275"]],
  GLACIER: [
    ["Bulk", "0", "0.02", "19.27"],
    ["Standard", "2.5", "0.0225", "21.7725"],
    ["Expedited", "7.5", "0.52", "27.27"],
  ],
} as const;

for (const [name, tiers] of Object.entries(FULL)) {
  for (const [i, [tier, retrieval, requests, total]] of tiers.entries()) {
    test(`restoring 250 GB from ${name} by ${tier}: $${retrieval} + $${requests} + $5.75 + $13.50 = $${total}`, () => {
      const { prices, of } = published(name);
      const cost = restoreCosts(prices, of, ALL)[i];
      assert.ok(cost !== undefined);
      assert.equal(cost.tier, tier);
      assert.ok(exactly(cost.retrieval, retrieval));
      assert.ok(exactly(cost.requests, requests));
      assert.ok(exactly(cost.copies, "5.75"));
      assert.ok(exactly(cost.egress, "13.5"));
      assert.ok(exactly(cost.total, total));
    });
  }
}

test("from Instant Retrieval there is one way, at once: 250 × $0.03 + $0.02 + $13.50 = $21.02", () => {
  const { prices, of } = published("GLACIER_IR");
  const [cost, ...others] = restoreCosts(prices, of, ALL);
  assert.deepEqual(others, []);
  assert.equal(cost?.tier, undefined);
  assert.ok(cost !== undefined && exactly(cost.retrieval, "7.5") && exactly(cost.total, "21.02"));
});

for (const [bytes, cost] of [[0, "0"], [100 * GB, "0"], [101 * GB, "0.09"], [200 * GB, "9"]] as const) {
  test(`${bytes / GB} GB leave the cloud for $${cost}: the first 100 GB are free`, () => {
    const { prices, of } = published("STANDARD");
    const [restored] = restoreCosts(prices, of, { ...ALL, readBytes: bytes, gets: 0 });
    assert.ok(restored !== undefined && exactly(restored.egress, cost));
  });
}

test("one photo thaws its whole volume: 5 GB × $0.02 + ($0.10 + 2 × $0.0004) / 1,000 + 5 × $0.023 × 6/30 = $0.1231008", () => {
  const { prices, of } = published("DEEP_ARCHIVE");
  const job = { volumes: 1, thawBytes: 5 * GB, readBytes: 3_000_000, gets: 2, days: 6, freeBytes: 100 * GB };
  const cost = restoreCosts(prices, of, job).find(({ tier }) => tier === "Standard");
  assert.ok(cost !== undefined);
  assert.ok(exactly(cost.egress, "0"));
  assert.ok(exactly(cost.total, "0.1231008"));
});

test("overhead: 1,048,576 files in Deep Archive cost 32 GB × $0.00099 + 8 GB × $0.023 = $0.21568 a month; one volume next to nothing", () => {
  const { prices, of } = published("DEEP_ARCHIVE");
  const { perFile, volumes } = compareLayouts(prices, of, { files: 2 ** 20, bytes: GB }, GB, () => 10);
  assert.ok(exactly(perFile.overhead, "0.21568"));
  assert.equal(volumes.objects, 1);
  assert.equal(volumes.overhead.times(2 ** 20).compare(perFile.overhead), 0);
  assert.ok(exactly(volumes.parts, "0.00005")); // 10 × $0.005 / 1,000
  assert.ok(exactly(perFile.parts, "0"));
});

/** 100 GB kept ten years in Deep Archive; photos of no size, no kept copies, parts of 1 GB. */
function advise(photosPerYear: number, candidates = [GB, 10 * GB]) {
  const { prices, of } = published("DEEP_ARCHIVE");
  const partRequests = (size: number) => Math.ceil(size / GB);
  const what = {
    bytes: 100 * GB,
    years: 10,
    photosPerYear,
    photoSize: 0,
    photoGets: 3,
    days: 0,
    partRequests,
  };
  return adviseVolumeSize(prices, of, what, candidates);
}

test("volumes of 10 GB: 10 × ($0.05 + 11 × $0.005) / 1,000 = $0.00105 to send, a photo 10 × $0.0025 + $0.0000262 = $0.0250262", () => {
  const large = advise(1).sizes[1];
  assert.equal(large?.volumes, 10);
  assert.equal(large?.upload.toJSON(), 0.00105);
  assert.equal(large?.photo.toJSON(), 0.0250262);
});

test("who never brings a photo back is best served by large volumes, who does by small ones", () => {
  assert.equal(advise(0).cheapest, 10 * GB);
  assert.equal(advise(12).cheapest, GB);
});

test("sizes far above the archive are not compared: the first that holds all of it is the last", () => {
  assert.deepEqual(advise(1, [10 * GB, 100 * GB, 200 * GB, 500 * GB]).sizes.map(({ size }) => size / GB), [
    10,
    100,
  ]);
});
