/** Which prices hold for which store. */

import { readFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { BUILTIN_NAME, builtinPrices } from "../cost/builtin.ts";
import { type ClassPrices, parsePrices, type Prices } from "../cost/prices.ts";
import { ColdframeError, messageOf, systemCode } from "../errors.ts";
import type { Home } from "../home/home.ts";
import { parseS3Url } from "../store/s3/url.ts";

/** Prices and where they come from. */
export interface PriceSource {
  readonly prices: Prices;
  /** A path, or the name of the built-in file. */
  readonly from: string;
  readonly own: boolean;
}

/**
 * The prices of a home: the file its settings name, else `prices.json` in the home, else the built-in ones.
 *
 * @throws ColdframeError `config` when the file is missing though it was named, or has a mistake
 */
export async function pricesOf(home: Home): Promise<PriceSource> {
  const named = home.config.prices;
  const path = named === undefined ? join(home.paths.root, "prices.json") : resolve(home.paths.root, named);
  try {
    return { prices: parsePrices(await readFile(path, "utf8"), path), from: path, own: true };
  } catch (error) {
    if (error instanceof ColdframeError) throw error;
    if (named === undefined && systemCode(error) === "ENOENT") {
      return { prices: builtinPrices(), from: BUILTIN_NAME, own: false };
    }
    const hint = `Put the file there, or correct "prices" in ${home.paths.config}.`;
    throw new ColdframeError("config", `cannot read the prices ${path}: ${messageOf(error)}`, {
      hint,
      cause: error,
    });
  }
}

/** What is known of the prices of a store. */
export type Tariff =
  | { readonly kind: "priced"; readonly volumes: ClassPrices; readonly remarks: readonly string[] }
  | { readonly kind: "free" | "unknown"; readonly why: string };

/** The prices that hold for a store. */
export function tariffOf(
  url: string,
  { prices, own }: PriceSource,
  env: Readonly<Record<string, string | undefined>>,
): Tariff {
  if (/^file:/i.test(url)) return { kind: "free", why: "a folder of yours: no provider charges for it" };
  if (/^gdrive:/i.test(url)) {
    return { kind: "free", why: "Google Drive charges nothing by use: it counts against your storage plan" };
  }
  if (!/^s3:/i.test(url)) return { kind: "unknown", why: "there are no prices for this kind of store" };
  const { storageClass, region, endpoint } = parseS3Url(url);
  const server = endpoint ?? env["AWS_ENDPOINT_URL_S3"] ?? env["AWS_ENDPOINT_URL"];
  if (!own && server !== undefined && !isAws(server)) {
    return { kind: "unknown", why: "there are no prices for a provider other than AWS: write a prices.json" };
  }
  const volumes = prices.classes.get(storageClass);
  if (volumes === undefined) {
    return { kind: "unknown", why: `the prices of ${prices.date} have no class ${storageClass}` };
  }
  return {
    kind: "priced",
    volumes,
    remarks: regionRemarks(prices, region ?? env["AWS_REGION"] ?? env["AWS_DEFAULT_REGION"]),
  };
}

function isAws(endpoint: string): boolean {
  return URL.canParse(endpoint) && /(^|\.)amazonaws\.com(\.cn)?$/.test(new URL(endpoint).hostname);
}

function regionRemarks(prices: Prices, region: string | undefined): string[] {
  if (region === prices.region) return [];
  const where = region === undefined ? "its region is not known here" : `it is in ${region}`;
  return [`prices are those of ${prices.region}, but ${where}: others may be dearer`];
}
