/** The types that pass from one stage to the next. Stages know these, not each other. */

import type { Bytes } from "./bytes.ts";

/**
 * One thing inside a volume image. Paths are relative, `/`-separated, in the bytes the source has them
 * (no Unicode normalisation). Times are milliseconds since 1970: the finest that every runtime of ours reads.
 */
export type ImageEntry =
  | {
    readonly kind: "file";
    readonly path: string;
    /** Bytes. */
    readonly size: number;
    readonly mtime: number;
    /** Names the bytes: entries with the same `content` share one extent. */
    readonly content: string;
  }
  | { readonly kind: "dir"; readonly path: string; readonly mtime: number }
  | { readonly kind: "symlink"; readonly path: string; readonly target: string; readonly mtime: number };

/** All that decides the bytes of an image, but the contents of its files. */
export interface ImageSpec {
  /** At most 32 characters of A-Z, 0-9 and _ for the ISO; the caller makes it so. */
  readonly volumeId: string;
  /** The date written into the descriptors, ms since 1970. */
  readonly created: number;
  /** In the order in which their data shall stand in the image. Parent folders need not be listed. */
  readonly entries: readonly ImageEntry[];
  /** Whether to add the UDF bridge. */
  readonly udf: boolean;
}

/** A stretch of an image, in image order. */
export type Segment =
  | { readonly kind: "bytes"; readonly bytes: Uint8Array }
  | { readonly kind: "zero"; readonly length: number }
  /** `length` bytes from `offset` of the content of `entries[entry]`. */
  | { readonly kind: "content"; readonly entry: number; readonly offset: number; readonly length: number };

/** An image that exists only as its spec; any range of it can be made alone. */
export interface Image {
  /** Bytes, a multiple of 2048. */
  readonly size: number;
  /** The byte offset in the image of the data of `entries[entry]`; a file of 0 bytes has one too. */
  offsetOf(entry: number): number;
  /** The image from `offset`, `length` bytes, as segments that follow each other without a gap. */
  segments(offset: number, length: number): Iterable<Segment>;
}

/** Random access to bytes: a local file, or an object in a store seen through decryption. */
export interface RandomAccess {
  /** Bytes. */
  readonly size: number;
  /**
   * Exactly `length` bytes from `offset`; throws when there are fewer.
   *
   * @param into at least `length` bytes that may be used for the answer, to spare memory
   */
  readAt(offset: number, length: number, into?: Bytes): Promise<Bytes>;
}

/** One version of one file of a mirror, and its object, as an index says it. Times in ms since 1970. */
export interface MirrorEntry {
  /** Of the file in the mirrored tree. */
  readonly path: string;
  /** Of the object. */
  readonly key: string;
  readonly encrypted: boolean;
  /** Bytes of the file. */
  readonly size: number;
  readonly mtime: number;
  readonly mode: number;
  /** Of the file, hex. */
  readonly sha256: string;
  /** Bytes of the object. */
  readonly objectSize: number;
  readonly checksum: string;
  /** When the file was found to have become this. The latest one of a path counts. */
  readonly current: number;
  readonly stored: number;
}
