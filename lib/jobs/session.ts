/** What every job works with: an open home, its catalog and stores, and the outside world as arguments. */

import type { ArchiveIdentity } from "../catalog/catalog.ts";
import type { Database } from "../catalog/database.ts";
import type { Home } from "../home/home.ts";
import type { StoreContext } from "../store/context.ts";
import type { Store } from "../store/store.ts";
import type { Reporter } from "./report.ts";

/** An open home. Jobs get one and never open anything themselves. */
export interface Session {
  readonly home: Home;
  readonly db: Database;
  readonly archive: ArchiveIdentity;
  /** Where single files wait. Opened on first use, as looking at the catalog needs no store. */
  staging(): Promise<Store>;
  /** Where volumes are kept. */
  cold(): Promise<Store>;
  /** Where the two are, whether or not they can be opened; the same text for the same store. */
  readonly urls: { readonly staging: string; readonly cold: string };
  /** The surroundings that stores are opened in. */
  readonly storeContext: StoreContext;
  /** The store of that URL, for objects that were put elsewhere than today's settings say. */
  storeAt(url: string): Promise<Store>;
  /** Folders of the stores in use that are on this machine: a source must not swallow them. */
  readonly localStores: readonly string[];
  /** Ms that the servers' clocks are ahead of ours, by their last answer; undefined before one said. */
  serverAhead(): number | undefined;
  readonly report: Reporter;
  /** Aborted by Ctrl-C or SIGTERM. */
  readonly signal: AbortSignal;
  /** ms since 1970. */
  now(): number;
}
