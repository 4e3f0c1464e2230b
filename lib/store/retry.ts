/**
 * Trying again after transient errors, as a wrapper round any store. Safe for every call, since the
 * interface makes each repeatable: a `put` or `complete` whose answer was lost finds its own bytes.
 *
 * The wait is "full jitter": random between nothing and a bound that doubles (Brooker, "Exponential Backoff
 * And Jitter", AWS Architecture Blog 2015), so that callers that failed together do not come back together.
 */

import type { Bytes } from "../bytes.ts";
import { StoreError } from "../errors.ts";
import { ForwardingStore, ForwardingUpload } from "./forward.ts";
import { type Sleep, sleep } from "./sleep.ts";
import type {
  Availability,
  ByteRange,
  ObjectInfo,
  PartReceipt,
  Store,
  ThawOptions,
  Upload,
  UploadInfo,
  Usage,
  WriteOptions,
} from "./store.ts";

/** How to try again. */
export interface RetryOptions {
  /** Tries of one call, the first included. A stream counts anew after every piece that arrived. */
  readonly attempts: number;
  /** The bound of the first wait, in ms; it doubles with each try. */
  readonly baseMs: number;
  /** The largest bound, in ms. A store that asks for a longer wait (Retry-After) still gets it. */
  readonly capMs: number;
  readonly sleep: Sleep;
  /** 0 ≤ x < 1, as `Math.random`. */
  readonly random: () => number;
  /** Once aborted, nothing is tried again. */
  readonly signal?: AbortSignal;
  /** Told of every wait but a call's first. */
  readonly warn: (message: string) => void;
}

/** For a household's line: waits a minute and a half or so in all before it gives up. */
export const RETRY_DEFAULTS: Omit<RetryOptions, "warn"> = {
  attempts: 12,
  baseMs: 500,
  capMs: 30_000,
  sleep,
  random: Math.random,
};

/** The same store, every call of which outlives transient errors. */
export function retrying(store: Store, options: RetryOptions): Store {
  return new RetryingStore(store, options);
}

/** The tries of one call. */
class Tries {
  readonly #what: string;
  readonly #options: RetryOptions;
  #failed = 0;

  constructor(what: string, options: RetryOptions) {
    this.#what = what;
    this.#options = options;
  }

  /** Something arrived: the connection works after all. */
  progress(): void {
    this.#failed = 0;
  }

  /** Waits for the next try. Throws the error when there is none. */
  async failed(error: unknown): Promise<void> {
    const { attempts, signal, warn } = this.#options;
    this.#failed++;
    if (!(error instanceof StoreError) || !error.transient || this.#failed >= attempts) throw error;
    signal?.throwIfAborted();
    const ms = this.#wait(error);
    if (this.#failed > 1) {
      const next = `try ${this.#failed + 1} of ${attempts} in ${(ms / 1000).toFixed(1)} s`;
      warn(`${this.#what}: ${error.message}; ${next}`);
    }
    await this.#options.sleep(ms, signal);
    signal?.throwIfAborted();
  }

  #wait(error: StoreError): number {
    const { baseMs, capMs, random } = this.#options;
    const jitter = random() * Math.min(capMs, baseMs * 2 ** (this.#failed - 1));
    // Added, not the larger of the two: all who were told "in 60 s" would come at second 60.
    return (error.retryAfter ?? 0) * 1000 + jitter;
  }
}

async function untilDone<T>(what: string, options: RetryOptions, body: () => Promise<T>): Promise<T> {
  const tries = new Tries(what, options);
  options.signal?.throwIfAborted();
  for (;;) {
    try {
      return await body();
    } catch (error) {
      await tries.failed(error);
    }
  }
}

class RetryingStore extends ForwardingStore {
  readonly #options: RetryOptions;

  constructor(store: Store, options: RetryOptions) {
    super(store);
    this.#options = options;
  }

  /** After an error it begins anew: leaving out what was given before would take the memory of all names. */
  override list(prefix: string): AsyncIterable<ObjectInfo> {
    let furthest = 0;
    return this.#stream(`listing ${prefix}`, () => this.inner.list(prefix), (_, count) => {
      if (count <= furthest) return false;
      furthest = count;
      return true;
    });
  }

  override listUploads(): AsyncIterable<UploadInfo> {
    const seen = new Set<string>();
    return this.#stream("listing uploads", () => unseen(this.inner.listUploads(), seen), () => true);
  }

  override read(key: string, range?: ByteRange): AsyncIterable<Bytes> {
    let done = 0;
    return this.#stream(`reading ${key}`, () => this.#readRest(key, range, done), ({ length }) => {
      done += length;
      return length > 0;
    });
  }

  /** What is still to come of an object after `done` bytes. */
  async #readRest(
    key: string,
    range: ByteRange | undefined,
    done: number,
  ): Promise<AsyncIterable<Bytes> | Iterable<Bytes>> {
    if (done === 0) return this.inner.read(key, range);
    const length = (range?.length ?? await this.#sizeOf(key)) - done;
    if (length < 0) throw new StoreError("damaged", `${key} changed while it was being read`);
    if (length === 0) return [];
    const into = range?.into?.subarray(done);
    return this.inner.read(key, { offset: (range?.offset ?? 0) + done, length, ...(into && { into }) });
  }

  async #sizeOf(key: string): Promise<number> {
    const info = await this.inner.head(key);
    if (info !== undefined) return info.size;
    throw new StoreError("object-missing", `${key} went away while it was being read`);
  }

  /**
   * A stream that goes on after transient errors.
   *
   * @param open opens it, and again after each error
   * @param isNews whether an item is progress; told also the how manieth it is since `open`
   */
  async *#stream<T>(
    what: string,
    open: () => AsyncIterable<T> | Promise<AsyncIterable<T> | Iterable<T>>,
    isNews: (item: T, count: number) => boolean,
  ): AsyncIterable<T> {
    const tries = new Tries(what, this.#options);
    this.#options.signal?.throwIfAborted();
    for (;;) {
      let count = 0;
      try {
        for await (const item of await open()) {
          if (isNews(item, ++count)) tries.progress();
          yield item;
        }
        return;
      } catch (error) {
        await tries.failed(error);
      }
    }
  }

  override head(key: string): Promise<ObjectInfo | undefined> {
    return this.#call(`looking at ${key}`, () => this.inner.head(key));
  }

  override put(key: string, body: Bytes, options: WriteOptions): Promise<ObjectInfo> {
    return this.#call(`writing ${key}`, () => this.inner.put(key, body, options));
  }

  override async beginUpload(key: string, size: number, options: WriteOptions): Promise<Upload> {
    return await this.#call(`starting ${key}`, () => super.beginUpload(key, size, options));
  }

  override async resumeUpload(
    key: string,
    size: number,
    token: string,
    known: readonly PartReceipt[],
  ): Promise<Upload | undefined> {
    return await this.#call(`resuming ${key}`, () => super.resumeUpload(key, size, token, known));
  }

  override abortUpload(info: UploadInfo): Promise<void> {
    return this.#call(`forgetting ${info.key}`, () => this.inner.abortUpload(info));
  }

  override remove(key: string): Promise<void> {
    return this.#call(`removing ${key}`, () => this.inner.remove(key));
  }

  override thaw(key: string, options: ThawOptions): Promise<Availability> {
    return this.#call(`thawing ${key}`, () => this.inner.thaw(key, options));
  }

  override usage(): Promise<Usage | undefined> {
    return this.#call("asking for space", () => this.inner.usage());
  }

  protected override wrapUpload(upload: Upload): Upload {
    return new RetryingUpload(upload, this.#options);
  }

  #call<T>(what: string, body: () => Promise<T>): Promise<T> {
    return untilDone(what, this.#options, body);
  }
}

/** Leaves out the uploads that were given before. There are never many: they are unfinished work. */
async function* unseen(uploads: AsyncIterable<UploadInfo>, seen: Set<string>): AsyncGenerator<UploadInfo> {
  for await (const upload of uploads) {
    if (seen.has(upload.token)) continue;
    seen.add(upload.token);
    yield upload;
  }
}

class RetryingUpload extends ForwardingUpload {
  readonly #options: RetryOptions;

  constructor(upload: Upload, options: RetryOptions) {
    super(upload);
    this.#options = options;
  }

  override send(index: number, body: Bytes, sha256?: string): Promise<PartReceipt> {
    return this.#call(`sending part ${index + 1} of`, () => this.inner.send(index, body, sha256));
  }

  override complete(receipts: readonly PartReceipt[], sha256?: string): Promise<ObjectInfo> {
    return this.#call("completing", () => this.inner.complete(receipts, sha256));
  }

  override abort(): Promise<void> {
    return this.#call("forgetting", () => this.inner.abort());
  }

  #call<T>(what: string, body: () => Promise<T>): Promise<T> {
    return untilDone(`${what} ${this.key}`, this.#options, body);
  }
}
