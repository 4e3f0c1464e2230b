/** What the catalog knows of a source, as a scan compares it with the folder. */

import type { Database } from "../catalog/database.ts";
import { knownText, type KnownVersion, knownVersions } from "../catalog/versions.ts";
import type { KnownFiles } from "../scan/compare.ts";

/** Files compared as one text: each stretch is one query, and one changed file has all of its rows read. */
export const STRETCH = 1_000;

/** The current versions of a source. */
export function knownFiles(db: Database, source: number): KnownFiles<KnownVersion> {
  return {
    text: (after, upTo, most, { inodes }) => knownText(db, source, [after, upTo, most], inodes),
    rows: (after, upTo) => knownVersions(db, source, after, upTo),
  };
}
