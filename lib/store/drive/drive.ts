/**
 * The `gdrive:` store: a folder of Google Drive.
 *
 * Objects are files in that one folder, named and marked by their keys (`properties.ts`). What Google sees
 * of an object: its key, its size, its bytes (encrypted by others before they come here), and when it was
 * written; never a name, a date or a hash of what is inside.
 */

import { createHash } from "node:crypto";
import type { Bytes } from "../../bytes.ts";
import { StoreError } from "../../errors.ts";
import { sha256Hex } from "../checksum.ts";
import type { StoreContext } from "../context.ts";
import { endpoints } from "../google/endpoints.ts";
import { openTokenSource } from "../google/source.ts";
import {
  assertKey,
  assertRemovable,
  type Availability,
  type ByteRange,
  type ObjectInfo,
  type PartReceipt,
  type Store,
  type Upload,
  type UploadInfo,
  type Usage,
  type WriteOptions,
} from "../store.ts";
import { DriveApi, PATIENCE } from "./api.ts";
import { createWhole, deleteFile, type DriveFile, storageQuota } from "./files.ts";
import { findFolder, SETTLING } from "./folder.ts";
import { keyProperties } from "./properties.ts";
import { readFile } from "./read.ts";
import { type Expected, infoOf, Shelf } from "./shelf.ts";
import { abortDriveUpload, beginDriveUpload, resumeDriveUpload, tokenOf } from "./upload.ts";
import { parseDriveUrl } from "./url.ts";

/** Drive's limit for an upload in one request. */
const MAX_PUT = 5_000_000;
/** Bytes of a part: each is in memory while it is sent, and costs a round trip. */
const PART_SIZE = 8 * 1024 * 1024;

/** How to open a `gdrive:` store. */
export interface DriveStoreOptions {
  /** Makes the folder where there is none; for a user's first use only. */
  readonly create?: boolean;
  /** Bytes of a part, a multiple of 256 KiB; 8 MiB unless a test says otherwise. */
  readonly partSize?: number;
  /** How long Drive may be silent before a request counts as lost, in ms; a minute by default. */
  readonly patience?: number;
  /** How long to wait before each further look for a folder that is there twice, in ms. */
  readonly settling?: readonly number[];
}

/**
 * Opens a `gdrive:` store; see `parseDriveUrl` for the URL.
 *
 * @throws StoreError `store-url`; `store-denied` when nobody is signed in; `store-missing` when the folder is
 *   not there and `create` is not set
 */
export async function openDrive(
  url: string,
  context: StoreContext,
  options: DriveStoreOptions = {},
): Promise<Store> {
  const place = parseDriveUrl(url);
  const tokens = await openTokenSource(context);
  const shared = place.driveId !== undefined;
  const api = new DriveApi(endpoints(context.env).api, context, tokens, shared, options.patience ?? PATIENCE);
  const folderId = await findFolder(api, place, {
    create: options.create ?? false,
    settling: options.settling ?? SETTLING,
    ...(context.signal === undefined ? {} : { signal: context.signal }),
  });
  return new DriveStore(url, new Shelf(api, folderId, place.driveId), options.partSize ?? PART_SIZE);
}

class DriveStore implements Store {
  readonly url: string;
  readonly maxPut: number = MAX_PUT;
  readonly #shelf: Shelf;
  readonly #partSize: number;
  constructor(url: string, shelf: Shelf, partSize: number) {
    this.url = url;
    this.#shelf = shelf;
    this.#partSize = partSize;
  }

  async *list(prefix: string): AsyncGenerator<ObjectInfo> {
    for (const [key, file] of await this.#shelf.objects(prefix)) yield infoOf(key, file);
  }

  async head(key: string): Promise<ObjectInfo | undefined> {
    const file = await this.#find(key);
    return file === undefined ? undefined : infoOf(key, file);
  }

  async #find(key: string): Promise<DriveFile | undefined> {
    assertKey(key);
    const [file] = await this.#shelf.filesOf(key);
    this.#shelf.remember(key, file);
    // In a bin or without its folder, everything looks as if it had never been there.
    if (file === undefined) await this.#shelf.assertThere();
    return file;
  }

  async *read(key: string, range?: ByteRange): AsyncGenerator<Bytes> {
    assertKey(key);
    const file = this.#shelf.known(key) ?? await this.#find(key);
    if (file === undefined) throw new StoreError("object-missing", `${key} is not on Drive`);
    try {
      yield* readFile(this.#shelf.api, file, key, range);
    } catch (error) {
      this.#shelf.remember(key, undefined);
      throw error;
    }
  }

  async put(key: string, body: Bytes, _options: WriteOptions): Promise<ObjectInfo> {
    assertKey(key);
    if (body.length > this.maxPut) {
      throw new StoreError("store-protocol", `${key} is too large to be written in one step`);
    }
    const md5 = createHash("md5").update(body).digest("hex");
    const expected = { size: body.length, sha256: sha256Hex(body), md5 };
    const purpose = `put ${key}`;
    const standing = await this.#shelf.sameUnder(key, expected);
    if (standing !== undefined) this.#shelf.settled(purpose);
    const file = standing ??
      await this.#shelf.underId(purpose, (id) => this.#putNew(id, key, body, expected));
    this.#shelf.remember(key, file);
    return infoOf(key, file);
  }

  async #putNew(id: string, key: string, body: Bytes, expected: Expected): Promise<DriveFile> {
    const what = `cannot write ${key}`;
    const appProperties = { coldframe: "object", ...keyProperties(key) };
    const parents = [this.#shelf.folderId];
    const file = { id, name: key, parents, mimeType: "application/octet-stream", appProperties };
    const made = await createWhole(this.#shelf.api, file, body, what);
    await this.#shelf.prove(made, expected, what);
    return await this.#shelf.settle(key, made, expected);
  }

  beginUpload(key: string, size: number, _options: WriteOptions): Promise<Upload> {
    assertKey(key);
    return beginDriveUpload(this.#shelf, key, size, this.#partSize);
  }

  resumeUpload(
    key: string,
    size: number,
    token: string,
    known: readonly PartReceipt[],
  ): Promise<Upload | undefined> {
    assertKey(key);
    return resumeDriveUpload(this.#shelf, key, size, this.#partSize, token, known);
  }

  async *listUploads(): AsyncGenerator<UploadInfo> {
    for await (const { key, file } of this.#shelf.marked("pending")) {
      yield { key, token: tokenOf(file), started: file.created };
    }
  }

  abortUpload(info: UploadInfo): Promise<void> {
    return abortDriveUpload(this.#shelf, info.token);
  }

  async remove(key: string): Promise<void> {
    assertKey(key);
    assertRemovable(key);
    for (const file of await this.#shelf.filesOf(key)) await deleteFile(this.#shelf.api, file.id);
    this.#shelf.remember(key, undefined);
  }

  /** Nothing is archived here. */
  async thaw(key: string): Promise<Availability> {
    if (await this.head(key) !== undefined) return { state: "ready" };
    throw new StoreError("object-missing", `there is no object ${key} to thaw`);
  }

  /** The account's space, all of Google's services together; nothing for a shared drive, which tells none. */
  async usage(): Promise<Usage | undefined> {
    if (this.#shelf.driveId !== undefined) return undefined;
    return await storageQuota(this.#shelf.api);
  }
}
