/** A plan of a restore as text, and the question before it costs something. */

import { formatMoney } from "../cost/money.ts";
import { ColdframeError } from "../errors.ts";
import type { PlannedVolume, RestorePlan } from "../jobs/restore/plan.ts";
import type { TierOption } from "../jobs/restore/price.ts";
import { formatSize } from "../size.ts";
import { type Column, count, printable, table } from "./format.ts";
import type { Terminal } from "./terminal.ts";

const WHERE: Readonly<Record<string, string>> = { staged: "staging", volume: "volumes", mirror: "mirror" };

/** The plan, line by line. */
export function describePlan(plan: RestorePlan): string[] {
  const lines = plan.objects.map(({ kind, store, files, fetchBytes }) =>
    `  ${count(files, "file")} from ${WHERE[kind] ?? kind} ${printable(store)}: ${
      formatSize(fetchBytes)
    } to fetch`
  );
  for (const [store, volumes] of Map.groupBy(plan.volumes, (volume) => volume.store)) {
    lines.push(...describeVolumes(store, volumes));
  }
  return [...lines, ...describeThaw(plan)];
}

function describeVolumes(store: string, volumes: readonly PlannedVolume[]): string[] {
  const files = volumes.reduce((sum, volume) => sum + volume.files, 0);
  const bytes = volumes.reduce((sum, volume) => sum + volume.fetchBytes, 0);
  const places = `${count(volumes.length, "volume")} at ${printable(store)}`;
  const head = `  ${count(files, "file")} from ${places}: ${formatSize(bytes)} to fetch`;
  const states = [
    ["archived", "to be thawed"],
    ["agreed", "agreed to be thawed"],
    ["thawing", "being thawed"],
  ] as const;
  const cold = states.flatMap(([state, text]) => {
    const some = volumes.filter((volume) => volume.state === state);
    if (some.length === 0) return [];
    const size = some.reduce((sum, volume) => sum + volume.size, 0);
    return [`    ${count(some.length, "volume")} (${formatSize(size)}) ${text}`];
  });
  return [head, ...cold];
}

function describeThaw({ prices, thaw, fetch }: RestorePlan): string[] {
  const paid = prices.options.some(({ cost }) => cost !== undefined && !cost.total.isZero());
  const tiers = prices.options.some(({ tier }) => tier !== undefined);
  if (!paid && !tiers) return [];
  const kept = thaw.volumes > 0 ? `, thawed copies kept ${count(thaw.days, "day")}` : "";
  const head = `  Prices of ${prices.date}${kept}, ${count(fetch.requests, "read")}:`;
  const columns: Column[] = [
    { title: "Tier" },
    { title: "Time" },
    ...["Retrieval", "Requests", "Copies", "Egress", "Total"].map((title) => ({
      title,
      align: "right" as const,
    })),
  ];
  const rows = prices.options.map((option) => optionRow(option, prices.currency));
  return [
    head,
    ...table(columns, rows).map((text) => `    ${text}`),
    ...prices.unpriced.map(({ store, why }) => `  Not in the price: ${printable(store)}: ${printable(why)}`),
    ...prices.remarks.map((remark) => `  Mind: ${printable(remark)}`),
  ];
}

function optionRow({ tier, minutes, cost }: TierOption, currency: string): string[] {
  const amounts = cost === undefined
    ? ["", "", "", "", "not known"]
    : [cost.retrieval, cost.requests, cost.copies, cost.egress, cost.total].map((money) =>
      formatMoney(money, currency)
    );
  return [tier ?? "at once", describeWait(minutes), ...amounts];
}

/** How long a tier takes. */
export function describeWait({ from, to }: TierOption["minutes"]): string {
  if (to === 0) return "no wait";
  const [divisor, unit] = to < 120 ? [1, "min"] : [60, "h"];
  return from === 0 ? `within ${to / divisor} ${unit}` : `${from / divisor}–${to / divisor} ${unit}`;
}

/** What is asked, in one line. */
export function describeChoice(plan: RestorePlan, option: TierOption, chosen: boolean): string {
  const price = option.cost === undefined
    ? "a price that is not known"
    : formatMoney(option.cost.total, plan.prices.currency);
  if (plan.thaw.volumes === 0) return `Restore for ${price}`;
  const what = `Thaw ${count(plan.thaw.volumes, "volume")} (${formatSize(plan.thaw.bytes)})`;
  const how = `${option.tier ?? ""} (${chosen ? "" : "the cheapest, "}${describeWait(option.minutes)})`;
  return `${what} by ${how} for ${price}`;
}

/** How to agree. */
export interface Consent {
  /** `--yes`. */
  readonly yes: boolean;
  /** Whether the user named the tier. */
  readonly chosen: boolean;
}

/**
 * Shows a plan and asks.
 *
 * @throws ColdframeError `cost` where nobody can be asked
 */
export async function askConsent(
  terminal: Terminal,
  plan: RestorePlan,
  option: TierOption,
  { yes, chosen }: Consent,
): Promise<boolean> {
  const choice = describeChoice(plan, option, chosen);
  if (!yes && !terminal.interactive) {
    throw new ColdframeError("cost", `nobody was asked: ${choice}`, {
      hint: "Look at the plan with --plan, then agree with --yes, or with --yes --max-cost 5.",
    });
  }
  for (const text of describePlan(plan)) terminal.err(`${text}\n`);
  if (yes) {
    terminal.err(`${choice}: agreed by --yes.\n`);
    return true;
  }
  const answer = await terminal.ask(`${choice}? [y/N] `);
  return /^y(es)?$/i.test(answer?.trim() ?? "");
}
