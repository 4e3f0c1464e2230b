/** Single objects: put, get, head, copy, delete, attributes. */

import { Buffer } from "node:buffer";
import {
  type Answer,
  bucketOf,
  type Call,
  emptyAnswer,
  header,
  httpTime,
  isoTime,
  versionHeader,
  xmlAnswer,
} from "./call.ts";
import { algorithmNamed, checksumElement, checksumHeader, type StoredChecksum } from "./checksums.ts";
import { checkReadConditions, checkWriteConditions } from "./conditions.ts";
import { refusal } from "./errors.ts";
import { asksForLock, lockHeaders, lockOf } from "./lock.ts";
import { assertBodyProtected, findVersion } from "./lookup.ts";
import { addVersion, type Bucket, type ObjectVersion, sliceParts } from "./model.ts";
import { readRange } from "./range.ts";
import { isArchived, restoreHeader } from "./restore.ts";
import type { XmlFields } from "./xml.ts";

const MAX_KEY_BYTES = 1024;
const MAX_METADATA_BYTES = 2048;
const STORAGE_CLASSES = new Set([
  ...["STANDARD", "REDUCED_REDUNDANCY", "STANDARD_IA", "ONEZONE_IA", "INTELLIGENT_TIERING"],
  ...["GLACIER_IR", "GLACIER", "DEEP_ARCHIVE"],
]);
const KEPT_HEADERS = ["cache-control", "content-disposition", "content-language", "expires"];
const ENCRYPTED = { "x-amz-server-side-encryption": "AES256" };

/** PutObject. */
export function putObject(call: Call): Answer {
  const bucket = bucketOf(call);
  if (header(call, "content-length") === undefined && header(call, "transfer-encoding") === undefined) {
    throw refusal("MissingContentLength");
  }
  const plan = planObject(call, bucket);
  if (asksForLock(call)) assertBodyProtected(call, "Put Object requests with Object Lock parameters");
  checkWriteConditions(call);
  const { body, state } = call;
  const checksum = bodyChecksum(call);
  const etag = state.quirks.opaqueEtags ? state.newId() : body.md5;
  const modified = state.now();
  const part = { ...body, number: 1, modified, checksum: checksum?.value };
  const version = makeVersion(call, bucket, {
    ...plan,
    etag,
    checksum,
    parts: [part],
    multipart: false,
    size: body.size,
  });
  addVersion(bucket, version);
  return emptyAnswer(200, { ...writeHeaders(bucket, version), ...checksumHeaders(version.checksum) });
}

/** What an object has from its request's headers, in one PUT or for an upload in parts. */
export type ObjectPlan = Pick<ObjectVersion, "headers" | "storageClass" | "retention" | "legalHold">;

/** @throws S3Error for a key, class, header or lock that S3 would not take */
export function planObject(call: Call, bucket: Bucket): ObjectPlan {
  if (Buffer.byteLength(call.key) > MAX_KEY_BYTES) throw refusal("KeyTooLongError");
  return { headers: keptHeaders(call), storageClass: storageClassOf(call), ...lockOf(call, bucket) };
}

function storageClassOf(call: Call): string {
  const name = header(call, "x-amz-storage-class") ?? "STANDARD";
  if (!STORAGE_CLASSES.has(name) || (call.state.quirks.noStorageClasses && name !== "STANDARD")) {
    throw refusal("InvalidStorageClass", undefined, { StorageClassRequested: name });
  }
  return name;
}

function keptHeaders(call: Call): Record<string, string> {
  const acl = header(call, "x-amz-acl");
  if (acl !== undefined && acl !== "private" && acl !== "bucket-owner-full-control") {
    throw refusal("AccessControlListNotSupported");
  }
  const encryption = header(call, "x-amz-server-side-encryption");
  if (encryption !== undefined && encryption !== "AES256") throw refusal("NotImplemented");
  const kept = [...call.head.headers].filter(([name]) =>
    name.startsWith("x-amz-meta-") || KEPT_HEADERS.includes(name)
  );
  const metadata = kept.filter(([name]) => name.startsWith("x-amz-meta-")).map(([name, value]) =>
    name.slice(11) + value
  );
  if (Buffer.byteLength(metadata.join("")) > MAX_METADATA_BYTES) throw refusal("MetadataTooLarge");
  const coding = (header(call, "content-encoding") ?? "").split(",").map((one) => one.trim())
    .filter((one) => one !== "" && one !== "aws-chunked").join(",");
  return {
    "content-type": header(call, "content-type") ?? "binary/octet-stream",
    ...(coding === "" ? {} : { "content-encoding": coding }),
    ...Object.fromEntries(kept),
  };
}

/** The checksum S3 keeps of a body: the client's choice, or CRC-64/NVME. */
function bodyChecksum(call: Call): StoredChecksum | undefined {
  const algorithm = call.body.declared ?? "CRC64NVME";
  const value = call.body.checksums.get(algorithm);
  return value === undefined ? undefined : { algorithm, type: "FULL_OBJECT", value };
}

/** A new version, on no key yet. */
export function makeVersion(
  call: Call,
  bucket: Bucket,
  fields: ObjectPlan & Pick<ObjectVersion, "etag" | "checksum" | "parts" | "multipart" | "size">,
): ObjectVersion {
  const versionId = bucket.versioning === "Enabled" ? call.state.newId() : "null";
  return {
    kind: "object",
    key: call.key,
    versionId,
    modified: call.state.now(),
    restore: undefined,
    ...fields,
  };
}

/** What every successful write answers with. */
export function writeHeaders(bucket: Bucket, version: ObjectVersion): Record<string, string> {
  return { etag: `"${version.etag}"`, ...ENCRYPTED, ...versionHeader(bucket, version.versionId) };
}

function checksumHeaders(checksum: StoredChecksum | undefined): Record<string, string> {
  if (checksum === undefined) return {};
  return { [checksumHeader(checksum.algorithm)]: checksum.value, "x-amz-checksum-type": checksum.type };
}

/** GetObject and HeadObject. */
export function getObject(call: Call): Answer {
  const bucket = bucketOf(call);
  const version = findVersion(call, bucket);
  if (checkReadConditions(call, version) === "unchanged") {
    return emptyAnswer(304, { etag: `"${version.etag}"` });
  }
  const reads = call.operation === "GetObject";
  if (reads && isArchived(version, call.state.now())) {
    throw refusal("InvalidObjectState", undefined, { StorageClass: version.storageClass });
  }
  const range = readRange(call, version);
  const whole = !range.partial;
  const headers = {
    ...objectHeaders(call, bucket, version, whole),
    ...range.headers,
    "content-length": String(range.end - range.start),
  };
  const status = whole ? 200 : 206;
  if (!reads) return { status, headers };
  const size = range.end - range.start;
  return { status, headers, body: { size, chunks: sliceParts(version.parts, range.start, range.end) } };
}

function objectHeaders(
  call: Call,
  bucket: Bucket,
  version: ObjectVersion,
  whole: boolean,
): Record<string, string> {
  const wantsChecksum = header(call, "x-amz-checksum-mode")?.toUpperCase() === "ENABLED";
  const overrides = call.head.query.filter(([name]) => name.startsWith("response-"))
    .map(([name, value]) => [name.slice("response-".length), value]);
  return {
    "accept-ranges": "bytes",
    "last-modified": httpTime(version.modified),
    etag: `"${version.etag}"`,
    ...ENCRYPTED,
    ...version.headers,
    ...versionHeader(bucket, version.versionId),
    ...(version.storageClass === "STANDARD" ? {} : { "x-amz-storage-class": version.storageClass }),
    ...restoreHeader(version, call.state.now()),
    ...lockHeaders(version),
    ...(wantsChecksum && whole ? checksumHeaders(version.checksum) : {}),
    ...Object.fromEntries(overrides),
  };
}

/** CopyObject within this server. */
export function copyObject(call: Call): Answer {
  const bucket = bucketOf(call);
  const source = copySource(call);
  if (isArchived(source, call.state.now())) {
    throw refusal("InvalidObjectState", undefined, { StorageClass: source.storageClass });
  }
  const plan = planObject(call, bucket);
  const replaces = header(call, "x-amz-metadata-directive") === "REPLACE";
  const same = source.key === call.key && header(call, "x-amz-storage-class") === undefined && !replaces;
  if (same) {
    throw refusal(
      "InvalidRequest",
      "This copy request is illegal because it is trying to copy an object to itself" +
        " without changing the object's metadata, storage class, website redirect location or encryption attributes.",
    );
  }
  checkWriteConditions(call);
  const { parts, size, etag, checksum, multipart } = source;
  const headers = replaces ? plan.headers : source.headers;
  const version = makeVersion(call, bucket, { ...plan, headers, parts, size, etag, checksum, multipart });
  addVersion(bucket, version);
  return xmlAnswer("CopyObjectResult", [
    ["ETag", `"${version.etag}"`],
    ["LastModified", isoTime(version.modified)],
    ...checksumFields(version.checksum),
  ], versionHeader(bucket, version.versionId));
}

function copySource(call: Call): ObjectVersion {
  const [path = "", versionQuery] = (header(call, "x-amz-copy-source") ?? "").replace(/^\//, "").split(
    "?versionId=",
  );
  const slash = path.indexOf("/");
  const bucketName = decodeURIComponent(path.slice(0, slash));
  const key = decodeURIComponent(path.slice(slash + 1));
  const bucket = call.state.buckets.get(bucketName);
  if (slash < 1 || bucket === undefined) throw refusal("NoSuchBucket");
  const query = versionQuery === undefined ? [] : [["versionId", versionQuery] as const];
  return findVersion({ ...call, bucketName, key, head: { ...call.head, query } }, bucket);
}

/** `ChecksumSHA256` and `ChecksumType` for XML answers. */
export function checksumFields(checksum: StoredChecksum | undefined): XmlFields {
  if (checksum === undefined) return [];
  return [[checksumElement(checksum.algorithm), checksum.value], ["ChecksumType", checksum.type]];
}

/** GetObjectAttributes. */
export function getAttributes(call: Call): Answer {
  const bucket = bucketOf(call);
  const version = findVersion(call, bucket);
  const wanted = (header(call, "x-amz-object-attributes") ?? "").split(",").map((name) => name.trim());
  if (wanted.join("") === "") {
    throw refusal("InvalidArgument", "The x-amz-object-attributes header must be set");
  }
  const has = (name: string) => wanted.includes(name);
  return xmlAnswer("GetObjectAttributesResponse", [
    ["ETag", has("ETag") ? version.etag : undefined],
    ["Checksum", has("Checksum") && version.checksum ? checksumFields(version.checksum) : undefined],
    ["ObjectParts", has("ObjectParts") && version.multipart ? partsFields(call, version) : undefined],
    ["StorageClass", has("StorageClass") ? version.storageClass : undefined],
    ["ObjectSize", has("ObjectSize") ? version.size : undefined],
  ], { "last-modified": httpTime(version.modified), ...versionHeader(bucket, version.versionId) });
}

/** Parts one by one are shown only of objects with a composite checksum, as AWS does. */
function partsFields(call: Call, version: ObjectVersion): XmlFields {
  const marker = Number(header(call, "x-amz-part-number-marker") ?? 0);
  const limit = Math.min(1000, Number(header(call, "x-amz-max-parts") ?? 1000));
  const shown = version.checksum?.type === "COMPOSITE"
    ? version.parts.filter((part) => part.number > marker)
    : [];
  const page = shown.slice(0, limit);
  const algorithm = algorithmNamed(version.checksum?.algorithm);
  return [
    ["TotalPartsCount", version.parts.length],
    ["PartNumberMarker", marker],
    ["NextPartNumberMarker", page.at(-1)?.number ?? 0],
    ["MaxParts", limit],
    ["IsTruncated", shown.length > page.length],
    ...page.map((part) =>
      ["Part", [
        ["PartNumber", part.number],
        ["Size", part.size],
        ...(algorithm === undefined ? [] : [[checksumElement(algorithm), part.checksum] as const]),
      ]] as const
    ),
  ];
}
