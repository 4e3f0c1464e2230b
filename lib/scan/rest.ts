/** Telling a file that is still being written from one that is done. */

import type { FoundFile } from "./found.ts";

/**
 * Whether a file has not been touched for a while. A name tells nothing of that: a camera's upload over SFTP
 * writes into the final file, piece by piece.
 *
 * The change time counts where the system has one, since no program can set it: `sftp -p` and `rsync -t` put
 * the modification time back to that of the photo. Where the clock of a file server is ahead of ours, a time
 * says nothing, and the hash, which looks before and after, decides alone.
 *
 * @param rest ms that must have passed; 0 takes every file
 * @param now ms since 1970
 */
export function isAtRest(file: Pick<FoundFile, "mtime" | "ctime">, rest: number, now: number): boolean {
  if (rest <= 0) return true;
  // A change time is of whole seconds, cut off: what says 7 s may have been at 7.999 s.
  const changed = file.ctime > 0 ? file.ctime * 1000 + 999 : file.mtime;
  const age = now - changed;
  return age >= rest || age < -rest - 1000;
}
