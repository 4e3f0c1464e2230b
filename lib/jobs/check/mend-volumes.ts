/**
 * `check volumes --mend`: what was in a damaged volume counts as safe no longer, so that the next sync stores
 * it again, in a new volume. A missing manifest is stored again, a missing snapshot gives way to a new one.
 * Nothing in the store is replaced or removed.
 */

import { giveUpVolumes, lostContents, markDamaged } from "../../catalog/damaged.ts";
import { openFindings } from "../../catalog/findings.ts";
import { forgetObjects } from "../../catalog/reconcile.ts";
import { listSnapshots } from "../../catalog/runs.ts";
import { listVolumes, plannedVolumes, type Volume } from "../../catalog/volumes.ts";
import { ColdframeError } from "../../errors.ts";
import { manifestKey } from "../object-keys.ts";
import { draftFromCatalog, storeManifest } from "../seal.ts";
import type { Session } from "../session.ts";
import { storeSnapshot } from "../snapshot.ts";
import { listingOf } from "../volume.ts";
import { findingName } from "./look.ts";
import { VOLUMES } from "./volumes.ts";

/** Mends what open findings name; a line for each thing done. */
export async function mendVolumes(session: Session): Promise<string[]> {
  const open = await openFindings(session.db, VOLUMES);
  const damaged = new Set(open.filter(({ severity }) => severity === "damage").map(({ name }) => name));
  const missing = new Set(open.filter(({ kind }) => kind === "object-missing").map(({ name }) => name));
  const stored = (await listVolumes(session.db)).filter(({ state }) => state === "stored");
  const bad = stored.filter(({ store, key }) =>
    damaged.has(findingName("object", store, key)) || damaged.has(findingName("bytes", store, key))
  );
  if (bad.length > 0) await assertNothingPlanned(session);
  const done: string[] = [];
  for (const volume of bad) {
    await markDamaged(session.db, volume.id);
    done.push(`the files of ${volume.key} are to be stored again: run coldframe sync --seal`);
  }
  for (const volume of stored) {
    const key = manifestKey(volume.name);
    if (bad.includes(volume) || !missing.has(findingName("object", volume.store, key))) continue;
    await restoreManifest(session, volume);
    done.push(`${key} is stored again`);
  }
  return [...done, ...await mendSnapshots(session, new Set(open.map(({ name }) => name)))];
}

/** A planned volume may refer to what is in a damaged one; its plan must not change under it. */
async function assertNothingPlanned(session: Session): Promise<void> {
  const [planned] = await plannedVolumes(session.db, session.home.box);
  if (planned === undefined) return;
  throw new ColdframeError("busy", `the volume ${planned.name} is not finished`, {
    hint: "Finish it first: coldframe sync. Then mend.",
  });
}

async function restoreManifest(session: Session, volume: Volume): Promise<void> {
  const draft = await draftFromCatalog(session, volume);
  // What was in a volume that is damaged by now is named by the one that it is stored in again.
  const references = draft.references.filter(({ volume }) => volume !== "");
  const listing = listingOf({ ...draft, references }, draft.files.map(({ offset }) => offset ?? 0));
  await storeManifest(session, await session.storeAt(volume.store), volume, listing);
}

async function mendSnapshots(session: Session, named: ReadonlySet<string>): Promise<string[]> {
  const gone = (await listSnapshots(session.db)).filter(({ store, key }) =>
    named.has(findingName("object", store, key))
  );
  if (gone.length === 0) return [];
  await forgetObjects(session.db, "snapshots", gone.map((one) => ({ ...one, id: 0 })));
  const key = await storeSnapshot(session, await session.cold());
  return [`a new snapshot of the catalog is stored: ${key}`];
}

/** `--accept-lost`: gives up the damaged volumes whose files are nowhere else. */
export async function giveUpLost(session: Session): Promise<string[]> {
  const damaged = (await listVolumes(session.db)).filter(({ state }) => state === "damaged");
  const given: Volume[] = [];
  for (const volume of damaged) {
    if ((await lostContents(session.db, volume.id)).length > 0) given.push(volume);
  }
  await giveUpVolumes(session.db, given.map(({ id }) => id));
  return given.map(({ key }) => `given up what was only in ${key}`);
}
