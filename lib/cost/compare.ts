/** One object for each file, against volumes. */

import { Money } from "./money.ts";
import type { ClassPrices, Prices } from "./prices.ts";
import { requestCost } from "./requests.ts";
import { overheadCost } from "./storage.ts";

/** Files to keep. */
export interface Workload {
  readonly files: number;
  readonly bytes: number;
}

/** What a way to store them costs. */
export interface LayoutCost {
  readonly objects: number;
  /** For each month. */
  readonly storage: Money;
  /** For each month: what the provider adds to each object. */
  readonly overhead: Money;
  /** Once: the requests that finish an object, and those that send parts before. */
  readonly upload: Money;
  readonly parts: Money;
  /** Each time that every object is asked for by a request of its own. */
  readonly check: Money;
}

/** Both ways. */
export interface Comparison {
  readonly perFile: LayoutCost;
  readonly volumes: LayoutCost;
}

/**
 * Compares the two ways. Files are sent by one request each, which favours the first way.
 *
 * @param partRequests how many requests a volume of so many bytes takes before the one that finishes it
 */
export function compareLayouts(
  prices: Prices,
  volumeClass: ClassPrices,
  workload: Workload,
  volumeSize: number,
  partRequests: (size: number) => number,
): Comparison {
  const volumes = Math.ceil(workload.bytes / volumeSize);
  const parts = volumes * partRequests(Math.min(volumeSize, workload.bytes));
  const layout = (objects: number, parts: number) =>
    layoutCost(prices, volumeClass, workload.bytes, objects, parts);
  return { perFile: layout(workload.files, 0), volumes: layout(volumes, parts) };
}

function layoutCost(
  prices: Prices,
  volumeClass: ClassPrices,
  bytes: number,
  objects: number,
  parts: number,
): LayoutCost {
  const requests = requestCost(prices, volumeClass, { finished: objects, parts, standard: 0, gets: objects });
  return {
    objects,
    storage: volumeClass.storage.times(bytes, prices.gigabyte),
    overhead: overheadCost(prices, volumeClass, objects),
    upload: requests.finished,
    parts: requests.parts,
    check: requests.gets,
  };
}
