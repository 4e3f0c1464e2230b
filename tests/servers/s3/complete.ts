/** CompleteMultipartUpload. Source: Amazon S3 API Reference and User Guide, "multipart upload". */

import { createHash } from "node:crypto";
import { fromHex } from "../../../lib/bytes.ts";
import { type Answer, bucketOf, type Call, header, xmlAnswer } from "./call.ts";
import {
  ALGORITHMS,
  checksumElement,
  checksumHeader,
  joinChecksums,
  type StoredChecksum,
} from "./checksums.ts";
import { checkWriteConditions } from "./conditions.ts";
import { refusal } from "./errors.ts";
import { requestXml } from "./lookup.ts";
import { addVersion, type StoredPart, type Upload } from "./model.ts";
import { uploadOf } from "./multipart.ts";
import { checksumFields, makeVersion, writeHeaders } from "./objects.ts";
import { childText, type XmlElement } from "./xml.ts";

/** Every part but the last must have this many bytes. */
export const MIN_PART_BYTES = 5 * 1024 * 1024;

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
