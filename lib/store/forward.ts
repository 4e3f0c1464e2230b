/** A store and an upload that hand every call on: what a wrapper overrides in part. */

import type { Bytes } from "../bytes.ts";
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

/** Hands everything on to another store. Uploads pass through `wrapUpload`. */
export class ForwardingStore implements Store {
  protected readonly inner: Store;

  constructor(inner: Store) {
    this.inner = inner;
  }

  get url(): string {
    return this.inner.url;
  }

  get maxPut(): number {
    return this.inner.maxPut;
  }

  list(prefix: string): AsyncIterable<ObjectInfo> {
    return this.inner.list(prefix);
  }

  head(key: string): Promise<ObjectInfo | undefined> {
    return this.inner.head(key);
  }

  read(key: string, range?: ByteRange): AsyncIterable<Bytes> {
    return this.inner.read(key, range);
  }

  put(key: string, body: Bytes, options: WriteOptions): Promise<ObjectInfo> {
    return this.inner.put(key, body, options);
  }

  async beginUpload(key: string, size: number, options: WriteOptions): Promise<Upload> {
    return this.wrapUpload(await this.inner.beginUpload(key, size, options));
  }

  async resumeUpload(
    key: string,
    size: number,
    token: string,
    known: readonly PartReceipt[],
  ): Promise<Upload | undefined> {
    const upload = await this.inner.resumeUpload(key, size, token, known);
    return upload && this.wrapUpload(upload);
  }

  listUploads(): AsyncIterable<UploadInfo> {
    return this.inner.listUploads();
  }

  abortUpload(info: UploadInfo): Promise<void> {
    return this.inner.abortUpload(info);
  }

  remove(key: string): Promise<void> {
    return this.inner.remove(key);
  }

  thaw(key: string, options: ThawOptions): Promise<Availability> {
    return this.inner.thaw(key, options);
  }

  usage(): Promise<Usage | undefined> {
    return this.inner.usage();
  }

  protected wrapUpload(upload: Upload): Upload {
    return upload;
  }
}

/** Hands everything on to another upload. */
export class ForwardingUpload implements Upload {
  protected readonly inner: Upload;

  constructor(inner: Upload) {
    this.inner = inner;
  }

  get key(): string {
    return this.inner.key;
  }

  get size(): number {
    return this.inner.size;
  }

  get partSize(): number {
    return this.inner.partSize;
  }

  get token(): string {
    return this.inner.token;
  }

  get inOrder(): boolean {
    return this.inner.inOrder;
  }

  get wholeHash(): boolean {
    return this.inner.wholeHash;
  }

  get confirmed(): readonly PartReceipt[] {
    return this.inner.confirmed;
  }

  send(index: number, body: Bytes, sha256?: string): Promise<PartReceipt> {
    return this.inner.send(index, body, sha256);
  }

  complete(receipts: readonly PartReceipt[], sha256?: string): Promise<ObjectInfo> {
    return this.inner.complete(receipts, sha256);
  }

  abort(): Promise<void> {
    return this.inner.abort();
  }
}
