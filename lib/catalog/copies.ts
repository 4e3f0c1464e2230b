/** Where contents can be had: what remains when one copy is lost, and which files that touches. */

import type { Database } from "./database.ts";
import { mirrorCopies } from "./mirrors.ts";

/** A content with its names and its places. */
export interface ContentCopies {
  readonly content: number;
  readonly sha256: string;
  /** Bytes. */
  readonly size: number;
  /** `<source name>/<path>`: the current paths, or the last one it had. */
  readonly paths: readonly string[];
  /** Whether a source holds it, as far as the last scan knows. */
  readonly inSource: boolean;
  /** Objects that it is staged as. */
  readonly staged: readonly { readonly store: string; readonly key: string }[];
  /** Names of the stored volumes that hold it. */
  readonly volumes: readonly string[];
  /** Objects in mirrors. */
  readonly mirrors: readonly { readonly store: string; readonly key: string }[];
}

const PAGE = 2_000;

/** What is known of these contents, in no promised order. */
export async function copiesOf(db: Database, contents: readonly number[]): Promise<ContentCopies[]> {
  const found: ContentCopies[] = [];
  for (let from = 0; from < contents.length; from += PAGE) {
    const part = await pageOf(db, contents.slice(from, from + PAGE));
    for (const copies of part) found.push(copies);
  }
  return found;
}

async function pageOf(db: Database, contents: readonly number[]): Promise<ContentCopies[]> {
  const json = JSON.stringify(contents);
  const rows = await db.all(
    "SELECT id, sha256, size FROM contents WHERE id IN (SELECT value FROM json_each(?))",
    [json],
    (row) => ({ content: row.int("id"), sha256: row.text("sha256"), size: row.int("size") }),
  );
  const [names, staged, volumes, mirrored] = await Promise.all([
    pathsOf(db, json),
    stagedOf(db, json),
    volumesOf(db, json),
    mirrorCopies(db, contents),
  ]);
  const mirrors = Map.groupBy(mirrored, ({ content }) => content);
  return rows.map((row) => {
    const all = names.get(row.content) ?? [];
    const current = all.filter(({ current }) => current);
    return {
      ...row,
      paths: (current.length > 0 ? current : all.slice(-1)).map(({ path }) => path),
      inSource: current.length > 0,
      staged: staged.get(row.content) ?? [],
      volumes: (volumes.get(row.content) ?? []).map(({ name }) => name),
      mirrors: (mirrors.get(row.content) ?? []).map(({ store, key }) => ({ store, key })),
    };
  });
}

async function pathsOf(db: Database, json: string) {
  const rows = await db.all(
    `SELECT v.content, s.name || '/' || v.path AS path, v.ended IS NULL AS current
       FROM versions v JOIN sources s ON s.id = v.source
      WHERE v.content IN (SELECT value FROM json_each(?)) ORDER BY v.id`,
    [json],
    (row) => ({ content: row.int("content"), path: row.text("path"), current: row.int("current") === 1 }),
  );
  return Map.groupBy(rows, ({ content }) => content);
}

async function stagedOf(db: Database, json: string) {
  const rows = await db.all(
    `SELECT content, store, key FROM staged WHERE content IN (SELECT value FROM json_each(?)) ORDER BY store`,
    [json],
    (row) => ({ content: row.int("content"), store: row.text("store"), key: row.text("key") }),
  );
  return Map.groupBy(rows, ({ content }) => content);
}

async function volumesOf(db: Database, json: string) {
  const rows = await db.all(
    `SELECT DISTINCT f.content, p.name FROM volume_files f JOIN volumes p ON p.id = f.volume
      WHERE f.content IN (SELECT value FROM json_each(?)) AND f.offset IS NOT NULL AND p.state = 'stored'
      ORDER BY p.id`,
    [json],
    (row) => ({ content: row.int("content"), name: row.text("name") }),
  );
  return Map.groupBy(rows, ({ content }) => content);
}

/** The contents whose bytes are in a volume. */
export function contentsOfVolume(db: Database, volume: number): Promise<number[]> {
  return db.all(
    "SELECT DISTINCT content FROM volume_files WHERE volume = ? AND offset IS NOT NULL ORDER BY content",
    [volume],
    (row) => row.int("content"),
  );
}
