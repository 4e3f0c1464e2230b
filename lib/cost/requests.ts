/**
 * What requests cost.
 *
 * Source: S3 User Guide, "Multipart upload and pricing": on the way to an archive class only
 * CompleteMultipartUpload has the price of that class; the parts before it are requests to STANDARD.
 */

import { Money } from "./money.ts";
import type { ClassPrices, Prices } from "./prices.ts";

/** How many requests of which kind. */
export interface RequestCounts {
  /** Objects made in the class of the volumes: one PUT or CompleteMultipartUpload each. */
  readonly finished: number;
  /** Requests before those: CreateMultipartUpload and UploadPart. */
  readonly parts: number;
  /** Objects made in STANDARD: manifests, snapshots, staged files. */
  readonly standard: number;
  /** GET, HEAD and all others. */
  readonly gets: number;
}

/** What they cost. */
export interface RequestCost {
  readonly counts: RequestCounts;
  readonly finished: Money;
  readonly parts: Money;
  readonly standard: Money;
  readonly gets: Money;
  readonly total: Money;
}

/** Whether objects of a class must be thawed. */
export function isArchive(prices: ClassPrices): boolean {
  return prices.tiers.length > 0;
}

/** The price of requests. */
export function requestCost(prices: Prices, volumes: ClassPrices, counts: RequestCounts): RequestCost {
  const finished = volumes.put.times(counts.finished, 1000);
  const parts = (isArchive(volumes) ? prices.standard : volumes).put.times(counts.parts, 1000);
  const standard = prices.standard.put.times(counts.standard, 1000);
  const gets = prices.standard.get.times(counts.gets, 1000);
  return { counts, finished, parts, standard, gets, total: Money.sum([finished, parts, standard, gets]) };
}
