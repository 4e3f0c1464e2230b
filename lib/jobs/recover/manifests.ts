/**
 * Volumes that the catalog does not know, from what the stores hold of them: their manifests, and where
 * there is none to be had, the listing inside the volume itself.
 */

import { gunzipSync, gzipSync } from "node:zlib";
import { decryptAccess } from "../../age/access.ts";
import { headerEnd, openHeader, readHeader, type Unlock } from "../../age/header.ts";
import { payloadSize, plainSize } from "../../age/payload.ts";
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
import { manifestKey, volumeOfManifest } from "../object-keys.ts";
import { inParallel } from "../pool.ts";
import { objectAccess } from "../restore/object-access.ts";
import { buildVolume, type VolumeDraft } from "../volume.ts";
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

/**
 * Reads the listings of volumes, oldest volume first. A volume whose manifest cannot be used is looked into;
 * one that cannot be read either is told.
 *
 * @param volumes those of one key are copies of one volume: the first good one counts
 * @throws StoreError
 */
export async function readManifests(
  stores: readonly ListedStore[],
  volumes: readonly FoundObject[],
  unlock: Unlock,
  onProblem: (problem: Problem) => void,
): Promise<FoundManifest[]> {
  const found: FoundManifest[] = [];
  const copies = Map.groupBy(volumes, ({ info }) => info.key);
  await inParallel(copies, { width: 8, budget: 8, cost: () => 1 }, async ([key, objects]) => {
    const listing = await fromManifests(stores, key, unlock, onProblem);
    for (const object of objects) {
      const read = () => listing === undefined ? fromVolume(object, unlock) : prove(object, listing, unlock);
      const manifest = await told(object, read, onProblem);
      if (manifest !== undefined) return void found.push(manifest);
    }
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

/** A manifest object that was opened. */
interface Listing {
  readonly manifest: Manifest;
  readonly packed: Uint8Array;
  /** Bytes of its age header. */
  readonly headerSize: number;
}

/** The listing of a volume from its manifest object, in whichever store it is. */
async function fromManifests(
  stores: readonly ListedStore[],
  volume: string,
  unlock: Unlock,
  onProblem: (problem: Problem) => void,
): Promise<Listing | undefined> {
  const name = nameOfVolume(volume) ?? "";
  const problems: Problem[] = [];
  for (const found of manifestsOf(stores, name)) {
    const read = await told(
      found,
      () => readListing(found, volume, unlock),
      (problem) => problems.push(problem),
    );
    if (read === undefined) continue;
    const own = await volumeHeaderSize(stores, name);
    return own === undefined ? read : { ...read, headerSize: own };
  }
  problems.forEach(onProblem); // told only when no other manifest of the volume could be used
  return undefined;
}

/** The manifest objects of a volume, the one it was stored with first. */
function manifestsOf(stores: readonly ListedStore[], name: string): FoundObject[] {
  const first = manifestKey(name);
  return objectsLike(stores, MANIFESTS).filter(({ info }) => volumeOfManifest(info.key) === name)
    .sort((a, b) => Number(b.info.key === first) - Number(a.info.key === first));
}

const MANIFESTS = /^manifests\//;

async function readListing(
  { store, info: { key } }: FoundObject,
  volume: string,
  unlock: Unlock,
): Promise<Listing> {
  const sealed = await collect(store.read(key));
  const { headerSize } = await openHeader(sealed, unlock, key);
  const packed = await decryptBytes(sealed, unlock, key);
  return { packed, headerSize, manifest: parseNamed(unpack(packed, key), volume) };
}

/** A volume's header is as long as that of the manifest it was stored with, which shows it to anyone. */
async function volumeHeaderSize(stores: readonly ListedStore[], name: string): Promise<number | undefined> {
  const [first] = manifestsOf(stores, name);
  if (first?.info.key !== manifestKey(name)) return undefined;
  const sealed = await collect(first.store.read(first.info.key));
  try {
    return headerEnd(sealed, first.info.key);
  } catch (error) {
    if (error instanceof ColdframeError) return undefined; // damaged: another one was read
    throw error;
  }
}

/**
 * Proves that an object is as large as its manifest makes it. An image is a function of its manifest, and
 * both are sealed for the same keys one after the other, with age headers of one size: so this needs nothing
 * of a volume that may be archived. Where it does not come out, as another version laid out the image, the
 * end of the volume is read: only a whole one has an end that decrypts as one.
 */
async function prove(object: FoundObject, listing: Listing, unlock: Unlock): Promise<FoundManifest> {
  const { manifest, packed, headerSize } = listing;
  const { key, size } = object.info;
  if (isSizeOf(manifest, size - headerSize)) {
    return foundManifest(object, "manifest", manifest, headerSize, packed);
  }
  const own = await readHeader(volumeAccess(object), unlock, key);
  const image = await decryptAccess(volumeAccess(object), unlock, key);
  if (manifest.files.every((file) => file.offset + file.size <= image.size)) {
    return foundManifest(object, "manifest", manifest, own.headerSize, packed);
  }
  throw new ColdframeError("damaged", `${key} is too small for what its manifest names`);
}

/** Whether the image of a manifest, as this version lays it out, takes so many bytes when it is encrypted. */
function isSizeOf(manifest: Manifest, size: number): boolean {
  return [true, false].some((udf) => {
    const { image, offsets } = buildVolume(draftOf(manifest, udf));
    return payloadSize(image.size) === size && manifest.files.every((file, i) => file.offset === offsets[i]);
  });
}

function draftOf({ header, files, references, folders }: Manifest, udf: boolean): VolumeDraft {
  const restored = <T extends { readonly mtime: string; readonly mode: string }>(file: T) => ({
    ...file,
    mtime: Date.parse(file.mtime),
    mode: parseInt(file.mode, 8),
  });
  return {
    name: header.volume,
    archive: header.archive,
    box: header.box,
    created: Date.parse(header.created),
    udf,
    files: files.map((file) => ({ ...restored(file), content: 0 })), // ids of the catalog play no part
    references: references.map(restored),
    folders: folders.map(({ path, mtime }) => ({ path, mtime: Date.parse(mtime) })),
  };
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
  const manifest = parseNamed(bytes, key);
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
function parseNamed(bytes: Uint8Array, key: string): Manifest {
  const manifest = parseManifest(new TextDecoder().decode(bytes));
  const { volume, created } = manifest.header;
  if (volume === nameOfVolume(key) && !Number.isNaN(Date.parse(created))) return manifest;
  throw new ColdframeError("damaged", `${key} is listed as ${JSON.stringify(volume)}, of ${created}`);
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
