/** What can be had in one run: stores that open, and places that have not failed yet. */

import type { Place } from "../../catalog/look.ts";
import { ColdframeError } from "../../errors.ts";
import type { Store } from "../../store/store.ts";
import type { Session } from "../session.ts";

/** Remembers what failed, so that it is not tried twice in a run. */
export class Reach {
  readonly #session: Session;
  /** Stores that cannot be had, by URL: what else they hold need not be tried. */
  readonly #lost = new Map<string, ColdframeError>();
  /** Places that failed, each for one content. */
  readonly #out = new Set<string>();
  /** The last error of each content. */
  readonly #errors = new Map<number, unknown>();

  constructor(session: Session) {
    this.#session = session;
  }

  /**
   * Opens a store.
   *
   * @throws ColdframeError as the store does; the same again for a store that is lost
   */
  async open(url: string): Promise<Store> {
    const lost = this.#lost.get(url);
    if (lost !== undefined) throw lost;
    try {
      return await this.#session.storeAt(url);
    } catch (error) {
      if (error instanceof ColdframeError) this.#lost.set(url, error);
      throw error;
    }
  }

  /** Whether a place is worth trying. */
  async isThere(place: Place): Promise<boolean> {
    if (this.#out.size > 0 && this.#out.has(placeId(place))) return false;
    try {
      await this.open(place.store);
      return true;
    } catch (error) {
      this.#session.signal.throwIfAborted();
      this.#errors.set(place.content, error);
      return false;
    }
  }

  /** A place that failed; an unplugged disk or a network that is down takes its store along. */
  fail(place: Place, error: unknown): void {
    this.#out.add(placeId(place));
    this.#errors.set(place.content, error);
    if (!(error instanceof ColdframeError)) return;
    if (error.code === "store-missing" || error.code === "store-unreachable") {
      this.#lost.set(place.store, error);
    }
  }

  /** Why a content could not be had anywhere; undefined when nothing was tried. */
  errorOf(content: number): unknown {
    return this.#errors.get(content);
  }
}

/** Names an object in all stores. */
export function objectId({ store, key }: { readonly store: string; readonly key: string }): string {
  return `${store}\n${key}`;
}

function placeId(place: Place): string {
  return `${objectId(place)}\n${place.content}`;
}
