/** A restore in the catalog, once it has to wait: until then nothing is written there. */

import {
  endRestore,
  endThaws,
  noteRestored,
  openRestore,
  type RestoreEnding,
  type Thaw,
} from "../../catalog/restores.ts";
import type { WantedVersion } from "../../catalog/wanted.ts";
import { makeFolder } from "../../files.ts";
import type { ThawTier } from "../../store/store.ts";
import type { Session } from "../session.ts";

/** Files whose restoring is written down together. */
const BATCH = 100;

/** What is written down of a restore. */
export class RestoreRecord {
  readonly #session: Session;
  #id: number | undefined;
  #done: number[] = [];

  /** @param id of a restore that goes on; undefined for one that is not written down yet */
  constructor(session: Session, id: number | undefined) {
    this.#session = session;
    this.#id = id;
  }

  get id(): number | undefined {
    return this.#id;
  }

  /**
   * Writes the restore down, if it is not yet. The target folder is made first: where it is missing later,
   * its disk is not there.
   */
  async open(
    how: { readonly to: string; readonly overwrite: boolean; readonly tier: ThawTier; readonly days: number },
    versions: readonly number[],
  ): Promise<number> {
    if (this.#id !== undefined) return this.#id;
    const { db, home, now } = this.#session;
    await makeFolder(how.to, 0o755);
    const { to: target, overwrite, tier, days } = how;
    const restore = { box: home.box, target, overwrite, tier, days, created: now() };
    this.#id = await openRestore(db, restore, versions);
    return this.#id;
  }

  /** Notes a file that has its name. */
  async restored(file: WantedVersion): Promise<void> {
    this.#done.push(file.id);
    if (this.#done.length >= BATCH) await this.flush();
  }

  /** Writes down what was noted. */
  async flush(): Promise<void> {
    const done = this.#done;
    this.#done = [];
    if (this.#id !== undefined) await noteRestored(this.#session.db, this.#id, done, this.#session.now());
  }

  /** Notes that nothing more is wanted of a thawed object. */
  async fetched(thaw: Thaw | undefined): Promise<void> {
    if (thaw === undefined || thaw.restore !== this.#id) return;
    await this.flush();
    await endThaws(this.#session.db, [thaw.id], "fetched", this.#session.now());
  }

  async end(ending: RestoreEnding): Promise<void> {
    await this.flush();
    if (this.#id !== undefined) await endRestore(this.#session.db, this.#id, ending, this.#session.now());
  }
}
