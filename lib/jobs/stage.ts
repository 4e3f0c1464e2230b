/**
 * Staging: every content that is in no volume yet goes to the staging store at once, as one encrypted
 * object. An object counts as staged when the store has confirmed it, not before.
 */

import { newEnvelope } from "../age/header.ts";
import { payloadSize } from "../age/payload.ts";
import type { Bytes } from "../bytes.ts";
import type { Statement } from "../catalog/database.ts";
import {
  markStaged,
  type StagedObject,
  stagedObjects,
  stagedSizes,
  startStaging,
} from "../catalog/staged.ts";
import { forgetUpload, type PendingUpload, stagingUploads } from "../catalog/uploads.ts";
import { distrustContent } from "../catalog/versions.ts";
import type { WaitingFile } from "../catalog/waiting.ts";
import { hasCode, SourceChangedError, StoreError } from "../errors.ts";
import type { Store } from "../store/store.ts";
import { abortBegun } from "./begun.ts";
import { absolutePath, ContentReader } from "./content-reader.ts";
import { encrypted } from "./encrypted.ts";
import { ledgerOf, NO_LEDGER } from "./ledger.ts";
import { stagedKey } from "./object-keys.ts";
import type { Plaintext } from "./plaintext.ts";
import { inParallel } from "./pool.ts";
import { sendObject, SpoiltUploadError } from "./send.ts";
import type { Session } from "./session.ts";

/** What staging did. */
export interface StageReport {
  readonly staged: number;
  /** Bytes of the contents that were staged. */
  readonly bytes: number;
  /** Files that could not be read as they were scanned. */
  readonly changed: readonly { readonly path: string; readonly reason: string }[];
  /** Contents that are not staged now: there was no room for them, or the store failed. */
  readonly waiting: number;
  /** What the store said when it was full, though it had seemed to have room. */
  readonly full: StoreError | undefined;
  /** What the store failed with. What was staged before that is staged. */
  readonly failure: StoreError | undefined;
}

/** Contents whose uploads are written down together, as one transaction. */
const BATCH_FILES = 64;
const BATCH_BYTES = 64 * 1024 * 1024;
/** After so long, in ms, another box does not come back to an upload in parts: a day. */
const GIVEN_UP = 86_400_000;

/**
 * Stages the contents of these files that are not staged yet, in their order, as far as there is room.
 *
 * @param room bytes that staged objects may take; a content that does not fit is passed over
 */
export async function stageFiles(
  session: Session,
  store: Store,
  files: readonly WaitingFile[],
  room: number,
): Promise<StageReport> {
  const staging = new Staging(session, store);
  const missing = await staging.missing(files);
  const fitting = await staging.fitting(missing, room);
  if (fitting.length === 0) return staging.result(missing.length);
  const meter = session.report.phase("Staging", fitting.reduce((sum, file) => sum + file.size, 0));
  try {
    for (const batch of batches(fitting)) {
      session.signal.throwIfAborted();
      await staging.stage(batch, (bytes) => meter.add(bytes, 1));
      if (staging.stopped) break;
    }
    return staging.result(missing.length);
  } finally {
    meter.done();
  }
}

/** Bytes that a content takes as a staged object of today, by its size. */
export async function stagedSize(session: Session): Promise<(size: number) => number> {
  const { header } = await newEnvelope(session.home.recipients); // as long as any other
  return (size) => header.length + payloadSize(size);
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
  /** Contents that another box is staging, or has staged meanwhile. */
  #left = 0;
  #full: StoreError | undefined;
  #failure: StoreError | undefined;

  constructor(session: Session, store: Store) {
    this.#session = session;
    this.#store = store;
  }

  /** Whether the store takes no more in this run. */
  get stopped(): boolean {
    return this.#full !== undefined || this.#failure !== undefined;
  }

  /** @param missing how many contents were not staged at first */
  result(missing: number): StageReport {
    return {
      staged: this.#staged,
      bytes: this.#bytes,
      changed: this.#changed,
      waiting: missing - this.#staged - this.#changed.length - this.#left,
      full: this.#full,
      failure: this.#failure,
    };
  }

  /** One file for each content that is not staged, in the order given. */
  async missing(files: readonly WaitingFile[]): Promise<WaitingFile[]> {
    const seen = new Set((await stagedSizes(this.#session.db, this.#store.url)).keys());
    return files.filter((file) => {
      if (seen.has(file.content)) return false;
      seen.add(file.content);
      return true;
    });
  }

  /** The files that there is room for, in the order given. */
  async fitting(files: readonly WaitingFile[], room: number): Promise<readonly WaitingFile[]> {
    if (room === Infinity) return files;
    const sizeOf = await stagedSize(this.#session);
    let left = room;
    return files.filter((file) => {
      const fits = sizeOf(file.size) <= left;
      if (fits) left -= sizeOf(file.size);
      return fits;
    });
  }

  /** Stages a batch, or as much of it as the store takes. */
  async stage(batch: readonly WaitingFile[], onDone: (bytes: number) => void): Promise<void> {
    const uploads = await this.#uploadsFor(batch);
    const confirmed: Confirmed[] = [];
    const dropped: Statement[] = [];
    const limits = { width: 8, budget: BATCH_BYTES, cost: (file: WaitingFile) => file.size };
    try {
      await inParallel(batch, limits, async (file) => {
        const upload = uploads.get(file.content);
        if (upload === undefined) this.#left++;
        if (upload === undefined || this.stopped) return;
        try {
          const object = await this.#send(file, upload);
          if (object === undefined) this.#left++;
          else confirmed.push(object);
          onDone(file.size);
        } catch (error) {
          if (error instanceof SourceChangedError || error instanceof SpoiltUploadError) {
            dropped.push(...await this.#drop(file, error, upload));
          } else this.#stop(error);
        }
      });
    } finally {
      await this.#finish(confirmed, dropped, batch);
    }
  }

  #stop(error: unknown): void {
    if (!(error instanceof StoreError)) throw error;
    if (hasCode(error, "store-full")) this.#full ??= error;
    else this.#failure ??= error;
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

  /**
   * The uploads of a batch, by content: those an earlier run left, and new ones written down now. None for a
   * content that another box is uploading.
   */
  async #uploadsFor(batch: readonly WaitingFile[]): Promise<Map<number, PendingUpload>> {
    const before = await this.#pending();
    const fresh = batch.filter((file) => !before.has(file.content));
    if (fresh.length === 0) return before;
    await startStaging(this.#session.db, await Promise.all(fresh.map((file) => this.#newUpload(file))));
    return await this.#pending();
  }

  async #pending(): Promise<Map<number, PendingUpload>> {
    const byContent = new Map<number, PendingUpload>();
    for (const upload of await stagingUploads(this.#session.db, this.#store.url)) {
      if (upload.content !== undefined && this.#isOpen(upload)) byContent.set(upload.content, upload);
    }
    return byContent;
  }

  /**
   * Whether an upload may go on here. One of another box may, as the same content under the same file key gives
   * the same bytes, whoever sends them; but two must not send parts of it at once.
   */
  #isOpen(upload: PendingUpload): boolean {
    const { home, now } = this.#session;
    return upload.box === home.box || this.#isSmall(upload) || upload.started < now() - GIVEN_UP;
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

  /**
   * An object that is there already with other bytes, though the catalog knows of none, was left by a home
   * that this one was recovered from, or is one that came back out of the store's bin: it makes way.
   *
   * @returns undefined when another box has staged the content meanwhile
   */
  async #send(file: WaitingFile, upload: PendingUpload): Promise<Confirmed | undefined> {
    try {
      return await this.#sendTo(file, upload);
    } catch (error) {
      if (!hasCode(error, "object-exists")) throw error;
      if (await this.#isStagedNow(file, upload)) return undefined;
      await this.#store.remove(upload.key);
      return await this.#sendTo(file, (await this.#pending()).get(file.content) ?? upload);
    }
  }

  /** Asked where another box came first; its own upload is of no use then. */
  async #isStagedNow({ content }: WaitingFile, { id }: PendingUpload): Promise<boolean> {
    const { db } = this.#session;
    const staged = (await stagedObjects(db, content)).some(({ store }) => store === this.#store.url);
    if (staged) await db.write(forgetUpload(id));
    return staged;
  }

  /**
   * Whether an object goes in one step. Nothing is written down about it then: there are many of these, each
   * is proven against the hash of its content before it leaves, and `stranded.ts` reads them back if need be.
   */
  #isSmall({ begun, size }: PendingUpload): boolean {
    return begun === undefined && size <= this.#store.maxPut;
  }

  async #sendTo(file: WaitingFile, upload: PendingUpload): Promise<Confirmed> {
    const reader = new ContentReader();
    try {
      const maker = await encrypted(upload, plainOf(file, reader));
      const ledger = this.#isSmall(upload) ? NO_LEDGER : ledgerOf(this.#session, upload);
      const sent = await sendObject(this.#store, upload.key, maker, ledger, {
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
export function plainOf(
  file: Pick<WaitingFile, "sha256" | "size" | "root" | "below">,
  reader: ContentReader,
): Plaintext {
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
