/** Multipart uploads up to their completion, which is in complete.ts. Source: Amazon S3 User Guide, "Uploading and copying objects using multipart upload". */

import {
  type Answer,
  bucketOf,
  type Call,
  emptyAnswer,
  header,
  intQuery,
  isoTime,
  query,
  xmlAnswer,
} from "./call.ts";
import {
  type Algorithm,
  algorithmNamed,
  allowedTypes,
  checksumElement,
  checksumHeader,
  type ChecksumType,
} from "./checksums.ts";
import { refusal } from "./errors.ts";
import { assertBodyProtected } from "./lookup.ts";
import type { Bucket, StoredPart, Upload } from "./model.ts";
import { planObject } from "./objects.ts";

const MAX_PARTS = 10_000;

/** CreateMultipartUpload. */
export function createUpload(call: Call): Answer {
  const bucket = bucketOf(call);
  const plan = planObject(call, bucket);
  const upload: Upload = {
    ...plan,
    ...chosenChecksum(call),
    id: call.state.newId(),
    key: call.key,
    initiated: call.state.now(),
    parts: new Map(),
  };
  bucket.uploads.set(upload.id, upload);
  return xmlAnswer(
    "InitiateMultipartUploadResult",
    [
      ["Bucket", bucket.name],
      ["Key", call.key],
      ["UploadId", upload.id],
    ],
    upload.algorithm === undefined || !upload.chosen ? {} : {
      "x-amz-checksum-algorithm": upload.algorithm,
      "x-amz-checksum-type": upload.type,
    },
  );
}

function chosenChecksum(call: Call): Pick<Upload, "algorithm" | "type" | "chosen"> {
  const { quirks } = call.state;
  const name = header(call, "x-amz-checksum-algorithm");
  if (quirks.noChecksums) return { algorithm: undefined, type: "FULL_OBJECT", chosen: false };
  if (quirks.refuseChecksums && name !== undefined) {
    throw refusal(
      "NotImplemented",
      "Unsupported header 'x-amz-checksum-algorithm' received for this API call.",
    );
  }
  if (name === undefined) {
    const algorithm = quirks.noDefaultChecksum || quirks.refuseChecksums ? undefined : "CRC64NVME";
    return { algorithm, type: "FULL_OBJECT", chosen: false };
  }
  const algorithm = algorithmNamed(name);
  if (algorithm === undefined) throw refusal("InvalidRequest", "Checksum algorithm provided is unsupported.");
  return { algorithm, type: chosenType(call, algorithm), chosen: true };
}

function chosenType(call: Call, algorithm: Algorithm): ChecksumType {
  const allowed = allowedTypes(algorithm);
  const name = header(call, "x-amz-checksum-type");
  const found = allowed.find((type) => name === undefined || type === name.toUpperCase());
  if (found === undefined) {
    throw refusal(
      "InvalidRequest",
      `The ${name} checksum type cannot be used with the ${algorithm} checksum algorithm.`,
    );
  }
  return found;
}

/** @throws S3Error NoSuchUpload */
export function uploadOf(call: Call, bucket: Bucket): Upload {
  const id = query(call, "uploadId") ?? "";
  const upload = bucket.uploads.get(id);
  if (upload === undefined || upload.key !== call.key) {
    throw refusal("NoSuchUpload", undefined, { UploadId: id });
  }
  return upload;
}

/** UploadPart. A part sent again replaces the one before. */
export function uploadPart(call: Call): Answer {
  const bucket = bucketOf(call);
  const upload = uploadOf(call, bucket);
  const number = partNumber(call);
  if (upload.retention !== undefined || upload.legalHold) {
    assertBodyProtected(call, "Put Part requests with Object Lock parameters");
  }
  checkPartAlgorithm(call, upload);
  const { body, state } = call;
  const checksum = upload.algorithm === undefined ? undefined : body.checksums.get(upload.algorithm);
  upload.parts.set(number, { ...body, number, checksum, modified: state.now() });
  const shown = body.declared ?? (upload.chosen ? upload.algorithm : undefined);
  const value = shown === undefined ? undefined : body.checksums.get(shown);
  return emptyAnswer(200, {
    etag: `"${body.md5}"`,
    "x-amz-server-side-encryption": "AES256",
    ...(shown === undefined || value === undefined ? {} : { [checksumHeader(shown)]: value }),
  });
}

function partNumber(call: Call): number {
  const number = Number(query(call, "partNumber"));
  if (Number.isInteger(number) && number >= 1 && number <= MAX_PARTS) return number;
  throw refusal("InvalidArgument", "Part number must be an integer between 1 and 10000, inclusive", {
    ArgumentName: "partNumber",
    ArgumentValue: query(call, "partNumber") ?? "",
  });
}

/**
 * A part brings the checksum its upload was begun with; only a full-object upload lets it go without. Where the client
 * chose nothing at the beginning, a part may bring any: it is verified and not kept.
 */
function checkPartAlgorithm(call: Call, upload: Upload): void {
  const actual = call.body.declared;
  const mayLack = upload.type === "FULL_OBJECT" && actual === undefined;
  if (!upload.chosen || actual === upload.algorithm || mayLack) return;
  throw refusal(
    "InvalidRequest",
    `Checksum Type mismatch occurred, expected checksum Type: ${upload.algorithm?.toLowerCase() ?? "null"},` +
      ` actual checksum Type: ${actual?.toLowerCase() ?? "null"}`,
  );
}

/** AbortMultipartUpload. */
export function abortUpload(call: Call): Answer {
  const bucket = bucketOf(call);
  bucket.uploads.delete(uploadOf(call, bucket).id);
  return emptyAnswer(204);
}

/** ListParts. */
export function listParts(call: Call): Answer {
  const bucket = bucketOf(call);
  const upload = uploadOf(call, bucket);
  const limit = Math.min(1000, intQuery(call, "max-parts", 1000, 0, 2 ** 31 - 1));
  const marker = intQuery(call, "part-number-marker", 0, 0, 2 ** 31 - 1);
  const left = [...upload.parts.values()].filter((part) => part.number > marker).sort((a, b) =>
    a.number - b.number
  );
  const page = left.slice(0, limit);
  return xmlAnswer("ListPartsResult", [
    ["Bucket", bucket.name],
    ["Key", upload.key],
    ["UploadId", upload.id],
    ["PartNumberMarker", marker],
    ["NextPartNumberMarker", page.at(-1)?.number ?? 0],
    ["MaxParts", limit],
    ["IsTruncated", page.length < left.length],
    ["StorageClass", upload.storageClass],
    ["ChecksumAlgorithm", upload.algorithm],
    ["ChecksumType", upload.algorithm === undefined ? undefined : upload.type],
    ...page.map((part) => ["Part", partFields(upload, part)] as const),
  ]);
}

function partFields(
  upload: Upload,
  part: StoredPart,
): readonly (readonly [string, string | number | undefined])[] {
  const { algorithm } = upload;
  return [
    ["PartNumber", part.number],
    ["LastModified", isoTime(part.modified)],
    ["ETag", `"${part.md5}"`],
    ["Size", part.size],
    ...(algorithm === undefined ? [] : [[checksumElement(algorithm), part.checksum] as const]),
  ];
}
