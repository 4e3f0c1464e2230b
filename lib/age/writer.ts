/**
 * An age file that is never whole anywhere: any range of it is made on demand from a range of its
 * plaintext. This is what lets an upload of gigabytes go on at part 37, with the same bytes as before.
 */

import { type Bytes, equal, release } from "../bytes.ts";
import type { RandomAccess } from "../types.ts";
import { assertHeaderOf, type Envelope } from "./header.ts";
import { CHUNK_SIZE, chunkCount, NONCE_SIZE, PayloadKey, payloadSize, SEALED_CHUNK_SIZE } from "./payload.ts";

/** Chunks read and sealed as one batch: 4 MiB. */
const BATCH = 64;

/** A sealed chunk that one part ends in the middle of, kept because the next part begins there. */
interface Straddler {
  readonly chunk: number;
  readonly plain: Bytes;
  readonly sealed: Bytes;
}

/**
 * Makes the bytes of `header ‖ nonce ‖ chunks` by range. Parts made one after another read every byte of
 * the plaintext once, in order, 4 MiB at a time and one batch ahead; starting elsewhere costs at most one
 * chunk more. Memory: the part, and some 12 MiB.
 *
 * Each chunk is opened again and compared with its plaintext before its part is returned.
 */
export class AgeWriter {
  /** Bytes of the whole file. */
  readonly size: number;
  readonly #envelope: Envelope;
  readonly #key: PayloadKey;
  readonly #plain: RandomAccess;
  /** Bytes before the first chunk. */
  readonly #chunksAt: number;
  /** For the batch in use, and for the one that is read meanwhile. */
  #buffers: readonly [Bytes, Bytes] | undefined;
  #straddler: Straddler | undefined;

  /** For `open`, and for tests that bring a key whose cipher errs. */
  constructor(envelope: Envelope, key: PayloadKey, plain: RandomAccess) {
    this.#envelope = envelope;
    this.#key = key;
    this.#plain = plain;
    this.#chunksAt = envelope.header.length + NONCE_SIZE;
    this.size = envelope.header.length + payloadSize(plain.size);
  }

  /**
   * @param envelope made for this plaintext and no other
   * @param plain must give the same bytes for as long as the envelope is in use; the caller aborts the
   *   upload, and never sends what was made, when its source changes
   * @param name what errors shall call the file
   * @throws ColdframeError `damaged` when header and file key do not belong together
   */
  static async open(envelope: Envelope, plain: RandomAccess, name = "age file"): Promise<AgeWriter> {
    assertHeaderOf(envelope.header, envelope.fileKey, name);
    return new AgeWriter(envelope, await PayloadKey.derive(envelope.fileKey, envelope.nonce, name), plain);
  }

  /** Bytes a buffer must have to be reused for parts of `length` bytes: whole chunks at both ends. */
  bufferSize(length: number): number {
    return length + 2 * SEALED_CHUNK_SIZE;
  }

  /**
   * Bytes `offset` to `offset + length` of the file; the same for the same arguments, always.
   *
   * @param buffer where to make them, with at least `bufferSize(length)` bytes; the part returned is a
   *   view of it. Without one, memory is taken for each part: a third slower, and more of it.
   * @throws RangeError when the range is not inside the file; ColdframeError `damaged` when a chunk does
   *   not decrypt to what was encrypted; whatever `plain` throws
   */
  async part(offset: number, length: number, buffer?: Bytes): Promise<Bytes> {
    if (!(offset >= 0 && length >= 0 && offset + length <= this.size)) {
      throw new RangeError(`${length} bytes from ${offset} are not inside ${this.size}`);
    }
    const end = offset + length;
    const first = Math.max(0, Math.floor((offset - this.#chunksAt) / SEALED_CHUNK_SIZE));
    const endChunk = Math.max(first, Math.ceil((end - this.#chunksAt) / SEALED_CHUNK_SIZE));
    // Whole chunks are made and the part is a view of them: what was checked is what is sent.
    const start = offset < this.#chunksAt ? 0 : this.#chunkOffset(first);
    const size = (end <= this.#chunksAt ? this.#chunksAt : this.#chunkOffset(endChunk)) - start;
    const out = buffer === undefined ? new Uint8Array(size) : within(buffer, size);
    if (start === 0) this.#putStart(out);
    await this.#putChunks(out, start, first, endChunk, end);
    return out.subarray(offset - start, end - start);
  }

  /**
   * Where a stretch of plaintext begins to matter: the file offset of the first byte whose chunk takes
   * plaintext from `plainOffset` on.
   */
  offsetOf(plainOffset: number): number {
    return this.#chunkOffset(Math.floor(plainOffset / CHUNK_SIZE));
  }

  /** How many bytes of plaintext making everything before the file offset `end` takes. */
  plainBefore(end: number): number {
    const chunks = Math.max(0, Math.ceil((end - this.#chunksAt) / SEALED_CHUNK_SIZE));
    return Math.min(chunks * CHUNK_SIZE, this.#plain.size);
  }

  /** The file offset of a chunk; that of the chunk after the last is the end of the file. */
  #chunkOffset(chunk: number): number {
    return Math.min(this.#chunksAt + chunk * SEALED_CHUNK_SIZE, this.size);
  }

  #putStart(out: Bytes): void {
    out.set(this.#envelope.header, 0);
    out.set(this.#envelope.nonce, this.#envelope.header.length);
  }

  /** Fills in chunks `first` to `endChunk`; `end` is where the part ends in the file. */
  async #putChunks(out: Bytes, start: number, first: number, endChunk: number, end: number): Promise<void> {
    let chunk = first;
    let last = this.#straddler;
    if (chunk < endChunk && last?.chunk === chunk) {
      out.set(await this.#checked(last), this.#chunkOffset(chunk) - start);
      chunk += 1;
    }
    for await (const plain of this.#batches(chunk, endChunk)) {
      const next = Math.min(chunk + BATCH, endChunk);
      const sealed = out.subarray(this.#chunkOffset(chunk) - start, this.#chunkOffset(next) - start);
      await this.#key.sealInto(sealed, chunk, plain, this.#isEnd(next), true);
      if (next === endChunk) last = lastOf(chunk, plain, sealed);
      chunk = next;
    }
    if (endChunk > first) this.#straddler = this.#chunkOffset(endChunk) > end ? last : undefined;
    if (this.#isEnd(endChunk)) this.#releaseBuffers();
  }

  /** A kept chunk has lain in memory while the part before it was sent, so it is compared once more. */
  async #checked({ chunk, plain, sealed }: Straddler): Promise<Bytes> {
    const out = new Uint8Array(sealed.length);
    const opened = await this.#key.openInto(out, chunk, sealed, this.#isEnd(chunk + 1));
    if (opened.fault !== undefined || !equal(out.subarray(0, opened.size), plain)) {
      throw this.#key.memoryFault(chunk);
    }
    return sealed;
  }

  #isEnd(endChunk: number): boolean {
    return endChunk === chunkCount(this.#plain.size);
  }

  /**
   * The plaintext of chunks `first` to `end`, with the next batch being read while one is in use. A batch
   * is good until the next one is asked for.
   */
  async *#batches(first: number, end: number): AsyncGenerator<Bytes> {
    if (first >= end) return;
    let [free, other] = this.#buffers ??= this.#newBuffers();
    let ahead: Promise<Bytes> | undefined = this.#read(first, end, free);
    try {
      for (let chunk = first + BATCH; ahead !== undefined; chunk += BATCH) {
        const plain = await ahead;
        [free, other] = [other, free];
        ahead = chunk < end ? this.#read(chunk, end, free) : undefined;
        // If sealing fails first, nobody waits for this read any more; its own failure must not end the process.
        ahead?.catch(() => {});
        yield plain;
      }
    } finally {
      await ahead?.catch(() => {}); // it still fills a buffer that the next part will use
    }
  }

  #newBuffers(): readonly [Bytes, Bytes] {
    const size = Math.min(BATCH * CHUNK_SIZE, this.#plain.size);
    const needsTwo = this.#plain.size > BATCH * CHUNK_SIZE;
    return [new Uint8Array(size), new Uint8Array(needsTwo ? size : 0)];
  }

  /** Those of one volume after the other would pile up. */
  #releaseBuffers(): void {
    this.#buffers?.forEach(release);
    this.#buffers = undefined;
  }

  async #read(chunk: number, end: number, into: Bytes): Promise<Bytes> {
    const offset = chunk * CHUNK_SIZE;
    const length = Math.min(Math.min(chunk + BATCH, end) * CHUNK_SIZE, this.#plain.size) - offset;
    const plain = await this.#plain.readAt(offset, length, into);
    if (plain.length !== length) throw new RangeError(`asked for ${length} bytes, got ${plain.length}`);
    return plain;
  }
}

/** The last chunk of a batch that begins with chunk `first`, copied so that the batch can be freed. */
function lastOf(first: number, plain: Bytes, sealed: Bytes): Straddler {
  const at = chunkCount(plain.length) - 1;
  return {
    chunk: first + at,
    plain: plain.slice(at * CHUNK_SIZE),
    sealed: sealed.slice(at * SEALED_CHUNK_SIZE),
  };
}

function within(buffer: Bytes, size: number): Bytes {
  if (buffer.length < size) throw new RangeError(`a buffer of ${buffer.length} bytes, ${size} are needed`);
  return buffer.subarray(0, size);
}
