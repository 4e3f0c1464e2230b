/** What a failed system call means to a store, in words a user can act on. */

import { ColdframeError, messageOf, StoreError, type StoreErrorCode, systemCode } from "../../errors.ts";

interface Meaning {
  readonly code: StoreErrorCode;
  readonly words: string;
  readonly hint: string;
  readonly transient?: boolean;
}

const FULL: Meaning = {
  code: "store-full",
  words: "no space is left",
  hint: "Free some space on that disk or choose another store; the next run goes on from here.",
};
const DENIED: Meaning = {
  code: "store-denied",
  words: "not permitted",
  hint: "Give the user who runs coldframe the right to read and write there.",
};
const GONE: Meaning = {
  code: "store-missing",
  words: "the disk is gone",
  hint: "Plug it in and mount it again; the next run goes on from here.",
};
const BAD_NAME: Meaning = {
  code: "store-protocol",
  words: "the file system cannot hold this name",
  hint: "Use a disk formatted as ext4, APFS, NTFS or the like, or shorten the name.",
};
const BUSY: Meaning = {
  code: "store-unreachable",
  words: "the disk did not answer",
  hint: "If it is a network drive, check the connection.",
  transient: true,
};

const MEANINGS: Readonly<Record<string, Meaning>> = {
  ENOSPC: FULL,
  EDQUOT: { ...FULL, words: "your quota is used up" },
  EFBIG: {
    code: "store-full",
    words: "the file system cannot hold a file this large",
    hint: "FAT ends at 4 GiB: choose a smaller --volume-size, or format the disk as exFAT, ext4 or NTFS.",
  },
  EROFS: {
    code: "store-denied",
    words: "the disk is mounted read-only",
    hint: "Mount it writable; a disk that turned read-only by itself may be failing.",
  },
  EACCES: DENIED,
  EPERM: DENIED,
  EIO: {
    code: "damaged",
    words: "the disk could not read or write it",
    hint: "The disk may be failing: copy what is on it elsewhere, then test it.",
  },
  ENODEV: GONE,
  ENXIO: GONE,
  ENOMEDIUM: GONE,
  ENAMETOOLONG: { ...BAD_NAME, words: "the name is too long" },
  EILSEQ: BAD_NAME,
  // Where a missing file is an answer, the store has taken it as one before it comes here.
  ENOENT: { ...BAD_NAME, words: "it is gone, or the file system cannot hold this name" },
  EINVAL: BAD_NAME,
  EXDEV: {
    code: "store-protocol",
    words: "it lies on another disk than the rest of the store",
    hint: "Keep a store on one file system: give each disk a store of its own.",
  },
  EAGAIN: BUSY,
  EBUSY: BUSY,
  EINTR: BUSY,
  EMFILE: { ...BUSY, words: "too many files are open" },
  ENFILE: { ...BUSY, words: "too many files are open" },
  ESTALE: BUSY,
  ETIMEDOUT: BUSY,
  EHOSTDOWN: BUSY,
  EHOSTUNREACH: BUSY,
  ENOTCONN: BUSY,
};

/**
 * The error to raise for a failed system call; errors that already have a meaning come back as they are.
 *
 * @param doing what was tried, as in "cannot write"
 * @param path where
 */
export function diskError(error: unknown, doing: string, path: string): unknown {
  const system = systemCode(error);
  if (error instanceof ColdframeError || system === undefined) return error;
  const meaning = Object.hasOwn(MEANINGS, system) ? MEANINGS[system] : undefined;
  const what = `cannot ${doing} ${path}: ${meaning?.words ?? messageOf(error)}`;
  if (meaning === undefined) return new StoreError("store-protocol", what, { cause: error });
  const { code, hint, transient = false } = meaning;
  return new StoreError(code, `${what} (${system})`, { hint, transient, cause: error });
}
