/** How far the copies are proven, for the digest; never called more than it is (DESIGN §8). */

import { filesInVolumes, type Reach, reachOfProofs } from "../../catalog/proven.ts";
import { listVolumes } from "../../catalog/volumes.ts";
import { count, formatDay } from "../../text.ts";
import type { Session } from "../session.ts";

/** One line for each level, weakest first. */
export async function provenLines({ db }: Session): Promise<string[]> {
  const stored = (await listVolumes(db)).filter(({ state }) => state === "stored").length;
  if (stored === 0) return ["No volume is stored yet."];
  const all = { volumes: stored, files: await filesInVolumes(db) };
  return (await reachOfProofs(db)).map((reach) => lineOf(reach, all));
}

/** A weak proof is one of whole volumes; a strong one is mostly one of samples, file by file. */
function lineOf(
  { level, volumes, files, oldest, newest }: Reach,
  all: { readonly volumes: number; readonly files: number },
): string {
  const reached = [
    ...(volumes > 0 || files === 0 ? [`${volumes} of ${count(all.volumes, "volume")}`] : []),
    ...(files > 0 ? [`${files} of ${count(all.files, "file")}`] : []),
  ].join(", ");
  const when = oldest === undefined || newest === undefined ? "" : `, ${days(oldest, newest)}`;
  return `${level.padEnd(11)} ${reached}${when}`;
}

function days(oldest: number, newest: number): string {
  const [from, to] = [formatDay(oldest), formatDay(newest)];
  return from === to ? `on ${from}` : `from ${from} to ${to}`;
}
