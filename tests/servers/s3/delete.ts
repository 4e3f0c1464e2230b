/** DeleteObject and DeleteObjects: delete markers, versions, and what a lock forbids. */

import { type Answer, bucketOf, type Call, emptyAnswer, query, xmlAnswer } from "./call.ts";
import { refusal, S3Error } from "./errors.ts";
import { assertUnlocked } from "./lock.ts";
import { assertBodyProtected, requestXml } from "./lookup.ts";
import { addVersion, type Bucket, type DeleteMarker, dropVersion } from "./model.ts";
import { childText, type XmlElement, type XmlFields } from "./xml.ts";

const MAX_KEYS = 1000;

/** What a deletion did, for the answer. */
interface Deletion {
  readonly versionId: string | undefined;
  /** The version id of the marker that was made or removed. */
  readonly marker: string | undefined;
}

/** DeleteObject. */
export function deleteObject(call: Call): Answer {
  const { versionId, marker } = deleteKey(call, bucketOf(call), call.key, query(call, "versionId"));
  return emptyAnswer(204, {
    ...(versionId === undefined ? {} : { "x-amz-version-id": versionId }),
    ...(marker === undefined ? {} : { "x-amz-delete-marker": "true" }),
  });
}

function deleteKey(call: Call, bucket: Bucket, key: string, versionId: string | undefined): Deletion {
  for (const write of call.state.inFlight.get(`${bucket.name}/${key}`) ?? []) write.conflict = true;
  if (versionId !== undefined) return deleteVersion(call, bucket, key, versionId);
  if (bucket.versioning !== "") return addMarker(call, bucket, key);
  const found = bucket.objects.get(key)?.[0];
  if (found !== undefined) dropVersion(bucket, found);
  return { versionId: undefined, marker: undefined };
}

function addMarker(call: Call, bucket: Bucket, key: string): Deletion {
  const versionId = bucket.versioning === "Enabled" ? call.state.newId() : "null";
  const replaced = bucket.objects.get(key)?.find((version) => version.versionId === versionId);
  if (replaced?.kind === "object") assertUnlocked(call, replaced);
  const marker: DeleteMarker = { kind: "marker", key, versionId, modified: call.state.now() };
  addVersion(bucket, marker);
  return { versionId, marker: versionId };
}

function deleteVersion(call: Call, bucket: Bucket, key: string, versionId: string): Deletion {
  const found = bucket.objects.get(key)?.find((version) => version.versionId === versionId);
  if (found?.kind === "object") assertUnlocked(call, found);
  if (found !== undefined) dropVersion(bucket, found);
  return { versionId, marker: found?.kind === "marker" ? versionId : undefined };
}

/** DeleteObjects: up to 1,000 keys, each with its own outcome. */
export function deleteObjects(call: Call): Answer {
  const bucket = bucketOf(call);
  assertBodyProtected(call, "Delete Objects requests");
  const request = requestXml(call, "Delete");
  const wanted = request.children.filter((child) => child.name === "Object");
  if (wanted.length === 0 || wanted.length > MAX_KEYS) throw refusal("MalformedXML");
  const quiet = childText(request, "Quiet") === "true";
  return xmlAnswer("DeleteResult", wanted.flatMap((object) => deleteOne(call, bucket, object, quiet)));
}

function deleteOne(call: Call, bucket: Bucket, object: XmlElement, quiet: boolean): XmlFields {
  // Not trimmed: a key may begin or end with spaces.
  const key = object.children.find((child) => child.name === "Key")?.text ?? "";
  const wanted = childText(object, "VersionId");
  try {
    if (call.state.denied("DeleteObject", bucket.name, key)) throw refusal("AccessDenied");
    const done = deleteKey(call, bucket, key, wanted);
    if (quiet) return [];
    return [["Deleted", [
      ["Key", key],
      ["VersionId", wanted],
      ["DeleteMarker", done.marker === undefined ? undefined : true],
      ["DeleteMarkerVersionId", done.marker],
    ]]];
  } catch (error) {
    if (!(error instanceof S3Error)) throw error;
    return [["Error", [["Key", key], ["VersionId", wanted], ["Code", error.code], [
      "Message",
      error.message,
    ]]]];
  }
}
