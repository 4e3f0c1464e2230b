/** What the server remembers. Tests read it directly, and may change it to set a scene. */

import { Buffer } from "node:buffer";
import { concat } from "../../../lib/bytes.ts";
import type { Algorithm, ChecksumType, StoredChecksum } from "./checksums.ts";
import { refusal } from "./errors.ts";

/** Bytes as they came; `chunks` is undefined when the server only hashes bodies. */
export interface StoredPart {
  readonly number: number;
  readonly size: number;
  /** Lower-case hex. */
  readonly sha256: string;
  readonly md5: string;
  readonly chunks: readonly Uint8Array[] | undefined;
  /** Base64, in the algorithm of the object or upload; undefined where there is none. */
  readonly checksum: string | undefined;
  /** ms since 1970. */
  readonly modified: number;
}

/** Object Lock: until when a version cannot be removed. */
export interface Retention {
  readonly mode: "GOVERNANCE" | "COMPLIANCE";
  /** ms since 1970. */
  readonly until: number;
}

/** A requested readable copy of an archived object; all in ms since 1970. */
export interface Restore {
  readonly tier: "Expedited" | "Standard" | "Bulk";
  readonly readyAt: number;
  readonly expires: number;
}

/** One stored version of an object. */
export interface ObjectVersion {
  readonly kind: "object";
  readonly key: string;
  /** "null" in a bucket without versioning. */
  readonly versionId: string;
  modified: number;
  readonly size: number;
  /** Without quotes. */
  readonly etag: string;
  storageClass: string;
  /** `content-type`, `x-amz-meta-…` and the other headers that come back on GET. */
  readonly headers: Readonly<Record<string, string>>;
  readonly checksum: StoredChecksum | undefined;
  /** One for a plain PUT. */
  readonly parts: readonly StoredPart[];
  readonly multipart: boolean;
  retention: Retention | undefined;
  legalHold: boolean;
  restore: Restore | undefined;
}

/** What DELETE leaves in a versioned bucket. */
export interface DeleteMarker {
  readonly kind: "marker";
  readonly key: string;
  readonly versionId: string;
  readonly modified: number;
}

export type Version = ObjectVersion | DeleteMarker;

/** An unfinished multipart upload. */
export interface Upload {
  readonly id: string;
  readonly key: string;
  readonly initiated: number;
  readonly storageClass: string;
  readonly headers: Readonly<Record<string, string>>;
  /** Undefined on a server without checksums. */
  readonly algorithm: Algorithm | undefined;
  readonly type: ChecksumType;
  /** False when the algorithm is S3's own default, which clients need not know of. */
  readonly chosen: boolean;
  readonly retention: Retention | undefined;
  readonly legalHold: boolean;
  readonly parts: Map<number, StoredPart>;
}

/** Mode and length of the lock that new objects get unless they say otherwise. */
export interface DefaultRetention {
  readonly mode: Retention["mode"];
  readonly days: number;
}

export interface Bucket {
  readonly name: string;
  readonly created: number;
  versioning: "" | "Enabled" | "Suspended";
  objectLock: boolean;
  defaultRetention: DefaultRetention | undefined;
  /** Versions per key, newest first, never empty. */
  readonly objects: Map<string, Version[]>;
  readonly uploads: Map<string, Upload>;
  /** Documents put under a subresource such as `lifecycle` or `policy`, as they came. */
  readonly configs: Map<string, string>;
}

/** Ways in which lesser servers differ from AWS. */
export interface Quirks {
  /** `If-None-Match` and `If-Match` on writes are ignored, as older Ceph, MinIO and many others do. */
  readonly noConditionalWrites?: boolean;
  /** Conditional writes are refused with 501 NotImplemented. */
  readonly refuseConditionalWrites?: boolean;
  /** A second conditional write of a key while one is under way gets 409 instead of waiting for its fate. */
  readonly conflictInFlight?: boolean;
  /** `x-amz-checksum-*` is neither verified, stored nor reported. */
  readonly noChecksums?: boolean;
  /** Requests with `x-amz-checksum-*` or `x-amz-sdk-checksum-algorithm` are refused with 501, as B2 did. */
  readonly refuseChecksums?: boolean;
  /** Objects get no CRC-64/NVME when the client chose no checksum, as AWS before 2025. */
  readonly noDefaultChecksum?: boolean;
  /** Aws-chunked bodies with trailers are refused with 501. */
  readonly noTrailers?: boolean;
  /** Only ListObjects V1 is known; `list-type=2` is ignored. */
  readonly listV1Only?: boolean;
  /** `x-amz-storage-class` is refused unless STANDARD, and RestoreObject is not known. */
  readonly noStorageClasses?: boolean;
  /** Object Lock headers and calls are refused with 501. */
  readonly noObjectLock?: boolean;
  /** ETags are not MD5s, as with KMS encryption. */
  readonly opaqueEtags?: boolean;
  /** `UNSIGNED-PAYLOAD` is refused: every body must be covered by the signature. */
  readonly requireSignedPayload?: boolean;
}

/** An empty bucket. */
export function newBucket(name: string, created: number): Bucket {
  return {
    name,
    created,
    versioning: "",
    objectLock: false,
    defaultRetention: undefined,
    objects: new Map(),
    uploads: new Map(),
    configs: new Map(),
  };
}

/** The newest version of a key, delete markers included. */
export function newest(bucket: Bucket, key: string): Version | undefined {
  return bucket.objects.get(key)?.[0];
}

/** The object that a plain GET of the key would find, or undefined. */
export function current(bucket: Bucket, key: string): ObjectVersion | undefined {
  const version = newest(bucket, key);
  return version?.kind === "object" ? version : undefined;
}

/** Puts a version on top of its key: beside the others when versioning is on, else in place of the null version. */
export function addVersion(bucket: Bucket, version: Version): void {
  const others = bucket.objects.get(version.key) ?? [];
  const kept = others.filter((other) => other.versionId !== version.versionId);
  bucket.objects.set(version.key, [version, ...kept]);
}

/** Takes one version away, and the key with its last one. */
export function dropVersion(bucket: Bucket, version: Version): void {
  const left = (bucket.objects.get(version.key) ?? []).filter((other) => other !== version);
  if (left.length > 0) bucket.objects.set(version.key, left);
  else bucket.objects.delete(version.key);
}

/** All bytes of an object in one array, for tests. */
export function objectBytes(version: ObjectVersion): Uint8Array {
  return concat(...sliceParts(version.parts, 0, version.size));
}

/**
 * Bytes `start` to `end` (exclusive) over the parts of an object.
 *
 * @throws S3Error InternalError when the server was told to keep no bytes
 */
export function* sliceParts(parts: readonly StoredPart[], start: number, end: number): Generator<Uint8Array> {
  let at = 0;
  for (const part of parts) {
    if (part.chunks === undefined) {
      throw refusal("InternalError", "This server hashes bodies and keeps no bytes");
    }
    for (const chunk of part.chunks) {
      const piece = chunk.subarray(Math.max(0, start - at), Math.max(0, end - at));
      if (piece.length > 0) yield piece;
      at += chunk.length;
      if (at >= end) return;
    }
  }
}

/** Names in the order of their UTF-8 bytes, in which S3 lists. */
export function inUtf8Order(names: Iterable<string>): string[] {
  return [...names]
    .map((name) => ({ name, bytes: Buffer.from(name, "utf8") }))
    .sort((a, b) => Buffer.compare(a.bytes, b.bytes))
    .map(({ name }) => name);
}
