/** A file as a walk finds it, and what tells that it is still the same. */

import type { Stats } from "node:fs";

/** One regular file. Two equal descriptions of a path are taken for the same bytes. */
export interface FoundFile {
  /** Relative to the source, `/`-separated, in the characters the system gives (no normalisation). */
  readonly path: string;
  /** Bytes. */
  readonly size: number;
  /** Last change of the bytes, whole ms since 1970: the finest that every runtime of ours reads. */
  readonly mtime: number;
  /** Last change of bytes or attributes, whole seconds since 1970; 0 where the system has none. */
  readonly ctime: number;
  /** The number of the file in its file system, decimal: 64 bits do not fit a JavaScript number. */
  readonly inode: string;
  /** Permission bits, 0 to 0o7777. */
  readonly mode: number;
}

/** A folder in which a walk finds nothing to store. */
export interface EmptyFolder {
  /** As that of a file. */
  readonly path: string;
  /** Whole ms since 1970. */
  readonly mtime: number;
}

/** The part of a description by which a change is told. */
export type Fingerprint = Pick<FoundFile, "size" | "mtime" | "ctime" | "inode">;

/** The names of the differing facts. */
export type Difference = keyof Fingerprint;

/** Whether inode numbers mean anything: on FAT, exFAT and some network folders they do not. */
export interface InodeTrust {
  readonly inodes: boolean;
}

/**
 * What differs between two descriptions of one path; empty when they are taken for the same bytes.
 *
 * Size and mtime alone miss a file whose time was set back, which ctime and inode show: no program can
 * set those. (Borg and restic compare the same four.)
 */
export function differences(a: Fingerprint, b: Fingerprint, trust: InodeTrust): Difference[] {
  const out: Difference[] = [];
  if (a.size !== b.size) out.push("size");
  if (a.mtime !== b.mtime) out.push("mtime");
  if (a.ctime !== b.ctime) out.push("ctime");
  if (trust.inodes && a.inode !== b.inode) out.push("inode");
  return out;
}

/**
 * The description of a file from what the system says of it.
 *
 * @param path relative to the source
 * @param exactInode asks again where the inode does not fit a number (NTFS, ReFS, SMB); always to ask
 *   for 64 bits would make every call dearer
 */
export function describe(path: string, stats: Stats, exactInode: () => bigint): FoundFile {
  return {
    path,
    size: stats.size,
    mtime: Math.floor(stats.mtimeMs),
    ctime: Number.isFinite(stats.ctimeMs) ? Math.floor(stats.ctimeMs / 1000) : 0,
    inode: String(Number.isSafeInteger(stats.ino) ? stats.ino : exactInode()),
    mode: stats.mode & 0o7777,
  };
}
