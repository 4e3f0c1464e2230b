/** How far the copies are proven, for the digest. */

import { formatDay } from "../../text.ts";
import { jobsOf } from "./jobs.ts";
import type { Session } from "../session.ts";

/** One line for each check: when it last ended well. */
export async function provenLines(session: Session): Promise<string[]> {
  const checks = (await jobsOf(session)).filter(({ job }) => job.startsWith("check "));
  return checks.map(({ job, last }) =>
    `${job.padEnd(18)} ${
      last === undefined ? "has not proven anything yet" : `ended well on ${formatDay(last)}`
    }`
  );
}
