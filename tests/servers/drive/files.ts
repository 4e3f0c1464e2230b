/** The files of Drive v3: list, get, create, update, delete, ids, quota, shared drives. */

import { select } from "./fields.ts";
import { type Exchange, isRecord, json, parseJson, refuse, type Reply } from "./http.ts";
import { parseQuery } from "./query.ts";
import { FOLDER, type Principal, type StoredFile, type World } from "./world.ts";

const FILE_FIELDS = Object.fromEntries(
  ("kind id name mimeType size md5Checksum sha1Checksum sha256Checksum createdTime modifiedTime trashed " +
    "explicitlyTrashed parents driveId teamDriveId appProperties owners ownedByMe description capabilities " +
    "webViewLink webContentLink exportLinks shortcutDetails resourceKey headRevisionId originalFilename " +
    "fileExtension fullFileExtension starred spaces version shared properties viewedByMeTime permissionIds permissions labelInfo")
    .split(" ").map((name) => [name, true as const]),
);
const LIST_FIELDS = { kind: true, nextPageToken: true, incompleteSearch: true, files: FILE_FIELDS } as const;
const ABOUT_FIELDS = {
  kind: true,
  user: true,
  storageQuota: true,
  importFormats: true,
  exportFormats: true,
  maxUploadSize: true,
  canCreateDrives: true,
} as const;
const IDS_FIELDS = { kind: true, space: true, ids: true } as const;

/** A file's answer, cut to the request's `fields`; Drive gives four members when none are named. */
export function fileReply(world: World, principal: Principal, file: StoredFile, url: URL): Reply {
  const fields = url.searchParams.get("fields") || "kind,id,name,mimeType";
  return json(select(describe(world, principal, file), fields, FILE_FIELDS));
}

function describe(world: World, principal: Principal, file: StoredFile): Record<string, unknown> {
  const properties = file.properties.get(principal.app);
  return {
    kind: "drive#file",
    id: file.id,
    name: file.name,
    mimeType: file.mimeType,
    parents: file.parents,
    createdTime: new Date(file.createdTime).toISOString(),
    modifiedTime: new Date(file.modifiedTime).toISOString(),
    trashed: world.trashed(file),
    explicitlyTrashed: file.explicitlyTrashed,
    spaces: ["drive"],
    capabilities: { canDownload: true },
    ...(file.driveId === undefined
      ? { owners: [{ emailAddress: file.owner }], ownedByMe: file.owner === principal.account.email }
      : { driveId: file.driveId, teamDriveId: file.driveId }),
    ...(properties === undefined || Object.keys(properties).length === 0
      ? {}
      : { appProperties: properties }),
    ...(file.content === undefined ? {} : {
      // A 64-bit integer is a string in Google's JSON.
      size: String(file.content.length),
      sha256Checksum: file.sha256,
      md5Checksum: file.md5,
      originalFilename: file.name,
    }),
  };
}

/** A file by its id, or 404 as Drive words it. */
export function findFile(world: World, principal: Principal, id: string, url: URL): StoredFile {
  const file = world.files.get(id);
  // Content is given out without it: rclone's downloads show so.
  const aware = url.searchParams.get("supportsAllDrives") === "true" ||
    url.searchParams.get("alt") === "media";
  const hidden = file?.driveId !== undefined && !aware;
  if (file === undefined || hidden || !world.sees(principal, file)) {
    refuse(404, "notFound", `File not found: ${id}.`, { location: "fileId", locationType: "parameter" });
  }
  return file;
}

/** GET /drive/v3/files */
export function list(world: World, principal: Principal, url: URL): Reply {
  const asked = url.searchParams;
  const known = new Set(
    ("q fields pageSize pageToken orderBy spaces corpora driveId includeItemsFromAllDrives supportsAllDrives alt " +
      "prettyPrint key includeLabels").split(" "),
  );
  for (const name of asked.keys()) if (!known.has(name)) badParameter(name);
  const wanted = asked.get("q") === null ? () => true : parseQuery(asked.get("q") ?? "", world, principal);
  const inCorpus = corpus(world, principal, asked);
  const found = [...world.files.values()]
    .filter((file) =>
      file.searchable <= world.now && world.sees(principal, file) && inCorpus(file) && wanted(file)
    );
  return json(select(page(world, principal, found, asked), asked.get("fields") || defaultList, LIST_FIELDS));
}

const defaultList = "kind,nextPageToken,incompleteSearch,files(kind,id,name,mimeType)";

function badParameter(name: string): never {
  refuse(400, "invalidParameter", "Invalid Value", { location: name, locationType: "parameter" });
}

function corpus(world: World, principal: Principal, asked: URLSearchParams): (file: StoredFile) => boolean {
  const driveId = asked.get("driveId");
  const all = asked.get("includeItemsFromAllDrives") === "true" && asked.get("supportsAllDrives") === "true";
  if (driveId === null) return (file) => all || file.driveId === undefined;
  if (!all || asked.get("corpora") !== "drive") badParameter("driveId");
  if (world.drives.get(driveId)?.members.has(principal.account.email) !== true) {
    refuse(404, "notFound", `Shared drive not found: ${driveId}`, {
      location: "driveId",
      locationType: "parameter",
    });
  }
  return (file) => file.driveId === driveId;
}

function page(
  world: World,
  principal: Principal,
  found: readonly StoredFile[],
  asked: URLSearchParams,
): Record<string, unknown> {
  const size = Number(asked.get("pageSize") ?? 100);
  if (!Number.isInteger(size) || size < 1 || size > 1000) badParameter("pageSize");
  const from = pageStart(asked.get("pageToken"));
  const files = found.slice(from, from + size).map((file) => describe(world, principal, file));
  const more = from + size < found.length ? { nextPageToken: `~!!~${from + size}` } : {};
  return { kind: "drive#fileList", ...more, incompleteSearch: false, files };
}

function pageStart(pageToken: string | null): number {
  if (pageToken === null || pageToken === "") return 0;
  const from = /^~!!~(\d+)$/.exec(pageToken)?.[1];
  return from === undefined ? badParameter("pageToken") : Number(from);
}

/** GET /drive/v3/files/generateIds */
export function generateIds(world: World, url: URL): Reply {
  const count = Number(url.searchParams.get("count") ?? 10);
  if (!Number.isInteger(count) || count < 1 || count > 1000) badParameter("count");
  const ids = Array.from({ length: count }, () => world.newId());
  const fields = url.searchParams.get("fields") || "*";
  return json(select({ kind: "drive#generatedIds", space: "drive", ids }, fields, IDS_FIELDS));
}

/** GET /drive/v3/about */
export function about(world: World, principal: Principal, url: URL): Reply {
  const fields = url.searchParams.get("fields");
  if (fields === null) {
    refuse(400, "required", "The 'fields' parameter is required for this method.", {
      location: "fields",
      locationType: "parameter",
    });
  }
  const { account } = principal;
  const used = world.usage(account);
  const storageQuota = {
    ...(account.limit === undefined ? {} : { limit: String(account.limit) }),
    usage: String(used + account.usedElsewhere),
    usageInDrive: String(used),
    usageInDriveTrash: "0",
  };
  const user = { kind: "drive#user", displayName: account.email, me: true, emailAddress: account.email };
  return json(
    select(
      { kind: "drive#about", user, storageQuota, importFormats: {}, exportFormats: {} },
      fields,
      ABOUT_FIELDS,
    ),
  );
}

/** GET /drive/v3/drives/ID */
export function sharedDrive(world: World, principal: Principal, id: string): Reply {
  const drive = world.drives.get(id);
  if (drive?.members.has(principal.account.email) !== true) {
    refuse(404, "notFound", `Shared drive not found: ${id}`, {
      location: "driveId",
      locationType: "parameter",
    });
  }
  return json({ kind: "drive#drive", id, name: drive.name });
}

/** GET /drive/v3/files/ID and its content */
export function get(world: World, principal: Principal, id: string, exchange: Exchange): Reply {
  const { url } = exchange;
  if (id === "root" || id === world.rootOf(principal.account)) return root(world, principal, url);
  const file = findFile(world, principal, id, url);
  return url.searchParams.get("alt") === "media"
    ? content(file, exchange)
    : fileReply(world, principal, file, url);
}

function root(world: World, principal: Principal, url: URL): Reply {
  const id = world.rootOf(principal.account);
  const fields = url.searchParams.get("fields") || "kind,id,name,mimeType";
  return json(
    select(
      { kind: "drive#file", id, name: "My Drive", mimeType: FOLDER, parents: undefined },
      fields,
      FILE_FIELDS,
    ),
  );
}

function content(file: StoredFile, exchange: Exchange): Reply {
  if (file.content === undefined) {
    refuse(
      403,
      "fileNotDownloadable",
      "Only files with binary content can be downloaded. Use Export with Docs Editors files.",
      {
        location: "alt",
        locationType: "parameter",
      },
    );
  }
  if (file.abusive && exchange.url.searchParams.get("acknowledgeAbuse") !== "true") {
    const message = "This file has been identified as malware or spam and cannot be downloaded.";
    refuse(403, "cannotDownloadAbusiveFile", message);
  }
  const headers = { "content-type": file.mimeType };
  const range = exchange.headers["range"];
  if (range === undefined) return { status: 200, headers, body: file.content };
  return slice(file.content, range, headers);
}

function slice(bytes: Uint8Array, range: string, headers: Record<string, string>): Reply {
  const [, first = "", last = ""] = /^bytes=(\d*)-(\d*)$/.exec(range) ?? [];
  const start = first === "" ? Math.max(0, bytes.length - Number(last)) : Number(first);
  const end = first === "" || last === "" ? bytes.length : Math.min(bytes.length, Number(last) + 1);
  if ((first === "" && last === "") || start >= bytes.length || end <= start) {
    refuse(416, "requestedRangeNotSatisfiable", "Request range not satisfiable", {
      location: "Range",
      locationType: "header",
    });
  }
  return {
    status: 206,
    headers: { ...headers, "content-range": `bytes ${start}-${end - 1}/${bytes.length}` },
    body: bytes.subarray(start, end),
  };
}

/** Makes a file or folder from its metadata. */
export function create(
  world: World,
  principal: Principal,
  metadata: Record<string, unknown>,
  url: URL,
  bytes: Uint8Array,
): StoredFile {
  const parent = parentOf(world, principal, metadata, url);
  const mimeType = typeof metadata["mimeType"] === "string"
    ? metadata["mimeType"]
    : "application/octet-stream";
  if (mimeType !== FOLDER) world.assertSpace(principal.account, parent.driveId, bytes.length);
  const file: StoredFile = {
    id: claimId(world, metadata["id"]),
    name: "Untitled",
    mimeType,
    parents: [parent.id],
    driveId: parent.driveId,
    owner: parent.driveId === undefined ? principal.account.email : undefined,
    app: principal.app,
    sharedWith: new Set(),
    properties: new Map(),
    createdTime: world.now,
    modifiedTime: world.now,
    explicitlyTrashed: false,
    content: undefined,
    sha256: undefined,
    md5: undefined,
    searchable: world.now + world.searchLag,
    abusive: false,
  };
  if (mimeType !== FOLDER) world.fill(file, bytes);
  change(principal, file, metadata);
  world.files.set(file.id, file);
  return file;
}

/** A given id must be one that `generateIds` gave; it is good for one file. */
function claimId(world: World, wanted: unknown): string {
  const id = typeof wanted === "string" ? wanted : world.newId();
  if (world.usedIds.has(id)) refuse(409, "fileIdInUse", "A file already exists with the provided ID.");
  if (!world.freshIds.delete(id)) refuse(400, "invalid", "The provided file ID is not usable.");
  world.usedIds.add(id);
  return id;
}

function parentOf(
  world: World,
  principal: Principal,
  metadata: Record<string, unknown>,
  url: URL,
): { id: string; driveId: string | undefined } {
  const given: unknown = Array.isArray(metadata["parents"]) ? metadata["parents"][0] : undefined;
  const root = world.rootOf(principal.account);
  if (given === undefined || given === "root" || given === root) return { id: root, driveId: undefined };
  const id = String(given);
  if (
    url.searchParams.get("supportsAllDrives") === "true" &&
    world.drives.get(id)?.members.has(principal.account.email)
  ) {
    return { id, driveId: id };
  }
  const folder = findFile(world, principal, id, url);
  if (folder.mimeType !== FOLDER) refuse(403, "parentNotAFolder", "The specified parent is not a folder.");
  return { id, driveId: folder.driveId };
}

/** Applies metadata to a file. */
export function change(principal: Principal, file: StoredFile, metadata: Record<string, unknown>): void {
  if (typeof metadata["name"] === "string") file.name = metadata["name"];
  if (typeof metadata["mimeType"] === "string") file.mimeType = metadata["mimeType"];
  if (typeof metadata["trashed"] === "boolean") file.explicitlyTrashed = metadata["trashed"];
  if (typeof metadata["modifiedTime"] === "string") file.modifiedTime = Date.parse(metadata["modifiedTime"]);
  if (isRecord(metadata["appProperties"])) changeProperties(principal, file, metadata["appProperties"]);
}

/** https://developers.google.com/workspace/drive/api/guides/properties: 124 bytes each, 30 for each app. */
function changeProperties(principal: Principal, file: StoredFile, changes: Record<string, unknown>): void {
  const properties = { ...file.properties.get(principal.app) };
  for (const [name, value] of Object.entries(changes)) {
    if (value === null) {
      delete properties[name];
      continue;
    }
    if (typeof value !== "string") refuse(400, "invalid", "Invalid Value");
    if (new TextEncoder().encode(name + value).length > 124) {
      refuse(400, "invalid", "Properties and app properties are limited to 124 bytes in UTF-8 encoding.");
    }
    properties[name] = value;
  }
  if (Object.keys(properties).length > 30) refuse(403, "propertyLimitExceeded", "Too many app properties.");
  file.properties.set(principal.app, properties);
}

/** PATCH /drive/v3/files/ID */
export function update(world: World, principal: Principal, id: string, exchange: Exchange): Reply {
  const file = findFile(world, principal, id, exchange.url);
  change(principal, file, parseJson(exchange.body));
  return fileReply(world, principal, file, exchange.url);
}

/** DELETE /drive/v3/files/ID: for good, not into the bin */
export function remove(world: World, principal: Principal, id: string, url: URL): Reply {
  world.remove(findFile(world, principal, id, url));
  return { status: 204 };
}
