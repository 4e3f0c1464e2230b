/** Makes objects as lomo-backup does, with Node's stream cipher: not the code that reads them. */

import { createCipheriv, createHash } from "node:crypto";
import { type Bytes, concat } from "../../lib/bytes.ts";
import { deriveKey } from "../../lib/import/lomob.ts";
import type { RandomAccess } from "../../lib/types.ts";

/** The object of a plaintext. */
export async function sealLomob(plain: Uint8Array, masterKey: string): Promise<Bytes> {
  const salt = createHash("sha256").update(plain).digest().subarray(0, 16);
  const cipher = createCipheriv("aes-256-ctr", await deriveKey(masterKey, salt), salt);
  return concat(salt, cipher.update(plain), cipher.final());
}

/** Bytes in memory, read as an object in a store is. */
export function bytesAccess(bytes: Bytes): RandomAccess {
  return {
    size: bytes.length,
    readAt: (offset, length) => {
      if (offset + length > bytes.length) return Promise.reject(new RangeError("beyond the end"));
      return Promise.resolve(bytes.slice(offset, offset + length));
    },
  };
}
