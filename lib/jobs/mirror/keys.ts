/** Which key a file gets in a mirror: the first one that nothing stands under. */

import type { Listing } from "../../catalog/listing.ts";
import { foldedKey, takenKeys } from "../../catalog/mirroring.ts";
import { detachedName, mirrorKey, mirrorName, versionName } from "../../plan/mirror-name.ts";
import { opaqueMirrorKey } from "../object-keys.ts";
import type { Session } from "../session.ts";

/** How a mirror names its objects. */
export interface Naming {
  readonly encrypted: boolean;
  readonly opaque: boolean;
}

/** A path that needs a key. */
export interface Unnamed {
  readonly path: string;
  /** Keys that turned out to be taken, though nothing said so before. */
  readonly refused: number;
}

/** A key, and whether an object stands under it that another program may have put there with the same bytes. */
export interface ChosenKey {
  readonly key: string;
  readonly listed: boolean;
  /** Whether it is a name beside another version. */
  readonly isVersion: boolean;
}

/** More versions of one second than this are somebody's mistake. */
const MOST_TRIES = 100;

/** Chooses keys, for one store. */
export class KeyChooser {
  readonly #session: Session;
  readonly #store: string;
  readonly #naming: Naming;
  readonly #listing: Listing;

  constructor(session: Session, store: string, naming: Naming, listing: Listing) {
    this.#session = session;
    this.#store = store;
    this.#naming = naming;
    this.#listing = listing;
  }

  /**
   * A key for each of these, none given twice.
   *
   * @param pending keys of uploads that are not finished
   */
  async choose<T extends Unnamed>(
    items: readonly T[],
    pending: readonly string[],
  ): Promise<Map<T, ChosenKey>> {
    const chosen = new Map<T, ChosenKey>();
    const claimed = new Set(pending.map(foldedKey));
    let open = items;
    for (let attempt = 0; open.length > 0 && attempt < MOST_TRIES; attempt++) {
      open = await this.#round(open, attempt, claimed, chosen);
    }
    return chosen;
  }

  /** @returns those whose candidate is taken */
  async #round<T extends Unnamed>(
    items: readonly T[],
    attempt: number,
    claimed: Set<string>,
    chosen: Map<T, ChosenKey>,
  ): Promise<T[]> {
    const candidates = items.map((item) => ({ item, key: this.#candidate(item, attempt) }));
    const keys = candidates.map(({ key }) => key);
    const [taken, listed] = await Promise.all([
      takenKeys(this.#session.db, this.#store, keys),
      this.#listing.sizes(keys),
    ]);
    const again: T[] = [];
    for (const { item, key } of candidates) {
      const folded = foldedKey(key);
      const there = listed.has(key);
      const mayBeSame = there && !this.#naming.encrypted && attempt + item.refused === 0;
      if (taken.has(folded) || claimed.has(folded) || (there && !mayBeSame)) {
        again.push(item);
        continue;
      }
      claimed.add(folded);
      chosen.set(item, { key, listed: there, isVersion: attempt + item.refused > 0 });
    }
    return again;
  }

  /** After a refused version, the folder itself must be what is in the way: a name outside of all folders. */
  #candidate({ path, refused }: Unnamed, attempt: number): string {
    const first = refused < 2 ? mirrorName(path) : detachedName(path);
    const count = attempt + refused;
    return this.#key(count === 0 ? first : versionName(first, this.#session.now(), count));
  }

  #key(name: string): string {
    return this.#naming.opaque
      ? opaqueMirrorKey(this.#session.archive.opaqueKey, name)
      : mirrorKey(name, this.#naming.encrypted);
  }
}
