/** Bringing archived objects back to readable (RestoreObject). */

import { StoreError } from "../../errors.ts";
import type { Availability, ThawOptions, ThawTier } from "../store.ts";
import type { Bucket } from "./bucket.ts";
import { refusedWith } from "./errors.ts";
import { availabilityFromHead } from "./info.ts";

/**
 * Asks for an object to be made readable, or for a readable copy to stay longer. May be repeated.
 *
 * @returns how it stands now: `ready` for an object that needs no thawing
 * @throws StoreError `object-missing`
 */
export async function thawObject(bucket: Bucket, key: string, options: ThawOptions): Promise<Availability> {
  const headers = await bucket.headers(key);
  if (headers === undefined) throw new StoreError("object-missing", `there is no object ${key} to thaw`);
  const now = availabilityFromHead(headers);
  const thawed = now.state === "ready" && headers.has("x-amz-restore");
  if (now.state === "thawing" || (now.state === "ready" && !thawed)) return now;
  // Intelligent-Tiering moves the object itself instead of making a copy for some days.
  const days = headers.get("x-amz-storage-class") === "INTELLIGENT_TIERING" ? undefined : options.days;
  if (!await request(bucket, key, options.tier, days)) return { state: "thawing" };
  const then = await bucket.headers(key);
  return then === undefined ? now : availabilityFromHead(then);
}

/** False when the restore is already under way. */
async function request(
  bucket: Bucket,
  key: string,
  tier: ThawTier,
  days: number | undefined,
): Promise<boolean> {
  try {
    await bucket.client.call({
      operation: "RestoreObject",
      method: "POST",
      key: bucket.fullKey(key),
      query: { restore: "" },
      headers: { "content-type": "application/xml" },
      body: new TextEncoder().encode(restoreXml(tier, days)),
    });
    return true;
  } catch (error) {
    if (refusedWith(error, "RestoreAlreadyInProgress")) return false;
    if (refusedWith(error, "GlacierExpeditedRetrievalNotAvailable")) {
      throw new StoreError("store-unreachable", `no expedited thawing of ${key} at the moment`, {
        transient: true,
        hint: "use the Standard tier",
        cause: error,
      });
    }
    throw error;
  }
}

function restoreXml(tier: ThawTier, days: number | undefined): string {
  const keep = days === undefined ? "" : `<Days>${days}</Days>`;
  return '<RestoreRequest xmlns="http://s3.amazonaws.com/doc/2006-03-01/">' + keep +
    `<GlacierJobParameters><Tier>${tier}</Tier></GlacierJobParameters></RestoreRequest>`;
}
