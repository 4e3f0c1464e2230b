/** Why a file or folder could not be read, in plain words. */

import { messageOf, systemCode } from "../errors.ts";

const REASONS: Readonly<Record<string, string>> = {
  EACCES: "permission denied",
  EPERM: "permission denied",
  EIO: "read error: the disk may be failing",
  ENAMETOOLONG: "the path is too long for this system",
  EAGAIN: "in use by another program",
  EBUSY: "in use by another program",
  EMFILE: "too many open files",
  ENFILE: "too many open files",
  ESTALE: "the network folder does not answer",
  ETIMEDOUT: "the network folder does not answer",
  EHOSTDOWN: "the network folder does not answer",
  ENODEV: "the disk is not there any more",
  ENXIO: "the disk is not there any more",
};

/** One short clause without the path: the caller names the file. */
export function reasonOf(error: unknown): string {
  const code = systemCode(error);
  if (code === undefined) return messageOf(error);
  return REASONS[code] ?? `system error ${code}`;
}

/** True when the error says that nothing stands under the path (any more). */
export function isAbsent(error: unknown): boolean {
  const code = systemCode(error);
  return code === "ENOENT" || code === "ENOTDIR";
}
