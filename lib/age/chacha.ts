/**
 * ChaCha20-Poly1305 (RFC 8439) for the chunks of an age payload.
 *
 * WebCrypto runs it on threads of its own, so several chunks in flight use every core; where a runtime
 * has no such algorithm, @noble/ciphers makes the same bytes in plain JavaScript.
 */

import { chacha20poly1305 } from "@noble/ciphers/chacha.js";
import type { Bytes } from "../bytes.ts";

/** Bytes that a sealed chunk is longer than its plaintext: the Poly1305 tag. */
export const TAG_SIZE = 16;

/** One key, ready to seal and open. Nonces are 12 bytes and the caller's business. */
export interface ChunkCipher {
  /** The ciphertext followed by its 16-byte tag. */
  seal(nonce: Bytes, plain: Bytes): Promise<Bytes>;
  /** The plaintext, or undefined when the tag does not fit: wrong key or nonce, or changed bytes. */
  open(nonce: Bytes, sealed: Bytes): Promise<Bytes | undefined>;
}

const ALGORITHM = "ChaCha20-Poly1305";

/** Whether this runtime's WebCrypto has the algorithm. Asked once: the answer cannot change. */
const inWebCrypto: Promise<boolean> = importKey(new Uint8Array(32)).then(() => true, () => false);

/**
 * The fastest cipher this runtime has.
 *
 * @param key 32 bytes
 */
export async function chunkCipher(key: Bytes): Promise<ChunkCipher> {
  return await inWebCrypto ? webCryptoCipher(key) : nobleCipher(key);
}

/** The cipher of WebCrypto; rejects where the runtime has none. */
export async function webCryptoCipher(key: Bytes): Promise<ChunkCipher> {
  const imported = await importKey(key);
  return {
    async seal(nonce, plain) {
      return new Uint8Array(await crypto.subtle.encrypt({ name: ALGORITHM, iv: nonce }, imported, plain));
    },
    async open(nonce, sealed) {
      try {
        return new Uint8Array(await crypto.subtle.decrypt({ name: ALGORITHM, iv: nonce }, imported, sealed));
      } catch (error) {
        // WebCrypto's name for a tag that does not fit; anything else (no memory) says nothing of the bytes.
        if (error instanceof DOMException && error.name === "OperationError") return undefined;
        throw error;
      }
    },
  };
}

/** The cipher of @noble/ciphers. */
export function nobleCipher(key: Bytes): ChunkCipher {
  return {
    seal: (nonce, plain) => Promise.resolve(ownBuffer(chacha20poly1305(key, nonce).encrypt(plain))),
    open: (nonce, sealed) => Promise.resolve(nobleOpen(key, nonce, sealed)),
  };
}

function nobleOpen(key: Bytes, nonce: Bytes, sealed: Bytes): Bytes | undefined {
  if (sealed.length < TAG_SIZE) return undefined;
  try {
    return ownBuffer(chacha20poly1305(key, nonce).decrypt(sealed));
  } catch (error) {
    if (error instanceof Error && error.message === "invalid tag") return undefined;
    throw error;
  }
}

function importKey(key: Bytes): Promise<CryptoKey> {
  return crypto.subtle.importKey("raw-secret", key, ALGORITHM, false, ["encrypt", "decrypt"]);
}

/** The same bytes with the type that says their buffer is not shared; copied only if it is. */
function ownBuffer(bytes: Uint8Array): Bytes {
  const { buffer, byteOffset, length } = bytes;
  return buffer instanceof ArrayBuffer ? new Uint8Array(buffer, byteOffset, length) : new Uint8Array(bytes);
}
