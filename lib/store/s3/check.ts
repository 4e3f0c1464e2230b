/**
 * What the client has the server verify of each body, and how the server's own checksums read.
 *
 * Source: S3 User Guide, "Checking object integrity": `x-amz-checksum-sha256` of a multipart object is a
 * composite `<base64>-<parts>`, `x-amz-checksum-crc64nvme` is always of the full object.
 */

import { createHash } from "node:crypto";
import { type Bytes, fromBase64, fromHex, toBase64, toHex } from "../../bytes.ts";
import { partsChecksum, sha256Hex } from "../checksum.ts";
import { partCount, partRange, type PartReceipt } from "../store.ts";
import { crc64Hex, crc64nvme, joinCrc64 } from "./crc64.ts";

/** The checksum a server is asked to verify and keep; `md5` (Content-MD5) where it knows neither other. */
export type ChecksumKind = "sha256" | "crc64nvme" | "md5";

/** A body's checksums. */
export interface BodyCheck {
  readonly kind: ChecksumKind;
  /** Of the body, hex. */
  readonly sha256: string;
  /** Of the body, by `kind`, hex. */
  readonly hex: string;
  /** To be sent with the body. */
  readonly headers: Readonly<Record<string, string>>;
}

/** Names the part size of an object in its own metadata, since a HEAD does not tell it. */
export const PART_SIZE_HEADER = "x-amz-meta-coldframe-part-size";

/**
 * Computes what goes with a body.
 *
 * @param sha256 of the body, hex
 */
export async function checkBody(
  kind: ChecksumKind,
  body: Bytes,
  sha256 = sha256Hex(body),
): Promise<BodyCheck> {
  const hex = kind === "sha256" ? sha256 : await hexOf(kind, body);
  return { kind, sha256, hex, headers: { [headerOf(kind)]: toBase64(fromHex(hex)) } };
}

async function hexOf(kind: "crc64nvme" | "md5", body: Bytes): Promise<string> {
  return kind === "md5" ? md5Hex(body) : crc64Hex(await crc64nvme(body));
}

function md5Hex(body: Uint8Array): string {
  return createHash("md5").update(body).digest("hex");
}

function headerOf(kind: ChecksumKind): string {
  return kind === "md5" ? "content-md5" : `x-amz-checksum-${kind}`;
}

/**
 * Whether the server's answer to a body proves that it got these bytes: undefined when it says nothing of
 * its checksum. An ETag is the MD5 on many servers, but never has to be, so another value proves nothing.
 */
export function answerAgrees(check: BodyCheck, body: Bytes, answer: Headers): boolean | undefined {
  const echo = check.kind === "md5" ? null : answer.get(headerOf(check.kind));
  if (echo !== null) return toHex(fromBase64(echo)) === check.hex;
  const md5 = check.kind === "md5" ? check.hex : md5Hex(body);
  return etagOf(answer) === md5 ? true : undefined;
}

/** True when the server said a checksum of this kind, so that it knows it. */
export function answerSpeaks(kind: ChecksumKind, answer: Headers): boolean {
  return answer.has(headerOf(kind));
}

/** The ETag without its quotes, or "". */
export function etagOf(headers: Headers): string {
  return unquote(headers.get("etag") ?? "");
}

/** An ETag without quotes and without the mark of a weak one. */
export function unquote(etag: string): string {
  return etag.replace(/^(?:W\/)?"?(.*?)"?$/, "$1");
}

/**
 * The checksum of an object in our form, from a HEAD with checksum mode on; undefined where the server
 * keeps none.
 */
export function objectChecksum(headers: Headers): string | undefined {
  const crc = headers.get("x-amz-checksum-crc64nvme");
  const sha = headers.get("x-amz-checksum-sha256");
  const partSize = headers.get(PART_SIZE_HEADER) ?? "";
  if (sha !== null) return shaChecksum(sha, partSize);
  if (crc !== null) return `crc64nvme:${toHex(fromBase64(crc))}`;
  return encryptedByKms(headers) ? undefined : etagChecksum(etagOf(headers), partSize);
}

function shaChecksum(value: string, partSize: string): string | undefined {
  const [base64 = "", parts] = value.split("-");
  const hex = toHex(fromBase64(base64));
  if (hex.length !== 64) return undefined;
  if (parts === undefined) return `sha256:${hex}`;
  return partSize === "" ? undefined : `sha256-parts:${hex}:${partSize}`;
}

function etagChecksum(etag: string, partSize: string): string | undefined {
  const [, hex, parts] = /^([0-9a-f]{32})(-[0-9]+)?$/.exec(etag) ?? [];
  if (hex === undefined) return undefined;
  if (parts === undefined) return `md5:${hex}`;
  return partSize === "" ? undefined : `md5-parts:${hex}:${partSize}`;
}

/** With KMS or customer keys an ETag looks like an MD5 and is none. */
function encryptedByKms(headers: Headers): boolean {
  return (headers.get("x-amz-server-side-encryption") ?? "").startsWith("aws:kms") ||
    headers.has("x-amz-server-side-encryption-customer-algorithm");
}

/** Our checksum of bytes in memory, in the form of one the store gave; undefined when we cannot make it. */
export async function checksumLike(theirs: string, body: Bytes): Promise<string | undefined> {
  const [form, , partSize] = theirs.split(":");
  switch (form) {
    case "sha256":
      return `sha256:${sha256Hex(body)}`;
    case "md5":
    case "crc64nvme":
      return `${form}:${await hexOf(form, body)}`;
    case "sha256-parts":
      return compositeOf("sha256", body, Number(partSize));
    case "md5-parts":
      return compositeOf("md5", body, Number(partSize));
    default:
      return undefined;
  }
}

function compositeOf(algorithm: "sha256" | "md5", body: Bytes, partSize: number): string | undefined {
  if (!Number.isSafeInteger(partSize) || partSize < 1) return undefined;
  const whole = createHash(algorithm);
  for (let index = 0; index < partCount(body.length, partSize); index++) {
    const { offset, length } = partRange(body.length, partSize, index);
    whole.update(createHash(algorithm).update(body.subarray(offset, offset + length)).digest());
  }
  return `${algorithm}-parts:${whole.digest("hex")}:${partSize}`;
}

/**
 * A part's tag: its ETag, the part size of its upload, and with `crc64nvme` its CRC, from which the whole
 * object's is joined: `5d41402abc4b2a76b9719d911017c592 part=16777216 crc=ae8b14860a799888`. The part size
 * stands in every tag since no number of parts shows it for sure, and another release may choose another.
 */
export function tagOf(check: BodyCheck, etag: string, partSize: number): string {
  return `${etag} part=${partSize}${check.kind === "crc64nvme" ? ` crc=${check.hex}` : ""}`;
}

/** The ETag in a tag. */
export function etagInTag(tag: string): string {
  return tag.replace(/ part=[0-9]+(?: crc=[0-9a-f]{16})?$/, "");
}

/** The part size in a tag, in bytes. */
export function partSizeInTag(tag: string): number | undefined {
  const digits = / part=([1-9][0-9]*)(?: crc=\w+)?$/.exec(tag)?.[1];
  return digits === undefined ? undefined : Number(digits);
}

/** The CRC in a tag, hex. */
export function crcInTag(tag: string): string | undefined {
  return / crc=([0-9a-f]{16})$/.exec(tag)?.[1];
}

/** What the store's checksum of an object sent in parts must be, in the form of one the store gave. */
export function partsChecksumLike(
  theirs: string,
  receipts: readonly PartReceipt[],
  partSize: number,
): string | undefined {
  const [form] = theirs.split(":");
  const [only] = receipts;
  if (form === "sha256") return receipts.length === 1 && only ? `sha256:${only.sha256}` : undefined;
  if (form === "sha256-parts") return sha256Composite(receipts, partSize);
  if (form === "crc64nvme") return joinedCrc(receipts);
  if (form === "md5-parts") return md5Composite(receipts, partSize);
  return undefined;
}

/** S3 calls an object sent as one part composite too, which `partsChecksum` does not. */
function sha256Composite(receipts: readonly PartReceipt[], partSize: number): string {
  if (receipts.length !== 1) return partsChecksum(receipts, partSize);
  return `sha256-parts:${sha256Hex(fromHex(receipts[0]?.sha256 ?? ""))}:${partSize}`;
}

/** `crc64nvme:…` of the object, where every receipt has the CRC of its part. */
export function joinedCrc(receipts: readonly PartReceipt[]): string | undefined {
  let crc = 0n;
  for (const receipt of receipts) {
    const hex = crcInTag(receipt.tag);
    if (hex === undefined) return undefined;
    crc = joinCrc64(crc, BigInt(`0x${hex}`), receipt.size);
  }
  return `crc64nvme:${crc64Hex(crc)}`;
}

/** What nearly every server makes the ETag of an object sent in parts: the MD5 of the parts' MD5s. */
function md5Composite(receipts: readonly PartReceipt[], partSize: number): string | undefined {
  const hash = createHash("md5");
  for (const { tag } of receipts) {
    const etag = etagInTag(tag);
    if (!/^[0-9a-f]{32}$/.test(etag)) return undefined;
    hash.update(fromHex(etag));
  }
  return `md5-parts:${hash.digest("hex")}:${partSize}`;
}
