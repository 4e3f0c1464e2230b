/** Counting what a restore does, and what it could not do. */

import { ColdframeError, type ErrorCode, messageOf } from "../../errors.ts";

/** What a restore did. */
export interface RestoreCounts {
  readonly to: string;
  /** Files asked for. */
  readonly files: number;
  readonly bytes: number;
  readonly restored: number;
  /** Files that were already there, with the right bytes. */
  readonly existing: number;
  /** Folders that hold no file and were made. */
  readonly folders: number;
  readonly failed: readonly FailedFile[];
  /** Objects that are damaged, though what was wanted may have come out of them whole. */
  readonly damaged: readonly DamagedObject[];
}

/** An object that is not as it was stored. */
export interface DamagedObject {
  readonly key: string;
  readonly reason: string;
}

/** A file that could not be restored. */
export interface FailedFile {
  readonly path: string;
  readonly reason: string;
  readonly code: ErrorCode | "unexpected";
  /** What the user can do about it. */
  readonly hint: string | undefined;
}

/** A file that could not be restored, and why. */
export function failedFile(path: string, error: unknown): FailedFile {
  const { code, hint } = error instanceof ColdframeError
    ? error
    : { code: "unexpected", hint: undefined } as const;
  return { path, reason: messageOf(error), code, hint };
}

/** Errors that trying again later cannot mend. */
const FINAL: ReadonlySet<string> = new Set(["damaged", "object-missing", "not-age", "image"]);

/** The counts of one restore. */
export class Tally {
  readonly failed: FailedFile[] = [];
  /** By key. */
  readonly damaged = new Map<string, DamagedObject>();
  restored = 0;
  existing = 0;
  folders = 0;
  #firstError: unknown;

  fail(path: string, error: unknown): void {
    this.#firstError ??= error;
    this.failed.push(failedFile(path, error));
  }

  damage(key: string, error: ColdframeError): void {
    this.damaged.set(key, { key, reason: error.message });
  }

  /** Whether nothing failed but what can never be had. */
  get isFinal(): boolean {
    return this.failed.every(({ code }) => FINAL.has(code));
  }

  /**
   * Where not one file came back, and the reason lies in the key, a store or the target folder, that is
   * the answer, rather than a list of all files.
   */
  throwIfNothingCameBack(): void {
    const [first] = this.failed;
    if (first === undefined || this.restored + this.existing > 0) return;
    const alike = this.failed.every(({ code }) => code === first.code);
    const general = first.code === "key-wrong" || first.code.startsWith("store-");
    if (this.failed.length === 1 || (alike && general)) throw this.#firstError;
  }
}
