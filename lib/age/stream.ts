/**
 * Whole age files as streams, in constant memory, and as bytes for the small ones. Nothing is handed on
 * before its tag was checked, and a stream that ends early ends in an error: a reader who writes a file
 * under its final name only after the stream ended well never keeps half a photo.
 */

import { type Bytes, collect, concat } from "../bytes.ts";
import { ColdframeError } from "../errors.ts";
import {
  assertHeaderOf,
  type Envelope,
  MAX_HEADER_SIZE,
  newEnvelope,
  openHeader,
  type Unlock,
} from "./header.ts";
import { Inflow } from "./inflow.ts";
import { CHUNK_SIZE, NONCE_SIZE, PayloadKey, payloadSize, SEALED_CHUNK_SIZE } from "./payload.ts";

/** Chunks worked on as one batch: 4 MiB. */
const BATCH = 64;

/**
 * Encrypts a stream of any length. Each chunk is opened again and compared before it is handed on.
 *
 * @param envelope made for this plaintext and no other
 * @param name what errors shall call the file
 * @throws ColdframeError `damaged` when a chunk does not decrypt to what was encrypted
 */
export async function* encryptStream(
  plain: AsyncIterable<Uint8Array>,
  envelope: Envelope,
  name = "age file",
): AsyncGenerator<Bytes> {
  const inflow = new Inflow(plain);
  try {
    assertHeaderOf(envelope.header, envelope.fileKey, name);
    const key = await PayloadKey.derive(envelope.fileKey, envelope.nonce, name);
    yield concat(envelope.header, envelope.nonce);
    for await (const { bytes, first, last } of batches(inflow, CHUNK_SIZE)) {
      const out = new Uint8Array(last ? payloadSize(bytes.length) - NONCE_SIZE : BATCH * SEALED_CHUNK_SIZE);
      await key.sealInto(out, first, bytes, last, true);
      yield out;
    }
  } finally {
    await inflow.close();
  }
}

/**
 * Decrypts a stream. Plaintext that authenticates is handed on even if a later chunk then fails.
 *
 * @param file the whole file; its pieces may have any size
 * @param name what errors shall call the file
 * @throws ColdframeError as `openHeader` does, and `damaged` for a payload that was changed, cut or added to
 */
export async function* decryptStream(
  file: AsyncIterable<Uint8Array>,
  unlock: Unlock,
  name = "age file",
): AsyncGenerator<Bytes> {
  const inflow = new Inflow(file);
  try {
    const { fileKey, headerSize } = await openHeader(await inflow.peek(MAX_HEADER_SIZE), unlock, name);
    inflow.skip(headerSize);
    yield* openPayload(inflow, fileKey, name);
  } finally {
    await inflow.close();
  }
}

/** Encrypts bytes in memory, with an envelope of their own. */
export async function encryptBytes(
  plain: Bytes,
  recipients: readonly string[],
  name?: string,
): Promise<Bytes> {
  return await collect(encryptStream(once(plain), await newEnvelope(recipients), name));
}

/** Decrypts bytes in memory; throws as `decryptStream` does. */
export function decryptBytes(file: Uint8Array, unlock: Unlock, name?: string): Promise<Bytes> {
  return collect(decryptStream(once(file), unlock, name));
}

async function* openPayload(inflow: Inflow, fileKey: Bytes, name: string): AsyncGenerator<Bytes> {
  const nonce = (await inflow.peek(NONCE_SIZE)).slice(0, NONCE_SIZE);
  if (nonce.length < NONCE_SIZE) {
    throw new ColdframeError("damaged", `${name} ends before its first chunk; it was cut short`);
  }
  inflow.skip(NONCE_SIZE);
  const key = await PayloadKey.derive(fileKey, nonce, name);
  for await (const { bytes, first, last } of batches(inflow, SEALED_CHUNK_SIZE)) {
    const out = new Uint8Array(bytes.length);
    const { size, fault } = await key.openInto(out, first, bytes, last);
    if (size > 0) yield out.subarray(0, size);
    if (fault !== undefined) throw key.damage(fault);
  }
}

/** A run of chunks out of a stream. */
interface Batch {
  /** Valid until the next batch is asked for. */
  readonly bytes: Bytes;
  /** The number of its first chunk. */
  readonly first: number;
  /** Whether the stream ends with it. */
  readonly last: boolean;
}

/** Cuts what is left of a stream into batches; one byte more must be seen to know that one is not the last. */
async function* batches(inflow: Inflow, chunkSize: number): AsyncGenerator<Batch> {
  const size = BATCH * chunkSize;
  for (let first = 0;; first += BATCH) {
    const seen = await inflow.peek(size + 1);
    const last = seen.length <= size;
    yield { bytes: seen.subarray(0, size), first, last };
    if (last) return;
    inflow.skip(size);
  }
}

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield await Promise.resolve(bytes);
}
