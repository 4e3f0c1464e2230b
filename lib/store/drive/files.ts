/** The calls of Drive v3 that coldframe makes, one function each. */

import type { Bytes } from "../../bytes.ts";
import { concat, utf8 } from "../../bytes.ts";
import { StoreError } from "../../errors.ts";
import { type JsonObject, numberAt, objectAt, objectsAt, textAt, textsAt } from "../google/json.ts";
import type { DriveApi } from "./api.ts";
import type { Properties } from "./properties.ts";
import { folderMissing, isStatus, refusalUnder } from "./refusals.ts";

/** A file or folder, as far as coldframe looks at it. */
export interface DriveFile {
  readonly id: string;
  readonly name: string;
  readonly mimeType: string;
  /** Bytes; 0 for folders. */
  readonly size: number;
  readonly sha256: string | undefined;
  readonly md5: string | undefined;
  /** ms since 1970. */
  readonly created: number | undefined;
  /** True also when a folder above it is in the bin. */
  readonly trashed: boolean;
  readonly properties: Properties;
}

/** What a new file or folder is given. */
export interface NewFile {
  readonly id: string;
  readonly name: string;
  readonly parents: readonly string[];
  readonly mimeType: string;
  readonly appProperties: Properties;
}

const FIELDS = "id,name,mimeType,size,sha256Checksum,md5Checksum,createdTime,trashed,appProperties";
const OCTETS = "application/octet-stream";
/** Without it, Drive pretends that everything in a shared drive is not there. */
const ALL_DRIVES = { supportsAllDrives: "true" };

/** A file as Drive's JSON tells it. */
export function parseFile(json: JsonObject): DriveFile {
  const id = textAt(json, "id");
  if (id === undefined) throw new StoreError("store-protocol", "Drive described a file without an id");
  const created = Date.parse(textAt(json, "createdTime") ?? "");
  return {
    id,
    name: textAt(json, "name") ?? "",
    mimeType: textAt(json, "mimeType") ?? "",
    size: numberAt(json, "size") ?? 0,
    sha256: textAt(json, "sha256Checksum")?.toLowerCase(),
    md5: textAt(json, "md5Checksum")?.toLowerCase(),
    created: Number.isNaN(created) ? undefined : created,
    trashed: json["trashed"] === true,
    properties: parseProperties(objectAt(json, "appProperties")),
  };
}

function parseProperties(json: JsonObject | undefined): Properties {
  const texts = Object.entries(json ?? {}).filter((entry): entry is [string, string] =>
    typeof entry[1] === "string"
  );
  return Object.fromEntries(texts);
}

/**
 * Every file that a query finds, page by page.
 *
 * @throws StoreError when any page fails, or when Drive says that it did not search everywhere
 */
export async function* listFiles(
  api: DriveApi,
  q: string,
  driveId: string | undefined,
): AsyncGenerator<DriveFile> {
  const what = "cannot list Drive";
  const scope = driveId === undefined
    ? { corpora: "user" }
    : { corpora: "drive", driveId, includeItemsFromAllDrives: "true" };
  const fields = `nextPageToken,incompleteSearch,files(${FIELDS})`;
  const query = { q, ...scope, ...ALL_DRIVES, spaces: "drive", pageSize: "1000", fields };
  let pageToken: string | undefined;
  do {
    const next = pageToken === undefined ? {} : { pageToken };
    const request = { method: "GET", path: "/drive/v3/files", query: { ...query, ...next }, what } as const;
    const page = await inThere(() => api.json(request));
    if (page["incompleteSearch"] === true || !Array.isArray(page["files"])) {
      throw new StoreError("store-protocol", `${what}: the list is not complete`, { transient: true });
    }
    for (const file of objectsAt(page, "files")) yield parseFile(file);
    pageToken = textAt(page, "nextPageToken");
  } while (pageToken !== undefined);
}

/** One file by its id, or undefined when there is none. */
export async function getFile(api: DriveApi, id: string): Promise<DriveFile | undefined> {
  const query = { ...ALL_DRIVES, fields: FIELDS };
  const what = "cannot look at a file on Drive";
  return await unlessMissing(async () =>
    parseFile(await api.json({ method: "GET", path: filePath(id), query, what }))
  );
}

/** Ids that Drive has never given before, for files to be made with. */
export async function generateIds(api: DriveApi, count: number): Promise<string[]> {
  const query = { count: String(count), space: "drive", type: "files" };
  const what = "cannot get ids from Drive";
  const answer = await api.json({ method: "GET", path: "/drive/v3/files/generateIds", query, what });
  const ids = textsAt(answer, "ids");
  if (ids.length === 0) throw new StoreError("store-protocol", `${what}: there are none in its answer`);
  return ids;
}

/** Makes a folder, or a file without content. Made already with this id, it is simply given back. */
export async function createEmpty(api: DriveApi, file: NewFile, what: string): Promise<DriveFile> {
  return await onceOnly(api, file.id, async () => {
    const headers = { "content-type": "application/json; charset=UTF-8" };
    const query = { ...ALL_DRIVES, fields: FIELDS };
    const body = JSON.stringify(file);
    return parseFile(await api.json({ method: "POST", path: "/drive/v3/files", query, headers, body, what }));
  });
}

/** Makes a file with its content, in one request. Made already with this id, it is simply given back. */
export async function createWhole(
  api: DriveApi,
  file: NewFile,
  content: Bytes,
  what: string,
): Promise<DriveFile> {
  return await onceOnly(api, file.id, async () => {
    const { body, boundary } = related(JSON.stringify(file), content);
    const headers = { "content-type": `multipart/related; boundary=${boundary}` };
    const query = { uploadType: "multipart", ...ALL_DRIVES, fields: FIELDS };
    return parseFile(
      await api.json({ method: "POST", path: "/upload/drive/v3/files", query, headers, body, what }),
    );
  });
}

/** The body of a multipart upload (RFC 2387): metadata, then content. */
function related(metadata: string, content: Bytes): { body: Bytes; boundary: string } {
  // Drive looks for the boundary in the content too; a random one is not there.
  const boundary = `coldframe-${crypto.randomUUID()}`;
  const json = `--${boundary}\r\ncontent-type: application/json; charset=UTF-8\r\n\r\n${metadata}\r\n`;
  const media = `--${boundary}\r\ncontent-type: ${OCTETS}\r\n\r\n`;
  return { body: concat(utf8(json + media), content, utf8(`\r\n--${boundary}--\r\n`)), boundary };
}

/** A request to make a file that got lost on its way back has still made it: its id then is taken. */
async function onceOnly(api: DriveApi, id: string, create: () => Promise<DriveFile>): Promise<DriveFile> {
  try {
    return await inThere(create);
  } catch (error) {
    if (!isStatus(error, 409)) throw error;
    const made = await getFile(api, id);
    if (made !== undefined) return made;
    // Made and removed again: under another id it will work.
    const message = "Drive had a file with this id and has it no more";
    throw new StoreError("store-protocol", message, { cause: refusalUnder(error), transient: true });
  }
}

/** Changes a file's name, properties or place in the bin. */
export async function updateFile(
  api: DriveApi,
  id: string,
  change: { readonly name?: string; readonly appProperties?: Properties; readonly trashed?: boolean },
  what: string,
): Promise<DriveFile> {
  const headers = { "content-type": "application/json; charset=UTF-8" };
  const query = { ...ALL_DRIVES, fields: FIELDS };
  const body = JSON.stringify(change);
  return parseFile(await api.json({ method: "PATCH", path: filePath(id), query, headers, body, what }));
}

/** Puts a folder or file into the bin, from where its owner can take it back. */
export async function trashFile(api: DriveApi, id: string): Promise<void> {
  await updateFile(api, id, { trashed: true }, "cannot put a file into Drive's bin");
}

/** Removes a file for good: what is in the bin still takes space. Harmless when it is gone. */
export async function deleteFile(api: DriveApi, id: string): Promise<void> {
  const what = "cannot remove a file from Drive";
  await unlessMissing(async () => {
    await api.discard(await api.send({ method: "DELETE", path: filePath(id), query: ALL_DRIVES, what }));
  });
}

/**
 * Begins a resumable upload of new content for a file.
 *
 * @returns the session: a path below the API's address, and a capability to be kept secret
 */
export async function beginSession(api: DriveApi, id: string, size: number, what: string): Promise<string> {
  const headers = {
    "content-type": "application/json; charset=UTF-8",
    "x-upload-content-type": OCTETS,
    "x-upload-content-length": String(size),
  };
  const query = { uploadType: "resumable", ...ALL_DRIVES, fields: FIELDS };
  const path = `/upload${filePath(id)}`;
  const response = await api.send({ method: "PATCH", path, query, headers, body: "{}", what });
  await api.discard(response);
  const location = response.headers.get("location") ?? "";
  // The access token goes along with every part, so it must stay with the API it is for.
  if (!location.startsWith(`${api.base}/`)) {
    throw new StoreError("store-protocol", `${what}: Drive gave no usable session`);
  }
  return location.slice(api.base.length);
}

/**
 * The content of a file from `offset`, `length` bytes.
 *
 * Drive does not give out a file that it takes for malware unless its owner insists, as we then do: the
 * bytes are encrypted, and the owner's.
 */
export async function download(
  api: DriveApi,
  id: string,
  range: { readonly offset: number; readonly length: number },
  what: string,
): Promise<Response> {
  const headers = {
    range: `bytes=${range.offset}-${range.offset + range.length - 1}`,
    // Compressed on the way, a range would not be the one that was asked for.
    "accept-encoding": "identity",
  };
  const ask = (query: Record<string, string>) =>
    api.send({
      method: "GET",
      path: filePath(id),
      query: { alt: "media", ...ALL_DRIVES, ...query },
      headers,
      what,
    });
  try {
    return await ask({});
  } catch (error) {
    if (refusalUnder(error)?.reason !== "cannotDownloadAbusiveFile") throw error;
    return await ask({ acknowledgeAbuse: "true" });
  }
}

/** The account's space in bytes; `limit` is undefined where there is none. */
export async function storageQuota(api: DriveApi): Promise<{ used: number; limit: number | undefined }> {
  const query = { fields: "storageQuota" };
  const what = "cannot read Drive's quota";
  const quota = objectAt(
    await api.json({ method: "GET", path: "/drive/v3/about", query, what }),
    "storageQuota",
  );
  const used = numberAt(quota, "usage");
  if (used === undefined) throw new StoreError("store-protocol", `${what}: there is none in its answer`);
  return { used, limit: numberAt(quota, "limit") };
}

function filePath(id: string): string {
  return `/drive/v3/files/${encodeURIComponent(id)}`;
}

/** What is missing, when a folder's list or a new file in it meets a 404, is the folder. */
async function inThere<T>(call: () => Promise<T>): Promise<T> {
  try {
    return await call();
  } catch (error) {
    throw isStatus(error, 404) ? folderMissing() : error;
  }
}

async function unlessMissing<T>(call: () => Promise<T>): Promise<T | undefined> {
  try {
    return await call();
  } catch (error) {
    if (isStatus(error, 404)) return undefined;
    throw error;
  }
}
