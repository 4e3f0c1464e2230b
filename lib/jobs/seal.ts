/**
 * Sealing a volume: plan it in the catalog, build, encrypt and upload it, have it confirmed, store its
 * manifest, and only then count its contents as safe. The order is that of DESIGN §5; a run that ends
 * after any of these steps is continued by the next one.
 */

import { gzipSync } from "node:zlib";
import { newEnvelope } from "../age/header.ts";
import { payloadSize } from "../age/payload.ts";
import type { Bytes } from "../bytes.ts";
import { foldersOfVolume } from "../catalog/folders.ts";
import { type PendingUpload, uploadOfVolume } from "../catalog/uploads.ts";
import { distrustContent } from "../catalog/versions.ts";
import { type PlannedFile, volumeFiles } from "../catalog/volume-files.ts";
import {
  dropPlanned,
  findVolume,
  markStored,
  noteManifest,
  plannedVolumes,
  planVolume,
  type Volume,
} from "../catalog/volumes.ts";
import type { Mentions, WaitingFile } from "../catalog/waiting.ts";
import { ColdframeError, SourceChangedError } from "../errors.ts";
import { volumeName } from "../plan/name.ts";
import { collectGarbage } from "../garbage.ts";
import type { Store } from "../store/store.ts";
import { abortBegun } from "./begun.ts";
import { encrypted, sendBytes } from "./encrypted.ts";
import { ledgerOf } from "./ledger.ts";
import { manifestKey, volumeKey } from "./object-keys.ts";
import { sendObject, type SentObject, SpoiltUploadError } from "./send.ts";
import type { Session } from "./session.ts";
import { readableContents, VolumeReader } from "./volume-reader.ts";
import { buildVolume, type BuiltVolume, type FileOfVolume, type VolumeDraft, volumeRows } from "./volume.ts";

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
  collectGarbage(); // of planning, and of the volume before
  const volume = await planNewVolume(session, store, files, mentions);
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
  collectGarbage(); // of two layouts, before the buffers are taken
  try {
    const sent = await sendVolume(session, store, upload, reader, volume);
    await storeManifest(session, store, volume, reader.built.listing);
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

/**
 * Stores the manifest beside its volume. After a crash it may be there already: encrypted with another
 * file key, so with other bytes, but from the same volume, whose name is a hash of what it lists.
 *
 * @param listing the text of the manifest, UTF-8
 */
export async function storeManifest(
  session: Session,
  store: Store,
  volume: Volume,
  listing: Bytes,
): Promise<void> {
  const key = manifestKey(volume.name);
  const object = await store.head(key) ??
    await sendBytes(session, store, key, gzipSync(listing), "manifest");
  await noteManifest(session.db, volume.id, object);
}

/**
 * Gives up a volume one of whose files changed. Its file key has seen these bytes and is forgotten with
 * it: the next plan makes a new one (DESIGN §4).
 */
async function giveUp(session: Session, store: Store, volume: Volume, upload: PendingUpload): Promise<void> {
  await abortBegun(session, store, upload.id);
  await dropPlanned(session.db, volume.id);
}
