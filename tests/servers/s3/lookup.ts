/** What several operations do first: find the version meant, read the XML sent. */

import { concat } from "../../../lib/bytes.ts";
import { type Call, query } from "./call.ts";
import { refusal, S3Error } from "./errors.ts";
import { type Bucket, newest, type ObjectVersion } from "./model.ts";
import { parseXml, type XmlElement } from "./xml.ts";

/**
 * The object a request means: the newest, or the one of `versionId`.
 *
 * @throws S3Error NoSuchKey, NoSuchVersion, MethodNotAllowed for a delete marker; AccessDenied instead of NoSuchKey
 *   for who may not list, who could else find out which keys exist
 */
export function findVersion(call: Call, bucket: Bucket): ObjectVersion {
  const wanted = query(call, "versionId");
  const versions = bucket.objects.get(call.key) ?? [];
  const found = wanted === undefined
    ? newest(bucket, call.key)
    : versions.find((one) => one.versionId === wanted);
  if (found?.kind === "object") return found;
  const headers: Record<string, string> = found === undefined
    ? {}
    : { "x-amz-delete-marker": "true", "x-amz-version-id": found.versionId };
  const error = wanted === undefined
    ? missingKey(call)
    : refusal(found === undefined ? "NoSuchVersion" : "MethodNotAllowed", undefined, { Key: call.key });
  throw new S3Error(error.code, error.status, error.message, error.fields, headers);
}

function missingKey(call: Call): S3Error {
  if (call.state.denied("ListObjectsV2", call.bucketName, call.key)) return refusal("AccessDenied");
  return refusal("NoSuchKey", undefined, { Key: call.key });
}

/**
 * The document in the body.
 *
 * @throws S3Error MalformedXML
 */
export function requestXml(call: Call, root: string): XmlElement {
  return parseXml(requestText(call), root);
}

/** The body as text. Control documents are always kept, whatever the server does with objects. */
export function requestText(call: Call): string {
  if (call.body.chunks === undefined) throw new Error("the body of a control call was not kept");
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(concat(...call.body.chunks));
  } catch {
    throw refusal("MalformedXML");
  }
}

/** @throws S3Error InvalidRequest for a call that S3 takes only with Content-MD5 or a checksum */
export function assertBodyProtected(call: Call, what: string): void {
  if (call.body.hasMd5 || call.body.declared !== undefined || call.state.quirks.noChecksums) return;
  throw refusal("InvalidRequest", `Content-MD5 OR x-amz-checksum- HTTP header is required for ${what}`);
}
