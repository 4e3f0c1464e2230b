/**
 * A multipart upload: parts sent side by side, each verified by the server, made an object only where none
 * is, and compared with the composite checksum afterwards.
 *
 * Source: S3 User Guide, "Uploading and copying objects using multipart upload" and "Amazon S3 multipart
 * upload limits": 10,000 parts, 5 MiB at least but for the last, 5 GiB at most.
 */

import { type Bytes, fromBase64, fromHex, toBase64, toHex } from "../../bytes.ts";
import { hasCode, StoreError } from "../../errors.ts";
import { sha256Hex } from "../checksum.ts";
import { type ObjectInfo, partCount, partRange, type PartReceipt, type Upload } from "../store.ts";
import { unknownHeader } from "./abilities.ts";
import type { Bucket } from "./bucket.ts";
import {
  answerAgrees,
  answerSpeaks,
  checkBody,
  type ChecksumKind,
  crcInTag,
  etagInTag,
  etagOf,
  joinedCrc,
  partSizeInTag,
  tagOf,
  unquote,
} from "./check.ts";
import { refusedWith } from "./errors.ts";
import type { ListedPart } from "./list.ts";
import { type Expected, expectParts } from "./settle.ts";
import { escapeXml, textOf } from "./xml.ts";

const MIB = 1024 * 1024;
const MAX_PARTS = 10_000;
const MAX_PART = 5 * 1024 * MIB;

/**
 * Small, for the sake of memory (`fetch` holds a copy of each part on its way) and of lines that break; an
 * object of 78 GiB still has no more than 10,000.
 */
export const USUAL_PART = 8 * MIB;

/**
 * The part size for an object of `size` bytes: `usual`, or as many MiB as it takes.
 *
 * @throws StoreError `store-full` when no part size would do
 */
export function partSizeFor(size: number, usual = USUAL_PART): number {
  const partSize = Math.max(usual, Math.ceil(size / MAX_PARTS / MIB) * MIB);
  if (partSize > MAX_PART) {
    throw new StoreError("store-full", `an object of ${size} bytes is more than S3 takes`);
  }
  return partSize;
}

/** What makes an upload. */
export interface UploadParts {
  readonly bucket: Bucket;
  readonly key: string;
  readonly size: number;
  readonly partSize: number;
  readonly uploadId: string;
  readonly checksum: ChecksumKind;
  /** True when the server said itself which checksum the upload has, so that it must have it throughout. */
  readonly fixed: boolean;
  readonly confirmed: readonly PartReceipt[];
}

/** An unfinished multipart upload. */
export class S3Upload implements Upload {
  readonly key: string;
  readonly size: number;
  readonly partSize: number;
  readonly token: string;
  readonly inOrder = false;
  readonly wholeHash = false;
  readonly confirmed: readonly PartReceipt[];
  readonly #bucket: Bucket;
  readonly #fixed: boolean;
  #checksum: ChecksumKind;

  constructor(parts: UploadParts) {
    this.key = parts.key;
    this.size = parts.size;
    this.partSize = parts.partSize;
    this.token = parts.uploadId;
    this.confirmed = parts.confirmed;
    this.#bucket = parts.bucket;
    this.#checksum = parts.checksum;
    this.#fixed = parts.fixed;
  }

  async send(index: number, body: Bytes, sha256 = sha256Hex(body)): Promise<PartReceipt> {
    this.#assertPart(index, body.length);
    try {
      return await this.#sendOnce(index, body, sha256);
    } catch (error) {
      // The first word this process has with a server that refuses checksums, when an upload is resumed.
      if (this.#fixed || this.#checksum === "md5" || !unknownHeader(error)) throw error;
      this.#fallBack();
      return await this.#sendOnce(index, body, sha256);
    }
  }

  async #sendOnce(index: number, body: Bytes, sha256: string): Promise<PartReceipt> {
    const check = await checkBody(this.#checksum, body, sha256);
    const { headers } = await this.#bucket.client.call({
      operation: "UploadPart",
      method: "PUT",
      key: this.#bucket.fullKey(this.key),
      query: { partNumber: String(index + 1), uploadId: this.token },
      headers: check.headers,
      body,
      sha256: check.sha256,
    });
    const part = `part ${index + 1} of ${this.key}`;
    if (answerAgrees(check, body, headers) === false) {
      throw new StoreError("damaged", `${part} arrived with another checksum`, { transient: true });
    }
    if (!this.#fixed && check.kind !== "md5" && !answerSpeaks(check.kind, headers)) this.#fallBack();
    const etag = etagOf(headers);
    if (etag === "") {
      throw new StoreError("store-protocol", `the store gave no ETag for ${part}`, { transient: true });
    }
    return { index, size: body.length, sha256: check.sha256, tag: tagOf(check, etag, this.partSize) };
  }

  #fallBack(): void {
    this.#checksum = "md5";
    this.#bucket.abilities.lacksChecksum();
  }

  #assertPart(index: number, length: number): void {
    const right = index >= 0 && index < partCount(this.size, this.partSize)
      ? partRange(this.size, this.partSize, index).length
      : undefined;
    if (right !== length) {
      throw new Error(`part ${index} of ${this.key} must have ${right} bytes, not ${length}`);
    }
  }

  async complete(receipts: readonly PartReceipt[]): Promise<ObjectInfo> {
    this.#assertWhole(receipts);
    const expected = expectParts(receipts, this.size, this.partSize);
    // Servers that know If-None-Match for PUT may still pass over it here, and one look costs little.
    const there = this.#bucket.trusted ? undefined : await this.#bucket.settle(this.key, expected);
    const found = there ?? await this.#completeOrSettle(receipts, expected);
    if (found === undefined) return await this.#bucket.confirm(this.key, expected);
    // It got there by an earlier attempt, or by another upload of the same bytes: then ours is left over.
    await this.abort();
    return found;
  }

  /** Undefined when the object is made; its info when it was there already with the same bytes. */
  async #completeOrSettle(
    receipts: readonly PartReceipt[],
    expected: Expected,
  ): Promise<ObjectInfo | undefined> {
    try {
      await this.#bucket.abilities.negotiate(({ conditional }) => this.#finish(receipts, conditional));
      return undefined;
    } catch (error) {
      // Both may come of an earlier attempt whose answer was lost; then the object is there and ours.
      if (!hasCode(error, "object-exists") && !refusedWith(error, "NoSuchUpload")) throw error;
      const found = await this.#bucket.settle(this.key, expected);
      if (found === undefined) throw error;
      return found;
    }
  }

  #assertWhole(receipts: readonly PartReceipt[]): void {
    const count = partCount(this.size, this.partSize);
    if (receipts.length !== count) {
      throw new Error(`${this.key} has ${count} parts, not ${receipts.length}`);
    }
    receipts.forEach((receipt, at) => {
      if (receipt.index !== at) throw new Error(`the receipts of ${this.key} are not in order`);
      this.#assertPart(at, receipt.size);
    });
  }

  async #finish(receipts: readonly PartReceipt[], conditional: boolean): Promise<void> {
    const crc = this.#checksum === "crc64nvme" ? joinedCrc(receipts) : undefined;
    const body = new TextEncoder().encode(completionXml(receipts, this.#checksum));
    const request = {
      operation: "CompleteMultipartUpload",
      method: "POST",
      key: this.#bucket.fullKey(this.key),
      query: { uploadId: this.token },
      headers: {
        "content-type": "application/xml",
        ...(conditional ? { "if-none-match": "*" } : {}),
        ...(crc === undefined ? {} : fullObjectHeaders(crc)),
      },
      body,
    } as const;
    // A refusal may come in the body of a 200, since the server begins to answer before it is done.
    const result = await this.#bucket.client.callXml(request, "CompleteMultipartUploadResult");
    if (textOf(result, "ETag") === undefined) {
      throw new StoreError("store-protocol", `the store did not confirm ${this.key}`, { transient: true });
    }
  }

  async abort(): Promise<void> {
    await this.#bucket.abortUpload(this.key, this.token);
  }
}

function fullObjectHeaders(crc: string): Record<string, string> {
  const base64 = toBase64(fromHex(crc.slice("crc64nvme:".length)));
  return { "x-amz-checksum-crc64nvme": base64, "x-amz-checksum-type": "FULL_OBJECT" };
}

function completionXml(receipts: readonly PartReceipt[], checksum: ChecksumKind): string {
  const parts = receipts.map((receipt) => `<Part>${partXml(receipt, checksum)}</Part>`);
  return '<?xml version="1.0" encoding="UTF-8"?>' +
    `<CompleteMultipartUpload xmlns="http://s3.amazonaws.com/doc/2006-03-01/">${parts.join("")}` +
    "</CompleteMultipartUpload>";
}

function partXml({ index, sha256, tag }: PartReceipt, checksum: ChecksumKind): string {
  const crc = crcInTag(tag);
  const sum = checksum === "sha256"
    ? `<ChecksumSHA256>${toBase64(fromHex(sha256))}</ChecksumSHA256>`
    : checksum === "crc64nvme" && crc !== undefined
    ? `<ChecksumCRC64NVME>${toBase64(fromHex(crc))}</ChecksumCRC64NVME>`
    : "";
  const etag = escapeXml(`"${etagInTag(tag)}"`);
  return `<PartNumber>${index + 1}</PartNumber><ETag>${etag}</ETag>${sum}`;
}

/** The receipts the server agrees with: same size, same ETag, and the same checksum where it keeps one. */
export function confirmedBy(
  listed: readonly ListedPart[],
  known: readonly PartReceipt[],
  size: number,
  partSize: number,
): readonly PartReceipt[] {
  const held = new Map(listed.map((part) => [part.number, part]));
  return known.filter((receipt) => {
    const part = held.get(receipt.index + 1);
    if (part === undefined || receipt.index >= partCount(size, partSize)) return false;
    const right = partRange(size, partSize, receipt.index).length;
    return receipt.size === right && part.size === right && sameBytes(part, receipt);
  });
}

function sameBytes(part: ListedPart, receipt: PartReceipt): boolean {
  if (unquote(part.etag) !== etagInTag(receipt.tag)) return false;
  if (part.sha256 !== undefined && toHex(fromBase64(part.sha256)) !== receipt.sha256) return false;
  const crc = crcInTag(receipt.tag);
  return part.crc64nvme === undefined || crc === undefined || toHex(fromBase64(part.crc64nvme)) === crc;
}

/** The part size an upload was begun with: any receipt tells; without one, nothing is confirmed anyway. */
export function partSizeOf(known: readonly PartReceipt[], size: number, usual = USUAL_PART): number {
  const told = known.map(({ tag }) => partSizeInTag(tag)).find((one) => one !== undefined);
  return told ?? partSizeFor(size, usual);
}
