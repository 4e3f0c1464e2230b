/**
 * Copying files into a mirror, a batch at a time: uploads are written down with their file keys before anything
 * leaves, objects count when the store has confirmed them, and a file that changes meanwhile is left for the
 * next run, its file key with it.
 */

import { newEnvelope } from "../../age/header.ts";
import { payloadSize } from "../../age/payload.ts";
import {
  markMirrored,
  type MirrorFile,
  pendingMirrorUploads,
  startMirroring,
} from "../../catalog/mirroring.ts";
import type { NewMirrored } from "../../catalog/mirrors.ts";
import { noteProofs } from "../../catalog/proofs.ts";
import { forgetUpload } from "../../catalog/uploads.ts";
import { distrustContent } from "../../catalog/versions.ts";
import { ColdframeError, hasCode, SourceChangedError, StoreError } from "../../errors.ts";
import type { Store } from "../../store/store.ts";
import { abortBegun } from "../begun.ts";
import { absolutePath, ContentReader } from "../content-reader.ts";
import { encrypted } from "../encrypted.ts";
import { ledgerOf } from "../ledger.ts";
import { asItIs, NO_ENVELOPE } from "../plaintext.ts";
import { inParallel } from "../pool.ts";
import type { FileProblem } from "../scan.ts";
import { sendObject, SpoiltUploadError } from "../send.ts";
import type { Session } from "../session.ts";
import { plainOf } from "../stage.ts";
import { type SameBytes, sameBytes } from "./adopt.ts";
import type { ChosenKey, KeyChooser } from "./keys.ts";

/** A file that a mirror lacks. */
export interface MissingFile extends MirrorFile {
  /** In the mirror. */
  readonly path: string;
  /** Absolute path of its source. */
  readonly root: string;
}

/** How to copy. */
export interface CopyOptions {
  readonly encrypted: boolean;
  readonly parallel: number;
  /** Told of each file that is in the mirror now. */
  onCopied(file: MissingFile): void;
}

type Pending = Awaited<ReturnType<typeof pendingMirrorUploads>>[number];

/** An object that is in the store now. */
interface Confirmed {
  readonly key: string;
  readonly size: number;
  readonly headerSize: number;
  readonly checksum: string;
  /** The row to end; undefined for an object that was there. */
  readonly upload: number | undefined;
}

/** Files whose memory may be in use at the same time: those of up to so many bytes in all. */
const BUDGET = 64 * 1024 * 1024;
/** How often another key is tried for one file. */
const MOST_REFUSALS = 4;

/** What copying did so far. */
export interface CopyTally {
  readonly sent: { files: number; bytes: number };
  /** Found in the store, put there by another program. */
  readonly adopted: { files: number; bytes: number };
  versions: number;
}

/** Copies into one store. */
export class Copier {
  readonly tally: CopyTally = {
    sent: { files: 0, bytes: 0 },
    adopted: { files: 0, bytes: 0 },
    versions: 0,
  };
  readonly problems: FileProblem[] = [];
  readonly #session: Session;
  readonly #store: Store;
  readonly #keys: KeyChooser;
  readonly #options: CopyOptions;

  constructor(session: Session, store: Store, keys: KeyChooser, options: CopyOptions) {
    this.#session = session;
    this.#store = store;
    this.#keys = keys;
    this.#options = options;
  }

  /**
   * Copies files. One that changed, or that the store does not take, is a problem and stops nothing.
   *
   * @throws StoreError when the store fails; what was confirmed before is written down
   */
  async copy(files: readonly MissingFile[]): Promise<void> {
    const batch = new Batch(this.#session, this.#store, files, this.#keys, this.#options);
    const limits = { width: this.#options.parallel, budget: BUDGET, cost: (file: MissingFile) => file.size };
    await batch.begin();
    try {
      await inParallel(files, limits, (file) => this.#copyOne(batch, file));
    } finally {
      await batch.finish();
    }
  }

  async #copyOne(batch: Batch, file: MissingFile): Promise<void> {
    try {
      const { isVersion, adopted } = await batch.store(file);
      const sum = adopted ? this.tally.adopted : this.tally.sent;
      sum.files++;
      sum.bytes += file.size;
      if (isVersion) this.tally.versions++;
      this.#options.onCopied(file);
    } catch (error) {
      if (!isAboutFile(error)) throw error;
      this.problems.push({ path: absolutePath(file.root, file.below), reason: error.message });
    }
  }

  /** Gives up the uploads of earlier runs whose files are not missing any more, or changed since. */
  async giveUpStale(): Promise<void> {
    const { db, home } = this.#session;
    for (const { id } of await pendingMirrorUploads(db, home.box, this.#store.url)) {
      await abortBegun(this.#session, this.#store, id);
      await db.write(forgetUpload(id));
    }
  }
}

/** Whether an error says something of one file, and nothing of the store as a whole. */
function isAboutFile(error: unknown): error is ColdframeError {
  if (error instanceof SourceChangedError || error instanceof SpoiltUploadError) return true;
  return error instanceof StoreError && ["object-exists", "store-protocol", "damaged"].includes(error.code);
}

/** Some files on their way together. */
class Batch {
  readonly #session: Session;
  readonly #store: Store;
  readonly #files: readonly MissingFile[];
  readonly #keys: KeyChooser;
  readonly #options: CopyOptions;
  readonly #confirmed: (NewMirrored & { readonly upload: number | undefined })[] = [];
  #chosen = new Map<MissingFile, ChosenKey>();
  readonly #pending = new Map<string, Pending>();

  constructor(
    session: Session,
    store: Store,
    files: readonly MissingFile[],
    keys: KeyChooser,
    options: CopyOptions,
  ) {
    this.#session = session;
    this.#store = store;
    this.#files = files;
    this.#keys = keys;
    this.#options = options;
  }

  /** Chooses keys and writes the uploads down, as one transaction. */
  async begin(): Promise<void> {
    for (const upload of await this.#written()) this.#pending.set(idOf(upload), upload);
    const fresh = this.#files.filter((file) => !this.#pending.has(idOf(file)));
    this.#chosen = await this.#choose(fresh, 0);
    const uploads = [...this.#chosen].flatMap(([file, key]) => key.listed ? [] : [{ file, key: key.key }]);
    await this.#writeDown(uploads);
  }

  /** Writes down what was confirmed, also when the batch ended in an error. */
  async finish(): Promise<void> {
    await markMirrored(this.#session.db, this.#confirmed);
  }

  /** Sends one file, under another key where its own turns out to be taken. */
  async store(file: MissingFile): Promise<{ isVersion: boolean; adopted: boolean }> {
    const same = await this.#adopt(file);
    if (same !== undefined) return { isVersion: false, adopted: true };
    for (let refused = 0;; refused++) {
      const upload = this.#pending.get(idOf(file)) ?? await this.#another(file, Math.max(refused, 1));
      try {
        this.#confirm(file, await this.#send(file, upload));
        return { isVersion: this.#chosen.get(file)?.isVersion ?? false, adopted: false };
      } catch (error) {
        await this.#drop(file, upload, error);
        if (!hasCode(error, "object-exists") || refused >= MOST_REFUSALS) throw error;
      }
    }
  }

  async #choose(files: readonly MissingFile[], refused: number): Promise<Map<MissingFile, ChosenKey>> {
    const keys = [...this.#pending.values()].map(({ key }) => key);
    const items = files.map((file) => ({ path: file.path, refused, file }));
    const chosen = await this.#keys.choose(items, keys);
    return new Map([...chosen].map(([{ file }, key]) => [file, key]));
  }

  /** A new upload under another key, with a new file key. */
  async #another(file: MissingFile, refused: number): Promise<Pending> {
    const chosen = (await this.#choose([file], refused)).get(file);
    if (chosen === undefined) {
      throw new StoreError("object-exists", `${file.path}: every name for it is taken in ${this.#store.url}`);
    }
    this.#chosen.set(file, chosen);
    await this.#writeDown([{ file, key: chosen.key }]);
    const upload = this.#pending.get(idOf(file));
    if (upload === undefined) {
      throw new Error(`the upload of ${chosen.key} was written down but is not there`);
    }
    return upload;
  }

  async #writeDown(uploads: readonly { readonly file: MissingFile; readonly key: string }[]): Promise<void> {
    if (uploads.length === 0) return;
    const { db, home } = this.#session;
    await startMirroring(
      db,
      await Promise.all(uploads.map(async ({ file, key }) => {
        const isEncrypted = this.#options.encrypted;
        const envelope = isEncrypted ? await newEnvelope(home.recipients) : NO_ENVELOPE;
        return {
          ...envelope,
          box: home.box,
          store: this.#store.url,
          key,
          content: file.content,
          path: file.path,
          size: isEncrypted ? envelope.header.length + payloadSize(file.size) : file.size,
          started: this.#session.now(),
        };
      })),
    );
    // No others: what is written down of a file beside may be about to be dropped.
    const begun = new Set(uploads.map(({ file }) => idOf(file)));
    for (const upload of await this.#written()) {
      if (begun.has(idOf(upload))) this.#pending.set(idOf(upload), upload);
    }
  }

  /** The uploads of this kind of mirror that are written down. */
  async #written(): Promise<Pending[]> {
    const { db, home } = this.#session;
    const all = await pendingMirrorUploads(db, home.box, this.#store.url);
    return all.filter(({ header }) => header.length > 0 === this.#options.encrypted);
  }

  /** An object that another program put there under the file's own name. */
  async #adopt(file: MissingFile): Promise<SameBytes | undefined> {
    const chosen = this.#chosen.get(file);
    if (chosen?.listed !== true) return undefined;
    const local = { path: absolutePath(file.root, file.below), size: file.size, sha256: file.sha256 };
    const same = await sameBytes(this.#store, chosen.key, local);
    if (same === undefined) return undefined;
    const { checksum, proven: level } = same;
    const proof = { store: this.#store.url, key: chosen.key, content: 0, level };
    await noteProofs(this.#session.db, [proof], this.#session.now());
    this.#confirm(file, { checksum, key: chosen.key, size: file.size, headerSize: 0, upload: undefined });
    return same;
  }

  async #send(file: MissingFile, upload: Pending): Promise<Confirmed> {
    const reader = new ContentReader();
    try {
      const plain = plainOf(file, reader);
      const maker = upload.header.length === 0 ? asItIs(plain) : await encrypted(upload, plain);
      const sent = await sendObject(this.#store, upload.key, maker, ledgerOf(this.#session, upload), {
        kind: "mirror",
        signal: this.#session.signal,
      });
      return {
        key: upload.key,
        ...sent,
        headerSize: upload.header.length,
        upload: upload.id,
      };
    } finally {
      await reader.close();
    }
  }

  #confirm(file: MissingFile, object: Confirmed): void {
    const now = this.#session.now();
    this.#confirmed.push({
      ...object,
      store: this.#store.url,
      path: file.path,
      content: file.content,
      mtime: file.mtime,
      mode: file.mode,
      encrypted: this.#options.encrypted,
      current: now,
      stored: now,
    });
  }

  /** Forgets an upload that must not go on: its file changed, or its key is taken. */
  async #drop(file: MissingFile, upload: Pending, error: unknown): Promise<void> {
    if (!isAboutFile(error)) return;
    this.#pending.delete(idOf(file));
    await abortBegun(this.#session, this.#store, upload.id);
    const again = error instanceof SourceChangedError
      ? [distrustContent(this.#session.home.box, error.sha256)]
      : [];
    await this.#session.db.write([...forgetUpload(upload.id), ...again]);
  }
}

/** A version of a path. */
function idOf({ path, content }: { readonly path: string; readonly content: number }): string {
  return `${content}\n${path}`;
}
