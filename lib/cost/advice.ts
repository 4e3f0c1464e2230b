/**
 * How large volumes should be: large ones take fewer requests and less overhead, small ones make it cheaper
 * to bring one photo back, since an archived object can only be thawed whole.
 */

import { Money } from "./money.ts";
import type { ClassPrices, Prices } from "./prices.ts";
import { requestCost } from "./requests.ts";
import { restoreCosts } from "./restore.ts";
import { overheadCost } from "./storage.ts";

/** Sizes worth comparing, in bytes. */
export const CANDIDATE_SIZES: readonly number[] = [1e9, 2e9, 5e9, 10e9, 25e9, 50e9];

/** What the advice is for. */
export interface AdviceCase {
  /** Bytes of the archive. */
  readonly bytes: number;
  /** How long it is kept. */
  readonly years: number;
  /** Single photos brought back in a year, each from a volume of its own. */
  readonly photosPerYear: number;
  /** Bytes of a photo. */
  readonly photoSize: number;
  /** Requests that read one photo from a volume. */
  readonly photoGets: number;
  /** How many days thawed copies stay. */
  readonly days: number;
  /** How many requests a volume of so many bytes takes before the one that finishes it. */
  partRequests(size: number): number;
}

/** What volumes of one size cost; storage itself is the same for all. */
export interface SizeCost {
  /** Bytes. */
  readonly size: number;
  readonly volumes: number;
  /** Once: sending every volume and its manifest. */
  readonly upload: Money;
  /** For all years: what the provider adds to each object. */
  readonly overhead: Money;
  /** Bringing one photo back by the cheapest tier. */
  readonly photo: Money;
  /** All of it, for all years. */
  readonly total: Money;
}

/** The sizes, and the one that is cheapest in the end. */
export interface Advice {
  readonly years: number;
  readonly photosPerYear: number;
  readonly sizes: readonly SizeCost[];
  /** Bytes; of equals the larger, as there is less to look after. */
  readonly cheapest: number;
}

/** Compares volume sizes; `candidates` in bytes, smallest first. */
export function adviseVolumeSize(
  prices: Prices,
  volumeClass: ClassPrices,
  what: AdviceCase,
  candidates: readonly number[] = CANDIDATE_SIZES,
): Advice {
  // Beyond the first size that holds everything there is nothing to compare.
  const useful = candidates.filter((_, i) => i === 0 || (candidates[i - 1] ?? 0) < what.bytes);
  const sizes = useful.map((size) => sizeCost(prices, volumeClass, what, size));
  const best = sizes.reduce((best, next) => next.total.compare(best.total) <= 0 ? next : best);
  return { years: what.years, photosPerYear: what.photosPerYear, sizes, cheapest: best.size };
}

function sizeCost(prices: Prices, volumeClass: ClassPrices, what: AdviceCase, size: number): SizeCost {
  const volumes = Math.ceil(what.bytes / size);
  const thawed = Math.min(size, what.bytes);
  const upload = requestCost(prices, volumeClass, {
    finished: volumes,
    parts: volumes * what.partRequests(thawed),
    standard: volumes,
    gets: 0,
  }).total;
  const overhead = overheadCost(prices, volumeClass, volumes).times(12 * what.years);
  const photo = cheapestPhoto(prices, volumeClass, what, thawed);
  const total = Money.sum([upload, overhead, photo.times(what.photosPerYear * what.years)]);
  return { size, volumes, upload, overhead, photo, total };
}

function cheapestPhoto(prices: Prices, volumeClass: ClassPrices, what: AdviceCase, thawed: number): Money {
  const costs = restoreCosts(prices, volumeClass, {
    volumes: 1,
    thawBytes: thawed,
    readBytes: Math.min(what.photoSize, thawed),
    gets: what.photoGets,
    days: what.days,
    freeBytes: prices.egress.freeBytes,
  });
  return costs.reduce(
    (best, { total }) => total.compare(best) < 0 ? total : best,
    costs[0]?.total ?? Money.ZERO,
  );
}
