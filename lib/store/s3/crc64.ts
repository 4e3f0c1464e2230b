/**
 * CRC-64/NVME, the one checksum S3 keeps of a whole object that was sent in parts.
 *
 * Source: NVM Express NVM Command Set Specification 1.0, section 5.2.1.3.4; check value of "123456789":
 * ae8b14860a799888. Joining two CRCs follows zlib's `crc32_combine`: arithmetic modulo the polynomial.
 */

import { createCRC64 } from "hash-wasm";

const POLYNOMIAL = 0x9a6c9329ac4bc9b5n; // bits reversed, as the register holds it
const ONE = 1n << 63n; // x^0 in that order

let hasher: ReturnType<typeof createCRC64> | undefined;

/** CRC-64/NVME of bytes in memory. */
export async function crc64nvme(bytes: Uint8Array): Promise<bigint> {
  hasher ??= createCRC64(POLYNOMIAL.toString(16));
  const crc = await hasher;
  // One hasher serves all: nothing awaits between init and digest.
  return BigInt(`0x${crc.init().update(bytes).digest("hex")}`);
}

/** The CRC of two stretches of bytes one after the other, from the CRC of each; `lengthB` in bytes. */
export function joinCrc64(a: bigint, b: bigint, lengthB: number): bigint {
  return multiply(powerOfX(BigInt(lengthB) * 8n), a) ^ b;
}

/** 16 hex digits. */
export function crc64Hex(crc: bigint): string {
  return crc.toString(16).padStart(16, "0");
}

/** a·b modulo the polynomial. */
function multiply(a: bigint, b: bigint): bigint {
  let product = 0n;
  let factor = b;
  for (let bit = ONE; bit !== 0n; bit >>= 1n) {
    if ((a & bit) !== 0n) product ^= factor;
    factor = (factor & 1n) === 1n ? (factor >> 1n) ^ POLYNOMIAL : factor >> 1n;
  }
  return product;
}

/** x^n modulo the polynomial, by repeated squaring. */
function powerOfX(n: bigint): bigint {
  let power = ONE;
  let square = ONE >> 1n;
  for (let rest = n; rest !== 0n; rest >>= 1n) {
    if ((rest & 1n) === 1n) power = multiply(square, power);
    square = multiply(square, square);
  }
  return power;
}
