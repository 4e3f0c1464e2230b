/** What bringing back costs: thawing, reading, keeping the thawed copy, and the way out of the cloud. */

import { Money } from "./money.ts";
import type { ClassPrices, Prices, Tier } from "./prices.ts";
import { MONTH_DAYS } from "./storage.ts";

/** What is brought back. */
export interface RestoreJob {
  /** Volumes to thaw. An object can only be thawed whole. */
  readonly volumes: number;
  /** Bytes of these volumes. */
  readonly thawBytes: number;
  /** Bytes that are read, and that leave the cloud. */
  readonly readBytes: number;
  /** Requests to read them. */
  readonly gets: number;
  /** How many days the thawed copies stay, at the price of STANDARD. */
  readonly days: number;
  /** Bytes that may still leave for nothing this month. */
  readonly freeBytes: number;
}

/** What that costs by one way to thaw. */
export interface RestoreCost {
  /** Undefined where nothing need be thawed. */
  readonly tier: string | undefined;
  readonly minutes: { readonly from: number; readonly to: number };
  readonly retrieval: Money;
  readonly requests: Money;
  /** Keeping the thawed copies. */
  readonly copies: Money;
  readonly egress: Money;
  readonly total: Money;
}

/** The price of a restore for each tier of the class, cheapest first; one where there are no tiers. */
export function restoreCosts(prices: Prices, volumeClass: ClassPrices, job: RestoreJob): RestoreCost[] {
  if (volumeClass.tiers.length > 0) {
    return volumeClass.tiers.map((tier) => thawCost(prices, volumeClass, job, tier));
  }
  const retrieval = volumeClass.retrieval.times(job.readBytes, prices.gigabyte);
  return [withTotal(undefined, { from: 0, to: 0 }, {
    retrieval,
    requests: volumeClass.get.times(job.gets, 1000),
    copies: Money.ZERO,
    egress: egressCost(prices, job.readBytes, job.freeBytes),
  })];
}

function thawCost(prices: Prices, volumeClass: ClassPrices, job: RestoreJob, tier: Tier): RestoreCost {
  return withTotal(tier.name, tier.minutes, {
    retrieval: tier.gigabyte.times(job.thawBytes, prices.gigabyte),
    requests: tier.thousand.times(job.volumes, 1000).plus(volumeClass.get.times(job.gets, 1000)),
    copies: prices.standard.storage.times(job.thawBytes * job.days, prices.gigabyte * MONTH_DAYS),
    egress: egressCost(prices, job.readBytes, job.freeBytes),
  });
}

type Parts = Pick<RestoreCost, "retrieval" | "requests" | "copies" | "egress">;

function withTotal(tier: string | undefined, minutes: RestoreCost["minutes"], parts: Parts): RestoreCost {
  return { tier, minutes, ...parts, total: Money.sum(Object.values(parts)) };
}

/**
 * The price of bytes that leave the cloud.
 *
 * @param freeBytes what may still leave for nothing
 */
export function egressCost(prices: Prices, bytes: number, freeBytes: number): Money {
  return prices.egress.gigabyte.times(Math.max(0, bytes - freeBytes), prices.gigabyte);
}
