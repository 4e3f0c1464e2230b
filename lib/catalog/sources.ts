/** The folders under protection. */

import { ColdframeError } from "../errors.ts";
import type { Database, RowReader } from "./database.ts";

/** A row of `sources`. */
export interface Source {
  readonly id: number;
  readonly box: string;
  readonly name: string;
  /** Absolute. */
  readonly path: string;
  readonly device: string | undefined;
  /** End of the last complete scan, ms since 1970. */
  readonly scanned: number | undefined;
  /** Whether its files go into volumes; a folder that is only mirrored has them in none. */
  readonly archived: boolean;
}

const COLUMNS = "id, box, name, path, device, scanned, archived";

function parse(row: RowReader): Source {
  return {
    id: row.int("id"),
    box: row.text("box"),
    name: row.text("name"),
    path: row.text("path"),
    device: row.optionalText("device"),
    scanned: row.optionalInt("scanned"),
    archived: row.int("archived") === 1,
  };
}

/** Every source, or those of one box, by name. */
export function listSources(db: Database, box?: string): Promise<Source[]> {
  const where = box === undefined ? "" : "WHERE box = ?";
  const args = box === undefined ? [] : [box];
  return db.all(`SELECT ${COLUMNS} FROM sources ${where} ORDER BY name`, args, parse);
}

/**
 * The source for a folder, made if it is new. Its name is the folder's name; when another source has
 * that name already, " 2", " 3" … is added, so that two roots never mix.
 *
 * @param path absolute, with symlinks resolved
 * @param reserved names that no source may have
 * @param archived whether its files shall go into volumes; a source whose files do keeps to that
 */
export async function ensureSource(
  db: Database,
  box: string,
  path: string,
  reserved: readonly string[],
  now: number,
  archived = true,
): Promise<Source> {
  const found = await findSource(db, box, path);
  if (found !== undefined) return archived ? await archive(db, found) : found;
  const taken = new Set([...reserved, ...(await listSources(db)).map((source) => source.name)]);
  await db.write([{
    sql: "INSERT INTO sources (box, name, path, archived, added) VALUES (?, ?, ?, ?, ?)",
    args: [box, uniqueName(baseName(path), taken), path, archived ? 1 : 0, now],
  }]);
  const made = await findSource(db, box, path);
  if (made === undefined) throw new ColdframeError("catalog", `cannot add the source ${path}`);
  return made;
}

async function archive(db: Database, source: Source): Promise<Source> {
  if (source.archived) return source;
  await db.write([{ sql: "UPDATE sources SET archived = 1 WHERE id = ?", args: [source.id] }]);
  return { ...source, archived: true };
}

/** Notes a complete scan. */
export async function markScanned(db: Database, id: number, device: string, now: number): Promise<void> {
  await db.write([{
    sql: "UPDATE sources SET scanned = ?, device = ? WHERE id = ?",
    args: [now, device, id],
  }]);
}

function findSource(db: Database, box: string, path: string): Promise<Source | undefined> {
  return db.first(`SELECT ${COLUMNS} FROM sources WHERE box = ? AND path = ?`, [box, path], parse);
}

function baseName(path: string): string {
  const parts = path.split(/[/\\]/).filter((part) => part !== "" && part !== "." && part !== "..");
  const last = parts.at(-1)?.replace(/:$/, "") ?? ""; // "D:\" on Windows
  return last === "" ? "root" : last;
}

function uniqueName(name: string, taken: ReadonlySet<string>): string {
  let candidate = name;
  for (let n = 2; taken.has(candidate); n++) candidate = `${name} ${n}`;
  return candidate;
}
