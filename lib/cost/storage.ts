/** What keeping costs: by the month, and when something is removed too early. */

import { Money } from "./money.ts";
import type { ClassPrices, Prices } from "./prices.ts";

const DAY = 86_400_000;

/** Parts of a month are counted in days of which it has thirty; a year has twelve months. */
export const MONTH_DAYS = 30;

/** A volume in a store. */
export interface StoredVolume {
  /** Bytes of the object. */
  readonly size: number;
  /** ms since 1970. */
  readonly stored: number;
}

/** What a store holds. */
export interface StoredThings {
  readonly volumes: readonly StoredVolume[];
  /** Bytes of all that is kept in STANDARD: staged files and snapshots. */
  readonly standardBytes: number;
  /** Bytes of confirmed parts of uploads that are not finished. */
  readonly unfinishedBytes: number;
}

/** What that costs for each month. */
export interface StorageCost {
  readonly volumes: Money;
  /** What the provider adds to each archived object, at the price of the class and of STANDARD. */
  readonly overhead: Money;
  readonly standard: Money;
  /** Parts of an upload stay in STANDARD until it is finished. */
  readonly unfinished: Money;
  readonly month: Money;
  readonly year: Money;
}

/** The price of storage. */
export function storageCost(prices: Prices, volumeClass: ClassPrices, things: StoredThings): StorageCost {
  const bytes = things.volumes.reduce((sum, { size }) => sum + size, 0);
  const volumes = volumeClass.storage.times(bytes, prices.gigabyte);
  const overhead = overheadCost(prices, volumeClass, things.volumes.length);
  const standard = prices.standard.storage.times(things.standardBytes, prices.gigabyte);
  const unfinished = prices.standard.storage.times(things.unfinishedBytes, prices.gigabyte);
  const month = Money.sum([volumes, overhead, standard, unfinished]);
  return { volumes, overhead, standard, unfinished, month, year: month.times(12) };
}

/** For each month, what the provider adds to so many objects. */
export function overheadCost(prices: Prices, { storage, overhead }: ClassPrices, objects: number): Money {
  return storage.times(overhead.own * objects, prices.gigabyte)
    .plus(prices.standard.storage.times(overhead.standard * objects, prices.gigabyte));
}

/** What removing would cost, since a minimum of days is paid in any case. */
export interface EarlyDelete {
  /** Volumes that are younger than the minimum. */
  readonly volumes: number;
  readonly minimumDays: number;
  /** When the last of them has reached it, ms since 1970; undefined when none is younger. */
  readonly until: number | undefined;
  /** If all of them were removed now. */
  readonly cost: Money;
}

/** The price of removing everything at this moment. A day that has begun counts whole. */
export function earlyDelete(
  prices: Prices,
  volumeClass: ClassPrices,
  volumes: readonly StoredVolume[],
  now: number,
): EarlyDelete {
  const { minimumDays, storage, overhead } = volumeClass;
  let until: number | undefined;
  let young = 0;
  let cost = Money.ZERO;
  for (const { size, stored } of volumes) {
    const end = stored + minimumDays * DAY;
    if (end <= now) continue;
    young++;
    until = Math.max(until ?? end, end);
    const left = Math.ceil((end - now) / DAY);
    cost = cost.plus(storage.times((size + overhead.own) * left, prices.gigabyte * MONTH_DAYS));
  }
  return { volumes: young, minimumDays, until, cost };
}
