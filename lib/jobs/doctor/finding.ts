/** What the doctor's looks report. */

import { ColdframeError, messageOf } from "../../errors.ts";

/** How bad it is: `broken` keeps photos from being stored or restored, `warning` may do so one day. */
export type Severity = "good" | "warning" | "broken";

/** What one look found. */
export interface Finding {
  /** What was looked at, such as `catalog`. */
  readonly about: string;
  readonly severity: Severity;
  readonly message: string;
  readonly hint: string | undefined;
}

/** Makes one. */
export function finding(about: string, severity: Severity, message: string, hint?: string): Finding {
  return { about, severity, message, hint };
}

/** A look that ended with an error. */
export function failed(about: string, error: unknown): Finding {
  const hint = error instanceof ColdframeError ? error.hint : undefined;
  return finding(about, "broken", messageOf(error), hint);
}

/** What keeps a home from being opened at all, as a finding; undefined for an error of another kind. */
export function findingOf(error: unknown): Finding | undefined {
  const ours = error instanceof ColdframeError && ["catalog", "config", "key-missing"].includes(error.code);
  return ours ? failed(error.code === "key-missing" ? "key" : error.code, error) : undefined;
}
