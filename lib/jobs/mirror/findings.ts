/** What a mirror lost and could not get again, for the reports. */

import { settleFindings } from "../../catalog/findings.ts";
import type { Listing } from "../../catalog/listing.ts";
import { lostForGood, type MirroredObject, noteFound } from "../../catalog/mirrors.ts";
import { noteProofs } from "../../catalog/proofs.ts";
import type { Store } from "../../store/store.ts";
import { mirrorJob } from "../rhythms.ts";
import type { Session } from "../session.ts";
import { readsBack } from "./adopt.ts";

/**
 * Notes the objects that are missing from a mirror, and of which no other object has the same version. One that
 * is back, out of a bin perhaps, counts again when its bytes are read and are right.
 *
 * @returns how many are lost
 */
export async function settleLost(
  session: Session,
  mirror: string,
  store: Store,
  listing: Listing,
): Promise<number> {
  const lost: MirroredObject[] = [];
  for (const object of await lostForGood(session.db, store.url)) {
    session.signal.throwIfAborted();
    if (!await isBack(session, store, listing, object)) lost.push(object);
  }
  const found = lost.map(({ key, path }) => ({
    name: key,
    kind: "object-missing",
    severity: "damage" as const,
    message: `${path} is gone from the mirror ${mirror}, and no folder has these bytes to send them again`,
    hint: `If it is in a volume, restore it: coldframe find --all '${path}'`,
    files: [path],
  }));
  await settleFindings(session.db, mirrorJob(mirror), found, session.now());
  return lost.length;
}

async function isBack(
  session: Session,
  store: Store,
  listing: Listing,
  { id, key, size, checksum }: MirroredObject,
): Promise<boolean> {
  if ((await listing.sizes([key])).get(key) !== size) return false;
  if (!await readsBack(store, key, checksum)) return false;
  await noteFound(session.db, [id]);
  await noteProofs(session.db, [{ store: store.url, key, content: 0, level: "read back" }], session.now());
  return true;
}
