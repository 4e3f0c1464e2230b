/** A source folder as the user names it, and as the system knows it. */

import type { Stats } from "node:fs";
import { realpathSync, statfsSync, statSync } from "node:fs";
import process from "node:process";
import { ColdframeError } from "../errors.ts";
import { isAbsent, reasonOf } from "./reason.ts";

/** A source with its symbolic links resolved. */
export interface ResolvedSource {
  /** Absolute, without symbolic links. */
  readonly path: string;
  /**
   * The device number. It tells that another file system is mounted there now, but nothing more: the
   * same USB stick may get another number when it is plugged in again, or after a restart.
   */
  readonly device: string;
  /** Whether inode numbers there stay the same, so that they may be compared. */
  readonly inodes: boolean;
}

/**
 * File systems that invent inode numbers when a file is first looked at: the kernel's vfat, exFAT and
 * FUSE ("statfs(2)", f_type). There every file would look changed after each mount.
 */
const NO_INODES: ReadonlySet<number> = new Set([0x4d44, 0x2011bab0, 0x65735546]);

/**
 * Resolves a source, which may itself be a symbolic link.
 *
 * @throws ColdframeError `source-missing` when there is no folder; `source-unreadable` when it may not
 *   be looked at
 */
export function resolveSource(path: string): ResolvedSource {
  const { real, stats } = look(path);
  if (!stats.isDirectory()) {
    throw new ColdframeError("source-missing", `${path} is not a folder`, {
      hint: "Name the folder that holds the files.",
    });
  }
  return { path: real, device: String(stats.dev), inodes: trustsInodes(real) };
}

function look(path: string): { real: string; stats: Stats } {
  try {
    const real = realpathSync(path);
    return { real, stats: statSync(real) };
  } catch (error) {
    if (isAbsent(error)) throw missing(path, error);
    throw new ColdframeError("source-unreadable", `${path} cannot be opened: ${reasonOf(error)}`, {
      cause: error,
    });
  }
}

/** The error for a source that is not there. Nothing of it is taken for gone. */
export function missing(path: string, cause?: unknown): ColdframeError {
  return new ColdframeError("source-missing", `${path} is not there`, {
    hint: "Plug in or mount its disk, or correct the path. Nothing was marked as gone.",
    cause,
  });
}

function trustsInodes(path: string): boolean {
  if (process.platform === "win32") return false; // no way to tell NTFS from exFAT
  try {
    return !NO_INODES.has(statfsSync(path).type);
  } catch {
    return false;
  }
}
