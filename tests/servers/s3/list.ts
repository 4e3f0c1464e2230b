/** Listings: objects (V1, V2), versions, uploads. Keys in the order of their UTF-8 bytes, at most 1,000 a page. */

import { Buffer } from "node:buffer";
import { type Answer, bucketOf, type Call, header, intQuery, isoTime, query, xmlAnswer } from "./call.ts";
import { refusal } from "./errors.ts";
import { uriEncode } from "./http.ts";
import { current, inUtf8Order, type ObjectVersion, type Version } from "./model.ts";
import { liveRestore } from "./restore.ts";
import type { XmlFields } from "./xml.ts";

const MAX_KEYS = 1000;

/** One page of names, some of them rolled up at the delimiter. */
interface Page<T> {
  readonly items: readonly T[];
  readonly prefixes: readonly string[];
  /** The last key or common prefix of the page when there is more. */
  readonly next: string | undefined;
}

interface PageRequest {
  readonly prefix: string;
  readonly delimiter: string;
  /** Only names after this one. */
  readonly after: string;
  readonly limit: number;
}

function pageRequest(call: Call, limitName: string, after: string): PageRequest {
  return {
    prefix: query(call, "prefix") ?? "",
    delimiter: query(call, "delimiter") ?? "",
    after,
    limit: Math.min(MAX_KEYS, intQuery(call, limitName, MAX_KEYS, 0, 2 ** 31 - 1)),
  };
}

/** Cuts one page out of sorted items. A common prefix counts as one, and is skipped whole by a marker that names it. */
function paginate<T extends { readonly key: string }>(sorted: readonly T[], request: PageRequest): Page<T> {
  const items: T[] = [];
  const prefixes: string[] = [];
  let last = "";
  for (const item of sorted) {
    const rolled = commonPrefix(item.key, request);
    const name = rolled ?? item.key;
    if (
      !item.key.startsWith(request.prefix) || !isAfter(name, request.after) ||
      rolled === prefixes.at(-1) && rolled
    ) {
      continue;
    }
    if (items.length + prefixes.length >= request.limit) {
      return { items, prefixes, next: request.limit === 0 ? undefined : last };
    }
    if (rolled === undefined) items.push(item);
    else prefixes.push(rolled);
    last = name;
  }
  return { items, prefixes, next: undefined };
}

function commonPrefix(key: string, request: PageRequest): string | undefined {
  if (request.delimiter === "") return undefined;
  const at = key.indexOf(request.delimiter, request.prefix.length);
  return at < 0 ? undefined : key.slice(0, at + request.delimiter.length);
}

function isAfter(name: string, marker: string): boolean {
  return marker === "" || Buffer.compare(Buffer.from(name), Buffer.from(marker)) > 0;
}

/** How names are written: plain, or percent-encoded with "+" for a space, as AWS does for `encoding-type=url`. */
function encoder(call: Call): (name: string) => string {
  const type = query(call, "encoding-type");
  if (type === undefined || type === "") return (name) => name;
  if (type !== "url") throw refusal("InvalidArgument", "Invalid Encoding Method specified in Request");
  return (name) => uriEncode(name).replaceAll("%2F", "/").replaceAll("%20", "+");
}

/** ListObjectsV2. */
export function listObjectsV2(call: Call): Answer {
  const token = query(call, "continuation-token");
  const startAfter = query(call, "start-after") ?? "";
  const request = pageRequest(call, "max-keys", token === undefined ? startAfter : openToken(token));
  const page = paginate(liveObjects(call), request);
  const encode = encoder(call);
  return xmlAnswer("ListBucketResult", [
    ["Name", call.bucketName],
    ["Prefix", encode(request.prefix)],
    ["StartAfter", startAfter === "" ? undefined : encode(startAfter)],
    ["ContinuationToken", token],
    ["NextContinuationToken", page.next === undefined ? undefined : makeToken(page.next)],
    ["KeyCount", page.items.length + page.prefixes.length],
    ["MaxKeys", request.limit],
    ["Delimiter", request.delimiter === "" ? undefined : encode(request.delimiter)],
    ["EncodingType", query(call, "encoding-type")],
    ["IsTruncated", page.next !== undefined],
    ...objectFields(call, page, encode, query(call, "fetch-owner") === "true"),
  ]);
}

/** ListObjects, the first version. NextMarker comes only with a delimiter; else the last key is the marker. */
export function listObjects(call: Call): Answer {
  const marker = query(call, "marker") ?? "";
  const request = pageRequest(call, "max-keys", marker);
  const page = paginate(liveObjects(call), request);
  const encode = encoder(call);
  return xmlAnswer("ListBucketResult", [
    ["Name", call.bucketName],
    ["Prefix", encode(request.prefix)],
    ["Marker", encode(marker)],
    ["NextMarker", page.next === undefined || request.delimiter === "" ? undefined : encode(page.next)],
    ["MaxKeys", request.limit],
    ["Delimiter", request.delimiter === "" ? undefined : encode(request.delimiter)],
    ["EncodingType", query(call, "encoding-type")],
    ["IsTruncated", page.next !== undefined],
    ...objectFields(call, page, encode, true),
  ]);
}

function liveObjects(call: Call): ObjectVersion[] {
  const bucket = bucketOf(call);
  return inUtf8Order(bucket.objects.keys()).flatMap((key) => current(bucket, key) ?? []);
}

function objectFields(
  call: Call,
  page: Page<ObjectVersion>,
  encode: (name: string) => string,
  withOwner: boolean,
): XmlFields {
  const withRestore = (header(call, "x-amz-optional-object-attributes") ?? "").includes("RestoreStatus");
  return [
    ...page.items.map((version) =>
      ["Contents", [
        ["Key", encode(version.key)],
        ...versionFields(version),
        ["Owner", withOwner ? ownerFields(call) : undefined],
        ["RestoreStatus", withRestore ? restoreFields(version, call.state.now()) : undefined],
      ]] as const
    ),
    ...prefixFields(page.prefixes, encode),
  ];
}

function prefixFields(prefixes: readonly string[], encode: (name: string) => string): XmlFields {
  return prefixes.map((prefix) => ["CommonPrefixes", [["Prefix", encode(prefix)]]]);
}

function versionFields(version: ObjectVersion): XmlFields {
  return [
    ["LastModified", isoTime(version.modified)],
    ["ETag", `"${version.etag}"`],
    ["ChecksumAlgorithm", version.checksum?.algorithm],
    ["ChecksumType", version.checksum?.type],
    ["Size", version.size],
    ["StorageClass", version.storageClass],
  ];
}

function ownerFields(call: Call): XmlFields {
  return [["ID", call.state.accessKey], ["DisplayName", call.state.accessKey]];
}

function restoreFields(version: ObjectVersion, now: number): XmlFields | undefined {
  const restore = liveRestore(version, now);
  if (restore === undefined) return undefined;
  const running = now < restore.readyAt;
  return [["IsRestoreInProgress", running], [
    "RestoreExpiryDate",
    running ? undefined : isoTime(restore.expires),
  ]];
}

/** Opaque to clients: the name to go on after, not readable as it stands. */
function makeToken(after: string): string {
  return `1/${Buffer.from(after, "utf8").toString("base64")}`;
}

function openToken(token: string): string {
  const after = Buffer.from(token.slice(2), "base64").toString("utf8");
  if (after === "" || makeToken(after) !== token) {
    throw refusal("InvalidArgument", "The continuation token provided is incorrect", {
      ArgumentName: "continuation-token",
    });
  }
  return after;
}

/** ListObjectVersions: every version and delete marker, newest first within a key. */
export function listVersions(call: Call): Answer {
  const bucket = bucketOf(call);
  const [keyMarker, versionMarker] = [
    query(call, "key-marker") ?? "",
    query(call, "version-id-marker") ?? "",
  ];
  const limit = Math.min(MAX_KEYS, intQuery(call, "max-keys", MAX_KEYS, 0, 2 ** 31 - 1));
  const prefix = query(call, "prefix") ?? "";
  const all = inUtf8Order(bucket.objects.keys()).filter((key) => key.startsWith(prefix))
    .flatMap((key) => bucket.objects.get(key) ?? []);
  const left = afterMarkers(all, keyMarker, versionMarker);
  const page = left.slice(0, limit);
  const last = page.length < left.length ? page.at(-1) : undefined;
  const encode = encoder(call);
  return xmlAnswer("ListVersionsResult", [
    ["Name", bucket.name],
    ["Prefix", encode(prefix)],
    ["KeyMarker", encode(keyMarker)],
    ["VersionIdMarker", versionMarker],
    ["NextKeyMarker", last === undefined ? undefined : encode(last.key)],
    ["NextVersionIdMarker", last?.versionId],
    ["MaxKeys", limit],
    ["EncodingType", query(call, "encoding-type")],
    ["IsTruncated", last !== undefined],
    ...page.map((version) =>
      listedVersion(call, version, bucket.objects.get(version.key)?.[0] === version, encode)
    ),
  ]);
}

function afterMarkers(all: readonly Version[], keyMarker: string, versionMarker: string): readonly Version[] {
  if (keyMarker === "") return all;
  const at = all.findIndex((version) => version.key === keyMarker && version.versionId === versionMarker);
  if (versionMarker !== "" && at >= 0) return all.slice(at + 1);
  return all.filter((version) => isAfter(version.key, keyMarker));
}

function listedVersion(
  call: Call,
  version: Version,
  isLatest: boolean,
  encode: (name: string) => string,
): readonly [string, XmlFields] {
  const head = [["Key", encode(version.key)], ["VersionId", version.versionId], [
    "IsLatest",
    isLatest,
  ]] as const;
  const owner = ["Owner", ownerFields(call)] as const;
  if (version.kind === "marker") {
    return ["DeleteMarker", [...head, ["LastModified", isoTime(version.modified)], owner]];
  }
  return ["Version", [...head, ...versionFields(version), owner]];
}

/** ListMultipartUploads: by key, within a key by the time they began. */
export function listUploads(call: Call): Answer {
  const bucket = bucketOf(call);
  const [keyMarker, idMarker] = [query(call, "key-marker") ?? "", query(call, "upload-id-marker") ?? ""];
  const keys = inUtf8Order(new Set([...bucket.uploads.values()].map((upload) => upload.key)));
  const sorted = keys.flatMap((key) => [...bucket.uploads.values()].filter((upload) => upload.key === key));
  const at = sorted.findIndex((upload) => upload.key === keyMarker && upload.id === idMarker);
  const isWithin = idMarker !== "" && at >= 0;
  const request = pageRequest(call, "max-uploads", isWithin ? "" : keyMarker);
  const page = paginate(isWithin ? sorted.slice(at + 1) : sorted, request);
  const encode = encoder(call);
  return xmlAnswer("ListMultipartUploadsResult", [
    ["Bucket", bucket.name],
    ["KeyMarker", encode(keyMarker)],
    ["UploadIdMarker", idMarker],
    ["NextKeyMarker", page.next === undefined ? "" : encode(page.next)],
    ["NextUploadIdMarker", page.next === undefined ? "" : page.items.at(-1)?.id ?? ""],
    ["Prefix", encode(request.prefix)],
    ["Delimiter", request.delimiter === "" ? undefined : encode(request.delimiter)],
    ["EncodingType", query(call, "encoding-type")],
    ["MaxUploads", request.limit],
    ["IsTruncated", page.next !== undefined],
    ...page.items.map((upload) =>
      ["Upload", [
        ["Key", encode(upload.key)],
        ["UploadId", upload.id],
        ["Initiator", ownerFields(call)],
        ["Owner", ownerFields(call)],
        ["StorageClass", upload.storageClass],
        ["Initiated", isoTime(upload.initiated)],
        ["ChecksumAlgorithm", upload.algorithm],
        ["ChecksumType", upload.algorithm === undefined ? undefined : upload.type],
      ]] as const
    ),
    ...prefixFields(page.prefixes, encode),
  ]);
}
