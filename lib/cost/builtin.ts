/** The prices that coldframe brings along. */

import { type Prices, readPrices } from "./prices.ts";
import usEast1 from "./prices/aws-us-east-1.json" with { type: "json" };

/** Where the price file stands in the sources; shown as the place of these prices. */
export const BUILTIN_NAME = "built in: aws-us-east-1.json";

/** AWS S3 in us-east-1. */
export function builtinPrices(): Prices {
  return readPrices(usEast1, BUILTIN_NAME);
}

/** The same as the text of a price file, to be changed by the user. */
export function builtinText(): string {
  return JSON.stringify(usEast1, null, 2) + "\n";
}
