/**
 * Sending one object to a store, in one step or in parts, so that it can be taken up again after any
 * interruption: every confirmed part is written down before the next thing happens, and an object that
 * is already there is compared, never trusted and never replaced.
 */

import { createHash } from "node:crypto";
import type { Bytes } from "../bytes.ts";
import { StoreError } from "../errors.ts";
import { agree, partsChecksum, sha256Checksum } from "../store/checksum.ts";
import {
  type ObjectInfo,
  type ObjectKind,
  partCount,
  partRange,
  type PartReceipt,
  type Store,
  type Upload,
} from "../store/store.ts";

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
  /** Called once after the last part, before the object may appear: throws when the bytes must not be kept. */
  prove(): Promise<void>;
}

/** Where the progress of an upload is written down, so that another run can go on. */
export interface Ledger {
  /** What an earlier run wrote down; undefined when it sent nothing. */
  readonly begun: { readonly token: string; readonly partSize: number } | undefined;
  known(): Promise<readonly PartReceipt[]>;
  noteBegun(token: string, partSize: number): Promise<void>;
  notePart(receipt: PartReceipt): Promise<void>;
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

/** Bytes of parts that may be in memory at the same time, the one that is being made included. */
const MEMORY = 64 * 1024 * 1024;
/** More connections than this do not make a home's uplink faster. */
const MOST_PARALLEL = 4;

/**
 * Sends an object and confirms it: the size and, where the store computes one, the checksum.
 *
 * @throws StoreError `object-exists` when other bytes stand under the key; `damaged` when the store
 *   holds something else than was sent
 */
export async function sendObject(
  store: Store,
  key: string,
  maker: ObjectMaker,
  ledger: Ledger,
  options: SendOptions,
): Promise<SentObject> {
  if (ledger.begun === undefined && maker.size <= store.maxPut) {
    const body = await maker.part(0, maker.size);
    await maker.prove();
    options.signal?.throwIfAborted();
    const info = await store.put(key, body, { kind: options.kind });
    options.onSent?.(body.length);
    return confirm(key, info, maker.size, sha256Checksum(body));
  }
  const finished = await alreadyThere(store, key, maker.size, ledger);
  if (finished !== undefined) return finished;
  const upload = await openUpload(store, key, maker.size, ledger, options.kind);
  return await sendParts(upload, maker, ledger, options);
}

/**
 * The object of an upload whose last answer was lost: it is there, and the bytes are ours. The receipts
 * of all parts must be known; a store without checksums is read back.
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
  if (ledger.begun !== undefined) {
    const found = await store.resumeUpload(key, size, ledger.begun.token, await ledger.known());
    if (found !== undefined && found.partSize === ledger.begun.partSize) return found;
  }
  const upload = await store.beginUpload(key, size, { kind });
  await ledger.noteBegun(upload.token, upload.partSize);
  return upload;
}

/** How many parts may be on their way while the next one is made. */
function widthOf(upload: Upload): number {
  if (upload.inOrder) return 1;
  return Math.max(1, Math.min(MOST_PARALLEL, Math.floor(MEMORY / upload.partSize) - 1));
}

async function sendParts(
  upload: Upload,
  maker: ObjectMaker,
  ledger: Ledger,
  options: SendOptions,
): Promise<SentObject> {
  const receipts = new Map(upload.confirmed.map((receipt) => [receipt.index, receipt]));
  const whole = upload.wholeHash ? createHash("sha256") : undefined;
  const lanes = new Lanes(widthOf(upload), maker.bufferSize(Math.min(upload.partSize, upload.size)));

  const send = async (index: number, body: Bytes) => {
    const receipt = await upload.send(index, body);
    await ledger.notePart(receipt);
    receipts.set(index, receipt);
    options.onSent?.(body.length);
  };

  try {
    for (let index = 0; index < partCount(upload.size, upload.partSize); index++) {
      const sent = receipts.get(index);
      if (sent !== undefined) options.onSent?.(sent.size);
      if (sent !== undefined && whole === undefined) continue;
      options.signal?.throwIfAborted();
      const { offset, length } = partRange(upload.size, upload.partSize, index);
      const buffer = await lanes.buffer();
      const body = await maker.part(offset, length, buffer); // made while the parts before it are on their way
      whole?.update(body);
      if (sent !== undefined) lanes.giveBack(buffer);
      else lanes.start(buffer, () => send(index, body));
    }
  } finally {
    await lanes.settle(); // parts on their way are confirmed and noted even when the run stops here
  }
  lanes.throwFailure();
  await maker.prove();
  return await completeUpload(upload, receipts, whole?.digest("hex"));
}

/** Parts on their way, and the buffers they are in, used again and again. */
class Lanes {
  readonly #free: Bytes[] = [];
  readonly #bufferSize: number;
  readonly #inFlight = new Set<Promise<void>>();
  #unused: number;
  #failure: { readonly error: unknown } | undefined;

  constructor(width: number, bufferSize: number) {
    this.#unused = width + 1;
    this.#bufferSize = bufferSize;
  }

  /**
   * A buffer that no part is in; waits for one.
   *
   * @throws what a part on its way has failed with
   */
  async buffer(): Promise<Bytes> {
    for (;;) {
      this.throwFailure();
      const free = this.#free.pop();
      if (free !== undefined) return free;
      if (this.#unused > 0) {
        this.#unused--;
        return new Uint8Array(this.#bufferSize);
      }
      await Promise.race(this.#inFlight);
    }
  }

  giveBack(buffer: Bytes): void {
    this.#free.push(buffer);
  }

  /** Lets `work` go on by itself with a buffer. */
  start(buffer: Bytes, work: () => Promise<void>): void {
    const run = work().catch((error) => {
      this.#failure ??= { error };
    }).finally(() => {
      this.giveBack(buffer);
      this.#inFlight.delete(run);
    });
    this.#inFlight.add(run);
  }

  async settle(): Promise<void> {
    await Promise.all(this.#inFlight);
  }

  throwFailure(): void {
    if (this.#failure !== undefined) throw this.#failure.error;
  }
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
