/**
 * What to tell people. Pure: from what is wrong, what they were told, and the time.
 *
 * - One message when something new is wrong, about all that is new.
 * - A reminder when a week has passed since anything open was last told, about all that is still open, so
 *   that there is never more than one a week.
 * - One message when something they were told of is over.
 * - A digest each month. No message says that all is fine.
 */

import type { TellableFinding } from "../../catalog/notices.ts";

/** A message to write. */
export type Decision =
  | { readonly kind: "opened" | "reminder" | "closed"; readonly findings: readonly TellableFinding[] }
  | { readonly kind: "digest" };

/** What decides. Times are ms since 1970. */
export interface Known {
  readonly findings: readonly TellableFinding[];
  /** When the last digest was written; where there was none, when the home began to work. */
  readonly lastDigest: number | undefined;
  /** Whether digests are wanted. */
  readonly digest: boolean;
}

const WEEK = 7 * 86_400_000;

/** Decides what to tell now. */
export function decide({ findings, lastDigest, digest }: Known, now: number): Decision[] {
  const open = findings.filter(({ closed }) => closed === undefined);
  const fresh = open.filter(isNews);
  const known = open.filter((one) => !isNews(one));
  const over = findings.filter(({ closed, told }) => closed !== undefined && told !== undefined);
  const isDue = known.some(({ told }) => told !== undefined && hasPassed(told.last, WEEK, now));
  const all: readonly Decision[] = [
    { kind: "opened", findings: fresh },
    { kind: "reminder", findings: isDue ? known : [] },
    { kind: "closed", findings: over },
  ];
  const said = all.filter((one) => one.kind !== "digest" && one.findings.length > 0);
  return digest && isNextMonth(lastDigest, now) ? [...said, { kind: "digest" }] : said;
}

/** New, or worse than they were told. */
function isNews({ told, severity }: TellableFinding): boolean {
  return told === undefined || (severity === "damage" && told.severity === "warning");
}

/** A time that is still to come was written by a clock that was wrong; to wait for it could take years. */
function hasPassed(since: number, time: number, now: number): boolean {
  return now - since >= time || since > now;
}

/** Months are those of the calendar, in UTC: the same for every box that shares the catalog. */
function isNextMonth(last: number | undefined, now: number): boolean {
  return last !== undefined && monthOf(last) !== monthOf(now);
}

/** `2026-03`. */
export function monthOf(time: number): string {
  return new Date(time).toISOString().slice(0, 7);
}
