/** `config.toml`: what the user decides once. Every key is optional. */

import { parse, TomlError } from "smol-toml";
import { ColdframeError } from "../errors.ts";
import { parseSize } from "../size.ts";
import { parseRate, type RateSchedule } from "../store/rate.ts";
import { type MirrorConfig, MirrorMistake, parseMirrors } from "./config-mirrors.ts";
import type { AlertSettings } from "../notify/settings.ts";
import { NO_ALERTS, parseAlerts } from "./config-alerts.ts";
import { type CheckSettings, DEFAULT_CHECKS, parseChecks } from "./config-checks.ts";

/** The settings of a home, with defaults filled in where a default does not depend on the home. */
export interface Config {
  /** Store URL, or undefined for `file:<home>/store`. */
  readonly staging: string | undefined;
  readonly cold: string | undefined;
  /** The largest image, in bytes. */
  readonly volumeSize: number;
  /** Bytes that staged files may take in all, or undefined for what the store has. */
  readonly stagingLimit: number | undefined;
  /** Whether images carry the UDF bridge. */
  readonly udf: boolean;
  /** Folders that `sync` protects when none are named. */
  readonly sources: readonly string[];
  /** gitignore lines, after the built-in ones. */
  readonly ignore: readonly string[];
  /** Address of a libSQL server for a catalog that several boxes share. */
  readonly catalog: string | undefined;
  /** How fast to send, by the hour; undefined for no limit. */
  readonly limitRate: RateSchedule | undefined;
  /** A file of prices, from the home if relative; undefined for `<home>/prices.json` where that is there. */
  readonly prices: string | undefined;
  /** Places that single files are copied to; see `config-mirrors.ts`. */
  readonly mirrors: readonly MirrorConfig[];
  /** How often the copies are proven. */
  readonly checks: CheckSettings;
  /** Whom to tell when something is wrong. */
  readonly alerts: AlertSettings;
}

/** 5 GB: fits any cloud's single-copy limits, thaws in one go, and is one request a month for most families. */
export const DEFAULT_VOLUME_SIZE = 5_000_000_000;

/** Below this an image hardly holds more than its own structures. */
const SMALLEST_VOLUME = 1_000_000;

/**
 * Bytes of a volume size, as in `lib/size.ts`.
 *
 * @param what names the setting in the error
 * @throws ColdframeError `usage`
 */
export function parseVolumeSize(text: string, what: string): number {
  const size = parseSize(text, what);
  if (size >= SMALLEST_VOLUME) return size;
  throw new ColdframeError("usage", `${what}: ${text} is too small`, {
    hint: "Volumes start at 1M; 5G is usual.",
  });
}

type Reader = (value: unknown, key: string) => unknown;

const text: Reader = (value, key) => {
  if (typeof value !== "string" || value === "") throw new RangeError(`${key} must be a text in quotes`);
  return value;
};

const flag: Reader = (value, key) => {
  if (typeof value !== "boolean") throw new RangeError(`${key} must be true or false`);
  return value;
};

const lines: Reader = (value, key) => {
  if (!Array.isArray(value) || value.some((item) => typeof item !== "string")) {
    throw new RangeError(`${key} must be a list of texts, such as ["one", "two"]`);
  }
  return value;
};

const size: Reader = (value, key) => {
  if (typeof value !== "string" && typeof value !== "number") {
    throw new RangeError(`${key} must be a size such as "5G"`);
  }
  return parseVolumeSize(String(value), key);
};

/** Kept as text: only a mistake in it matters here. */
const rate: Reader = (value, key) => {
  if (typeof value !== "string") throw new RangeError(`${key} must be a rate in quotes, such as "2M"`);
  parseRate(value);
  return value;
};

const space: Reader = (value, key) => {
  if (typeof value !== "string" && typeof value !== "number") {
    throw new RangeError(`${key} must be a size such as "10G"`);
  }
  return parseSize(String(value), key);
};

/** Kept as a table: only a mistake in it matters here. */
const checks: Reader = (value) => {
  parseChecks(value);
  return value;
};

/** Kept as a table: only a mistake in it matters here. */
const alerts: Reader = (value) => {
  parseAlerts(value);
  return value;
};

const KEYS: Readonly<Record<string, Reader>> = {
  "staging": text,
  "cold": text,
  "staging-limit": space,
  "volume-size": size,
  "udf": flag,
  "sources": lines,
  "ignore": lines,
  "catalog": text,
  "limit-rate": rate,
  "prices": text,
  "checks": checks,
  "alerts": alerts,
};

/**
 * Reads the text of a config file.
 *
 * @param path for messages
 * @throws ColdframeError `config` with the line of the mistake
 */
export function parseConfig(source: string, path: string): Config {
  const table = parseToml(source, path);
  const values: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(table)) {
    if (key === "mirrors") continue;
    const reader = Object.hasOwn(KEYS, key) ? KEYS[key] : undefined;
    if (reader === undefined) throw mistake(path, lineOf(source, key), unknownKey(key));
    values[key] = readValue(reader, value, key, path, lineOf(source, key));
  }
  return { ...fromValues(values), mirrors: readMirrors(table["mirrors"] ?? {}, path, source) };
}

function readMirrors(value: unknown, path: string, source: string): MirrorConfig[] {
  try {
    return parseMirrors(value);
  } catch (error) {
    if (error instanceof MirrorMistake) throw mistake(path, error.lineIn(source), error.message);
    if (error instanceof RangeError) throw mistake(path, lineOf(source, "mirrors"), error.message);
    throw error;
  }
}

/** The settings of a home without a config file. */
export const DEFAULT_CONFIG: Config = fromValues({});

function fromValues(values: Record<string, unknown>): Config {
  return {
    staging: optionalText(values["staging"]),
    cold: optionalText(values["cold"]),
    volumeSize: typeof values["volume-size"] === "number" ? values["volume-size"] : DEFAULT_VOLUME_SIZE,
    stagingLimit: typeof values["staging-limit"] === "number" ? values["staging-limit"] : undefined,
    udf: values["udf"] !== false,
    sources: texts(values["sources"]),
    ignore: texts(values["ignore"]),
    catalog: optionalText(values["catalog"]),
    limitRate: typeof values["limit-rate"] === "string" ? parseRate(values["limit-rate"]) : undefined,
    prices: optionalText(values["prices"]),
    mirrors: [],
    checks: "checks" in values ? parseChecks(values["checks"]) : DEFAULT_CHECKS,
    alerts: "alerts" in values ? parseAlerts(values["alerts"]) : NO_ALERTS,
  };
}

function optionalText(value: unknown): string | undefined {
  return typeof value === "string" ? value : undefined;
}

function texts(value: unknown): string[] {
  return Array.isArray(value) ? value.filter((item) => typeof item === "string") : [];
}

function parseToml(source: string, path: string): Record<string, unknown> {
  try {
    return parse(source);
  } catch (error) {
    if (!(error instanceof TomlError)) throw error;
    const [first] = error.message.split("\n");
    throw mistake(path, error.line, (first ?? "").replace(/^Invalid TOML document: /, ""));
  }
}

function readValue(reader: Reader, value: unknown, key: string, path: string, line: number): unknown {
  try {
    return reader(value, key);
  } catch (error) {
    if (error instanceof RangeError || error instanceof ColdframeError) {
      throw mistake(path, line, error.message);
    }
    throw error;
  }
}

function mistake(path: string, line: number, what: string): ColdframeError {
  return new ColdframeError("config", `${path}, line ${line}: ${what}`, {
    hint: "Correct that line and run again.",
  });
}

function unknownKey(key: string): string {
  const near = Object.keys(KEYS).find((known) => distance(known, key) <= 2);
  const help = near === undefined
    ? `the keys are ${Object.keys(KEYS).join(", ")}`
    : `did you mean "${near}"?`;
  return `unknown key "${key}"; ${help}`;
}

/** The line, from 1, on which a top-level key stands. TOML's parser does not keep it. */
function lineOf(source: string, key: string): number {
  const escaped = key.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
  const pattern = new RegExp(`^\\s*(\\[+\\s*)?["']?${escaped}["']?\\s*[=.\\]]`);
  const index = source.split("\n").findIndex((line) => pattern.test(line));
  return index + 1;
}

/** Levenshtein distance, for a friendly guess at a mistyped key. */
function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const change = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(change, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1));
    }
    row = next;
  }
  return row[b.length] ?? 0;
}

/** What `init` asks or takes from flags. */
export interface ConfigChoices {
  readonly staging?: string | undefined;
  readonly cold?: string | undefined;
  readonly volumeSize?: string | undefined;
  readonly sources?: readonly string[] | undefined;
}

/** The text of a new, commented `config.toml`. */
export function renderConfig(choices: ConfigChoices): string {
  const setting = (key: string, value: string | undefined, example: string) =>
    value === undefined ? `# ${key} = ${JSON.stringify(example)}` : `${key} = ${JSON.stringify(value)}`;
  return `# coldframe settings. Every line is optional; a line that starts with # is switched off.
# Passwords and tokens never belong here: they come from the environment or from files of their own.

# Folders to protect when \`coldframe sync\` is run without naming any.
${
    choices.sources === undefined || choices.sources.length === 0
      ? `# sources = ["/home/me/Pictures"]`
      : `sources = ${JSON.stringify(choices.sources)}`
  }

# Where new files wait, encrypted one by one, until a volume is full.
# A folder: "file:/mnt/usb/store"
${setting("staging", choices.staging, "file:/mnt/usb/store")}

# The most that waiting files may take there; without it, what the store has, but for a little that is left
# free. When they would take more, the oldest of them are made into a volume before it is full.
# staging-limit = "10G"

# Where volumes are kept for good.
# A bucket: "s3://bucket/prefix?region=eu-central-1&class=DEEP_ARCHIVE"; with &lock=365d nobody can delete
# a volume for a year. Keys come from AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or ~/.aws.
${setting("cold", choices.cold, "file:/mnt/usb/store")}

# The size of a volume: k, M, G are powers of 1000, Ki, Mi, Gi powers of 1024.
${setting("volume-size", choices.volumeSize, "5G")}

# Files to leave out, in the syntax of .gitignore, after the built-in list (.DS_Store, Thumbs.db, …).
# A file named .coldframeignore in any folder does the same for that folder.
# ignore = ["*.tmp", "/Screenshots/"]

# Images carry UDF beside ISO 9660, so that files over 4 GiB open on every system.
# udf = false

# How fast to send, in bytes per second, all stores together; by the hour of the day if you like.
# limit-rate = "08:00-23:00 500k, else 2M"

# What your provider charges, for \`coldframe cost\`; see docs/COST.md.
# prices = "prices.json"

# A catalog that several boxes share, on a libSQL server; its token comes from COLDFRAME_CATALOG_TOKEN.
# catalog = "libsql://photos.example.org"

# Single files copied elsewhere, one object each, by \`coldframe mirror\`, and once a day by \`coldframe sync\`;
# see docs/MIRROR.md.
# [mirrors.bucket]
#   store = "s3://bucket/prefix?region=eu-central-1"

# How often the copies are proven (docs/CHECK.md): 12h, 30d, 2w, or never.
# [checks]
#   volumes = "30d"
#   sources = "1d"
#   reread = "90d"

# Where single files are copied to, one object each, by \`coldframe mirror\`, and once a day by \`coldframe sync\`;
# see docs/MIRROR.md.
# [mirrors.bucket]
#   store = "s3://bucket/prefix?region=eu-central-1"

# Whom to tell when something is wrong (docs/ALERTS.md); try it with \`coldframe alert test\`.
# Each password, token and secret address is in a file of its own (chmod 600), or in the environment.
# [alerts.mail]
#   host = "smtp.example.org"
#   user = "me@example.org"
#   password-file = "mail-password"
#   to = "me@example.org"
# [alerts.ntfy]
#   url = "https://ntfy.example.org/photos"
# [alerts.ping]
#   url-file = "ping-url"
`;
}
