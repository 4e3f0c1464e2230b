/**
 * Files that were known and look like random bytes now: held back until a scan is through and can tell whether
 * they are a wave (`lib/scan/wave.ts`). If they are, the catalog keeps what it knows of them as it is, nothing
 * of them is stored, and a finding says so until they are gone or accepted.
 */

import { closeSync, openSync } from "node:fs";
import type { Database } from "../catalog/database.ts";
import { settleFindings } from "../catalog/findings.ts";
import type { HashedFile } from "../catalog/versions.ts";
import { systemCode } from "../errors.ts";
import { readIntoSync } from "../file-io.ts";
import { HEAD_SIZE, looksSpoilt } from "../scan/sniff.ts";
import { isWave, MANY, nameBefore } from "../scan/wave.ts";
import { absolutePath } from "./content-reader.ts";

/** Spoilt files that a scan refused. */
export interface SpoiltFiles {
  readonly files: number;
  /** Some of them, as `<source name>/<path>`. */
  readonly examples: readonly string[];
}

const EXAMPLES = 1_000;

/** The spoilt files of one scan of one source. */
export class Spoilt {
  readonly #root: string;
  readonly #isGone: (path: string) => boolean;
  readonly #held: HashedFile[] = [];
  readonly #paths: string[] = [];
  readonly #replaced = new Set<string>();
  readonly #renamed = new Set<string>();
  #count = 0;

  /** @param isGone whether a known path is not there any more, as far as the walk has come */
  constructor(root: string, isGone: (path: string) => boolean) {
    this.#root = root;
    this.#isGone = isGone;
  }

  /** Takes a file that is spoilt; false for any other. */
  takes(file: HashedFile, isKnown: boolean): boolean {
    const name = isKnown ? file.path : nameBefore(file.path, this.#isGone);
    if (name === undefined || !looksSpoilt(name, headOf(absolutePath(this.#root, file.path)))) return false;
    this.#count++;
    if (name !== file.path) {
      this.#replaced.add(name);
      this.#renamed.add(file.path);
    }
    if (this.#paths.length < EXAMPLES) this.#paths.push(file.path);
    if (this.#count <= MANY) this.#held.push(file); // more are a wave in any case
    return true;
  }

  /** Whether they are a wave, of so many known files. */
  isWave(known: number): boolean {
    return isWave(this.#count, known);
  }

  /** The files, for when they are no wave. */
  get held(): readonly HashedFile[] {
    return this.#held;
  }

  /** Whether a file that is gone stands under another name now, spoilt. */
  hasReplaced(path: string): boolean {
    return this.#replaced.has(path);
  }

  /** Whether a spoilt file stands under a name that was not known. */
  isRenamed(path: string): boolean {
    return this.#renamed.has(path);
  }

  /** What was refused. */
  refused(source: string): SpoiltFiles {
    return { files: this.#count, examples: this.#paths.map((path) => `${source}/${path}`) };
  }
}

/** Nothing refused. */
export const NONE_SPOILT: SpoiltFiles = { files: 0, examples: [] };

/** A file that cannot be read any more is judged by the next scan. */
function headOf(path: string): Uint8Array {
  const head = new Uint8Array(HEAD_SIZE);
  try {
    const fd = openSync(path, "r");
    try {
      return head.subarray(0, readIntoSync(fd, 0, head));
    } finally {
      closeSync(fd);
    }
  } catch (error) {
    if (systemCode(error) === undefined) throw error;
    return new Uint8Array(0);
  }
}

/** Says in the catalog what a scan refused, or that there is nothing any more. */
export async function noteSpoilt(
  db: Database,
  source: string,
  { files, examples }: SpoiltFiles,
  at: number,
): Promise<void> {
  const found = files === 0 ? [] : [{
    name: "spoilt files",
    kind: "files-spoilt",
    severity: "damage" as const,
    message:
      `${files} known files in ${source} have become random bytes at once, as ransomware makes them. ` +
      "They were not stored; what was stored of them before is safe",
    hint: "Take this machine off the network and look at the files. If they are as you want them: " +
      "coldframe sync --accept-changes",
    files: examples,
  }];
  await settleFindings(db, `scan ${source}`, found, at);
}
