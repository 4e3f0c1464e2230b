/**
 * Sealing a volume: plan it in the catalog, build, encrypt and upload it, have it confirmed, store its
 * manifest, and only then count its contents as safe. The order is that of DESIGN §5; a run that ends
 * after any of these steps is continued by the next one.
 */

import { gzipSync } from "node:zlib";
import { type Envelope, newEnvelope } from "../age/header.ts";
import { payloadSize } from "../age/payload.ts";
import { AgeWriter } from "../age/writer.ts";
import { utf8 } from "../bytes.ts";
import { foldersOfVolume } from "../catalog/folders.ts";
import {
  confirmedParts,
  findUpload,
  madeParts,
  noteBegun,
  noteMade,
  notePart,
  type PendingUpload,
  uploadOfVolume,
} from "../catalog/uploads.ts";
import { distrustContent } from "../catalog/versions.ts";
import {
  dropPlanned,
  findVolume,
  markStored,
  noteManifest,
  type PlannedFile,
  plannedVolumes,
  planVolume,
  type Volume,
  volumeFiles,
} from "../catalog/volumes.ts";
import { type Mentions, type WaitingFile } from "../catalog/waiting.ts";
import { ColdframeError, SourceChangedError } from "../errors.ts";
import { encodeManifest, type Manifest } from "../plan/manifest.ts";
import { volumeName } from "../plan/name.ts";
import { collectGarbage } from "../garbage.ts";
import type { Store, UploadInfo } from "../store/store.ts";
import { manifestKey, volumeKey } from "./object-keys.ts";
import { inMemory, type Plaintext } from "./plaintext.ts";
import { type Ledger, type ObjectMaker, sendObject, type SentObject, SpoiltUploadError } from "./send.ts";
import type { Session } from "./session.ts";
import { buildVolume, type BuiltVolume, type FileOfVolume, type VolumeDraft, volumeRows } from "./volume.ts";
import { readableContents, VolumeReader } from "./volume-reader.ts";

/** A volume that is now in the cold store. */
export interface SealedVolume {
  readonly name: string;
  readonly files: number;
  /** Bytes of the object. */
  readonly size: number;
}

/** What became of a volume. */
export type SealOutcome =
  | { readonly kind: "sealed"; readonly volume: SealedVolume }
  /** A file was not what it was when it was scanned: the volume was given up, to be planned anew. */
  | { readonly kind: "changed"; readonly path: string; readonly error: SourceChangedError }
  /** What was sent of it before does not fit: it was given up, to be planned anew. */
  | { readonly kind: "spoilt"; readonly error: SpoiltUploadError };

/** Plans a volume of these files and seals it. */
export async function sealFiles(
  session: Session,
  files: readonly WaitingFile[],
  mentions: Mentions,
): Promise<SealOutcome> {
  const store = await session.cold();
  collectGarbage(); // of planning, which has laid out several volumes
  const volume = await planNewVolume(session, store, files, mentions);
  collectGarbage();
  return await sealPlanned(session, volume);
}

/** Volumes that an earlier run planned and did not finish. */
export function unfinishedVolumes(session: Session): Promise<Volume[]> {
  return plannedVolumes(session.db, session.home.box);
}

/** Seals a planned volume, from wherever an earlier run left it. */
export async function sealPlanned(session: Session, volume: Volume): Promise<SealOutcome> {
  const store = await session.storeAt(volume.store);
  const upload = await uploadOfVolume(session.db, volume.id);
  if (upload === undefined) {
    throw new ColdframeError("catalog", `the planned volume ${volume.name} has lost its upload`);
  }
  const reader = new VolumeReader(...await builtFromCatalog(session, volume));
  collectGarbage();
  try {
    const sent = await sendVolume(session, store, upload, reader, volume);
    collectGarbage();
    await storeManifest(session, store, volume, reader.built.manifest);
    await markStored(session.db, volume.id, sent.checksum, session.now());
    return { kind: "sealed", volume: { name: volume.name, files: volume.files, size: sent.size } };
  } catch (error) {
    const lost = error instanceof SourceChangedError || error instanceof SpoiltUploadError;
    if (!lost) throw error;
    await giveUp(session, store, volume, upload);
    if (error instanceof SpoiltUploadError) return { kind: "spoilt", error };
    await session.db.write([distrustContent(session.home.box, error.sha256)]);
    return { kind: "changed", path: error.path, error };
  } finally {
    await reader.close();
  }
}

async function planNewVolume(
  session: Session,
  store: Store,
  files: readonly WaitingFile[],
  mentions: Mentions,
): Promise<Volume> {
  const owner = { archive: session.archive.archive, box: session.home.box };
  const name = await freeName(session, store, (salt) => volumeName(owner, files, salt));
  const created = session.now();
  const udf = session.home.config.udf;
  const built = buildVolume({ ...owner, name, created, udf, files, ...mentions });
  const envelope = await newEnvelope(session.home.recipients);
  const objectSize = envelope.header.length + payloadSize(built.image.size);
  const times = files.map((file) => file.mtime);
  const place = { box: owner.box, store: store.url, key: volumeKey(name) };
  return await planVolume(
    session.db,
    {
      ...place,
      name,
      state: "planned",
      created,
      imageSize: built.image.size,
      objectSize,
      headerSize: envelope.header.length,
      udf,
      files: files.length,
      oldest: times.reduce((a, b) => Math.min(a, b), Infinity),
      newest: times.reduce((a, b) => Math.max(a, b), -Infinity),
    },
    volumeRows(files, built.offsets, mentions.references),
    { upload: { ...place, size: objectSize, ...envelope, started: created }, folders: mentions.folders },
  );
}

/** A name that stands neither in the store nor in the catalog, where a packed file may have it. */
async function freeName(
  session: Session,
  store: Store,
  candidate: (salt: number) => string,
): Promise<string> {
  for (let salt = 0;; salt++) {
    const name = candidate(salt);
    const taken = await findVolume(session.db, name) ?? await store.head(volumeKey(name));
    if (taken === undefined) return name;
  }
}

/** The volume as it was planned, from its rows alone, and where its files can be read now. */
async function builtFromCatalog(
  session: Session,
  volume: Volume,
): Promise<ConstructorParameters<typeof VolumeReader>> {
  const draft = await draftFromCatalog(session, volume);
  const built = buildVolume(draft);
  assertAsPlanned(volume, built, draft.files);
  return [built, await readableContents(session.db, volume.id)];
}

/** What a volume was planned or packed of. */
export async function draftFromCatalog(session: Session, volume: Volume): Promise<VolumeDraft<PlannedFile>> {
  const rows = await volumeFiles(session.db, volume.id);
  return {
    name: volume.name,
    archive: session.archive.archive,
    box: volume.box,
    created: volume.created,
    udf: volume.udf,
    files: rows.filter((row) => row.offset !== undefined),
    references: rows.flatMap((row) => row.offset === undefined ? [{ ...row, volume: row.heldBy ?? "" }] : []),
    folders: await foldersOfVolume(session.db, volume.id),
  };
}

/**
 * The image must be the one that was planned, or the parts already sent would not fit: a program of
 * another version that lays out images differently must not continue an upload.
 */
function assertAsPlanned(
  volume: Volume,
  built: BuiltVolume,
  files: readonly (FileOfVolume & { offset: number | undefined })[],
): void {
  const same = built.image.size === volume.imageSize &&
    files.every((file, i) => file.offset === built.offsets[i]);
  if (same) return;
  throw new ColdframeError("image", `the volume ${volume.name} was planned by another version of coldframe`, {
    hint: "Finish it with that version, or run `coldframe uploads abort` to plan it anew.",
  });
}

async function sendVolume(
  session: Session,
  store: Store,
  upload: PendingUpload,
  reader: VolumeReader,
  volume: Volume,
): Promise<SentObject> {
  const meter = session.report.phase(`Sealing ${volume.name}`, upload.size);
  try {
    const maker = await encrypted(upload, reader);
    return await sendObject(store, upload.key, maker, ledgerOf(session, upload), {
      kind: "volume",
      onSent: (bytes) => meter.add(bytes),
      signal: session.signal,
    });
  } finally {
    meter.done();
  }
}

/** The object of an upload: its plaintext encrypted with the envelope that was written down for it. */
export async function encrypted(
  upload: Envelope & { readonly key: string },
  plain: Plaintext,
): Promise<ObjectMaker> {
  const writer = await AgeWriter.open(upload, plain, upload.key);
  return {
    size: writer.size,
    part: (offset, length, buffer) => writer.part(offset, length, buffer),
    bufferSize: (length) => writer.bufferSize(length),
    unprovenFrom(end) {
      const plainEnd = writer.plainBefore(end);
      const from = plain.unprovenFrom(plainEnd);
      return from < plainEnd ? writer.offsetOf(from) : end;
    },
    prove: () => plain.settle(),
  };
}

/** An upload's progress, kept in the catalog. */
export function ledgerOf(session: Session, upload: PendingUpload): Ledger {
  return {
    begun: upload.begun,
    known: () => confirmedParts(session.db, upload.id),
    made: () => madeParts(session.db, upload.id),
    noteBegun: (token, partSize) => noteBegun(session.db, upload.id, token, partSize),
    noteMade: (part) => noteMade(session.db, upload.id, part),
    notePart: (receipt) => notePart(session.db, upload.id, receipt),
  };
}

/** A ledger for an object that is made in one go and simply made again when it fails. */
export const NO_LEDGER: Ledger = {
  begun: undefined,
  known: () => Promise.resolve([]),
  made: () => Promise.resolve(new Map()),
  noteBegun: () => Promise.resolve(),
  noteMade: () => Promise.resolve(),
  notePart: () => Promise.resolve(),
};

/**
 * Stores the manifest beside its volume. After a crash it may be there already: encrypted with another
 * file key, so with other bytes, but from the same volume, whose name is a hash of what it lists.
 */
export async function storeManifest(
  session: Session,
  store: Store,
  volume: Volume,
  manifest: Manifest,
): Promise<void> {
  const key = manifestKey(volume.name);
  const object = await store.head(key) ??
    await sendBytes(session, store, key, gzipSync(utf8(encodeManifest(manifest))), "manifest");
  await noteManifest(session.db, volume.id, object);
}

/** Encrypts bytes in memory for today's recipients and stores them. */
export async function sendBytes(
  session: Session,
  store: Store,
  key: string,
  bytes: Uint8Array,
  kind: "manifest" | "snapshot" | "mirror",
): Promise<SentObject> {
  const maker = await encrypted({ ...await newEnvelope(session.home.recipients), key }, inMemory(bytes));
  return await sendObject(store, key, maker, NO_LEDGER, { kind, signal: session.signal });
}

/**
 * Gives up a volume one of whose files changed. Its file key has seen these bytes and is forgotten with
 * it: the next plan makes a new one (DESIGN §4).
 */
async function giveUp(session: Session, store: Store, volume: Volume, upload: PendingUpload): Promise<void> {
  await abortBegun(session, store, upload.id);
  await dropPlanned(session.db, volume.id);
}

/** Removes what an upload left in its store; only warns when that fails. */
export async function abortBegun(session: Session, store: Store, id: number): Promise<void> {
  const upload = await findUpload(session.db, id);
  if (upload === undefined) return;
  try {
    for (const info of await begunUploads(store, upload)) await store.abortUpload(info);
  } catch (error) {
    if (!(error instanceof ColdframeError) || error.code === "interrupted") throw error;
    session.report.warn(`The unfinished upload of ${upload.key} could not be removed: ${error.message}`);
  }
}

/**
 * What an upload began in its store. A run that was killed before it heard of a beginning has not written it
 * down; it is found by its key, which belongs to one upload alone.
 */
async function begunUploads(store: Store, { key, size, begun }: PendingUpload): Promise<UploadInfo[]> {
  const known = begun === undefined ? [] : [{ key, token: begun.token, started: undefined }];
  if (begun === undefined && size <= store.maxPut) return []; // it goes in one step
  const found: UploadInfo[] = [];
  for await (const info of store.listUploads()) if (info.key === key) found.push(info);
  return [...known, ...found.filter(({ token }) => token !== begun?.token)];
}
