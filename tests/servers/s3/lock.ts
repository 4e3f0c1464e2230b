/** Object Lock: retention and legal hold. Source: Amazon S3 User Guide, "Locking objects with Object Lock". */

import { type Answer, bucketOf, type Call, emptyAnswer, header, isoTime, xmlAnswer } from "./call.ts";
import { refusal } from "./errors.ts";
import type { Bucket, ObjectVersion, Retention } from "./model.ts";
import { findVersion, requestXml } from "./lookup.ts";
import { childText } from "./xml.ts";

const DAY_MS = 24 * 3600 * 1000;
const HEADERS = [
  "x-amz-object-lock-mode",
  "x-amz-object-lock-retain-until-date",
  "x-amz-object-lock-legal-hold",
];

/** The lock of a new object, from its headers or the bucket's default. */
export interface Lock {
  readonly retention: Retention | undefined;
  readonly legalHold: boolean;
}

/** Whether a request asks for a lock. */
export function asksForLock(call: Call): boolean {
  return HEADERS.some((name) => header(call, name) !== undefined);
}

/** @throws S3Error InvalidRequest, InvalidArgument for lock headers that cannot be */
export function lockOf(call: Call, bucket: Bucket): Lock {
  if (!asksForLock(call)) return { retention: defaultRetention(bucket, call.state.now()), legalHold: false };
  if (call.state.quirks.noObjectLock) {
    throw refusal("NotImplemented", undefined, { Header: "x-amz-object-lock-mode" });
  }
  if (!bucket.objectLock) throw refusal("InvalidRequest", "Bucket is missing Object Lock Configuration");
  const hold = header(call, "x-amz-object-lock-legal-hold");
  if (hold !== undefined && hold !== "ON" && hold !== "OFF") {
    throw refusal("InvalidArgument", "Legal Hold must be either of 'ON' or 'OFF'");
  }
  return { retention: headerRetention(call), legalHold: hold === "ON" };
}

function headerRetention(call: Call): Retention | undefined {
  const mode = header(call, "x-amz-object-lock-mode");
  const until = header(call, "x-amz-object-lock-retain-until-date");
  if (mode === undefined && until === undefined) return undefined;
  if (mode === undefined || until === undefined) {
    throw refusal(
      "InvalidArgument",
      "x-amz-object-lock-retain-until-date and x-amz-object-lock-mode must both be supplied",
    );
  }
  return parseRetention(mode, until, call.state.now());
}

function parseRetention(mode: string, until: string, now: number): Retention {
  const time = Date.parse(until);
  if (mode !== "GOVERNANCE" && mode !== "COMPLIANCE") {
    throw refusal("InvalidArgument", "Unknown wormMode directive");
  }
  if (Number.isNaN(time)) {
    throw refusal("InvalidArgument", "The retain until date must be provided in ISO 8601 format");
  }
  if (time <= now) throw refusal("InvalidArgument", "The retain until date must be in the future!");
  return { mode, until: time };
}

function defaultRetention(bucket: Bucket, now: number): Retention | undefined {
  const rule = bucket.defaultRetention;
  return rule === undefined ? undefined : { mode: rule.mode, until: now + rule.days * DAY_MS };
}

/** The headers that tell a reader of the lock. */
export function lockHeaders(version: ObjectVersion): Record<string, string> {
  const headers: Record<string, string> = {};
  if (version.retention !== undefined) {
    headers["x-amz-object-lock-mode"] = version.retention.mode;
    headers["x-amz-object-lock-retain-until-date"] = isoTime(version.retention.until);
  }
  if (version.legalHold) headers["x-amz-object-lock-legal-hold"] = "ON";
  return headers;
}

/** @throws S3Error AccessDenied when the version may not be removed yet */
export function assertUnlocked(call: Call, version: ObjectVersion): void {
  const { retention } = version;
  const bypass = header(call, "x-amz-bypass-governance-retention")?.toLowerCase() === "true";
  const held = retention !== undefined && retention.until > call.state.now() &&
    !(retention.mode === "GOVERNANCE" && bypass);
  if (held || version.legalHold) {
    throw refusal("AccessDenied", "Access Denied because object protected by object lock.");
  }
}

/** GetObjectRetention. */
export function getRetention(call: Call): Answer {
  const { retention } = lockedVersion(call);
  if (retention === undefined) throw refusal("NoSuchObjectLockConfiguration");
  return xmlAnswer("Retention", [["Mode", retention.mode], ["RetainUntilDate", isoTime(retention.until)]]);
}

/** PutObjectRetention: longer is always allowed; shorter only under governance, with the bypass header. */
export function putRetention(call: Call): Answer {
  const version = lockedVersion(call);
  const wish = requestXml(call, "Retention");
  const next = parseRetention(
    childText(wish, "Mode") ?? "",
    childText(wish, "RetainUntilDate") ?? "",
    call.state.now(),
  );
  const shorter = version.retention !== undefined && next.until < version.retention.until;
  if (shorter) assertUnlocked(call, { ...version, legalHold: false });
  version.retention = next;
  return emptyAnswer(200);
}

/** GetObjectLegalHold. */
export function getLegalHold(call: Call): Answer {
  return xmlAnswer("LegalHold", [["Status", lockedVersion(call).legalHold ? "ON" : "OFF"]]);
}

/** PutObjectLegalHold. */
export function putLegalHold(call: Call): Answer {
  const version = lockedVersion(call);
  const status = childText(requestXml(call, "LegalHold"), "Status");
  if (status !== "ON" && status !== "OFF") throw refusal("MalformedXML");
  version.legalHold = status === "ON";
  return emptyAnswer(200);
}

function lockedVersion(call: Call): ObjectVersion {
  if (call.state.quirks.noObjectLock) throw refusal("NotImplemented");
  const bucket = bucketOf(call);
  if (!bucket.objectLock) throw refusal("InvalidRequest", "Bucket is missing Object Lock Configuration");
  return findVersion(call, bucket);
}
