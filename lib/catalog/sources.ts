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
}

const COLUMNS = "id, box, name, path, device, scanned";

function parse(row: RowReader): Source {
  return {
    id: row.int("id"),
    box: row.text("box"),
    name: row.text("name"),
    path: row.text("path"),
    device: row.optionalText("device"),
    scanned: row.optionalInt("scanned"),
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
 */
export async function ensureSource(
  db: Database,
  box: string,
  path: string,
  reserved: readonly string[],
  now: number,
): Promise<Source> {
  const found = await findSource(db, box, path);
  if (found !== undefined) return found;
  const taken = new Set([...reserved, ...(await listSources(db)).map((source) => source.name)]);
  await db.write([{
    sql: "INSERT INTO sources (box, name, path, added) VALUES (?, ?, ?, ?)",
    args: [box, uniqueName(baseName(path), taken), path, now],
  }]);
  const made = await findSource(db, box, path);
  if (made === undefined) throw new ColdframeError("catalog", `cannot add the source ${path}`);
  return made;
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
