/**
 * Uploading image files: the plain road of `pack`, then `upload`. A file that `pack` made becomes the stored
 * volume that the catalog knows as packed, and its contents count; any other image is written down as a
 * volume without files.
 */

import { newEnvelope } from "../age/header.ts";
import { payloadSize } from "../age/payload.ts";
import { forgetFileUpload, type PendingUpload, startFileUpload, uploadOfVolume } from "../catalog/uploads.ts";
import { dropPlanned, findVolume, markUploaded, planVolume, type Volume } from "../catalog/volumes.ts";
import { ColdframeError, hasCode, SourceChangedError } from "../errors.ts";
import type { Store } from "../store/store.ts";
import { abortBegun } from "./begun.ts";
import { encrypted } from "./encrypted.ts";
import { type ImageFile, ImageFileReader, inspectImage } from "./image-file.ts";
import { ledgerOf } from "./ledger.ts";
import { volumeKey } from "./object-keys.ts";
import { asItIs, NO_ENVELOPE } from "./plaintext.ts";
import { draftFromCatalog, storeManifest } from "./seal.ts";
import { sendObject, type SentObject, SpoiltUploadError } from "./send.ts";
import type { Session } from "./session.ts";
import { storeSnapshot } from "./snapshot.ts";
import { tendSnapshots } from "./snapshots.ts";
import { tidyStaging } from "./tidy.ts";
import { listingOf } from "./volume.ts";

/** How to upload. */
export interface UploadOptions {
  readonly files: readonly string[];
  /** Send `.iso` files as they are; `.iso.age` files always go as they are. */
  readonly plain: boolean;
  /** Give up what was sent of a file before, and begin again. */
  readonly force: boolean;
  /** Only to look at the files, and say what would be sent. */
  readonly dryRun: boolean;
}

/** A file that is a volume in the cold store now. */
export interface UploadedImage {
  readonly path: string;
  readonly name: string;
  readonly key: string;
  /** Bytes of the object. */
  readonly size: number;
  /** Files that the catalog knows in it. */
  readonly files: number;
  /** False when it had been stored before; true, in a dry run, when it would be sent. */
  readonly sent: boolean;
}

/** What uploading did. */
export interface UploadReport {
  readonly uploaded: readonly UploadedImage[];
  readonly failed: readonly { readonly path: string; readonly reason: string }[];
}

/** What is about one file and not about the store, so that the next file may go all the same. */
const ABOUT_FILE = [
  "image",
  "not-age",
  "damaged",
  "exists",
  "object-exists",
  "source-unreadable",
  "source-changed",
];

/** Uploads image files, one after another. */
export async function uploadImages(session: Session, options: UploadOptions): Promise<UploadReport> {
  const handle = options.dryRun ? previewImage : uploadImage;
  const uploaded: UploadedImage[] = [];
  const failed: { path: string; reason: string }[] = [];
  for (const path of options.files) {
    session.signal.throwIfAborted();
    try {
      uploaded.push(await handle(session, path, options));
    } catch (error) {
      if (!(error instanceof ColdframeError) || !ABOUT_FILE.includes(error.code)) throw error;
      failed.push({ path, reason: error.message });
    }
  }
  if (!options.dryRun && uploaded.some(({ sent }) => sent)) {
    await storeSnapshot(session, await session.staging());
    await tidyStaging(session);
    await tendSnapshots(session);
  }
  return { uploaded, failed };
}

async function readImage(session: Session, path: string): Promise<ImageFile> {
  const reading = session.report.phase(`Reading ${path}`);
  return await inspectImage(path, (bytes) => reading.add(bytes), session.signal)
    .finally(() => reading.done());
}

/** What `uploadImage` would do, as far as the catalog tells. */
async function previewImage(session: Session, path: string, options: UploadOptions): Promise<UploadedImage> {
  const file = await readImage(session, path);
  const known = await findVolume(session.db, file.name);
  if (known !== undefined && isVolume(file, known) && known.state === "stored") {
    return describe(file, known, false);
  }
  const { name, size } = file;
  const key = volumeKey(name, options.plain && !file.encrypted);
  return { path, name, key, size, files: known?.files ?? 0, sent: true };
}

async function uploadImage(session: Session, path: string, options: UploadOptions): Promise<UploadedImage> {
  const store = await session.cold();
  const file = await readImage(session, path);
  const volume = await volumeOf(session, file);
  if (volume.state === "stored") return describe(file, volume, false);
  if (options.force) await giveUp(session, volume);
  try {
    return await send(session, store, file, volume, options.plain);
  } catch (error) {
    if (!(error instanceof SpoiltUploadError)) throw error;
    session.report.warn(`${error.message}; it begins again.`);
    await giveUp(session, volume);
    return await send(session, store, file, volume, options.plain);
  }
}

function describe(file: ImageFile, { name, key, objectSize, files }: Volume, sent: boolean): UploadedImage {
  return { path: file.path, name, key, size: objectSize, files, sent };
}

/**
 * The volume that a file is; written down anew where there is none.
 *
 * @throws ColdframeError as `isVolume`
 */
async function volumeOf(session: Session, file: ImageFile): Promise<Volume> {
  const known = await findVolume(session.db, file.name);
  if (known === undefined) return await register(session, file);
  if (isVolume(file, known)) return known;
  await giveUp(session, known);
  await dropPlanned(session.db, known.id);
  return await register(session, file);
}

/**
 * Whether a file is the volume of its name, by the SHA-256 of its bytes. Any other may only take the place of
 * one that nobody has stored or filled.
 *
 * @throws ColdframeError `exists` when another volume has the name; `damaged` when it is not what `pack` made
 */
function isVolume(file: ImageFile, known: Volume): boolean {
  if (known.fileSha256 === file.sha256) return true;
  if (known.state !== "packed") {
    throw new ColdframeError("exists", `${file.path}: another volume is called ${file.name}`, {
      hint: "Give the file another name.",
    });
  }
  if (known.files > 0) {
    throw new ColdframeError(
      "damaged",
      `${file.path} does not hold the bytes that were packed under its name`,
      {
        hint: "Pack its files again; or give it another name, to store it as an image of unknown contents.",
      },
    );
  }
  return false;
}

function register(session: Session, file: ImageFile): Promise<Volume> {
  const { name, folder, size, imageSize, headerSize, mtime, sha256, encrypted } = file;
  return planVolume(session.db, {
    name,
    state: "packed",
    box: session.home.box,
    store: folder,
    key: `${name}.iso${encrypted ? ".age" : ""}`,
    created: session.now(),
    imageSize,
    objectSize: size,
    headerSize,
    udf: false, // nobody here knows, and nothing depends on it
    files: 0,
    oldest: mtime,
    newest: mtime,
    fileSha256: sha256,
  }, []);
}

async function giveUp(session: Session, volume: Volume): Promise<void> {
  const upload = await uploadOfVolume(session.db, volume.id);
  if (upload === undefined) return;
  await abortBegun(session, await session.storeAt(upload.store), upload.id);
  await forgetFileUpload(session.db, volume.id);
}

async function send(
  session: Session,
  store: Store,
  file: ImageFile,
  volume: Volume,
  plain: boolean,
): Promise<UploadedImage> {
  const upload = await uploadFor(session, store, file, volume, plain);
  const sent = await sendFile(session, store, file, volume, upload);
  if (volume.files > 0) {
    const draft = await draftFromCatalog(session, volume);
    const listing = listingOf(draft, draft.files.map((row) => row.offset ?? 0));
    await storeManifest(session, store, volume, listing);
  }
  const headerSize = upload.header.length > 0 ? upload.header.length : file.headerSize;
  const object = { store: store.url, key: upload.key, objectSize: sent.size, headerSize };
  await markUploaded(session.db, volume.id, object, sent.checksum, session.now());
  return describe(file, { ...volume, ...object }, true);
}

/** The upload that an earlier run began, or a new one. */
async function uploadFor(
  session: Session,
  store: Store,
  file: ImageFile,
  volume: Volume,
  plain: boolean,
): Promise<PendingUpload> {
  const key = volumeKey(file.name, plain && !file.encrypted);
  const before = await uploadOfVolume(session.db, volume.id);
  if (before !== undefined && (before.store !== store.url || before.key !== key)) {
    throw new ColdframeError(
      "exists",
      `${file.path} is on its way already, as ${before.key} to ${before.store}`,
      {
        hint: "Give the same --cold and --plain to go on, or --force to begin again.",
      },
    );
  }
  if (before !== undefined) return before;
  const asItIs = plain || file.encrypted;
  if (!asItIs && await store.head(key) !== undefined) {
    throw new ColdframeError("object-exists", `${file.path}: the store holds another ${key} already`, {
      hint: "Give the file another name.",
    });
  }
  const envelope = asItIs ? NO_ENVELOPE : await newEnvelope(session.home.recipients);
  await startFileUpload(session.db, volume.name, {
    ...envelope,
    box: session.home.box,
    store: store.url,
    key,
    size: asItIs ? file.size : envelope.header.length + payloadSize(file.size),
    started: session.now(),
  });
  const upload = await uploadOfVolume(session.db, volume.id);
  if (upload === undefined) throw new Error(`the upload of ${key} was written down but is not there`);
  return upload;
}

async function sendFile(
  session: Session,
  store: Store,
  file: ImageFile,
  volume: Volume,
  upload: PendingUpload,
): Promise<SentObject> {
  const reader = new ImageFileReader(file);
  const meter = session.report.phase(`Uploading ${volume.name}`, upload.size);
  try {
    const maker = upload.header.length === 0 ? asItIs(reader) : await encrypted(upload, reader);
    return await sendObject(store, upload.key, maker, ledgerOf(session, upload), {
      kind: "volume",
      onSent: (bytes) => meter.add(bytes),
      signal: session.signal,
    });
  } catch (error) {
    // What was sent is of no use any more: the next attempt has other bytes, and so another key.
    if (error instanceof SourceChangedError || hasCode(error, "object-exists")) await giveUp(session, volume);
    throw error;
  } finally {
    meter.done();
    await reader.close();
  }
}
