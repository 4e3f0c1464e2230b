/** Files of another tool, encrypted anew into a mirror: each lies on this disk only while it is sent. */

import { mkdtemp, rm } from "node:fs/promises";
import { join } from "node:path";
import { contentId } from "../../catalog/adopted.ts";
import { Listing } from "../../catalog/listing.ts";
import { mirrorCopies } from "../../catalog/mirrors.ts";
import { ColdframeError } from "../../errors.ts";
import { makeFolder } from "../../files.ts";
import type { Store } from "../../store/store.ts";
import { Copier } from "../mirror/copier.ts";
import { writeIndexes } from "../mirror/index-objects.ts";
import { KeyChooser } from "../mirror/keys.ts";
import { lookAtStore } from "../mirror/look.ts";
import { mirrorNamed } from "../mirror/settings.ts";
import type { Session } from "../session.ts";

/** A file on this disk that shall go into a mirror. */
export interface LocalFile {
  /** In the mirror, `/`-separated. */
  readonly path: string;
  /** In the scratch folder. */
  readonly name: string;
  /** Bytes. */
  readonly size: number;
  /** ms since 1970. */
  readonly mtime: number;
  readonly sha256: string;
}

/** How a mirror takes files. */
interface Naming {
  readonly encrypted: boolean;
  readonly opaque: boolean;
}

/** A mirror that files are put into one by one. */
export class MirrorSink {
  /** Where files lie until they are sent; for the owner of the home alone. */
  readonly scratch: string;
  readonly #session: Session;
  readonly #store: Store;
  readonly #naming: Naming;
  readonly #listing: Listing;
  readonly #copier: Copier;
  #last: Promise<unknown> = Promise.resolve();

  private constructor(session: Session, store: Store, naming: Naming, listing: Listing, scratch: string) {
    this.#session = session;
    this.#store = store;
    this.#naming = naming;
    this.#listing = listing;
    this.scratch = scratch;
    const keys = new KeyChooser(session, store.url, naming, listing);
    this.#copier = new Copier(session, store, keys, {
      encrypted: naming.encrypted,
      parallel: 1,
      onCopied: () => {},
    });
  }

  /**
   * Opens a mirror.
   *
   * @param into the name of one of the settings, or the URL of a store, which is then encrypted
   * @throws ColdframeError `usage`; StoreError when the store cannot be listed
   */
  static async open(session: Session, into: string): Promise<MirrorSink> {
    const config = /^[a-z][a-z0-9+.-]+:/i.test(into) ? undefined : mirrorNamed(session, into);
    const store = await session.storeAt(config?.store ?? into);
    const { scratch } = session.home.paths;
    await makeFolder(scratch, 0o700);
    const listing = await Listing.open(scratch);
    try {
      await lookAtStore(session, store, listing, true);
      const naming = { encrypted: config?.encrypted ?? true, opaque: config?.names === "opaque" };
      return new MirrorSink(session, store, naming, listing, await mkdtemp(join(scratch, "import-")));
    } catch (error) {
      await listing.close();
      throw error;
    }
  }

  /** Names what was stored in an index, as every run of a mirror does, and leaves nothing on this disk. */
  async close(): Promise<void> {
    try {
      await writeIndexes(this.#session, this.#store, this.#naming.encrypted);
    } finally {
      await this.#listing.close();
      await rm(this.scratch, { recursive: true, force: true });
    }
  }

  /**
   * Puts a file into the mirror. One after another: the names of two must not be chosen at the same moment.
   *
   * @returns false when the mirror has these bytes under this path
   */
  put(file: LocalFile): Promise<boolean> {
    const done = this.#last.then(() => this.#put(file));
    this.#last = done.catch(() => {});
    return done;
  }

  async #put({ path, name, size, mtime, sha256 }: LocalFile): Promise<boolean> {
    const { db } = this.#session;
    const content = await contentId(db, sha256, size);
    const copies = await mirrorCopies(db, [content]);
    if (copies.some((copy) => copy.store === this.#store.url && copy.path === path)) return false;
    const failed = this.#copier.problems.length;
    await this.#copier.copy([{
      below: name,
      root: this.scratch,
      path,
      content,
      sha256,
      size,
      mtime,
      mode: 0o644,
      object: undefined,
      told: false,
    }]);
    const problem = this.#copier.problems[failed];
    if (problem !== undefined) throw new ColdframeError("store-protocol", `${path}: ${problem.reason}`);
    return true;
  }
}
