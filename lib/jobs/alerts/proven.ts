/** How far the copies are proven, for the digest; never called more than it is (DESIGN §8). */

import { type Proven, type ProvenLevel, provenNow } from "../../catalog/proven.ts";
import { formatDay } from "../../text.ts";
import type { Session } from "../session.ts";

/** A line for each kind of object and each level that was reached in it. */
export async function provenLines({ db, home }: Session): Promise<string[]> {
  const all = await provenNow(db, home.box);
  return all.length === 0 ? ["Nothing is stored yet."] : all.flatMap(linesOf);
}

function linesOf({ what, objects, levels }: Proven): string[] {
  const reached = levels.filter((level) => level.objects > 0);
  const title = what.padEnd(22);
  if (reached.length === 0) return [`${title}nothing is proven of ${objects}`];
  return reached.map((level) => `${title}${lineOf(level, objects)}`);
}

function lineOf({ level, objects, oldest, newest }: ProvenLevel, all: number): string {
  const what = `${level.padEnd(13)}${objects} of ${all}`;
  if (oldest === undefined || newest === undefined) return what;
  const [from, to] = [formatDay(oldest), formatDay(newest)];
  return `${what}, ${from === to ? `on ${from}` : `from ${from} to ${to}`}`;
}
