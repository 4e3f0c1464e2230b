/**
 * Volumes that the catalog does not know, from what the stores hold of them: their manifests, and where
 * there is none to be had, the listing inside the volume itself.
 */

import { gunzipSync, gzipSync } from "node:zlib";
import { decryptAccess } from "../../age/access.ts";
import { readHeader, type Unlock } from "../../age/header.ts";
import { plainSize } from "../../age/payload.ts";
import { decryptBytes } from "../../age/stream.ts";
import { type Bytes, collect } from "../../bytes.ts";
import { addStoredVolume, type RecoveredFile, type RecoveredVolume } from "../../catalog/recovered.ts";
import type { Database } from "../../catalog/database.ts";
import { ColdframeError, messageOf, systemCode } from "../../errors.ts";
import { openImage, sliceExtents } from "../../iso/read.ts";
import {
  type Manifest,
  type ManifestFile,
  type ManifestReference,
  parseManifest,
} from "../../plan/manifest.ts";
import type { RandomAccess } from "../../types.ts";
import { manifestKey } from "../object-keys.ts";
import { inParallel } from "../pool.ts";
import { objectAccess } from "../restore/object-access.ts";
import { type Problem, problemOf } from "./problems.ts";
import { type FoundObject, type ListedStore, objectsLike } from "./stores.ts";

/** The listing of a volume. */
export interface FoundManifest {
  readonly object: FoundObject;
  readonly from: "manifest" | "volume";
  readonly archive: string;
  /** ms since 1970. */
  readonly created: number;
  /** Bytes of the age header of the volume. */
  readonly headerSize: number;
  /** The text, gzipped: those of a whole archive are held at the same time. */
  readonly packed: Uint8Array;
}

const VOLUME = /^volumes\/(.+)\.iso\.age$/;

/** The name of the volume that is stored under a key. */
export function nameOfVolume(key: string): string | undefined {
  return VOLUME.exec(key)?.[1];
}

/** Volumes in the stores. */
export function storedVolumes(stores: readonly ListedStore[]): FoundObject[] {
  return objectsLike(stores, VOLUME);
}

/** A listing is read whole; the volumes side by side hold no more than this, in bytes of their objects. */
const BUDGET = 64 * 1024 * 1024;

/**
 * Reads the listings of volumes, oldest volume first. A volume whose manifest cannot be used is looked into;
 * one that cannot be read either is told.
 *
 * @throws ColdframeError `key-wrong` when there were manifests, and the key opened none; StoreError
 */
export async function readManifests(
  stores: readonly ListedStore[],
  volumes: readonly FoundObject[],
  unlock: Unlock,
  onProblem: (problem: Problem) => void,
): Promise<FoundManifest[]> {
  const found: FoundManifest[] = [];
  const limits = { width: 8, budget: BUDGET, cost: () => 1024 * 1024 };
  await inParallel(volumes, limits, async (object) => {
    const manifest = await fromManifests(stores, object, unlock, onProblem) ??
      await told(object, () => fromVolume(object, unlock), onProblem);
    if (manifest !== undefined) found.push(manifest);
  });
  return found.sort((a, b) => a.created - b.created || (a.object.info.key < b.object.info.key ? -1 : 1));
}

/** Runs `read`; a problem of one object is told, and gives undefined. */
async function told<T>(
  object: FoundObject,
  read: () => Promise<T>,
  onProblem: (problem: Problem) => void,
): Promise<T | undefined> {
  try {
    return await read();
  } catch (error) {
    onProblem(problemOf(object, error));
    return undefined;
  }
}

/** The listing of a volume from its manifest object, in whichever store it is. */
async function fromManifests(
  stores: readonly ListedStore[],
  object: FoundObject,
  unlock: Unlock,
  onProblem: (problem: Problem) => void,
): Promise<FoundManifest | undefined> {
  const key = manifestKey(nameOfVolume(object.info.key) ?? "");
  for (const { store, objects } of stores) {
    const info = objects.get(key);
    if (info === undefined) continue;
    const manifest = { store, info };
    const read = await told(manifest, () => fromManifest(object, manifest, unlock), onProblem);
    if (read !== undefined) return read;
  }
  return undefined;
}

/**
 * A manifest is sealed right after its volume for the same recipients, so that their age headers are of one
 * size: a volume that must not be touched, as it is archived, is then still known to the byte. Where that
 * does not come out, the header of the volume itself is read.
 */
async function fromManifest(
  object: FoundObject,
  { store, info }: FoundObject,
  unlock: Unlock,
): Promise<FoundManifest> {
  const sealed = await collect(store.read(info.key));
  const { headerSize } = await readHeader(bytesAccess(sealed), unlock, info.key);
  const packed = await decryptBytes(sealed, unlock, info.key);
  const manifest = parseNamed(unpack(packed, info.key), object);
  if (fits(manifest, object, headerSize)) {
    return foundManifest(object, "manifest", manifest, headerSize, packed);
  }
  const own = await readHeader(volumeAccess(object), unlock, object.info.key);
  if (fits(manifest, object, own.headerSize)) {
    return foundManifest(object, "manifest", manifest, own.headerSize, packed);
  }
  throw new ColdframeError("damaged", `${object.info.key} is not of the size that its manifest asks for`);
}

/** The listing that stands in the volume: a few ranges of it are read. */
async function fromVolume(object: FoundObject, unlock: Unlock): Promise<FoundManifest> {
  const { key } = object.info;
  const { headerSize } = await readHeader(volumeAccess(object), unlock, key);
  const image = await decryptAccess(volumeAccess(object), unlock, key);
  const node = await (await openImage(image)).find("MANIFEST.jsonl");
  if (node?.kind !== "file") throw new ColdframeError("image", `${key} has no MANIFEST.jsonl`);
  const parts: Bytes[] = [];
  for (const { offset, length } of sliceExtents(node.extents, 0, node.size)) {
    parts.push(await image.readAt(offset, length));
  }
  const bytes = new Uint8Array(await new Blob(parts).arrayBuffer());
  const manifest = parseNamed(bytes, object);
  return foundManifest(object, "volume", manifest, headerSize, gzipSync(bytes));
}

function foundManifest(
  object: FoundObject,
  from: FoundManifest["from"],
  { header }: Manifest,
  headerSize: number,
  packed: Uint8Array,
): FoundManifest {
  const created = Date.parse(header.created);
  return { object, from, archive: header.archive, created, headerSize, packed };
}

function volumeAccess({ store, info }: FoundObject): RandomAccess {
  return objectAccess(store, info.key, info.size);
}

function bytesAccess(bytes: Bytes): RandomAccess {
  return {
    size: bytes.length,
    readAt: (offset, length) => Promise.resolve(bytes.slice(offset, offset + length)),
  };
}

function unpack(packed: Uint8Array, key: string): Uint8Array {
  try {
    return gunzipSync(packed);
  } catch (error) {
    const code = systemCode(error);
    if (code?.startsWith("Z_") !== true && code !== "ERR_BUFFER_TOO_LARGE") throw error;
    throw new ColdframeError("damaged", `${key} does not unpack: ${messageOf(error)}`, { cause: error });
  }
}

/** A listing that stands under another volume's name says nothing about this one. */
function parseNamed(bytes: Uint8Array, { info }: FoundObject): Manifest {
  const manifest = parseManifest(new TextDecoder().decode(bytes));
  const { volume, created } = manifest.header;
  if (volume === nameOfVolume(info.key) && !Number.isNaN(Date.parse(created))) return manifest;
  throw new ColdframeError("damaged", `${info.key} is listed as ${JSON.stringify(volume)}, of ${created}`);
}

/** Whether an object of that size can hold an image with these files: images are whole sectors (ECMA-119 6.1). */
function fits({ files }: Manifest, { info }: FoundObject, headerSize: number): boolean {
  try {
    const size = plainSize(info.size - headerSize);
    return size % 2048 === 0 && files.every((file) => file.offset + file.size <= size);
  } catch (error) {
    if (error instanceof ColdframeError) return false;
    throw error;
  }
}

/** Adds a volume and all that it names to the catalog. */
export async function addManifest(db: Database, found: FoundManifest, known: number): Promise<void> {
  const manifest = parseManifest(new TextDecoder().decode(gunzipSync(found.packed)));
  await addStoredVolume(db, recoveredVolume(manifest, found), known);
}

function recoveredVolume(manifest: Manifest, found: FoundManifest): RecoveredVolume {
  const { header, files, references, folders } = manifest;
  const { store, info } = found.object;
  const times = files.map(({ mtime }) => Date.parse(mtime));
  return {
    volume: {
      name: header.volume,
      box: header.box,
      store: store.url,
      key: info.key,
      created: found.created,
      imageSize: plainSize(info.size - found.headerSize),
      objectSize: info.size,
      headerSize: found.headerSize,
      udf: true, // only a volume that is still to be built asks for it
      files: files.length,
      oldest: times.reduce((a, b) => Math.min(a, b), found.created),
      newest: times.reduce((a, b) => Math.max(a, b), times[0] ?? found.created),
    },
    files: [...files.map(recoveredFile), ...references.map(recoveredFile)],
    folders: folders.map(located),
  };
}

function recoveredFile(file: ManifestFile | ManifestReference): RecoveredFile {
  const { sha256, size, mode } = file;
  const offset = "offset" in file ? file.offset : undefined;
  return { ...located(file), sha256, size, mode: parseInt(mode, 8), offset };
}

function located({ path, mtime }: { readonly path: string; readonly mtime: string }) {
  const slash = path.indexOf("/");
  if (slash <= 0) throw new ColdframeError("damaged", `a manifest names ${JSON.stringify(path)}`);
  return { source: path.slice(0, slash), below: path.slice(slash + 1), mtime: Date.parse(mtime) };
}
