/** `[checks]` in `config.toml`: how often the copies are proven. */

/** How often each job should end well, in ms; undefined for one that is switched off. */
export interface CheckSettings {
  /** A look at the staging store. */
  readonly staging: number | undefined;
  /** A look at the stored volumes. */
  readonly volumes: number | undefined;
  /** A look at each mirror. */
  readonly mirrors: number | undefined;
  /** The next share of the local files. */
  readonly sources: number | undefined;
  /** The time in which every local file is read again. */
  readonly reread: number;
  /** A sync; later than this is late. */
  readonly sync: number | undefined;
}

const DAY = 86_400_000;

/** What holds where the settings say nothing. A month is 30 days, a quarter 90. */
export const DEFAULT_CHECKS: CheckSettings = {
  staging: DAY,
  volumes: 30 * DAY,
  mirrors: 30 * DAY,
  sources: DAY,
  reread: 90 * DAY,
  sync: DAY,
};

const UNITS: Readonly<Record<string, number>> = { h: DAY / 24, d: DAY, w: 7 * DAY };

/**
 * Reads the table.
 *
 * @throws RangeError naming the key that is wrong
 */
export function parseChecks(value: unknown): CheckSettings {
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw new RangeError("checks must be a table: a line [checks], and the settings below it");
  }
  const given = Object.entries(value);
  const unknown = given.find(([key]) => !Object.hasOwn(DEFAULT_CHECKS, key));
  if (unknown !== undefined) {
    const known = Object.keys(DEFAULT_CHECKS).join(", ");
    throw new RangeError(`unknown key "${unknown[0]}" in [checks]; the keys are ${known}`);
  }
  const checks = { ...DEFAULT_CHECKS, ...Object.fromEntries(given.map(([k, v]) => [k, parseEvery(k, v)])) };
  if (checks.reread === undefined) throw new RangeError(`checks.reread cannot be "never": set sources so`);
  return checks;
}

function parseEvery(key: string, value: unknown): number | undefined {
  if (value === "never") return undefined;
  const [, digits = "", unit = ""] = /^(\d{1,4})([hdw])$/.exec(typeof value === "string" ? value : "") ?? [];
  const time = Number(digits) * (UNITS[unit] ?? 0);
  if (time > 0) return time;
  throw new RangeError(`checks.${key} must be a time such as "12h", "30d" or "2w", or "never"`);
}
