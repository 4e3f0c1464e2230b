/**
 * Conditional requests.
 *
 * Source: Amazon S3 User Guide, "Add preconditions to S3 operations with conditional requests"; RFC 9110 section 13.
 */

import { bucketOf, type Call, header } from "./call.ts";
import { refusal } from "./errors.ts";
import { current, type ObjectVersion } from "./model.ts";

/** Whether a request is a write that depends on what is under its key. */
export function isConditionalWrite(headers: ReadonlyMap<string, string>): boolean {
  return headers.has("if-none-match") || headers.has("if-match");
}

/**
 * Checked in the same turn as the write that follows: of several racing writers one wins, the others get 412.
 *
 * @throws S3Error PreconditionFailed; ConditionalRequestConflict when the key was deleted or replaced under way
 */
export function checkWriteConditions(call: Call): void {
  const { quirks } = call.state;
  if (!isConditionalWrite(call.head.headers) || quirks.noConditionalWrites) return;
  if (quirks.refuseConditionalWrites) throw refusal("NotImplemented", undefined, { Header: "If-None-Match" });
  if (call.inFlight?.conflict) throw refusal("ConditionalRequestConflict", undefined, { Key: call.key });
  const found = current(bucketOf(call), call.key);
  const noneMatch = header(call, "if-none-match");
  if (noneMatch !== undefined && noneMatch !== "*") {
    throw refusal("NotImplemented", undefined, { Header: "If-None-Match" });
  }
  if (noneMatch === "*" && found !== undefined) {
    throw refusal("PreconditionFailed", undefined, { Condition: "If-None-Match" });
  }
  const match = header(call, "if-match");
  if (match === undefined) return;
  if (found === undefined) throw refusal("NoSuchKey", undefined, { Key: call.key });
  if (unquote(match) !== found.etag) {
    throw refusal("PreconditionFailed", undefined, { Condition: "If-Match" });
  }
}

/** Whether a read goes on: "modified" means answer it, "unchanged" means 304. */
export function checkReadConditions(call: Call, version: ObjectVersion): "modified" | "unchanged" {
  const match = header(call, "if-match");
  if (match !== undefined && !matches(match, version)) {
    throw refusal("PreconditionFailed", undefined, { Condition: "If-Match" });
  }
  const since = Date.parse(header(call, "if-unmodified-since") ?? "");
  if (match === undefined && wholeSeconds(version.modified) > since) {
    throw refusal("PreconditionFailed", undefined, { Condition: "If-Unmodified-Since" });
  }
  const noneMatch = header(call, "if-none-match");
  if (noneMatch !== undefined) return matches(noneMatch, version) ? "unchanged" : "modified";
  return wholeSeconds(version.modified) <= Date.parse(header(call, "if-modified-since") ?? "")
    ? "unchanged"
    : "modified";
}

function matches(list: string, version: ObjectVersion): boolean {
  return list.split(",").map((etag) => etag.trim()).some((etag) =>
    etag === "*" || unquote(etag) === version.etag
  );
}

function unquote(etag: string): string {
  return etag.replace(/^"|"$/g, "");
}

/** HTTP dates have no milliseconds. */
function wholeSeconds(ms: number): number {
  return Math.floor(ms / 1000) * 1000;
}
