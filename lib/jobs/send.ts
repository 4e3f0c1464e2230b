/**
 * Sending one object to a store, in one step or in parts, so that it can be taken up again after any
 * interruption: every confirmed part is written down before the next thing happens, and an object that
 * is already there is compared, never trusted and never replaced.
 *
 * What a part is, is written down before it leaves. A part that is made again, by another run, must be the
 * same: else the file key would meet two plaintexts, or an object be put together of two states of a file.
 */

import { createHash } from "node:crypto";
import type { Bytes } from "../bytes.ts";
import { ColdframeError, StoreError } from "../errors.ts";
import { agree, partsChecksum, sha256Hex, sha256Later } from "../store/checksum.ts";
import {
  type ObjectInfo,
  type ObjectKind,
  partCount,
  partRange,
  type PartReceipt,
  type Store,
  type Upload,
} from "../store/store.ts";
import { Lanes } from "./lanes.ts";
import type { Ledger } from "./ledger.ts";

/** An object that can be made by range, always with the same bytes. */
export interface ObjectMaker {
  /** Bytes. */
  readonly size: number;
  /**
   * The bytes of a range; a view of `buffer` where that is given.
   *
   * @param buffer at least `bufferSize(length)` bytes: large arrays that come and go cost more than the
   *   encryption
   */
  part(offset: number, length: number, buffer?: Bytes): Promise<Bytes>;
  bufferSize(length: number): number;
  /**
   * Where what is not proven begins, for who has made the object from its start up to `end`: bytes before
   * it came from files that were read whole and were what they should be. `end` when all is proven.
   */
  unprovenFrom(end: number): number;
  /** Called once after the last part, before the object may appear: throws when the bytes must not be kept. */
  prove(): Promise<void>;
}

/** How to send. */
export interface SendOptions {
  readonly kind: ObjectKind;
  /** Called with the bytes of each confirmed part. */
  onSent?(bytes: number): void;
  readonly signal?: AbortSignal | undefined;
}

/** A confirmed object. */
export interface SentObject {
  readonly size: number;
  /** As the store could be asked for it again; see `lib/store/checksum.ts`. */
  readonly checksum: string;
}

/**
 * An upload cannot go on with the parts it has: its object must be planned anew, with a new file key. Not
 * the fault of any one file that could be named.
 */
export class SpoiltUploadError extends ColdframeError {
  constructor(key: string, why: string) {
    super("upload-gone", `the unfinished upload of ${key} cannot go on: ${why}`, {
      hint: "Run again: it begins anew.",
    });
  }
}

/** Bytes of parts that may be in memory at the same time: in our buffers, and in the hands of `fetch`. */
const MEMORY = 40 * 1024 * 1024;
/** More connections than this do not make a home's uplink faster. */
const MOST_PARALLEL = 4;

/**
 * Sends an object and confirms it: the size and, where the store computes one, the checksum.
 *
 * @throws StoreError `object-exists` when other bytes stand under the key; `damaged` when the store
 *   holds something else than was sent; SpoiltUploadError when what was sent before does not fit
 */
export async function sendObject(
  store: Store,
  key: string,
  maker: ObjectMaker,
  ledger: Ledger,
  options: SendOptions,
): Promise<SentObject> {
  if (ledger.begun === undefined && maker.size <= store.maxPut) {
    return await sendWhole(store, key, maker, ledger, options);
  }
  const finished = await alreadyThere(store, key, maker.size, ledger);
  if (finished !== undefined) return finished;
  const upload = await openUpload(store, key, maker.size, ledger, options.kind);
  return await sendParts(upload, maker, ledger, options);
}

/** Sends a small object in one step. It is written down as the one part that it is. */
async function sendWhole(
  store: Store,
  key: string,
  maker: ObjectMaker,
  ledger: Ledger,
  options: SendOptions,
): Promise<SentObject> {
  const { size } = maker;
  const before = (await ledger.made()).get(0);
  if (before !== undefined) {
    const finished = await holds(store, key, size, [{ index: 0, size, sha256: before, tag: "" }], size);
    if (finished !== undefined) return finished;
  }
  const body = await maker.part(0, size);
  await maker.prove();
  const sha256 = sha256Hex(body);
  assertSame(key, 0, before, sha256);
  if (before === undefined) await ledger.noteMade({ index: 0, size, sha256 });
  options.signal?.throwIfAborted();
  const info = await store.put(key, body, { kind: options.kind });
  options.onSent?.(size);
  return confirm(key, info, size, `sha256:${sha256}`);
}

/**
 * The object of an upload in parts whose last answer was lost, if it is there. The receipts of all parts must
 * be known.
 */
async function alreadyThere(
  store: Store,
  key: string,
  size: number,
  ledger: Ledger,
): Promise<SentObject | undefined> {
  if (ledger.begun === undefined) return undefined;
  const { partSize } = ledger.begun;
  const receipts = await ledger.known();
  if (receipts.length < partCount(size, partSize)) return undefined;
  return await holds(store, key, size, receipts, partSize);
}

/** The object under a key, if its bytes are those of the receipts. A store without checksums is read back. */
async function holds(
  store: Store,
  key: string,
  size: number,
  receipts: readonly PartReceipt[],
  partSize: number,
): Promise<SentObject | undefined> {
  const info = await store.head(key);
  if (info === undefined || info.size !== size) return undefined;
  const checksum = partsChecksum(receipts, partSize);
  const same = agree(info.checksum, checksum) ?? await readsBack(store, key, receipts, partSize);
  return same ? { size, checksum } : undefined;
}

/** Whether an object, read part by part, hashes to the receipts. */
async function readsBack(
  store: Store,
  key: string,
  receipts: readonly PartReceipt[],
  partSize: number,
): Promise<boolean> {
  for (const receipt of receipts) {
    const hash = createHash("sha256");
    const range = { offset: receipt.index * partSize, length: receipt.size };
    for await (const piece of store.read(key, range)) hash.update(piece);
    if (hash.digest("hex") !== receipt.sha256) return false;
  }
  return true;
}

async function openUpload(
  store: Store,
  key: string,
  size: number,
  ledger: Ledger,
  kind: ObjectKind,
): Promise<Upload> {
  const { begun } = ledger;
  const found = begun && await store.resumeUpload(key, size, begun.token, await ledger.known());
  const upload = found ?? await store.beginUpload(key, size, { kind });
  if (begun !== undefined && begun.partSize !== upload.partSize) {
    if (found === undefined) await upload.abort();
    throw new SpoiltUploadError(key, "its parts had another size");
  }
  if (found === undefined) await ledger.noteBegun(upload.token, upload.partSize);
  return upload;
}

/** How many parts may be on their way while the next one is made. */
function widthOf(upload: Upload): number {
  if (upload.inOrder) return 1;
  const buffers = Math.floor(MEMORY / upload.partSize);
  return Math.max(1, Math.min(MOST_PARALLEL, Math.floor((buffers - 1) / 2))); // each sent one is there twice
}

async function sendParts(
  upload: Upload,
  maker: ObjectMaker,
  ledger: Ledger,
  options: SendOptions,
): Promise<SentObject> {
  const receipts = new Map(upload.confirmed.map((receipt) => [receipt.index, receipt]));
  const before = new SentBefore(upload, maker, await ledger.made());
  const whole = upload.wholeHash ? createHash("sha256") : undefined;
  const lanes = new Lanes(widthOf(upload), maker.bufferSize(Math.min(upload.partSize, upload.size)));

  /** Settles once a part, and every part before it, is what it should be and written down. */
  const note = async (index: number, body: Bytes, earlier: Promise<unknown>): Promise<string> => {
    const sha256 = await sha256Later(body);
    await earlier;
    const isNew = before.compare(index, sha256);
    if (isNew) await ledger.noteMade({ index, size: body.length, sha256 });
    return sha256;
  };

  let noted: Promise<unknown> = Promise.resolve();
  const send = async (index: number, body: Bytes) => {
    const own = note(index, body, noted);
    noted = own;
    const sha256 = await own;
    if (receipts.has(index)) return; // made once more only to be compared
    const receipt = await upload.send(index, body, sha256);
    await ledger.notePart(receipt);
    receipts.set(index, receipt);
    options.onSent?.(body.length);
  };

  try {
    for (let index = 0; index < partCount(upload.size, upload.partSize); index++) {
      const sent = receipts.get(index);
      if (sent !== undefined) options.onSent?.(sent.size);
      if (sent !== undefined && whole === undefined && before.isProven(index)) continue;
      options.signal?.throwIfAborted();
      const { offset, length } = partRange(upload.size, upload.partSize, index);
      const buffer = await lanes.buffer();
      const body = await maker.part(offset, length, buffer); // made while the parts before it are on their way
      whole?.update(body);
      await lanes.start(buffer, () => send(index, body));
    }
  } finally {
    await lanes.close(); // parts on their way are confirmed and noted even when the run stops here
  }
  lanes.throwFailure();
  await maker.prove();
  return await completeUpload(upload, receipts, whole?.digest("hex"));
}

/** The parts that earlier runs sent, and how far they can be trusted. */
class SentBefore {
  readonly #key: string;
  readonly #made: ReadonlyMap<number, string>;
  /** From here on, parts hold bytes of a file that the run which sent them did not read to its end. */
  readonly #firstUnproven: number;

  constructor(upload: Upload, maker: ObjectMaker, made: ReadonlyMap<number, string>) {
    this.#key = upload.key;
    this.#made = made;
    const last = Math.max(-1, ...made.keys());
    const end = Math.min((last + 1) * upload.partSize, upload.size);
    const from = maker.unprovenFrom(end);
    this.#firstUnproven = from < end ? Math.floor(from / upload.partSize) : Infinity;
  }

  /**
   * Whether a part that was sent need not be made again. Parts are made in order, so whoever made the
   * last one has read all files but the one it ends in; that file may have been another for a while.
   */
  isProven(index: number): boolean {
    return index < this.#firstUnproven;
  }

  /**
   * Compares a part with what it was.
   *
   * @returns whether it is made for the first time
   * @throws SpoiltUploadError when it was something else
   */
  compare(index: number, sha256: string): boolean {
    const before = this.#made.get(index);
    assertSame(this.#key, index, before, sha256);
    return before === undefined;
  }
}

/** The rule about file keys: a part that is made again is the same. */
function assertSame(key: string, index: number, before: string | undefined, sha256: string): void {
  if (before === undefined || before === sha256) return;
  throw new SpoiltUploadError(key, `part ${index + 1} was made of other bytes before`);
}

async function completeUpload(
  upload: Upload,
  receipts: ReadonlyMap<number, PartReceipt>,
  wholeHash: string | undefined,
): Promise<SentObject> {
  const ordered = [...receipts.values()].sort((a, b) => a.index - b.index);
  const info = await upload.complete(ordered, wholeHash);
  const own = wholeHash === undefined ? partsChecksum(ordered, upload.partSize) : `sha256:${wholeHash}`;
  return confirm(upload.key, info, upload.size, own);
}

/** DESIGN §5: size and checksum confirmed by the store. A disk keeps no checksum; its size must do. */
function confirm(key: string, info: ObjectInfo, size: number, own: string): SentObject {
  if (info.size !== size) throw mismatch(key, `its size (${info.size} bytes instead of ${size})`);
  if (agree(info.checksum, own) === false) throw mismatch(key, "its checksum");
  // The store's own form is the one that it can be asked for again.
  return { size, checksum: info.checksum ?? own };
}

function mismatch(key: string, what: string): StoreError {
  return new StoreError(
    "damaged",
    `${key}: the store confirms something else than was sent: ${what} differs`,
    {
      hint: "Run again; if it stays, the store or the memory of this machine is failing.",
    },
  );
}
