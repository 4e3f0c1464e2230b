/** How an object is kept, by what it is for: its storage class and its lock. */

import type { Availability, ObjectKind } from "../store.ts";
import type { LockRule, StorageClass } from "./url.ts";

/** Objects that no newer one ever replaces, so that a lock does not stand in the way. */
const LOCKED: readonly ObjectKind[] = ["volume", "manifest", "key", "mirror"];

/** What a store's URL says of the objects written to it. */
export class Placement {
  readonly #rules: { readonly storageClass: StorageClass; readonly lock: LockRule | undefined };
  readonly #now: () => number;

  /** @param now the server's clock, ms since 1970 */
  constructor(
    rules: { readonly storageClass: StorageClass; readonly lock: LockRule | undefined },
    now: () => number,
  ) {
    this.#rules = rules;
    this.#now = now;
  }

  /** The headers of PutObject and CreateMultipartUpload. */
  headers(kind: ObjectKind): Record<string, string> {
    const storageClass = this.#storageClass(kind);
    return {
      ...(storageClass === "STANDARD" ? {} : { "x-amz-storage-class": storageClass }),
      ...(LOCKED.includes(kind) ? this.#lockHeaders() : {}),
    };
  }

  #lockHeaders(): Record<string, string> {
    const { lock } = this.#rules;
    if (lock === undefined) return {};
    return {
      "x-amz-object-lock-mode": lock.mode,
      "x-amz-object-lock-retain-until-date": new Date(this.#now() + lock.days * 86_400_000).toISOString(),
    };
  }

  /** How soon an object just written can be read. */
  availability(kind: ObjectKind): Availability {
    return { state: isArchive(this.#storageClass(kind)) ? "archived" : "ready" };
  }

  /**
   * Only volumes may go cold: everything else is needed at once to restore anything. A mirror is kept for as
   * long as they are, so a class that costs less to keep and can be read at once is for it, too.
   */
  #storageClass(kind: ObjectKind): StorageClass {
    const { storageClass } = this.#rules;
    const fits = kind === "volume" || (kind === "mirror" && !isArchive(storageClass));
    return fits ? storageClass : "STANDARD";
  }
}

function isArchive(storageClass: StorageClass): boolean {
  return ["GLACIER", "DEEP_ARCHIVE"].includes(storageClass);
}
