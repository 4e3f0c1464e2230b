/**
 * Thawing of archived objects, by the server's clock.
 *
 * Source: Amazon S3 API Reference, RestoreObject; User Guide, "Understanding archive retrieval options" (times) and
 * "Working with archived objects" (the expiry is rounded up to the next midnight UTC).
 */

import { type Answer, bucketOf, type Call, emptyAnswer, httpTime } from "./call.ts";
import { refusal } from "./errors.ts";
import { findVersion, requestXml } from "./lookup.ts";
import type { ObjectVersion, Restore } from "./model.ts";
import { childText, type XmlElement } from "./xml.ts";

const HOUR_MS = 3600 * 1000;
const DAY_MS = 24 * HOUR_MS;

/** The longest that AWS says each tier takes, in ms. */
export const RESTORE_MS: Readonly<Record<string, Readonly<Partial<Record<Restore["tier"], number>>>>> = {
  GLACIER: { Expedited: 5 * 60 * 1000, Standard: 5 * HOUR_MS, Bulk: 12 * HOUR_MS },
  DEEP_ARCHIVE: { Standard: 12 * HOUR_MS, Bulk: 48 * HOUR_MS },
};

/** RestoreObject: 202 when it begins, 409 while it runs, 200 when a copy is there and only its expiry moves. */
export function restoreObject(call: Call): Answer {
  if (call.state.quirks.noStorageClasses) throw refusal("NotImplemented");
  const version = findVersion(call, bucketOf(call));
  const request = requestXml(call, "RestoreRequest");
  const days = parseDays(request);
  const tier = parseTier(request);
  const times = RESTORE_MS[version.storageClass];
  if (times === undefined) {
    throw refusal("InvalidObjectState", "Restore is not allowed for the object's current storage class", {
      StorageClass: version.storageClass,
    });
  }
  const takes = times[tier];
  if (takes === undefined) {
    throw refusal("InvalidArgument", `Retrieval option is not supported by this storage class: ${tier}`);
  }
  return applyRestore(call, version, { tier, days, takes });
}

function applyRestore(
  call: Call,
  version: ObjectVersion,
  wish: { tier: Restore["tier"]; days: number; takes: number },
): Answer {
  const now = call.state.now();
  const running = liveRestore(version, now);
  if (running !== undefined && now < running.readyAt) throw refusal("RestoreAlreadyInProgress");
  if (running !== undefined) {
    version.restore = { ...running, expires: expiry(now, wish.days) };
    return emptyAnswer(200);
  }
  const readyAt = now + wish.takes;
  version.restore = { tier: wish.tier, readyAt, expires: expiry(readyAt, wish.days) };
  return emptyAnswer(202);
}

function expiry(from: number, days: number): number {
  return Math.ceil((from + days * DAY_MS) / DAY_MS) * DAY_MS;
}

function parseDays(request: XmlElement): number {
  const days = Number(childText(request, "Days"));
  if (!Number.isInteger(days) || days < 1) throw refusal("MalformedXML");
  return days;
}

function parseTier(request: XmlElement): Restore["tier"] {
  const job = request.children.find((child) => child.name === "GlacierJobParameters");
  const tier = (job === undefined ? undefined : childText(job, "Tier")) ?? childText(request, "Tier") ??
    "Standard";
  if (tier === "Expedited" || tier === "Standard" || tier === "Bulk") return tier;
  throw refusal("MalformedXML");
}

/** The restore of a version that is running or whose copy is still there. */
export function liveRestore(version: ObjectVersion, now: number): Restore | undefined {
  return version.restore !== undefined && now < version.restore.expires ? version.restore : undefined;
}

/** `x-amz-restore`, which HEAD and GET show while a restore runs and while its copy lives. */
export function restoreHeader(version: ObjectVersion, now: number): Record<string, string> {
  const restore = liveRestore(version, now);
  if (restore === undefined) return {};
  if (now < restore.readyAt) return { "x-amz-restore": 'ongoing-request="true"' };
  return { "x-amz-restore": `ongoing-request="false", expiry-date="${httpTime(restore.expires)}"` };
}

/** Whether an archived object cannot be read now. */
export function isArchived(version: ObjectVersion, now: number): boolean {
  if (RESTORE_MS[version.storageClass] === undefined) return false;
  const restore = liveRestore(version, now);
  return restore === undefined || now < restore.readyAt;
}
