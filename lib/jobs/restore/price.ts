/** What a planned restore costs, for each way to thaw. */

import { builtinPrices } from "../../cost/builtin.ts";
import { Money } from "../../cost/money.ts";
import type { ClassPrices, Prices } from "../../cost/prices.ts";
import { type RestoreCost, restoreCosts, type RestoreJob } from "../../cost/restore.ts";
import { parseS3Url } from "../../store/s3/url.ts";
import type { ThawTier } from "../../store/store.ts";
import { type PriceSource, tariffOf } from "../cost-tariff.ts";

/** What is read of the objects of one sort in one store. */
export interface Reading {
  readonly store: string;
  /** Volumes may be in an archive class; all else is in STANDARD (see `ObjectKind`). */
  readonly kind: "volume" | "other";
  /** Whether they must be thawed first, on this user's bill. */
  readonly thaw: boolean;
  readonly objects: number;
  /** Bytes of these objects, and of them what is read. */
  readonly objectBytes: number;
  readonly readBytes: number;
  readonly gets: number;
}

/** One way to do a restore. */
export interface TierOption {
  /** Undefined where nothing need be thawed. */
  readonly tier: ThawTier | undefined;
  /** How long the thaw takes. */
  readonly minutes: RestoreCost["minutes"];
  /** Undefined where the prices of a store are not known. */
  readonly cost: Omit<RestoreCost, "tier" | "minutes"> | undefined;
}

/** The prices of a restore. */
export interface PricedRestore {
  /** The day of the prices, and their currency. */
  readonly date: string;
  readonly currency: string;
  /** Cheapest first; at least one. Only tiers that every store has which must thaw. */
  readonly options: readonly TierOption[];
  /** Why the price is not known, by store; and what makes it uncertain. */
  readonly unpriced: readonly { readonly store: string; readonly why: string }[];
  readonly remarks: readonly string[];
}

/**
 * Prices what will be read.
 *
 * @param days how long thawed copies shall stay
 */
export function priceRestore(
  readings: readonly Reading[],
  source: PriceSource,
  env: Readonly<Record<string, string | undefined>>,
  days: number,
): PricedRestore {
  const { prices } = source;
  const unpriced = new Map<string, string>();
  const remarks = new Set<string>();
  const offers: Offer[] = [];
  let freeBytes = prices.egress.freeBytes;
  for (const reading of readings) {
    const tariff = tariffOf(reading.store, source, env);
    if (tariff.kind === "free") continue;
    if (tariff.kind !== "priced") {
      unpriced.set(reading.store, tariff.why);
      if (reading.thaw) offers.push(unpricedOffer(reading.store));
      continue;
    }
    tariff.remarks.forEach((remark) => remarks.add(remark));
    offers.push(offerOf(prices, tariff.volumes, reading, days, freeBytes));
    freeBytes = Math.max(0, freeBytes - reading.readBytes); // counted once, over all stores
  }
  return {
    date: prices.date,
    currency: prices.currency,
    options: combine(offers, readings.some(({ thaw }) => thaw), unpriced.size === 0),
    unpriced: [...unpriced].map(([store, why]) => ({ store, why })),
    remarks: [...remarks],
  };
}

/** What one sort of objects costs: by tier, or at once. */
type Offer =
  | { readonly kind: "tiers"; readonly tiers: readonly TierOption[] }
  | { readonly kind: "at once"; readonly cost: RestoreCost };

function offerOf(
  prices: Prices,
  volumes: ClassPrices,
  reading: Reading,
  days: number,
  freeBytes: number,
): Offer {
  const { objects, objectBytes, readBytes, gets, thaw, kind } = reading;
  const own = kind === "volume" ? volumes : prices.standard;
  const job: RestoreJob = { volumes: objects, thawBytes: objectBytes, readBytes, gets, days, freeBytes };
  const costs = restoreCosts(prices, thaw ? own : { ...own, tiers: [] }, job);
  const [atOnce] = costs;
  if (!thaw && atOnce !== undefined) return { kind: "at once", cost: atOnce };
  return { kind: "tiers", tiers: costs.flatMap(optionOf) };
}

function optionOf({ tier, minutes, ...cost }: RestoreCost): TierOption[] {
  return isTier(tier) ? [{ tier, minutes, cost }] : [];
}

/** How long the class takes is known, whatever it costs there. */
function unpricedOffer(store: string): Offer {
  const { classes } = builtinPrices();
  const own = classes.get(parseS3Url(store).storageClass);
  const tiers = own !== undefined && own.tiers.length > 0
    ? own.tiers
    : classes.get("DEEP_ARCHIVE")?.tiers ?? [];
  return {
    kind: "tiers",
    tiers: tiers.flatMap(({ name, minutes }) =>
      isTier(name) ? [{ tier: name, minutes, cost: undefined }] : []
    ),
  };
}

function combine(offers: readonly Offer[], thaw: boolean, priced: boolean): TierOption[] {
  const fixed = offers.flatMap((offer) => offer.kind === "at once" ? [offer.cost] : []);
  const tiered = offers.flatMap((offer) => offer.kind === "tiers" ? [offer.tiers] : []);
  if (!thaw) return [sum(undefined, fixed, [], priced)];
  const names = (tiered[0] ?? []).map(({ tier }) => tier);
  const common = names.filter((name) => tiered.every((tiers) => tiers.some(({ tier }) => tier === name)));
  return common
    .map((name) =>
      sum(name, fixed, tiered.flatMap((tiers) => tiers.filter(({ tier }) => tier === name)), priced)
    )
    .toSorted((a, b) =>
      a.cost !== undefined && b.cost !== undefined ? a.cost.total.compare(b.cost.total) : 0
    );
}

function sum(
  tier: ThawTier | undefined,
  fixed: readonly RestoreCost[],
  options: readonly TierOption[],
  priced: boolean,
): TierOption {
  const costs = [...fixed, ...options.flatMap(({ cost }) => cost === undefined ? [] : [cost])];
  const of = (part: keyof NonNullable<TierOption["cost"]>) => Money.sum(costs.map((cost) => cost[part]));
  return {
    tier,
    minutes: {
      from: Math.max(0, ...options.map(({ minutes }) => minutes.from)),
      to: Math.max(0, ...options.map(({ minutes }) => minutes.to)),
    },
    cost: !priced ? undefined : {
      retrieval: of("retrieval"),
      requests: of("requests"),
      copies: of("copies"),
      egress: of("egress"),
      total: of("total"),
    },
  };
}

const TIERS: readonly ThawTier[] = ["Bulk", "Standard", "Expedited"];

/** A tier that stores know, among the names that a price file may give. */
export function isTier(name: string | undefined): name is ThawTier {
  return TIERS.some((tier) => tier === name);
}
