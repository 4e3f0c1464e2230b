/**
 * Prices of a provider in a region on a day: a data file that the user may replace. docs/COST.md describes
 * it; `prices/aws-us-east-1.json` is the one that coldframe brings along.
 */

import { ColdframeError } from "../errors.ts";
import { Money } from "./money.ts";

/** A way to bring archived objects back. */
export interface Tier {
  readonly name: string;
  /** For each gigabyte, and for each thousand objects. */
  readonly gigabyte: Money;
  readonly thousand: Money;
  /** How long it takes. */
  readonly minutes: { readonly from: number; readonly to: number };
}

/** Prices of a storage class. */
export interface ClassPrices {
  readonly name: string;
  /** For each gigabyte and month. */
  readonly storage: Money;
  /** For each thousand requests. */
  readonly put: Money;
  readonly get: Money;
  /** What is removed earlier is paid for so many days all the same. */
  readonly minimumDays: number;
  /** Bytes that the provider adds to each object: at the price of the class, and at that of STANDARD. */
  readonly overhead: { readonly own: number; readonly standard: number };
  /** For each gigabyte read, where objects can be read at once. */
  readonly retrieval: Money;
  /** The ways to thaw, cheapest first; none where objects can be read at once. */
  readonly tiers: readonly Tier[];
}

/** Prices of a provider in a region. */
export interface Prices {
  readonly provider: string;
  readonly region: string;
  /** The day they were taken down, `2026-11-22`. */
  readonly date: string;
  /** As ISO 4217 names it. */
  readonly currency: string;
  /** Bytes of what the provider calls a gigabyte. */
  readonly gigabyte: number;
  readonly egress: { readonly freeBytes: number; readonly gigabyte: Money };
  /** The class of everything that must stay readable at once. */
  readonly standard: ClassPrices;
  readonly classes: ReadonlyMap<string, ClassPrices>;
}

/**
 * Reads the text of a price file.
 *
 * @param path for messages
 * @throws ColdframeError `config` naming the key that is wrong
 */
export function parsePrices(text: string, path: string): Prices {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw mistake(path, "it is not JSON", error);
  }
  return readPrices(value, path);
}

/** The same for what was parsed already. */
export function readPrices(value: unknown, path: string): Prices {
  try {
    return toPrices(new Fields(value, ""));
  } catch (error) {
    if (error instanceof RangeError) throw mistake(path, error.message, error);
    throw error;
  }
}

function mistake(path: string, what: string, cause: unknown): ColdframeError {
  return new ColdframeError("config", `price file ${path}: ${what}`, {
    hint: "Correct it, or take it away to use the prices that coldframe brings along.",
    cause,
  });
}

function toPrices(fields: Fields): Prices {
  const gigabyte = fields.whole("gigabyte");
  const classes = toClasses(fields.table("classes"));
  const standard = classes.get("STANDARD");
  if (standard === undefined) throw new RangeError("classes.STANDARD is missing");
  if (gigabyte === 0) throw new RangeError("gigabyte must be above 0");
  const egress = fields.table("egress");
  const prices = {
    provider: fields.text("provider"),
    region: fields.text("region"),
    date: toDay(fields.text("date")),
    currency: fields.text("currency"),
    gigabyte,
    egress: { freeBytes: egress.whole("freeGigabytes") * gigabyte, gigabyte: egress.price("gigabyte") },
    standard,
    classes,
  };
  if (fields.has("source")) fields.text("source");
  egress.end();
  fields.end();
  return prices;
}

function toDay(text: string): string {
  const time = /^\d{4}-\d{2}-\d{2}$/.test(text) ? Date.parse(`${text}T00:00:00Z`) : NaN;
  if (Number.isNaN(time) || new Date(time).toISOString().slice(0, 10) !== text) {
    throw new RangeError("date must be a day such as 2026-11-22");
  }
  return text;
}

function toClasses(table: Fields): Map<string, ClassPrices> {
  const classes = new Map<string, ClassPrices>();
  // Where a class has no price for reading, that of STANDARD holds: a thawed copy is kept there.
  const standard = table.table("STANDARD").price("get");
  for (const name of table.names()) classes.set(name, toClass(name, table.table(name), standard));
  return classes;
}

function toClass(name: string, fields: Fields, standardGet: Money): ClassPrices {
  const overhead = fields.has("overhead") ? fields.table("overhead") : undefined;
  const prices = {
    name,
    storage: fields.price("storage"),
    put: fields.price("put"),
    get: fields.has("get") ? fields.price("get") : standardGet,
    minimumDays: fields.has("minimumDays") ? fields.whole("minimumDays") : 0,
    overhead: { own: overhead?.whole("own") ?? 0, standard: overhead?.whole("standard") ?? 0 },
    retrieval: fields.has("retrieval") ? fields.price("retrieval") : Money.ZERO,
    tiers: fields.has("tiers") ? toTiers(fields.table("tiers")) : [],
  };
  overhead?.end();
  fields.end();
  return prices;
}

function toTiers(table: Fields): Tier[] {
  const tiers = table.names().map((name) => {
    const fields = table.table(name);
    const tier = {
      name,
      gigabyte: fields.price("gigabyte"),
      thousand: fields.price("thousand"),
      minutes: fields.span("minutes"),
    };
    fields.end();
    return tier;
  });
  if (tiers.length === 0) throw new RangeError(`${table.path} must name a tier`);
  return tiers.toSorted((a, b) => a.gigabyte.compare(b.gigabyte));
}

/** An object of a JSON file; every complaint names the key. */
class Fields {
  readonly path: string;
  readonly #values: ReadonlyMap<string, unknown>;
  readonly #read = new Set<string>();

  constructor(value: unknown, path: string) {
    if (typeof value !== "object" || value === null || Array.isArray(value)) {
      throw new RangeError(`${path === "" ? "the file" : path} must be an object in {}`);
    }
    this.path = path;
    this.#values = new Map(Object.entries(value));
  }

  names(): string[] {
    return [...this.#values.keys()];
  }

  has(key: string): boolean {
    return this.#values.has(key);
  }

  table(key: string): Fields {
    return new Fields(this.#take(key), this.#at(key));
  }

  text(key: string): string {
    const value = this.#take(key);
    if (typeof value === "string" && value !== "") return value;
    throw new RangeError(`${this.#at(key)} must be a text in quotes`);
  }

  whole(key: string): number {
    const value = this.#take(key);
    if (typeof value === "number" && Number.isSafeInteger(value) && value >= 0) return value;
    throw new RangeError(`${this.#at(key)} must be a whole number`);
  }

  /** In quotes, since a JSON number need not be kept exactly. */
  price(key: string): Money {
    const value = this.#take(key);
    try {
      if (typeof value === "string") return Money.parse(value);
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
    }
    throw new RangeError(`${this.#at(key)} must be a price in quotes, such as "0.0036"`);
  }

  span(key: string): { from: number; to: number } {
    const value = this.#take(key);
    const [from, to]: unknown[] = Array.isArray(value) ? value : [];
    if (typeof from === "number" && typeof to === "number" && from >= 0 && to >= from) return { from, to };
    throw new RangeError(`${this.#at(key)} must be two numbers, such as [300, 720]`);
  }

  /** Refuses what nobody asked for: a mistyped key would pass for a price of nothing. */
  end(): void {
    const unknown = this.names().find((name) => !this.#read.has(name));
    if (unknown !== undefined) throw new RangeError(`${this.#at(unknown)} is not known`);
  }

  #take(key: string): unknown {
    this.#read.add(key);
    if (!this.#values.has(key)) throw new RangeError(`${this.#at(key)} is missing`);
    return this.#values.get(key);
  }

  #at(key: string): string {
    return this.path === "" ? key : `${this.path}.${key}`;
  }
}
