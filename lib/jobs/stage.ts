/**
 * Staging: every content that is in no volume yet goes to the staging store at once, as one encrypted
 * object. An object counts as staged when the store has confirmed it, not before.
 */

import { newEnvelope } from "../age/header.ts";
import { payloadSize } from "../age/payload.ts";
import type { Bytes } from "../bytes.ts";
import type { Statement } from "../catalog/database.ts";
import { markStaged, stagedContents, type StagedObject, startStaging } from "../catalog/staged.ts";
import { forgetUpload, type PendingUpload, pendingUploads } from "../catalog/uploads.ts";
import { distrustContent } from "../catalog/versions.ts";
import type { WaitingFile } from "../catalog/volumes.ts";
import { hasCode, SourceChangedError } from "../errors.ts";
import type { Store } from "../store/store.ts";
import { absolutePath, ContentReader } from "./content-reader.ts";
import { stagedKey } from "./object-keys.ts";
import { inParallel } from "./pool.ts";
import { abortBegun, encrypted, ledgerOf } from "./seal.ts";
import { sendObject, SpoiltUploadError } from "./send.ts";
import type { Session } from "./session.ts";

/** What staging did. */
export interface StageReport {
  readonly staged: number;
  /** Bytes of the contents that were staged. */
  readonly bytes: number;
  /** Files that could not be read as they were scanned. */
  readonly changed: readonly { readonly path: string; readonly reason: string }[];
  /** Contents that found no room in the store. */
  readonly waiting: number;
}

/** Contents whose uploads are written down together, as one transaction. */
const BATCH_FILES = 64;
const BATCH_BYTES = 64 * 1024 * 1024;

/** Stages the contents of these files that are not staged yet. */
export async function stageFiles(session: Session, files: readonly WaitingFile[]): Promise<StageReport> {
  const store = await session.staging();
  const staging = new Staging(session, store);
  const missing = await staging.missing(files);
  const total = missing.reduce((sum, file) => sum + file.size, 0);
  if (missing.length === 0) return staging.result(0);
  const meter = session.report.phase("Staging", total);
  try {
    let done = 0;
    for (const batch of batches(missing)) {
      session.signal.throwIfAborted();
      if (!await staging.stage(batch, (bytes) => meter.add(bytes, 1))) break;
      done += batch.length;
    }
    return staging.result(missing.length - done);
  } finally {
    meter.done();
  }
}

function* batches(files: readonly WaitingFile[]): Generator<WaitingFile[]> {
  let batch: WaitingFile[] = [];
  let bytes = 0;
  for (const file of files) {
    if (batch.length > 0 && (batch.length >= BATCH_FILES || bytes + file.size > BATCH_BYTES)) {
      yield batch;
      batch = [];
      bytes = 0;
    }
    batch.push(file);
    bytes += file.size;
  }
  if (batch.length > 0) yield batch;
}

type Confirmed = StagedObject & { readonly upload: number };

class Staging {
  readonly #session: Session;
  readonly #store: Store;
  readonly #changed: { path: string; reason: string }[] = [];
  #staged = 0;
  #bytes = 0;

  constructor(session: Session, store: Store) {
    this.#session = session;
    this.#store = store;
  }

  result(waiting: number): StageReport {
    return { staged: this.#staged, bytes: this.#bytes, changed: this.#changed, waiting };
  }

  /** One file for each content that is not staged, in the order given. */
  async missing(files: readonly WaitingFile[]): Promise<WaitingFile[]> {
    const seen = await stagedContents(this.#session.db, this.#store.url);
    return files.filter((file) => {
      if (seen.has(file.content)) return false;
      seen.add(file.content);
      return true;
    });
  }

  /** Stages a batch; false when the store is full. */
  async stage(batch: readonly WaitingFile[], onDone: (bytes: number) => void): Promise<boolean> {
    const uploads = await this.#uploadsFor(batch);
    const confirmed: Confirmed[] = [];
    const dropped: Statement[] = [];
    let full = false;
    const limits = { width: 8, budget: BATCH_BYTES, cost: (file: WaitingFile) => file.size };
    try {
      await inParallel(batch, limits, async (file) => {
        const upload = uploads.get(file.content);
        if (upload === undefined || full) return;
        try {
          confirmed.push(await this.#send(file, upload));
          onDone(file.size);
        } catch (error) {
          if (hasCode(error, "store-full")) full = true;
          else if (error instanceof SourceChangedError || error instanceof SpoiltUploadError) {
            dropped.push(...await this.#drop(file, error, upload));
          } else throw error;
        }
      });
    } finally {
      await this.#finish(confirmed, dropped, batch);
    }
    return !full;
  }

  async #drop(
    file: WaitingFile,
    error: SourceChangedError | SpoiltUploadError,
    upload: PendingUpload,
  ): Promise<Statement[]> {
    await abortBegun(this.#session, this.#store, upload.id);
    const path = error instanceof SourceChangedError ? error.path : absolutePath(file.root, file.below);
    this.#changed.push({ path, reason: error.message });
    const again = error instanceof SourceChangedError
      ? [distrustContent(this.#session.home.box, error.sha256)]
      : [];
    return [...forgetUpload(upload.id), ...again];
  }

  /** Writes down what was confirmed, also when the batch ended in an error. */
  async #finish(
    confirmed: readonly Confirmed[],
    dropped: readonly Statement[],
    batch: readonly WaitingFile[],
  ): Promise<void> {
    await markStaged(this.#session.db, confirmed);
    await this.#session.db.write(dropped);
    const sizes = new Map(batch.map((file) => [file.content, file.size]));
    this.#staged += confirmed.length;
    this.#bytes += confirmed.reduce((sum, object) => sum + (sizes.get(object.content) ?? 0), 0);
  }

  /** The uploads of a batch, by content: those an earlier run left, and new ones written down now. */
  async #uploadsFor(batch: readonly WaitingFile[]): Promise<Map<number, PendingUpload>> {
    const before = await this.#pending();
    const fresh = batch.filter((file) => !before.has(file.content));
    if (fresh.length === 0) return before;
    await startStaging(this.#session.db, await Promise.all(fresh.map((file) => this.#newUpload(file))));
    return await this.#pending();
  }

  async #pending(): Promise<Map<number, PendingUpload>> {
    const all = await pendingUploads(this.#session.db, this.#session.home.box);
    const byContent = new Map<number, PendingUpload>();
    for (const upload of all) {
      if (upload.content !== undefined && upload.store === this.#store.url) {
        byContent.set(upload.content, upload);
      }
    }
    return byContent;
  }

  async #newUpload(file: WaitingFile): Promise<Parameters<typeof startStaging>[1][number]> {
    const envelope = await newEnvelope(this.#session.home.recipients);
    return {
      ...envelope,
      box: this.#session.home.box,
      store: this.#store.url,
      key: stagedKey(this.#session.archive.opaqueKey, file.sha256),
      content: file.content,
      size: envelope.header.length + payloadSize(file.size),
      started: this.#session.now(),
    };
  }

  async #send(file: WaitingFile, upload: PendingUpload): Promise<Confirmed> {
    const reader = new ContentReader();
    try {
      const maker = await encrypted(upload, plainOf(file, reader));
      const sent = await sendObject(this.#store, upload.key, maker, ledgerOf(this.#session, upload), {
        kind: "staged",
        signal: this.#session.signal,
      });
      return {
        content: file.content,
        store: this.#store.url,
        key: upload.key,
        size: sent.size,
        headerSize: upload.header.length,
        checksum: sent.checksum,
        time: this.#session.now(),
        upload: upload.id,
      };
    } finally {
      await reader.close();
    }
  }
}

/** A file's bytes by range, proven against its hash. */
function plainOf(file: WaitingFile, reader: ContentReader) {
  const content = { sha256: file.sha256, size: file.size, path: absolutePath(file.root, file.below) };
  return {
    size: file.size,
    async readAt(offset: number, length: number, into?: Bytes): Promise<Bytes> {
      const out = into?.subarray(0, length) ?? new Uint8Array(length);
      if (length > 0) await reader.fill(out, content, offset);
      return out;
    },
    unprovenFrom: (end: number) => end < file.size ? 0 : end,
    settle: () => reader.settle(),
  };
}
