/**
 * The checksums S3 keeps beside an object.
 *
 * Source: Amazon S3 User Guide, "Checking object integrity": five algorithms; of an object sent in parts either the
 * checksum of the whole ("full object", CRCs only) or one over the checksums of the parts ("composite").
 */

import { createHash } from "node:crypto";
import { createCRC32, createCRC64 } from "hash-wasm";
import { concat, fromBase64, toBase64 } from "../../../lib/bytes.ts";

/** The algorithms S3 knows, as they stand in XML and in `x-amz-checksum-algorithm`. */
export const ALGORITHMS = ["CRC32", "CRC32C", "CRC64NVME", "SHA1", "SHA256"] as const;
export type Algorithm = (typeof ALGORITHMS)[number];

/** Whether the value covers the object's bytes or the checksums of its parts. */
export type ChecksumType = "FULL_OBJECT" | "COMPOSITE";

/** A checksum as S3 shows it: base64, and `-<parts>` after it when it is composite. */
export interface StoredChecksum {
  readonly algorithm: Algorithm;
  readonly type: ChecksumType;
  readonly value: string;
}

/** Takes bytes and gives their digest at the end. */
export interface Digest {
  update(bytes: Uint8Array): void;
  digest(): Uint8Array;
}

const DIGEST_BYTES: Readonly<Record<Algorithm, number>> = {
  CRC32: 4,
  CRC32C: 4,
  CRC64NVME: 8,
  SHA1: 20,
  SHA256: 32,
};

// The reflected polynomials, as hash-wasm wants them.
const CRC32_POLYNOMIAL = 0xedb88320;
const CRC32C_POLYNOMIAL = 0x82f63b78;
const CRC64NVME_POLYNOMIAL = "9a6c9329ac4bc9b5";

/** The algorithm of a name in any case, or undefined. */
export function algorithmNamed(name: string | undefined): Algorithm | undefined {
  return ALGORITHMS.find((algorithm) => algorithm === name?.toUpperCase());
}

/** `x-amz-checksum-sha256` and its like. */
export function checksumHeader(algorithm: Algorithm): string {
  return `x-amz-checksum-${algorithm.toLowerCase()}`;
}

/** `ChecksumSHA256` and its like. */
export function checksumElement(algorithm: Algorithm): string {
  return `Checksum${algorithm}`;
}

/** A digest that can be fed. */
export async function createDigest(algorithm: Algorithm): Promise<Digest> {
  if (algorithm === "SHA1" || algorithm === "SHA256") return createHash(algorithm.toLowerCase());
  const crc = idle.get(algorithm)?.pop() ?? await newCrc(algorithm);
  crc.init();
  return {
    update: (bytes) => void crc.update(bytes),
    digest() {
      const value = crc.digest("binary");
      idle.set(algorithm, [...idle.get(algorithm) ?? [], crc]);
      return value;
    },
  };
}

type Crc = Awaited<ReturnType<typeof createCRC32>>;

/** Those that have given their digest: to make one costs Bun as much as fifty requests. */
const idle = new Map<Algorithm, Crc[]>();

function newCrc(algorithm: Exclude<Algorithm, "SHA1" | "SHA256">): Promise<Crc> {
  if (algorithm === "CRC64NVME") return createCRC64(CRC64NVME_POLYNOMIAL);
  return createCRC32(algorithm === "CRC32" ? CRC32_POLYNOMIAL : CRC32C_POLYNOMIAL);
}

/** Whether a header's value can be a checksum of this kind at all. */
export function isChecksumValue(algorithm: Algorithm, value: string): boolean {
  const bytes = fromBase64(value);
  return bytes.length === DIGEST_BYTES[algorithm] && toBase64(bytes) === value;
}

/** The types that S3 allows for an algorithm; the first is what it takes when nothing was said. */
export function allowedTypes(algorithm: Algorithm): readonly ChecksumType[] {
  if (algorithm === "CRC64NVME") return ["FULL_OBJECT"];
  if (algorithm === "CRC32" || algorithm === "CRC32C") return ["COMPOSITE", "FULL_OBJECT"];
  return ["COMPOSITE"];
}

// Completion must not wait between checking and writing, so the hashers it needs are made beforehand.
const small = {
  CRC32: await createCRC32(CRC32_POLYNOMIAL),
  CRC32C: await createCRC32(CRC32C_POLYNOMIAL),
};

function hashSmall(algorithm: Exclude<Algorithm, "CRC64NVME">, bytes: Uint8Array): Uint8Array {
  if (algorithm === "SHA1" || algorithm === "SHA256") {
    return createHash(algorithm.toLowerCase()).update(bytes).digest();
  }
  return small[algorithm].init().update(bytes).digest("binary");
}

/** The checksum of an object from those of its parts. */
export function joinChecksums(
  algorithm: Algorithm,
  type: ChecksumType,
  parts: readonly { readonly size: number; readonly value: string }[],
): StoredChecksum {
  const digests = parts.map((part) => ({ size: part.size, digest: fromBase64(part.value) }));
  if (type === "FULL_OBJECT" && algorithm !== "SHA1" && algorithm !== "SHA256") {
    return { algorithm, type, value: toBase64(joinCrcs(algorithm, digests)) };
  }
  if (algorithm === "CRC64NVME") throw new Error("CRC-64/NVME has no composite form");
  const digest = hashSmall(algorithm, concat(...digests.map((part) => part.digest)));
  return { algorithm, type: "COMPOSITE", value: `${toBase64(digest)}-${parts.length}` };
}

/** GF(2) matrix: the effect of some number of zero bytes on a CRC, one column per bit. */
type Operator = readonly bigint[];
const operators = new Map<string, Operator>();

/**
 * The CRC of concatenated pieces from their CRCs and lengths, after zlib's crc32_combine: appending n bytes to a
 * piece multiplies its CRC by x^(8n) modulo the polynomial.
 */
function joinCrcs(
  algorithm: "CRC32" | "CRC32C" | "CRC64NVME",
  pieces: readonly { readonly size: number; readonly digest: Uint8Array }[],
): Uint8Array {
  const width = DIGEST_BYTES[algorithm] * 8;
  let joined = 0n;
  for (const { size, digest } of pieces) {
    const crc = digest.reduce((value, byte) => (value << 8n) | BigInt(byte), 0n);
    joined = apply(zeroBytes(algorithm, size), joined) ^ crc;
  }
  return Uint8Array.from(
    { length: width / 8 },
    (_, i) => Number((joined >> BigInt(width - 8 - 8 * i)) & 0xffn),
  );
}

function apply(operator: Operator, value: bigint): bigint {
  let result = 0n;
  for (const [bit, column] of operator.entries()) {
    if ((value >> BigInt(bit)) & 1n) result ^= column;
  }
  return result;
}

/** Kept per length, since the parts of an upload are of one size but for the last. */
function zeroBytes(algorithm: "CRC32" | "CRC32C" | "CRC64NVME", count: number): Operator {
  const name = `${algorithm} ${count}`;
  const known = operators.get(name);
  if (known !== undefined) return known;
  const width = DIGEST_BYTES[algorithm] * 8;
  let result: Operator = Array.from({ length: width }, (_, bit) => 1n << BigInt(bit));
  let power = oneZeroBit(algorithm, width);
  for (let bits = BigInt(count) * 8n; bits > 0n; bits >>= 1n) {
    if (bits & 1n) result = result.map((column) => apply(power, column));
    power = power.map((column) => apply(power, column));
  }
  operators.set(name, result);
  return result;
}

function oneZeroBit(algorithm: "CRC32" | "CRC32C" | "CRC64NVME", width: number): Operator {
  const polynomial = algorithm === "CRC64NVME"
    ? BigInt(`0x${CRC64NVME_POLYNOMIAL}`)
    : BigInt(algorithm === "CRC32" ? CRC32_POLYNOMIAL : CRC32C_POLYNOMIAL);
  return Array.from({ length: width }, (_, bit) => bit === 0 ? polynomial : 1n << BigInt(bit - 1));
}
