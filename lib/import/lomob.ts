/**
 * The encryption of lomo-backup's objects, reading only (facts: DESIGN §9, docs/FORMAT.md).
 *
 *     object = salt(16) ‖ AES-256-CTR(key, IV = salt, plaintext)
 *     salt   = the first 16 bytes of SHA-256(plaintext)
 *     key    = Argon2id(master key, salt; t = 1, m = 64 MiB, p = 4, 32 bytes)   (RFC 9106)
 *
 * Nothing in it tells a wrong key or changed bytes: whatever comes in, something comes out. The salt is the
 * only proof, and it takes the whole plaintext (`isProven`).
 */

import { argon2id } from "hash-wasm";
import { type Bytes, release, toHex, utf8 } from "../bytes.ts";
import { ColdframeError } from "../errors.ts";
import type { RandomAccess } from "../types.ts";

/** Bytes before the ciphertext. */
export const SALT_SIZE = 16;

/** The AES block, which is what the counter counts. */
const BLOCK = 16;

/**
 * The key of one object.
 *
 * @param salt its first 16 bytes
 * @returns 32 bytes
 */
export async function deriveKey(masterKey: string, salt: Uint8Array): Promise<Bytes> {
  const key = await argon2id({
    password: utf8(masterKey),
    salt,
    iterations: 1,
    memorySize: 64 * 1024, // KiB
    parallelism: 4,
    hashLength: 32,
    outputType: "binary",
  });
  return new Uint8Array(key);
}

/** The plaintext of an object, any range of it alone. */
export interface LomobAccess extends RandomAccess {
  /** The first 16 bytes of what the plaintext must hash to. */
  readonly salt: Bytes;
}

/**
 * Opens an object. That it opens says nothing about the key or the bytes.
 *
 * @param object whose answers are the caller's alone
 * @param name for messages
 * @throws ColdframeError `damaged` when it is too short to be one
 */
export async function openLomob(object: RandomAccess, masterKey: string, name: string): Promise<LomobAccess> {
  if (object.size < SALT_SIZE) {
    throw new ColdframeError("damaged", `${name} has ${object.size} bytes: too few for an encrypted object`, {
      hint: "Its upload failed, or it was never encrypted. Look for the file elsewhere.",
    });
  }
  const salt = (await object.readAt(0, SALT_SIZE)).slice(); // the counter of every range begins there
  const raw = await deriveKey(masterKey, salt);
  const key = await crypto.subtle.importKey("raw", raw, "AES-CTR", false, ["decrypt"]);
  return {
    size: object.size - SALT_SIZE,
    salt,
    readAt: async (offset, length, into) => {
      const lead = offset % BLOCK;
      const sealed = await object.readAt(SALT_SIZE + offset - lead, lead + length);
      const counter = counterAt(salt, (offset - lead) / BLOCK);
      const opened = await crypto.subtle.decrypt({ name: "AES-CTR", counter, length: 128 }, key, sealed);
      release(sealed);
      const plain = new Uint8Array(opened, lead);
      if (into === undefined) return plain;
      into.set(plain);
      release(plain);
      return into.subarray(0, length);
    },
  };
}

/**
 * The counter of a block: the IV as a big-endian number of 128 bits, plus the block's index, carried through
 * all of them and wrapping at the end (NIST SP 800-38A, B.1).
 */
export function counterAt(iv: Uint8Array, block: number): Bytes {
  const counter = new Uint8Array(iv);
  let carry = block;
  for (let at = BLOCK - 1; at >= 0 && carry > 0; at--) {
    const sum = (counter[at] ?? 0) + (carry % 256);
    counter[at] = sum % 256;
    carry = Math.floor(carry / 256) + (sum > 255 ? 1 : 0);
  }
  return counter;
}

/**
 * Whether a whole plaintext is the one that was encrypted.
 *
 * @param salt the object's first 16 bytes
 * @param sha256 hex SHA-256 of the decrypted bytes
 */
export function isProven(salt: Uint8Array, sha256: string): boolean {
  return salt.length === SALT_SIZE && sha256.startsWith(toHex(salt));
}
