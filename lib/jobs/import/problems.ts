/** What an import found wrong with another tool's objects, one line each. */

import { ColdframeError, type ErrorCode, hasCode, messageOf } from "../../errors.ts";

/** What is wrong. */
export type ImportProblemKind =
  | "empty" // an object without bytes: its upload or encryption failed
  | "damaged" // the bytes are not those that were stored
  | "wrong-key" // the key or passphrase does not open it
  | "archived" // it must be thawed before it can be read
  | "differs" // the image is as it was made, but this file in it is not what had been hashed
  | "collided" // another file took this one's place in the image
  | "missing" // it should be in the image and is not
  | "unknown" // not an object of the tool
  | "failed"; // everything else, such as a target that cannot be written

/** A problem with one object, or with one file in it. */
export interface ImportProblem {
  readonly kind: ImportProblemKind;
  readonly key: string;
  /** The file in an image; undefined for the object as a whole. */
  readonly path: string | undefined;
  readonly message: string;
  readonly hint: string | undefined;
}

/** Kinds that mean that something stored is lost or wrong. */
const DAMAGE: ReadonlySet<ImportProblemKind> = new Set([
  "empty",
  "damaged",
  "differs",
  "collided",
  "missing",
]);

/** Whether a problem is damage or loss, rather than something that can be put right. */
export function isDamage({ kind }: ImportProblem): boolean {
  return DAMAGE.has(kind);
}

const KINDS: Partial<Record<ErrorCode, ImportProblemKind>> = {
  damaged: "damaged",
  image: "damaged",
  "key-wrong": "wrong-key",
  passphrase: "wrong-key",
  "object-archived": "archived",
};

/** A problem from an error. Errors that end the whole job are thrown on. */
export function problemFrom(key: string, path: string | undefined, error: unknown): ImportProblem {
  throwIfFatal(error);
  const code = error instanceof ColdframeError ? error.code : undefined;
  return {
    kind: (code && KINDS[code]) ?? "failed",
    key,
    path,
    message: messageOf(error),
    hint: error instanceof ColdframeError ? error.hint : undefined,
  };
}

const FATAL: readonly ErrorCode[] = [
  "store-full",
  "store-missing",
  "store-denied",
  "store-unreachable",
  "key-missing",
  "interrupted",
];

/** A full disk stays full, and a store that is gone stays gone. */
export function throwIfFatal(error: unknown): void {
  if (FATAL.some((code) => hasCode(error, code))) throw error;
}

/** The error for an object without bytes. */
export function emptyProblem(key: string, message: string): ImportProblem {
  return { kind: "empty", key, path: undefined, message, hint: "Look for the file elsewhere." };
}
