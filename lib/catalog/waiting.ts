/** What waits for a volume: files whose contents are in none, and what the next manifest must mention. */

import { byPath } from "../order.ts";
import type { Database, RowReader } from "./database.ts";
import { type FolderRow, unlistedFolders } from "./folders.ts";

/** A path and its content, as a manifest names them. */
interface NamedContent {
  readonly version: number;
  readonly content: number;
  readonly sha256: string;
  /** Bytes. */
  readonly size: number;
  /** ms since 1970. */
  readonly mtime: number;
  readonly mode: number;
  /** `<source name>/<path>`: where it stands in a volume. */
  readonly path: string;
}

/** One path of a content that is in no stored volume yet and can be read on this box. */
export interface WaitingFile extends NamedContent {
  /** Where it can be read: the root of its source and the path below. */
  readonly root: string;
  readonly below: string;
}

/** A path to name in the next manifest, whose content sits in a stored volume. */
export interface Reference extends NamedContent {
  /** The name of the volume that holds the content. */
  readonly volume: string;
}

/** What a manifest names beside the files of its volume. */
export interface Mentions {
  readonly references: readonly Reference[];
  readonly folders: readonly FolderRow[];
}

/** Most volumes mention nothing: what there is goes into the first of a run. */
export const NO_MENTIONS: Mentions = { references: [], folders: [] };

/**
 * Every current path of this box whose content is in no stored and no planned volume, oldest first.
 *
 * @param state volumes in this state, beside the planned ones, count as holding their contents too
 */
export function waitingFiles(
  db: Database,
  box: string,
  alsoIn: "packed" | "none" = "none",
): Promise<WaitingFile[]> {
  return filesWithout(db, box, IN_NO_VOLUME, [alsoIn]);
}

const IN_NO_VOLUME = `AND NOT EXISTS (SELECT 1 FROM volume_files f JOIN volumes p ON p.id = f.volume
                    WHERE f.content = c.id AND p.state IN ('planned', ?))`;

/**
 * The oldest of `waitingFiles`, where there are more than can be planned at once.
 *
 * @param most how many
 * @returns undefined when there are no more than that
 */
export async function oldestWaiting(
  db: Database,
  box: string,
  most: number,
): Promise<WaitingFile[] | undefined> {
  const from = `FROM contents c JOIN versions v ON v.content = c.id AND v.ended IS NULL
                JOIN sources s ON s.id = v.source
               WHERE c.volume IS NULL AND s.box = ? AND s.archived = 1 ${IN_NO_VOLUME}`;
  const waiting = await db.first(
    `SELECT count(*) AS files ${from}`,
    [box, "none"],
    (row) => row.int("files"),
  );
  if ((waiting ?? 0) <= most) return undefined;
  const oldest: WaitingFile[] = [];
  const rows = db.local ? most : PAGE; // each page sorts all that wait
  const after = "(v.mtime, v.id) > (?, ?)";
  while (oldest.length < most) {
    const last = oldest.at(-1);
    const args = [box, "none", last?.mtime ?? Number.MIN_SAFE_INTEGER, last?.version ?? 0];
    const paged = `${from} AND ${after} ORDER BY v.mtime, v.id LIMIT ${rows}`;
    const page = await db.page(WAITING_COLUMNS, paged, args, parseWaiting);
    oldest.push(...page);
    if (page.length < rows) break;
  }
  return oldest.sort(byTimeAndPath);
}

/** Every current path of this box whose content is in no stored volume, oldest first. */
export function unsealedFiles(db: Database, box: string): Promise<WaitingFile[]> {
  return filesWithout(db, box, "", []);
}

/** Rows at once: a server's answer is limited, and each names its path twice. */
const PAGE = 2_000;

/** In pages, and sorted here: all rows at once, as the database gives them, are several times as large. */
async function filesWithout(
  db: Database,
  box: string,
  condition: string,
  args: readonly string[],
): Promise<WaitingFile[]> {
  const from = `FROM contents c CROSS JOIN versions v CROSS JOIN sources s
                WHERE c.volume IS NULL AND c.id >= ? AND v.content = c.id AND v.ended IS NULL
                  AND (c.id, v.id) > (?, ?) AND s.id = v.source AND s.box = ? AND s.archived = 1 ${condition}
                ORDER BY c.id, v.id LIMIT ${PAGE}`;
  const files: WaitingFile[] = [];
  for (;;) {
    const last = files.at(-1);
    const after = [last?.content ?? 0, last?.content ?? 0, last?.version ?? 0];
    const page = await db.page(WAITING_COLUMNS, from, [...after, box, ...args], parseWaiting);
    files.push(...page);
    if (page.length < PAGE) return files.sort(byTimeAndPath);
  }
}

const WAITING_COLUMNS = {
  id: "v.id",
  content: "v.content",
  sha256: "c.sha256",
  size: "c.size",
  mtime: "v.mtime",
  mode: "v.mode",
  path: "s.name || '/' || v.path",
  root: "s.path",
  below: "v.path",
};

function parseWaiting(row: RowReader): WaitingFile {
  return {
    version: row.int("id"),
    content: row.int("content"),
    sha256: row.text("sha256"),
    size: row.int("size"),
    mtime: row.int("mtime"),
    mode: row.int("mode"),
    path: row.text("path"),
    root: row.text("root"),
    below: row.text("below"),
  };
}

/** The oldest first; those of one moment in the order of their paths' UTF-8 bytes. */
function byTimeAndPath(a: WaitingFile, b: WaitingFile): number {
  return a.mtime - b.mtime || byPath(a.path, b.path);
}

/** What no manifest names yet and the next one must. */
export async function unlisted(db: Database, box: string): Promise<Mentions> {
  return { references: await unlistedReferences(db, box), folders: await unlistedFolders(db, box) };
}

/** Current paths of this box that no manifest names yet, though their content is stored. */
function unlistedReferences(db: Database, box: string): Promise<Reference[]> {
  return db.all(
    `SELECT v.id, v.content, c.sha256, c.size, v.mtime, v.mode, s.name || '/' || v.path AS path, p.name AS volume
       FROM versions v
       JOIN contents c ON c.id = v.content
       JOIN volumes p ON p.id = c.volume
       JOIN sources s ON s.id = v.source
      WHERE v.manifest IS NULL AND v.ended IS NULL AND s.box = ? AND s.archived = 1
      ORDER BY v.mtime, path`,
    [box],
    (row) => ({
      version: row.int("id"),
      content: row.int("content"),
      sha256: row.text("sha256"),
      size: row.int("size"),
      mtime: row.int("mtime"),
      mode: row.int("mode"),
      path: row.text("path"),
      volume: row.text("volume"),
    }),
  );
}
