/**
 * A folder of Google Drive that another program filled: every file below it, by its path. Only to be read.
 *
 * This needs a sign-in that sees files of others: the scope `drive.readonly` (`coldframe auth google
 * --read-all`), or a service account that the folder is shared with. With `drive.file`, the scope for our own
 * store, Google shows nothing of such a folder.
 */

import type { Bytes } from "../../bytes.ts";
import { StoreError } from "../../errors.ts";
import type { StoreContext } from "../context.ts";
import { endpoints } from "../google/endpoints.ts";
import { openTokenSource } from "../google/source.ts";
import type { ReadableStore } from "../read-only.ts";
import type { Availability, ByteRange, ObjectInfo, Usage } from "../store.ts";
import { DriveApi, PATIENCE } from "./api.ts";
import { byAge } from "./folder.ts";
import { type DriveFile, listFiles } from "./files.ts";
import { FOLDER_TYPE, foreignChildren, foreignFolder } from "./query.ts";
import { readFile } from "./read.ts";
import { type DrivePlace, parseDriveUrl } from "./url.ts";

/**
 * Opens a folder to be read.
 *
 * @throws StoreError `store-url`; `store-denied`; `store-missing` when the sign-in sees no such folder
 */
export async function openForeignDrive(url: string, context: StoreContext): Promise<ReadableStore> {
  const place = parseDriveUrl(url);
  const tokens = await openTokenSource(context);
  const api = new DriveApi(
    endpoints(context.env).api,
    context,
    tokens,
    place.driveId !== undefined,
    PATIENCE,
  );
  return new ForeignFolder(url, api, place, await findForeign(api, place));
}

async function findForeign(api: DriveApi, place: DrivePlace): Promise<string> {
  let parent = place.driveId ?? "root";
  for (const name of place.folders) {
    const found: DriveFile[] = [];
    for await (const file of listFiles(api, foreignFolder(name, parent), place.driveId)) {
      if (file.name === name) found.push(file);
    }
    const [oldest] = found.sort(byAge); // the one that was filled first
    if (oldest === undefined) throw unseen(place.folders.join("/"));
    parent = oldest.id;
  }
  return parent;
}

function unseen(folder: string): StoreError {
  return new StoreError("store-missing", `this sign-in sees no folder “${folder}” on Drive`, {
    hint: "Other programs' files are only seen after: coldframe auth google --read-all. " +
      "A folder in Drive's bin must be restored first.",
  });
}

class ForeignFolder implements ReadableStore {
  readonly url: string;
  readonly #api: DriveApi;
  readonly #place: DrivePlace;
  readonly #root: string;
  /** Files by path, once they have been listed. */
  #files: Promise<ReadonlyMap<string, DriveFile>> | undefined;

  constructor(url: string, api: DriveApi, place: DrivePlace, root: string) {
    this.url = url;
    this.#api = api;
    this.#place = place;
    this.#root = root;
  }

  async *list(prefix: string): AsyncGenerator<ObjectInfo> {
    for (const [key, file] of await this.#all()) if (key.startsWith(prefix)) yield infoOf(key, file);
  }

  async head(key: string): Promise<ObjectInfo | undefined> {
    const file = (await this.#all()).get(key);
    return file === undefined ? undefined : infoOf(key, file);
  }

  async *read(key: string, range?: ByteRange): AsyncGenerator<Bytes> {
    const file = (await this.#all()).get(key);
    if (file === undefined) throw new StoreError("object-missing", `${key} is not on Drive`);
    yield* readFile(this.#api, file, key, range);
  }

  /** A failed listing is forgotten, so that it can be tried again. */
  #all(): Promise<ReadonlyMap<string, DriveFile>> {
    return this.#files ??= this.#walk().catch((error) => {
      this.#files = undefined;
      throw error;
    });
  }

  async #walk(): Promise<ReadonlyMap<string, DriveFile>> {
    const files = new Map<string, DriveFile>();
    const pending = [{ id: this.#root, prefix: "" }];
    for (let folder = pending.pop(); folder !== undefined; folder = pending.pop()) {
      const { prefix } = folder;
      const children: DriveFile[] = [];
      for await (const child of listFiles(this.#api, foreignChildren(folder.id), this.#place.driveId)) {
        children.push(child);
      }
      for (const child of children.sort(byAge)) {
        const path = prefix + segmentOf(child.name);
        if (child.mimeType === FOLDER_TYPE) pending.push({ id: child.id, prefix: `${path}/` });
        else files.set(files.has(path) ? `${path}~${child.id}` : path, child);
      }
    }
    return files;
  }

  thaw(): Promise<Availability> {
    return Promise.resolve({ state: "ready" });
  }

  usage(): Promise<Usage | undefined> {
    return Promise.resolve(undefined);
  }
}

/** Drive lets a name be anything; a path cannot. */
function segmentOf(name: string): string {
  const safe = name.replace(/[/\0]/g, "_");
  return ["", ".", ".."].includes(safe) ? `_${safe}` : safe;
}

function infoOf(key: string, file: DriveFile): ObjectInfo {
  const { size, sha256, created } = file;
  return {
    key,
    size,
    checksum: sha256 === undefined ? undefined : `sha256:${sha256}`,
    modified: created,
    availability: { state: "ready" },
  };
}
