/** What a recovery met that it could not use. */

import { ColdframeError, type ErrorCode, messageOf } from "../../errors.ts";
import type { FoundObject } from "./stores.ts";

/** An object that is there, but gave nothing. */
export interface Problem {
  readonly store: string;
  readonly key: string;
  readonly code: ErrorCode;
  readonly reason: string;
}

/** Errors that speak of one object only. Any other, of a store or a disk, ends the recovery. */
const OF_ONE_OBJECT: readonly ErrorCode[] = [
  "damaged",
  "not-age",
  "image",
  "key-wrong",
  "object-missing",
  "object-archived",
];

/**
 * An error as the problem of one object.
 *
 * @throws the error itself when it is about more than this object
 */
export function problemOf({ store, info }: FoundObject, error: unknown): Problem {
  if (!(error instanceof ColdframeError) || !OF_ONE_OBJECT.includes(error.code)) throw error;
  return { store: store.url, key: info.key, code: error.code, reason: messageOf(error) };
}

/** Whether it means that bytes are not what was stored, rather than that they cannot be read now or by us. */
export function isDamage({ code }: Problem): boolean {
  return code === "damaged" || code === "not-age" || code === "image";
}
