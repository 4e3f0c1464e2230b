/**
 * Listings: of objects, of unfinished uploads, of the parts of one. Each goes on until the server says that
 * there is no more, and any page that does not add up is an error: half a listing never passes for a whole.
 */

import { StoreError } from "../../errors.ts";
import type { S3Client, S3Request } from "./client.ts";
import { childrenOf, textOf, type XmlElement } from "./xml.ts";

/** A part the server holds. */
export interface ListedPart {
  /** From 1. */
  readonly number: number;
  readonly size: number;
  readonly etag: string;
  /** Base64, where the server keeps them. */
  readonly sha256: string | undefined;
  readonly crc64nvme: string | undefined;
}

/** An unfinished upload on the server. */
export interface ListedUpload {
  /** The whole key. */
  readonly key: string;
  readonly uploadId: string;
  readonly initiated: string | undefined;
}

/** The `<Contents>` of every object under a prefix, each with its whole key (ListObjectsV2). */
export async function* listObjects(
  client: S3Client,
  prefix: string,
  headers: Readonly<Record<string, string>>,
): AsyncGenerator<{ key: string; contents: XmlElement }> {
  const query = { "list-type": "2", prefix, "encoding-type": "url" };
  const request: S3Request = { operation: "ListObjectsV2", method: "GET", headers, query };
  for await (const page of pages(client, request, "ListBucketResult", nextObjects)) {
    const all = childrenOf(page, "Contents");
    const count = textOf(page, "KeyCount");
    if (count !== undefined && Number(count) !== all.length) {
      throw brokenPage(request, `it announces ${count} keys and has ${all.length}`);
    }
    for (const contents of all) {
      const key = keyOf(request, page, contents);
      if (!key.startsWith(prefix)) throw brokenPage(request, "it has a key that was not asked for");
      yield { key, contents };
    }
  }
}

/** Every unfinished upload under a prefix (ListMultipartUploads). */
export async function* listUploads(client: S3Client, prefix: string): AsyncGenerator<ListedUpload> {
  const query = { uploads: "", prefix, "encoding-type": "url" };
  const request: S3Request = { operation: "ListMultipartUploads", method: "GET", query };
  for await (const page of pages(client, request, "ListMultipartUploadsResult", nextUploads)) {
    for (const upload of childrenOf(page, "Upload")) {
      const key = keyOf(request, page, upload);
      const initiated = textOf(upload, "Initiated");
      // Some servers list the whole bucket whatever the prefix.
      if (key.startsWith(prefix)) yield { key, uploadId: need(request, upload, "UploadId"), initiated };
    }
  }
}

/** What the server says of one unfinished upload. */
export interface ListedParts {
  readonly parts: readonly ListedPart[];
  /** `SHA256`, `CRC64NVME`, …; undefined where the server keeps none. */
  readonly algorithm: string | undefined;
}

/** Every part of an unfinished upload (ListParts). */
export async function listParts(client: S3Client, key: string, uploadId: string): Promise<ListedParts> {
  const request: S3Request = { operation: "ListParts", method: "GET", key, query: { uploadId } };
  const parts: ListedPart[] = [];
  let algorithm: string | undefined;
  for await (const page of pages(client, request, "ListPartsResult", nextParts)) {
    algorithm ??= textOf(page, "ChecksumAlgorithm");
    parts.push(...childrenOf(page, "Part").map((part) => listedPart(request, part)));
  }
  return { parts, algorithm };
}

function listedPart(request: S3Request, part: XmlElement): ListedPart {
  return {
    number: Number(need(request, part, "PartNumber")),
    size: Number(need(request, part, "Size")),
    etag: need(request, part, "ETag"),
    sha256: textOf(part, "ChecksumSHA256"),
    crc64nvme: textOf(part, "ChecksumCRC64NVME"),
  };
}

/** The query that asks for the page after this one. */
type Next = (page: XmlElement) => Readonly<Record<string, string | undefined>>;

const nextObjects: Next = (page) => ({ "continuation-token": textOf(page, "NextContinuationToken") });

const nextParts: Next = (page) => ({ "part-number-marker": textOf(page, "NextPartNumberMarker") });

const nextUploads: Next = (page) => ({
  "key-marker": decodeIf(page, textOf(page, "NextKeyMarker")),
  "upload-id-marker": textOf(page, "NextUploadIdMarker"),
});

/** Page after page, until the server says that the last one was whole. */
async function* pages(
  client: S3Client,
  request: S3Request,
  root: string,
  next: Next,
): AsyncGenerator<XmlElement> {
  let where: Record<string, string> = {};
  for (;;) {
    const page = await client.callXml({ ...request, query: { ...request.query, ...where } }, root);
    const truncated = textOf(page, "IsTruncated");
    if (truncated !== "true" && truncated !== "false") {
      throw brokenPage(request, "it does not say whether it ends");
    }
    yield page;
    if (truncated === "false") return;
    where = follow(request, where, next(page));
  }
}

/** A page that leads nowhere, or to itself, would end the listing early or never. */
function follow(
  request: S3Request,
  before: Readonly<Record<string, string>>,
  next: Readonly<Record<string, string | undefined>>,
): Record<string, string> {
  const entries = Object.entries(next).flatMap(([name, value]) => value === undefined ? [] : [[name, value]]);
  const after: Record<string, string> = Object.fromEntries(entries);
  if (entries.every(([, value]) => value === "")) throw brokenPage(request, "it does not say where to go on");
  if (entries.every(([name = "", value]) => before[name] === value)) {
    throw brokenPage(request, "it says to go on where it began");
  }
  return after;
}

/** Without `<EncodingType>` the server did not encode, though it was asked to. */
function decodeIf(page: XmlElement, text: string | undefined): string | undefined {
  if (text === undefined || textOf(page, "EncodingType") !== "url") return text;
  return decodeURIComponent(text.replaceAll("+", "%20"));
}

function keyOf(request: S3Request, page: XmlElement, element: XmlElement): string {
  try {
    return decodeIf(page, need(request, element, "Key")) ?? "";
  } catch (error) {
    if (error instanceof StoreError) throw error;
    throw brokenPage(request, "it has a key that cannot be decoded");
  }
}

function need(request: S3Request, element: XmlElement, name: string): string {
  const text = textOf(element, name);
  if (text === undefined || text === "") throw brokenPage(request, `a ${element.name} has no ${name}`);
  return text;
}

function brokenPage(request: S3Request, what: string): StoreError {
  return new StoreError("store-protocol", `${request.operation}: the answer cannot be trusted: ${what}`, {
    transient: true,
  });
}
