/** What must be asked before a restore costs money. Pure. */

import { formatMoney, Money } from "../../cost/money.ts";
import { ColdframeError } from "../../errors.ts";
import type { ThawTier } from "../../store/store.ts";
import type { RestorePlan } from "./plan.ts";
import type { TierOption } from "./price.ts";

/** What the user allows. */
export interface Limits {
  /** The tier to thaw by; undefined for the cheapest. */
  readonly tier: ThawTier | undefined;
  /** The most it may cost; undefined for any price that is agreed to. */
  readonly maxCost: Money | undefined;
}

/**
 * The way the restore will go.
 *
 * @throws ColdframeError `usage` for a tier that the store does not have
 */
export function chooseOption(plan: RestorePlan, { tier }: Pick<Limits, "tier">): TierOption {
  const { options } = plan.prices;
  const [cheapest] = options;
  if (cheapest === undefined) {
    throw new ColdframeError("usage", "the stores to thaw from have no tier in common", {
      hint: "Restore in two steps, naming the files of one store at a time with --volume NAME.",
    });
  }
  if (tier === undefined || cheapest.tier === undefined) return cheapest;
  const wanted = options.find((option) => option.tier === tier);
  if (wanted !== undefined) return wanted;
  const names = options.flatMap((option) => option.tier?.toLowerCase() ?? []).join(" or ");
  throw new ColdframeError("usage", `--tier ${tier.toLowerCase()} is not offered for these volumes`, {
    hint: `Choose --tier ${names}.`,
  });
}

/** Below this nobody need be asked. */
const CENT = Money.parse("0.01");

/** Whether a restore thaws something, or costs a cent or more: what nobody was asked about is not done. */
export function needsConsent(plan: RestorePlan, option: TierOption): boolean {
  if (plan.thaw.volumes > 0) return true;
  return option.cost !== undefined && option.cost.total.compare(CENT) >= 0;
}

/**
 * The guard of `--max-cost`.
 *
 * @throws ColdframeError `cost` when it costs more, or when nobody knows what it costs
 */
export function assertWithin(plan: RestorePlan, option: TierOption, { maxCost }: Limits): void {
  if (maxCost === undefined) return;
  const { currency, unpriced } = plan.prices;
  const limit = formatMoney(maxCost, currency);
  if (option.cost === undefined) {
    const why = unpriced.map((one) => `${one.store}: ${one.why}`).join("; ");
    throw new ColdframeError("cost", `the price is not known, so it may be above ${limit} (${why})`, {
      hint: "Write the provider's prices down (docs/COST.md), or leave out --max-cost.",
    });
  }
  if (option.cost.total.compare(maxCost) <= 0) return;
  const price = formatMoney(option.cost.total, currency);
  throw new ColdframeError("cost", `this restore would cost ${price}, more than the ${limit} allowed`, {
    hint: "Nothing was asked for and nothing was paid. Restore fewer files, or raise --max-cost.",
  });
}
