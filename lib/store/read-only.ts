/** Another program's objects: whatever would change them is refused before it reaches the store. */

import type { Bytes } from "../bytes.ts";
import { StoreError } from "../errors.ts";
import type {
  Availability,
  ByteRange,
  ObjectInfo,
  Store,
  ThawOptions,
  Upload,
  UploadInfo,
  Usage,
} from "./store.ts";

/** What of a store only looks. */
export type ReadableStore = Pick<Store, "url" | "list" | "head" | "read" | "thaw" | "usage">;

/** A store to be read only. */
export class ReadOnlyStore implements Store {
  readonly maxPut = 0;
  readonly #source: ReadableStore;

  constructor(source: ReadableStore) {
    this.#source = source;
  }

  get url(): string {
    return this.#source.url;
  }

  list(prefix: string): AsyncIterable<ObjectInfo> {
    return this.#source.list(prefix);
  }

  head(key: string): Promise<ObjectInfo | undefined> {
    return this.#source.head(key);
  }

  read(key: string, range?: ByteRange): AsyncIterable<Bytes> {
    return this.#source.read(key, range);
  }

  /** A readable copy of an archived object changes nothing of it. */
  thaw(key: string, options: ThawOptions): Promise<Availability> {
    return this.#source.thaw(key, options);
  }

  usage(): Promise<Usage | undefined> {
    return this.#source.usage();
  }

  put(): Promise<ObjectInfo> {
    return this.#refuse();
  }

  beginUpload(): Promise<Upload> {
    return this.#refuse();
  }

  resumeUpload(): Promise<Upload | undefined> {
    return this.#refuse();
  }

  async *listUploads(): AsyncGenerator<UploadInfo> {}

  abortUpload(): Promise<void> {
    return this.#refuse();
  }

  remove(): Promise<void> {
    return this.#refuse();
  }

  #refuse(): Promise<never> {
    return Promise.reject(new StoreError("store-denied", `${this.url} is another program's, and only read`));
  }
}
