/** What every import works with. */

import type { Reporter } from "../report.ts";

/** Where the job tells what it does, and how it is stopped. */
export interface ImportJob {
  readonly report: Reporter;
  readonly signal: AbortSignal;
}
