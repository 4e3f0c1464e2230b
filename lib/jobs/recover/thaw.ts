/**
 * Volumes that must be thawed before a recovery can read the listings inside them: only where neither a
 * snapshot nor a manifest names what they hold.
 */

import { BUILTIN_NAME, builtinPrices } from "../../cost/builtin.ts";
import { Money } from "../../cost/money.ts";
import { restoreCosts } from "../../cost/restore.ts";
import { ColdframeError } from "../../errors.ts";
import type { ThawOptions, ThawTier } from "../../store/store.ts";
import { tariffOf } from "../cost-tariff.ts";
import { inParallel } from "../pool.ts";
import type { FoundObject } from "./stores.ts";

/** What thawing volumes would cost and take. */
export interface ThawOffer {
  readonly volumes: number;
  readonly bytes: number;
  /** Hours at most; undefined where the provider's times are not known. */
  readonly hours: number | undefined;
  /** With the currency and the day of the prices; undefined where there are none. */
  readonly price: { readonly total: Money; readonly currency: string; readonly date: string } | undefined;
}

/** Decides whether volumes are thawed, and how; undefined leaves them out of the recovery. */
export type ApproveThaw = (volumes: readonly FoundObject[]) => Promise<ThawOptions | undefined>;

/** Reads of a listing: the end of an image, its directories, the listing itself. */
const GETS = 8;
const LISTING_BYTES = 4_000_000;

/** Prices the thawing of volumes by the built-in prices, as there is no home yet that could have others. */
export function offerThaw(
  volumes: readonly FoundObject[],
  { tier, days }: ThawOptions,
  env: Readonly<Record<string, string | undefined>>,
): ThawOffer {
  const prices = builtinPrices();
  const bytes = sizeOf(volumes);
  const costs = [...Map.groupBy(volumes, ({ store }) => store.url)].map(([url, group]) => {
    const tariff = tariffOf(url, { prices, from: BUILTIN_NAME, own: false }, env);
    if (tariff.kind !== "priced") return undefined;
    const gets = GETS * group.length;
    const job = { volumes: group.length, thawBytes: sizeOf(group), readBytes: LISTING_BYTES * group.length };
    const all = restoreCosts(prices, tariff.volumes, {
      ...job,
      gets,
      days,
      freeBytes: prices.egress.freeBytes,
    });
    return all.find((one) => one.tier === undefined || one.tier === tier);
  });
  const known = costs.filter((cost) => cost !== undefined);
  const complete = known.length === costs.length;
  return {
    volumes: volumes.length,
    bytes,
    hours: complete ? Math.ceil(Math.max(...known.map(({ minutes }) => minutes.to)) / 60) : undefined,
    price: complete
      ? { total: Money.sum(known.map(({ total }) => total)), currency: prices.currency, date: prices.date }
      : undefined,
  };
}

function sizeOf(volumes: readonly FoundObject[]): number {
  return volumes.reduce((sum, { info }) => sum + info.size, 0);
}

/** How long a provider of archives takes where its times are not known. */
const USUAL: Readonly<Record<ThawTier, string>> = {
  Expedited: "an hour",
  Standard: "12 hours",
  Bulk: "48 hours",
};

/**
 * Asks for volumes to be thawed. Asking again for one that is under way is harmless.
 *
 * @throws ColdframeError `object-archived` when they cannot be read yet: the recovery is to be run again
 */
export async function thawVolumes(volumes: readonly FoundObject[], options: ThawOptions): Promise<void> {
  let waiting = 0;
  await inParallel(volumes, { width: 8, budget: 8, cost: () => 1 }, async ({ store, info }) => {
    const { state } = await store.thaw(info.key, options);
    if (state !== "ready") waiting++;
  });
  if (waiting === 0) return;
  throw new ColdframeError(
    "object-archived",
    `${waiting} of ${volumes.length} volumes are being thawed; they can be read in up to ${
      USUAL[options.tier]
    }`,
    { hint: "Run the same command again then: what is under way is not asked for, or paid, twice." },
  );
}
