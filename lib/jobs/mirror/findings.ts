/** What a mirror lost and could not get again, for the reports. */

import { settleFindings } from "../../catalog/findings.ts";
import { lostForGood } from "../../catalog/mirrors.ts";
import type { Session } from "../session.ts";

/**
 * Notes the objects that are missing from a mirror, and of which no other object has the same version.
 *
 * @returns how many there are
 */
export async function settleLost(session: Session, mirror: string, store: string): Promise<number> {
  const lost = await lostForGood(session.db, store);
  const found = lost.map(({ key, path }) => ({
    name: key,
    kind: "object-missing",
    severity: "damage" as const,
    message: `${path} is gone from the mirror ${mirror}, and no folder has these bytes to send them again`,
    hint: `If it is in a volume, restore it: coldframe find --all '${path}'`,
    files: [path],
  }));
  await settleFindings(session.db, `mirror ${mirror}`, found, session.now());
  return lost.length;
}
