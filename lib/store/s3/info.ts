/** What S3 says of an object, in a HEAD or in a listing, as an `ObjectInfo`. */

import { StoreError } from "../../errors.ts";
import type { Availability, ObjectInfo } from "../store.ts";
import { objectChecksum } from "./check.ts";
import { child, textOf, type XmlElement } from "./xml.ts";

/** Classes whose objects must be thawed before they can be read. */
const ARCHIVES = ["GLACIER", "DEEP_ARCHIVE"];

/**
 * Every object has an ETag; a sign-in page of some network, sent in place of the object, mostly has none.
 *
 * @throws StoreError `store-protocol`, transient
 */
export function assertObject(key: string, headers: Headers): void {
  if (headers.has("etag")) return;
  throw new StoreError("store-protocol", `the answer for ${key} does not come from an S3 server`, {
    transient: true,
    hint: "check the network for a proxy or a sign-in page",
  });
}

/** An object from the headers of a HEAD; `key` is relative to the store. */
export function infoFromHead(key: string, headers: Headers): ObjectInfo {
  return {
    key,
    size: parseSize(key, headers.get("content-length")),
    checksum: objectChecksum(headers),
    modified: parseTime(headers.get("last-modified")),
    availability: availabilityFromHead(headers),
    storageClass: headers.get("x-amz-storage-class") ?? "STANDARD",
  };
}

/**
 * Whether an object can be read: from its class and the state of its restore, such as
 * `ongoing-request="false", expiry-date="Fri, 21 Dec 2012 00:00:00 GMT"`.
 */
export function availabilityFromHead(headers: Headers): Availability {
  const storageClass = headers.get("x-amz-storage-class") ?? "STANDARD";
  const archived = ARCHIVES.includes(storageClass) || headers.has("x-amz-archive-status");
  const restore = headers.get("x-amz-restore") ?? "";
  if (/ongoing-request="true"/.test(restore)) return { state: "thawing" };
  if (/ongoing-request="false"/.test(restore)) {
    return readyUntil(parseTime(/expiry-date="([^"]*)"/.exec(restore)?.[1]));
  }
  return archived ? { state: "archived" } : { state: "ready" };
}

/** An object from a `<Contents>` of a listing. */
export function infoFromListing(key: string, contents: XmlElement): ObjectInfo {
  return {
    key,
    size: parseSize(key, textOf(contents, "Size")),
    checksum: undefined,
    modified: parseTime(textOf(contents, "LastModified")),
    availability: availabilityFromListing(contents),
    ...classOf(contents),
  };
}

function classOf(contents: XmlElement): Pick<ObjectInfo, "storageClass"> {
  const storageClass = textOf(contents, "StorageClass");
  return storageClass === undefined ? {} : { storageClass };
}

function availabilityFromListing(contents: XmlElement): Availability {
  const restore = child(contents, "RestoreStatus");
  if (restore !== undefined) {
    if (textOf(restore, "IsRestoreInProgress") === "true") return { state: "thawing" };
    const until = parseTime(textOf(restore, "RestoreExpiryDate"));
    if (until !== undefined) return readyUntil(until);
  }
  return ARCHIVES.includes(textOf(contents, "StorageClass") ?? "")
    ? { state: "archived" }
    : { state: "ready" };
}

function readyUntil(until: number | undefined): Availability {
  return until === undefined ? { state: "ready" } : { state: "ready", until };
}

function parseSize(key: string, text: string | null | undefined): number {
  const size = /^[0-9]+$/.test(text ?? "") ? Number(text) : NaN;
  if (!Number.isSafeInteger(size)) {
    throw new StoreError("store-protocol", `the store does not say the size of ${key}`, { transient: true });
  }
  return size;
}

/** Ms since 1970, or undefined for no date. */
export function parseTime(text: string | null | undefined): number | undefined {
  const time = Date.parse(text ?? "");
  return Number.isNaN(time) ? undefined : time;
}
