/**
 * What a store is: the one interface behind `file:`, `s3:` and `gdrive:`.
 *
 * The rules that every store keeps, and that `tests/store/conformance.ts` proves for each:
 *
 * - An object appears whole or not at all, and is never replaced: writing a key that is taken by other
 *   bytes fails with `object-exists`; writing the very same bytes again succeeds (so a retry after a
 *   lost answer is harmless).
 * - A listing is complete or it throws. It never ends early.
 * - Every call may be repeated after a transient error. Stores raise `StoreError`, whose `transient`
 *   says so, and do not repeat anything themselves: `retry.ts` does.
 * - A key is a relative path of `/`-separated segments, none empty, `.` or `..`.
 */

import type { Bytes } from "../bytes.ts";
import { StoreError } from "../errors.ts";

/** What an object is for; a store chooses its storage class by it. Only `volume` may be archived. */
export type ObjectKind = "volume" | "manifest" | "snapshot" | "key" | "staged" | "mirror" | "text";

/** How soon an object can be read. */
export type Availability =
  | { state: "ready"; until?: number } // `until`: ms since 1970, when a thawed copy goes cold again
  | { state: "archived" }
  | { state: "thawing" };

/** How fast to thaw, and how dear: Expedited within minutes, Standard within hours, Bulk within two days. */
export type ThawTier = "Expedited" | "Standard" | "Bulk";

/** How to thaw. */
export interface ThawOptions {
  readonly tier: ThawTier;
  /** How long the readable copy stays. */
  readonly days: number;
}

/** What a store knows of an object. */
export interface ObjectInfo {
  readonly key: string;
  /** Bytes. */
  readonly size: number;
  /**
   * The checksum the store computed itself from the bytes it received, in the form of
   * `lib/store/checksum.ts`; undefined where the store has none, or did not say (listings may leave it out).
   */
  readonly checksum: string | undefined;
  /** When the store says it was written, in ms since 1970; undefined where it does not say. */
  readonly modified: number | undefined;
  readonly availability: Availability;
  /** The storage class, as the store names it; left out where it has none. */
  readonly storageClass?: string;
}

/** Bytes `offset` to `offset + length` of an object. */
export interface ByteRange {
  readonly offset: number;
  readonly length: number;
  /** Memory of `length` bytes that the store may read into; its pieces then are this memory, in order. */
  readonly into?: Bytes;
}

/** How to write an object. */
export interface WriteOptions {
  readonly kind: ObjectKind;
}

/** Proof that one part arrived. Kept in the catalog until the upload is complete. */
export interface PartReceipt {
  /** From 0. */
  readonly index: number;
  /** Bytes. */
  readonly size: number;
  /** SHA-256 of the part, lower-case hex. */
  readonly sha256: string;
  /** What the store wants back at completion (an ETag), or "". */
  readonly tag: string;
}

/**
 * An upload in parts. Every part has `partSize` bytes but the last, which has the rest (an empty object
 * has one empty part).
 */
export interface Upload {
  readonly key: string;
  /** Bytes of the whole object. */
  readonly size: number;
  readonly partSize: number;
  /** What `resumeUpload` needs to find it again, also in another process. Kept secret: it may be a capability. */
  readonly token: string;
  /** True when parts must be sent one after another, from the first; else they may be sent side by side. */
  readonly inOrder: boolean;
  /** True when `complete` wants the SHA-256 of the whole object, since the store knows no checksum of parts. */
  readonly wholeHash: boolean;
  /** What the store already holds. Empty for a new upload. */
  readonly confirmed: readonly PartReceipt[];

  /**
   * Sends one part and returns once the store has confirmed it. Sending a part again is allowed.
   *
   * @param sha256 of the body, in hex, from a caller who has it: what the store confirms is this, whatever
   *   became of the body in memory meanwhile
   */
  send(index: number, body: Bytes, sha256?: string): Promise<PartReceipt>;

  /**
   * Makes the object appear under its key. May be repeated: when the object is already there with the
   * same size and checksum, that is success.
   *
   * @param receipts one per part, in order
   * @param sha256 hex SHA-256 of the whole object; required where `wholeHash` is true
   * @throws StoreError `object-exists` when other bytes stand under the key
   */
  complete(receipts: readonly PartReceipt[], sha256?: string): Promise<ObjectInfo>;

  /** Forgets the upload and its parts. Harmless when it is already gone. */
  abort(): Promise<void>;
}

/** An unfinished upload as the store lists it. */
export interface UploadInfo {
  readonly key: string;
  /** Comparable with `Upload.token`. */
  readonly token: string;
  /** When it was begun, in ms since 1970; undefined where the store does not say. */
  readonly started: number | undefined;
}

/** Space in a store, in bytes. `limit` is undefined where there is none. */
export interface Usage {
  readonly used: number;
  readonly limit: number | undefined;
}

/** A place for objects. */
export interface Store {
  /** As the user gave it; never holds a secret, so it may be shown and kept. */
  readonly url: string;

  /**
   * Every object whose key starts with `prefix`, in no promised order. Objects that are not ours are
   * listed too. A listing that goes on after an error (`retry.ts`) may give an object again: takers go by
   * its key.
   *
   * @throws StoreError `store-missing` when the store itself is not there: that is not an empty store
   */
  list(prefix: string): AsyncIterable<ObjectInfo>;

  /** One object with its checksum, or undefined when there is none. */
  head(key: string): Promise<ObjectInfo | undefined>;

  /**
   * The bytes of an object, or of a range of it, as a stream. Its pieces belong to the reader, who may give
   * their memory back.
   *
   * @throws StoreError `object-missing`; `object-archived` when it must be thawed first; `damaged` when
   *   the store sends fewer or more bytes than asked for
   */
  read(key: string, range?: ByteRange): AsyncIterable<Bytes>;

  /**
   * Writes a small object in one step (at most `maxPut` bytes).
   *
   * @throws StoreError `object-exists` when other bytes stand under the key
   */
  put(key: string, body: Bytes, options: WriteOptions): Promise<ObjectInfo>;

  /** The largest body for `put`, in bytes; anything larger goes through `beginUpload`. */
  readonly maxPut: number;

  /** Starts an upload of `size` bytes. Nothing is visible under `key` before `complete`. */
  beginUpload(key: string, size: number, options: WriteOptions): Promise<Upload>;

  /**
   * Finds an unfinished upload again.
   *
   * @param known the receipts the catalog holds; those the store agrees with come back as `confirmed`
   * @returns undefined when the store has forgotten it
   */
  resumeUpload(
    key: string,
    size: number,
    token: string,
    known: readonly PartReceipt[],
  ): Promise<Upload | undefined>;

  /** Every unfinished upload in the store, those of other boxes included. */
  listUploads(): AsyncIterable<UploadInfo>;

  /** Forgets an unfinished upload found by `listUploads`. Harmless when it is gone. */
  abortUpload(info: UploadInfo): Promise<void>;

  /**
   * Removes an object that a stored volume or a newer snapshot replaces. Only `staged/` and `catalog/`
   * can ever be removed; see `assertRemovable`. Harmless when it is gone.
   */
  remove(key: string): Promise<void>;

  /**
   * Asks for an archived object to be made readable for some days, or for a readable copy to stay longer.
   * May be repeated.
   *
   * @returns how it stands now: `ready` in a store that archives nothing
   * @throws StoreError `object-missing`
   */
  thaw(key: string, options: ThawOptions): Promise<Availability>;

  /** Space used and allowed, where the store can say. */
  usage(): Promise<Usage | undefined>;
}

const REMOVABLE = ["staged/", "catalog/"];

/**
 * The guard in front of every removal: volumes, manifests, keys and mirrors are never removed by
 * coldframe, whatever the caller believes.
 *
 * @throws Error when the key is none of ours to remove; a bug, so not a ColdframeError
 */
export function assertRemovable(key: string): void {
  if (!REMOVABLE.some((prefix) => key.startsWith(prefix))) {
    throw new Error(`refusing to remove ${key}: only staged objects and snapshots may be removed`);
  }
}

/**
 * The guard in front of every key.
 *
 * @throws StoreError `store-protocol` for an empty, absolute or climbing key
 */
export function assertKey(key: string): void {
  const bad = key.split("/").some((part) => part === "" || part === "." || part === "..");
  if (bad || key.includes("\0")) {
    throw new StoreError("store-protocol", `not a usable object key: ${JSON.stringify(key)}`);
  }
}

/** How many parts an object of `size` bytes has. */
export function partCount(size: number, partSize: number): number {
  return Math.max(1, Math.ceil(size / partSize));
}

/** The bytes of part `index` of an object. */
export function partRange(size: number, partSize: number, index: number): ByteRange {
  const offset = index * partSize;
  return { offset, length: Math.min(partSize, size - offset) };
}
