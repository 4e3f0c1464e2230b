/**
 * Sending one object to a store, in one step or in parts, so that it can be taken up again after any
 * interruption: every confirmed part is written down before the next thing happens, and an object that
 * is already there is compared, never trusted and never replaced.
 */

import { createHash } from "node:crypto";
import type { Bytes } from "../bytes.ts";
import { StoreError } from "../errors.ts";
import { agree, partsChecksum, sha256Checksum, sha256Hex } from "../store/checksum.ts";
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
  part(offset: number, length: number): Promise<Bytes>;
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

/** Bytes of parts that may be in memory at the same time. */
const MEMORY = 64 * 1024 * 1024;
const MOST_PARALLEL = 8;

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

async function sendParts(
  upload: Upload,
  maker: ObjectMaker,
  ledger: Ledger,
  options: SendOptions,
): Promise<SentObject> {
  const receipts = new Map(upload.confirmed.map((receipt) => [receipt.index, receipt]));
  const whole = upload.wholeHash ? createHash("sha256") : undefined;
  const inFlight = new Set<Promise<void>>();
  const width = upload.inOrder
    ? 1
    : Math.max(1, Math.min(MOST_PARALLEL, Math.floor(MEMORY / upload.partSize)));
  let failure: unknown;

  const send = async (index: number, body: Bytes) => {
    const receipt = await upload.send(index, body);
    if (receipt.sha256 !== sha256Hex(body)) throw mismatch(upload.key, `part ${index + 1}`);
    await ledger.notePart(receipt);
    receipts.set(index, receipt);
    options.onSent?.(body.length);
  };

  const count = partCount(upload.size, upload.partSize);
  for (let index = 0; index < count && failure === undefined; index++) {
    const sent = receipts.get(index);
    if (sent !== undefined) options.onSent?.(sent.size);
    if (sent !== undefined && whole === undefined) continue;
    const { offset, length } = partRange(upload.size, upload.partSize, index);
    try {
      options.signal?.throwIfAborted();
      const body = await maker.part(offset, length); // made while the parts before it are on their way
      whole?.update(body);
      if (sent !== undefined) continue;
      while (inFlight.size >= width) await Promise.race(inFlight);
      const sending = send(index, body).catch((error) => {
        failure ??= error;
      }).finally(() => inFlight.delete(sending));
      inFlight.add(sending);
    } catch (error) {
      failure ??= error;
    }
  }
  await Promise.all(inFlight); // parts on their way are confirmed and noted even when the run stops here
  if (failure !== undefined) throw failure;
  await maker.prove();
  return await completeUpload(upload, receipts, whole?.digest("hex"));
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
  return { size, checksum: own };
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
