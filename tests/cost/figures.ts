/** Round prices, so that every figure of a test can be worked by hand. */

import { Money } from "../../lib/cost/money.ts";
import { builtinPrices } from "../../lib/cost/builtin.ts";
import { type ClassPrices, type Prices, readPrices } from "../../lib/cost/prices.ts";

/** What AWS calls a gigabyte. */
export const GB = 2 ** 30;

/** The prices of the sources, and a class of them. */
export function published(name: string): { prices: Prices; of: ClassPrices } {
  return pick(builtinPrices(), name);
}

/** lomo-backup's own example, as of 2024-04-04; its gigabyte has 1,000 megabytes. */
export function lomoPrices(): { prices: Prices; of: ClassPrices } {
  const file = {
    provider: "AWS S3 Glacier",
    region: "us-east-1",
    date: "2024-04-04",
    currency: "USD",
    gigabyte: 1_000_000_000,
    egress: { freeGigabytes: 100, gigabyte: "0.09" },
    classes: {
      STANDARD: { storage: "0.023", put: "0.005", get: "0.0004" },
      GLACIER: { storage: "0.0036", put: "0.03", get: "0.0004" },
    },
  };
  return pick(readPrices(file, "lomo.json"), "GLACIER");
}

function pick(prices: Prices, name: string): { prices: Prices; of: ClassPrices } {
  const of = prices.classes.get(name);
  if (of === undefined) throw new Error(`no class ${name}`);
  return { prices, of };
}

/** The exact amount of a text, to compare with. */
export function exactly(actual: Money, text: string): boolean {
  return actual.compare(Money.parse(text)) === 0;
}
