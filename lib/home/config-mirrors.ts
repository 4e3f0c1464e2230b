/** `[mirrors.NAME]` of `config.toml`: the places that single files are copied to. */

import { parseSize } from "../size.ts";
import { parseRate, type RateSchedule } from "../store/rate.ts";

/** A stretch of each day by the local clock, in minutes after midnight; `from` may be after `to`. */
export interface TimeWindow {
  readonly from: number;
  /** Not included. */
  readonly to: number;
}

/** One mirror of the settings. */
export interface MirrorConfig {
  readonly name: string;
  /** URL. */
  readonly store: string;
  /** The one folder whose files stand at the top of the mirror. */
  readonly source: string | undefined;
  /** Folders whose files stand below their names; all that are protected when there is neither. */
  readonly sources: readonly string[];
  /** The disk that `source` must be on: `UUID=…` or `LABEL=…`. */
  readonly disk: string | undefined;
  readonly encrypted: boolean;
  readonly names: "path" | "opaque";
  /** Patterns of what belongs into it; all when empty. */
  readonly include: readonly string[];
  readonly exclude: readonly string[];
  readonly limitRate: RateSchedule | undefined;
  readonly window: TimeWindow | undefined;
  /** Ms from one run to the next. */
  readonly every: number;
  readonly parallel: number | undefined;
  readonly maxFiles: number | undefined;
  readonly maxBytes: number | undefined;
}

/** What is wrong with a mirror of the settings, and with which of its keys, if with one. */
export class MirrorMistake extends RangeError {
  readonly mirror: string;
  readonly key: string | undefined;

  constructor(mirror: string, key: string | undefined, what: string) {
    super(what);
    this.mirror = mirror;
    this.key = key;
  }

  /** The line, from 1, of the key, or of the mirror's table; 0 where that cannot be found. */
  lineIn(source: string): number {
    const lines = source.split("\n");
    const table = lines.findIndex((line) => {
      const [, name] = /^\s*\[\s*["']?mirrors["']?\s*\.\s*["']?([^"'\]]+?)["']?\s*\]/.exec(line) ?? [];
      return name === this.mirror;
    });
    const key = lines.findIndex((line, i) =>
      i > table && /^\s*["']?([\w-]+)["']?\s*=/.exec(line)?.[1] === this.key
    );
    return (this.key === undefined || key < 0 ? table : key) + 1;
  }
}

const HOUR = 3_600_000;
const UNITS: Readonly<Record<string, number>> = { h: HOUR, d: 24 * HOUR, w: 7 * 24 * HOUR };

type Reader = (value: unknown, key: string) => unknown;

const text: Reader = (value, key) => {
  if (typeof value !== "string" || value === "") throw new RangeError(`${key} must be a text in quotes`);
  return value;
};

const lines: Reader = (value, key) => {
  if (!Array.isArray(value) || value.some((item) => typeof item !== "string" || item === "")) {
    throw new RangeError(`${key} must be a list of texts, such as ["one", "two"]`);
  }
  return value;
};

const flag: Reader = (value, key) => {
  if (typeof value !== "boolean") throw new RangeError(`${key} must be true or false`);
  return value;
};

const count: Reader = (value, key) => {
  if (typeof value !== "number" || !Number.isSafeInteger(value) || value < 1) {
    throw new RangeError(`${key} must be a whole number from 1`);
  }
  return value;
};

const KEYS: Readonly<Record<string, Reader>> = {
  "store": text,
  "source": text,
  "sources": lines,
  "disk": (value, key) => parseDisk(String(text(value, key))),
  "plain": flag,
  "names": (value, key) => {
    if (value !== "path" && value !== "opaque") throw new RangeError(`${key} must be "path" or "opaque"`);
    return value;
  },
  "include": lines,
  "exclude": lines,
  "limit-rate": (value, key) => parseRate(String(text(value, key))),
  "window": (value, key) => parseTimeWindow(String(text(value, key))),
  "every": (value, key) => parseEvery(String(text(value, key))),
  "parallel": count,
  "max": count,
  "max-bytes": (value, key) => parseSize(String(text(value, key)), key),
};

/**
 * Reads the table `mirrors`.
 *
 * @throws MirrorMistake; RangeError when it is no table
 */
export function parseMirrors(value: unknown): MirrorConfig[] {
  if (!isTable(value)) throw new RangeError("mirrors must be tables: [mirrors.NAME]");
  const mirrors = Object.entries(value).map(([name, table]) => parseMirror(name, table));
  const stores = new Map<string, string>();
  for (const { name, store } of mirrors) {
    const other = stores.get(store);
    if (other !== undefined) {
      throw new MirrorMistake(
        name,
        "store",
        `the mirrors ${other} and ${name} have one store; give each its own prefix`,
      );
    }
    stores.set(store, name);
  }
  return mirrors;
}

function isTable(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function parseMirror(name: string, table: unknown): MirrorConfig {
  if (!isTable(table)) {
    throw new MirrorMistake(name, undefined, `mirrors.${name} must be a table: [mirrors.${name}]`);
  }
  if (!/^[\p{L}\p{N}][\p{L}\p{N}_.-]*$/u.test(name)) {
    throw new MirrorMistake(
      name,
      undefined,
      `"${name}" cannot be the name of a mirror: letters, digits, - _ . only`,
    );
  }
  const values: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(table)) {
    const reader = Object.hasOwn(KEYS, key) ? KEYS[key] : undefined;
    if (reader === undefined) {
      throw new MirrorMistake(
        name,
        key,
        `unknown key "${key}" of a mirror; the keys are ${Object.keys(KEYS).join(", ")}`,
      );
    }
    values[key] = readValue(reader, value, name, key);
  }
  return fromValues(name, values);
}

function readValue(reader: Reader, value: unknown, name: string, key: string): unknown {
  try {
    return reader(value, key);
  } catch (error) {
    throw error instanceof Error ? new MirrorMistake(name, key, error.message) : error;
  }
}

function fromValues(name: string, values: Record<string, unknown>): MirrorConfig {
  const store = values["store"];
  if (typeof store !== "string") throw new MirrorMistake(name, undefined, `the mirror ${name} needs a store`);
  const [source, sources] = [asText(values["source"]), asTexts(values["sources"])];
  if (source !== undefined && sources.length > 0) {
    throw new MirrorMistake(name, "sources", `the mirror ${name} has both source and sources; one is enough`);
  }
  if (values["disk"] !== undefined && source === undefined) {
    throw new MirrorMistake(
      name,
      "disk",
      `the mirror ${name} names a disk; say with source which folder of it`,
    );
  }
  const encrypted = values["plain"] !== true;
  const names = values["names"] === "opaque" ? "opaque" : "path";
  if (names === "opaque" && !encrypted) {
    throw new MirrorMistake(name, "names", `the mirror ${name} is plain: opaque names would hide nothing`);
  }
  return {
    name,
    store,
    source,
    sources,
    disk: asText(values["disk"]),
    encrypted,
    names,
    include: asTexts(values["include"]),
    exclude: asTexts(values["exclude"]),
    limitRate: isRate(values["limit-rate"]) ? values["limit-rate"] : undefined,
    window: isWindow(values["window"]) ? values["window"] : undefined,
    every: asNumber(values["every"]) ?? UNITS["d"] ?? 0,
    parallel: asNumber(values["parallel"]),
    maxFiles: asNumber(values["max"]),
    maxBytes: asNumber(values["max-bytes"]),
  };
}

function asText(value: unknown): string | undefined {
  return typeof value === "string" ? value : undefined;
}

function asTexts(value: unknown): string[] {
  return Array.isArray(value) ? value.filter((item) => typeof item === "string") : [];
}

function asNumber(value: unknown): number | undefined {
  return typeof value === "number" ? value : undefined;
}

function isRate(value: unknown): value is RateSchedule {
  return isTable(value) && "windows" in value;
}

function isWindow(value: unknown): value is TimeWindow {
  return isTable(value) && "from" in value;
}

/** @throws RangeError unless it is `UUID=…` or `LABEL=…` */
export function parseDisk(text: string): string {
  if (/^(UUID|LABEL)=.+$/.test(text)) return text;
  throw new RangeError(`"${text}" names no disk: write UUID=… or LABEL=…, as \`lsblk -f\` shows them`);
}

/** `22:00-06:00`, by the local clock. @throws RangeError */
export function parseTimeWindow(text: string): TimeWindow {
  const [, h1, m1, h2, m2] = /^(\d\d?):([0-5]\d)\s*-\s*(\d\d?):([0-5]\d)$/.exec(text.trim()) ?? [];
  const [from, to] = [Number(h1) * 60 + Number(m1), Number(h2) * 60 + Number(m2)];
  const valid = from < 24 * 60 && to <= 24 * 60 && from !== to;
  if (valid) return { from, to };
  throw new RangeError(`"${text}" is no stretch of a day; write it as "22:00-06:00"`);
}

/** Whether a moment (ms since 1970) is inside. */
export function isWithin({ from, to }: TimeWindow, at: number): boolean {
  const date = new Date(at);
  const minute = date.getHours() * 60 + date.getMinutes();
  return from < to ? minute >= from && minute < to : minute >= from || minute < to;
}

/** `12h`, `1d`, `2w` in ms. @throws RangeError */
function parseEvery(text: string): number {
  const [, digits, unit = ""] = /^(\d+)\s*([hdw])$/.exec(text.trim()) ?? [];
  const ms = Number(digits) * (UNITS[unit] ?? NaN);
  if (ms > 0) return ms;
  throw new RangeError(`"${text}" is no time; write it as "12h", "1d" or "2w"`);
}
