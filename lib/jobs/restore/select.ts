/** Which versions a restore is about. */

import type { Database } from "../../catalog/database.ts";
import { emptyFolders, type FolderRow } from "../../catalog/folders.ts";
import { versionPages, type VersionRow } from "../../catalog/look.ts";
import type { Selected } from "../../catalog/wanted.ts";
import { pathMatcher, textsWithin } from "../../plan/glob.ts";
import { companionKey } from "../../plan/group.ts";
import { versionsOf } from "./wanted.ts";

/** What the user asked for. */
export interface Selection {
  /** As in `lib/plan/glob.ts`. */
  readonly patterns: readonly string[];
  /** Only files with an mtime from here on, ms since 1970. */
  readonly since?: number | undefined;
  /** Only files with an mtime before this. */
  readonly until?: number | undefined;
  /** Only contents of this volume. */
  readonly volume?: string | undefined;
  /** The state at this moment instead of now. */
  readonly at?: number | undefined;
  /** Also files that are no longer in the source. */
  readonly deleted?: boolean | undefined;
  /** Also what belongs to these files: the movie of a live photo, edits, raw files (`lib/plan/group.ts`). */
  readonly companions?: boolean | undefined;
}

/**
 * The versions to restore, one per path. Without `at` these are the current ones; a pattern that means
 * only files that are gone from the source brings back their last versions, since that is what someone
 * who names a lost file wants.
 */
export async function selectVersions(db: Database, selection: Selection): Promise<Selected> {
  const matches = pathMatcher(selection.patterns);
  const wanted = (version: VersionRow) => matches(version.path) && inRange(version, selection);
  const found = await versionsWhere(db, selection, wanted, textsWithin(selection.patterns));
  if (selection.companions !== true) return found;
  const others = await companionsOf(db, selection, found);
  return { versions: [...found.versions, ...others.versions], bytes: found.bytes + others.bytes };
}

async function companionsOf(db: Database, selection: Selection, found: Selected): Promise<Selected> {
  const named = new Set<string>();
  for await (const page of versionsOf(db, found.versions)) for (const { path } of page) named.add(path);
  const keys = new Set([...named].map(companionKey));
  return await versionsWhere(
    db,
    selection,
    ({ path }) => !named.has(path) && keys.has(companionKey(path)),
  );
}

/** @param containing texts of which each wanted path has one: the database passes over the others quickly */
async function versionsWhere(
  db: Database,
  { at, deleted }: Selection,
  wanted: (version: VersionRow) => boolean,
  containing?: readonly string[],
): Promise<Selected> {
  const current = new LastOfEachPath();
  const gone = new LastOfEachPath();
  for await (const page of versionPages(db, { all: true, ...(containing && { containing }) })) {
    for (const version of page) {
      if (!wanted(version)) continue;
      if (wasCurrent(version, at)) {
        current.take(version);
        gone.drop(version.path);
      } else if (at === undefined && version.ending === "gone") gone.take(version);
    }
  }
  if (deleted !== true && current.versions.length > 0) return current;
  return { versions: [...gone.versions, ...current.versions], bytes: gone.bytes + current.bytes };
}

/** The last version of each path, of versions that come path by path, the older first. */
class LastOfEachPath implements Selected {
  readonly versions: number[] = [];
  bytes = 0;
  #last: Pick<VersionRow, "path" | "size"> | undefined;

  take({ id, path, size }: VersionRow): void {
    this.drop(path);
    this.versions.push(id);
    this.bytes += size;
    this.#last = { path, size };
  }

  /** Takes back what was taken of a path, if that is the last one. */
  drop(path: string): void {
    if (this.#last?.path !== path) return;
    this.versions.pop();
    this.bytes -= this.#last.size;
    this.#last = undefined;
  }
}

/**
 * The empty folders to restore. They have no content: a selection by volume or by the time of files means
 * none of them.
 */
export async function selectFolders(db: Database, selection: Selection): Promise<FolderRow[]> {
  const { since, until, volume } = selection;
  if (since !== undefined || until !== undefined || volume !== undefined) return [];
  const matches = pathMatcher(selection.patterns);
  return (await emptyFolders(db, selection.at)).filter(({ path }) => matches(path));
}

function inRange(version: VersionRow, selection: Selection): boolean {
  return (selection.since === undefined || version.mtime >= selection.since) &&
    (selection.until === undefined || version.mtime < selection.until) &&
    (selection.volume === undefined || version.volume === selection.volume);
}

function wasCurrent(version: VersionRow, at: number | undefined): boolean {
  if (at === undefined) return version.ended === undefined;
  return version.seen <= at && (version.ended === undefined || version.ended > at);
}
