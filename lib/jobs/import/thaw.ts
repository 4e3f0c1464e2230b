/** Objects that lie in an archive: told, or thawed for a later run. */

import { ColdframeError } from "../../errors.ts";
import type { ObjectInfo, Store, ThawTier } from "../../store/store.ts";

/** How long a thawed copy stays, in days: time to read it, and to come back. */
const STAYS = 7;

/** Sees to it that objects can be read. */
export class Thawer {
  /** Keys of objects that are being thawed. */
  readonly thawing: string[] = [];
  readonly #store: Store;
  readonly #tier: ThawTier | undefined;
  readonly #dryRun: boolean;

  /** @param tier undefined to have nothing thawed */
  constructor(store: Store, tier: ThawTier | undefined, dryRun = false) {
    this.#store = store;
    this.#tier = tier;
    this.#dryRun = dryRun;
  }

  /**
   * Whether an object cannot be read in this run, and is being thawed.
   *
   * @throws ColdframeError `object-archived` when nobody asked for it to be thawed
   */
  async mustWait({ key, availability }: ObjectInfo): Promise<boolean> {
    if (availability.state === "ready") return false;
    // Listings tell the class of an object, not whether a thawed copy is there.
    const state = (await this.#store.head(key))?.availability.state ?? availability.state;
    if (state === "ready") return false;
    if (this.#tier === undefined) throw archived(key, state === "thawing");
    if (state === "archived" && !this.#dryRun) {
      await this.#store.thaw(key, { tier: this.#tier, days: STAYS });
    }
    this.thawing.push(key);
    return true;
  }
}

function archived(key: string, thawing: boolean): ColdframeError {
  return thawing
    ? new ColdframeError("object-archived", `${key} is being thawed, and not readable yet`, {
      hint: "Run the same command again in some hours.",
    })
    : new ColdframeError("object-archived", `${key} is archived, and must be thawed first`, {
      hint: "Add --thaw Bulk (or Standard) to have it thawed.",
    });
}
