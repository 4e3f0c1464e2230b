/**
 * Checksums of stored objects, as one string each, so that the catalog and the stores can compare them.
 *
 *     sha256:<hex>                      SHA-256 of the object
 *     sha256-parts:<hex>:<part size>    SHA-256 over the binary SHA-256s of its parts, in order; what S3
 *                                       calls a composite checksum. Can be continued after a restart.
 *     crc64nvme:<hex>                   CRC-64/NVME of the object, 16 digits
 *     md5:<hex>                         MD5 of the object
 *     md5-parts:<hex>:<part size>       MD5 over the binary MD5s of its parts, in order; what most S3 servers
 *                                       give as ETag of an object sent in parts
 */

import { createHash, hash, webcrypto } from "node:crypto";
import { type Bytes, fromHex, toHex } from "../bytes.ts";
import type { PartReceipt } from "./store.ts";

/** `sha256:…` of bytes in memory. */
export function sha256Checksum(bytes: Uint8Array): string {
  return `sha256:${sha256Hex(bytes)}`;
}

/** SHA-256 of bytes in memory, lower-case hex. */
export function sha256Hex(bytes: Uint8Array): string {
  return hash("sha256", bytes, "hex");
}

/** `sha256:…` of a stream. */
export async function streamChecksum(bytes: AsyncIterable<Uint8Array>): Promise<string> {
  const hash = createHash("sha256");
  for await (const piece of bytes) hash.update(piece);
  return `sha256:${hash.digest("hex")}`;
}

/** `sha256Hex` of many bytes, on a thread of its own, so that this one can go on meanwhile. */
export async function sha256Later(bytes: Bytes): Promise<string> {
  return toHex(new Uint8Array(await webcrypto.subtle.digest("SHA-256", bytes)));
}

/**
 * The checksum of an object sent in parts: of the whole when there is but one, composite otherwise.
 *
 * @param receipts one per part, in order
 * @param partSize bytes of every part but the last
 */
export function partsChecksum(receipts: readonly PartReceipt[], partSize: number): string {
  const [only] = receipts;
  if (only !== undefined && receipts.length === 1) return `sha256:${only.sha256}`;
  const hash = createHash("sha256");
  for (const receipt of receipts) hash.update(fromHex(receipt.sha256));
  return `sha256-parts:${hash.digest("hex")}:${partSize}`;
}

/**
 * Whether two checksums of one object agree: undefined when they cannot be compared (other algorithm,
 * other part size, or one of them missing), which proves nothing either way.
 */
export function agree(a: string | undefined, b: string | undefined): boolean | undefined {
  if (a === undefined || b === undefined) return undefined;
  const [algorithmA, hexA, sizeA] = a.split(":");
  const [algorithmB, hexB, sizeB] = b.split(":");
  if (algorithmA !== algorithmB || sizeA !== sizeB) return undefined;
  return hexA === hexB;
}
