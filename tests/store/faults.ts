/** A store on a bad line: calls fail before or after their effect, and streams break. For tests. */

import type { Bytes } from "../../lib/bytes.ts";
import { StoreError } from "../../lib/errors.ts";
import { ForwardingStore, ForwardingUpload } from "../../lib/store/forward.ts";
import type {
  ByteRange,
  ObjectInfo,
  PartReceipt,
  Store,
  Upload,
  UploadInfo,
  Usage,
  WriteOptions,
} from "../../lib/store/store.ts";

/** How often each kind of fault comes, from 0 to 1. */
export interface FaultRates {
  /** The call fails and did nothing: the request was lost. */
  readonly before: number;
  /** The call fails and did its work: the answer was lost. */
  readonly after: number;
  /** As `after`, for the beginning of an upload, which then stays beside the one that is begun anew. */
  readonly begun?: number;
  /** A stream breaks, tried anew before each of its items and before its end. */
  readonly cut: number;
}

/**
 * The same store with transient faults.
 *
 * @param random 0 ≤ x < 1; drawn in the order of the calls, so a seed gives one schedule
 */
export function faulty(store: Store, random: () => number, rates: FaultRates): Store {
  return new FaultyStore(store, new Faults(random, rates));
}

class Faults {
  readonly #random: () => number;
  readonly #rates: FaultRates;

  constructor(random: () => number, rates: FaultRates) {
    this.#random = random;
    this.#rates = rates;
  }

  async call<T>(what: string, body: () => Promise<T>, after = this.#rates.after): Promise<T> {
    this.#strike(this.#rates.before, `${what}: the request was lost`);
    const result = await body();
    this.#strike(after, `${what}: the answer was lost`);
    return result;
  }

  begin<T>(what: string, body: () => Promise<T>): Promise<T> {
    return this.call(what, body, this.#rates.begun ?? this.#rates.after);
  }

  async *stream<T>(what: string, items: AsyncIterable<T>, cut: (item: T) => T): AsyncIterable<T> {
    this.#strike(this.#rates.before, `${what}: the request was lost`);
    for await (const item of items) {
      if (this.#random() < this.#rates.cut) {
        if (this.#random() < 0.5) yield cut(item);
        throw lost(`${what}: the line broke`);
      }
      yield item;
    }
    this.#strike(this.#rates.cut, `${what}: the line broke at the end`);
  }

  #strike(rate: number, message: string): void {
    if (this.#random() < rate) throw lost(message);
  }
}

function lost(message: string): StoreError {
  return new StoreError("store-unreachable", message, { transient: true });
}

class FaultyStore extends ForwardingStore {
  readonly #faults: Faults;

  constructor(store: Store, faults: Faults) {
    super(store);
    this.#faults = faults;
  }

  override list(prefix: string): AsyncIterable<ObjectInfo> {
    return this.#faults.stream("list", this.inner.list(prefix), (item) => item);
  }

  override listUploads(): AsyncIterable<UploadInfo> {
    return this.#faults.stream("listUploads", this.inner.listUploads(), (item) => item);
  }

  override read(key: string, range?: ByteRange): AsyncIterable<Bytes> {
    const half = (piece: Bytes) => piece.subarray(0, piece.length >> 1);
    return this.#faults.stream("read", this.inner.read(key, range), half);
  }

  override head(key: string): Promise<ObjectInfo | undefined> {
    return this.#faults.call("head", () => this.inner.head(key));
  }

  override put(key: string, body: Bytes, options: WriteOptions): Promise<ObjectInfo> {
    return this.#faults.call("put", () => this.inner.put(key, body, options));
  }

  override beginUpload(key: string, size: number, options: WriteOptions): Promise<Upload> {
    return this.#faults.begin("beginUpload", () => super.beginUpload(key, size, options));
  }

  override resumeUpload(
    key: string,
    size: number,
    token: string,
    known: readonly PartReceipt[],
  ): Promise<Upload | undefined> {
    return this.#faults.call("resumeUpload", () => super.resumeUpload(key, size, token, known));
  }

  override abortUpload(info: UploadInfo): Promise<void> {
    return this.#faults.call("abortUpload", () => this.inner.abortUpload(info));
  }

  override remove(key: string): Promise<void> {
    return this.#faults.call("remove", () => this.inner.remove(key));
  }

  override usage(): Promise<Usage | undefined> {
    return this.#faults.call("usage", () => this.inner.usage());
  }

  protected override wrapUpload(upload: Upload): Upload {
    return new FaultyUpload(upload, this.#faults);
  }
}

class FaultyUpload extends ForwardingUpload {
  readonly #faults: Faults;

  constructor(upload: Upload, faults: Faults) {
    super(upload);
    this.#faults = faults;
  }

  override send(index: number, body: Bytes, sha256?: string): Promise<PartReceipt> {
    return this.#faults.call("send", () => this.inner.send(index, body, sha256));
  }

  override complete(receipts: readonly PartReceipt[], sha256?: string): Promise<ObjectInfo> {
    return this.#faults.call("complete", () => this.inner.complete(receipts, sha256));
  }

  override abort(): Promise<void> {
    return this.#faults.call("abort", () => this.inner.abort());
  }
}

/** `Math.random` from a seed (mulberry32). */
export function seededRandom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}
