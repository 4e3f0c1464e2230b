/** Multipart uploads. Source: Amazon S3 User Guide, "Uploading and copying objects using multipart upload". */

import { createHash } from "node:crypto";
import { fromHex } from "../../../lib/bytes.ts";
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
  ALGORITHMS,
  allowedTypes,
  checksumElement,
  checksumHeader,
  type ChecksumType,
  joinChecksums,
  type StoredChecksum,
} from "./checksums.ts";
import { checkWriteConditions } from "./conditions.ts";
import { refusal } from "./errors.ts";
import { assertBodyProtected, requestXml } from "./lookup.ts";
import { addVersion, type Bucket, type StoredPart, type Upload } from "./model.ts";
import { checksumFields, makeVersion, planObject, writeHeaders } from "./objects.ts";
import { childText, type XmlElement } from "./xml.ts";

const MAX_PARTS = 10_000;
/** Every part but the last must have this many bytes. */
export const MIN_PART_BYTES = 5 * 1024 * 1024;

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

/** CompleteMultipartUpload. */
export function completeUpload(call: Call): Answer {
  const bucket = bucketOf(call);
  const upload = uploadOf(call, bucket);
  const wanted = requestXml(call, "CompleteMultipartUpload").children.filter((child) =>
    child.name === "Part"
  );
  const parts = chosenParts(upload, wanted);
  const size = parts.reduce((sum, part) => sum + part.size, 0);
  checkObjectSize(call, size);
  const checksum = uploadChecksum(upload, parts);
  checkWholeChecksum(call, checksum);
  checkWriteConditions(call);
  const { headers, storageClass, retention, legalHold } = upload;
  const etag = call.state.quirks.opaqueEtags ? call.state.newId() : joinedEtag(parts);
  const fields = {
    headers,
    storageClass,
    retention,
    legalHold,
    etag,
    checksum,
    parts,
    multipart: true,
    size,
  };
  const version = makeVersion(call, bucket, fields);
  addVersion(bucket, version);
  bucket.uploads.delete(upload.id);
  const { etag: quoted = "", ...answerHeaders } = writeHeaders(bucket, version);
  return xmlAnswer("CompleteMultipartUploadResult", [
    ["Location", `http://${header(call, "host") ?? ""}/${bucket.name}/${upload.key}`],
    ["Bucket", bucket.name],
    ["Key", upload.key],
    ["ETag", quoted],
    ...checksumFields(checksum),
  ], answerHeaders);
}

function chosenParts(upload: Upload, wanted: readonly XmlElement[]): StoredPart[] {
  if (wanted.length === 0) throw refusal("MalformedXML");
  const numbers = wanted.map((part) => Number(childText(part, "PartNumber")));
  if (numbers.some((number) => !Number.isInteger(number))) throw refusal("MalformedXML");
  if (numbers.some((number, i) => number <= (numbers[i - 1] ?? 0))) throw refusal("InvalidPartOrder");
  const parts = wanted.map((part) => chosenPart(upload, part));
  const small = parts.slice(0, -1).find((part) => part.size < MIN_PART_BYTES);
  if (small !== undefined) {
    throw refusal("EntityTooSmall", undefined, {
      ProposedSize: String(small.size),
      MinSizeAllowed: String(MIN_PART_BYTES),
      PartNumber: String(small.number),
      ETag: small.md5,
    });
  }
  return parts;
}

function chosenPart(upload: Upload, wanted: XmlElement): StoredPart {
  const number = Number(childText(wanted, "PartNumber"));
  const part = upload.parts.get(number);
  const etag = childText(wanted, "ETag")?.replace(/^"|"$/g, "");
  if (part === undefined || etag !== part.md5) {
    throw refusal("InvalidPart", undefined, {
      UploadId: upload.id,
      PartNumber: String(number),
      ETag: etag ?? "",
    });
  }
  checkListedChecksum(upload, part, wanted);
  return part;
}

function checkListedChecksum(upload: Upload, part: StoredPart, wanted: XmlElement): void {
  const listed = ALGORITHMS.filter((algorithm) =>
    childText(wanted, checksumElement(algorithm)) !== undefined
  );
  const value = upload.algorithm === undefined
    ? undefined
    : childText(wanted, checksumElement(upload.algorithm));
  if (value === undefined && upload.chosen && upload.type === "COMPOSITE") {
    const name = upload.algorithm?.toLowerCase() ?? "";
    throw refusal(
      "InvalidRequest",
      `The upload was created using a ${name} checksum. The complete request must` +
        ` include the checksum for each part. It was missing for part ${part.number} in the request.`,
    );
  }
  const other = upload.chosen && listed.some((algorithm) => algorithm !== upload.algorithm);
  if (other || (value !== undefined && value !== part.checksum)) {
    throw refusal("InvalidPart", undefined, { PartNumber: String(part.number) });
  }
}

function checkObjectSize(call: Call, size: number): void {
  const text = header(call, "x-amz-mp-object-size");
  if (text === undefined || Number(text) === size) return;
  throw refusal(
    "InvalidRequest",
    `The provided 'x-amz-mp-object-size' header value ${text} does not match what was` +
      ` computed: ${size}`,
  );
}

function uploadChecksum(upload: Upload, parts: readonly StoredPart[]): StoredChecksum | undefined {
  if (upload.algorithm === undefined) return undefined;
  const values = parts.map((part) => ({ size: part.size, value: part.checksum ?? "" }));
  return joinChecksums(upload.algorithm, upload.type, values);
}

/** The checksum of the whole object, if the client says what it must be. */
function checkWholeChecksum(call: Call, checksum: StoredChecksum | undefined): void {
  if (call.state.quirks.noChecksums) return;
  const type = header(call, "x-amz-checksum-type");
  if (type !== undefined && type !== checksum?.type) {
    throw refusal("InvalidRequest", "The checksum type of the complete request is not that of the upload.");
  }
  for (const algorithm of ALGORITHMS) {
    const value = header(call, checksumHeader(algorithm));
    if (value === undefined) continue;
    if (algorithm !== checksum?.algorithm || value.split("-")[0] !== checksum.value.split("-")[0]) {
      throw refusal("BadDigest", `The ${algorithm} you specified did not match the calculated checksum.`);
    }
  }
}

function joinedEtag(parts: readonly StoredPart[]): string {
  const hash = createHash("md5");
  for (const part of parts) hash.update(fromHex(part.md5));
  return `${hash.digest("hex")}-${parts.length}`;
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
