/**
 * lomo-backup's own database, `lomob.db`: which files it hashed, and into which image it meant to put them.
 *
 * What it says is what was meant, not what is stored; the images are compared with it.
 */

import { copyFile, mkdtemp, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connect, type Database, type RowReader } from "../../catalog/database.ts";
import { ColdframeError, systemCode } from "../../errors.ts";
import { baseName, flattenedRoot, tidyPath } from "../../import/names.ts";

/** A file as lomo-backup hashed it. */
export interface HashedFile {
  /** Where it stood: the scanned folder, and the path below. */
  readonly root: string;
  readonly path: string;
  /** Bytes. */
  readonly size: number;
  /** Hex; of the file when it was scanned. */
  readonly sha256: string;
}

/** An image as it was made. */
export interface RecordedImage {
  readonly id: number;
  /** Hex SHA-256 of the image before encryption. */
  readonly sha256: string;
  readonly files: number;
}

/** `files.iso_id` of a file that was uploaded alone. */
const ALONE = -1;

/** An open copy of a `lomob.db`. */
export class LomobDatabase {
  readonly #db: Database;
  readonly #folder: string;
  readonly #columns: Columns;

  private constructor(db: Database, folder: string, columns: Columns) {
    this.#db = db;
    this.#folder = folder;
    this.#columns = columns;
  }

  /**
   * Opens a copy: SQLite may write even where one only reads, and this file is another tool's.
   *
   * @throws ColdframeError `nothing-found`; `catalog` when it is no such database
   */
  static async open(path: string): Promise<LomobDatabase> {
    const folder = await mkdtemp(join(tmpdir(), "coldframe-import-"));
    let db: Database | undefined;
    try {
      const copy = join(folder, "lomob.db");
      await copyDatabase(path, copy);
      db = connect(copy);
      return new LomobDatabase(db, folder, await columnsOf(db, path));
    } catch (error) {
      db?.close();
      await rm(folder, { recursive: true, force: true });
      throw error;
    }
  }

  async close(): Promise<void> {
    this.#db.close();
    await rm(this.#folder, { recursive: true, force: true });
  }

  /** Images by their file names; the database may hold them with a folder. */
  async images(): Promise<Map<string, RecordedImage>> {
    const rows = await this.#db.all(
      `SELECT i.id, i.name, i.${this.#columns.imageHash} AS sha256,
              (SELECT count(*) FROM files f WHERE f.iso_id = i.id) AS files FROM isos i ORDER BY i.id`,
      [],
      (row) => ({
        name: baseName(row.text("name")),
        image: { id: row.int("id"), sha256: row.text("sha256").toLowerCase(), files: row.int("files") },
      }),
    );
    return new Map(rows.map(({ name, image }) => [name, image]));
  }

  /** The files that were meant for an image, by path in it; several where scanned folders met. */
  async filesOf(image: number): Promise<Map<string, HashedFile[]>> {
    return Map.groupBy(await this.#files(image), ({ path }) => path);
  }

  /** Files uploaded alone, by their path on Drive. */
  async alone(): Promise<Map<string, HashedFile[]>> {
    return Map.groupBy(await this.#files(ALONE), ({ root, path }) => `${flattenedRoot(root)}/${path}`);
  }

  #files(image: number): Promise<HashedFile[]> {
    return this.#db.all(
      `SELECT coalesce(r.path, '') AS root, d.path AS folder, f.name, f.size, f.${this.#columns.fileHash} AS sha256
         FROM files f JOIN dirs d ON d.id = f.dir_id LEFT JOIN dirs r ON r.id = d.scan_root_dir_id
        WHERE f.iso_id = ? ORDER BY f.id`,
      [image],
      parseFile,
    );
  }
}

/** A scanned folder is a row of `dirs` itself, with root 0; files right in it name that row. */
function parseFile(row: RowReader): HashedFile {
  const root = row.text("root");
  const folder = row.text("folder");
  return {
    root: root === "" ? folder : root,
    path: tidyPath(root === "" ? row.text("name") : `${folder}/${row.text("name")}`),
    size: row.int("size"),
    sha256: row.text("sha256").toLowerCase(),
  };
}

async function copyDatabase(path: string, copy: string): Promise<void> {
  try {
    await copyFile(path, copy);
    for (const log of ["-wal", "-journal"]) {
      if (await isThere(path + log)) await copyFile(path + log, copy + log);
    }
  } catch (error) {
    if (systemCode(error) !== "ENOENT") throw error;
    throw new ColdframeError("nothing-found", `there is no file ${path}`, {
      hint: "lomo-backup keeps its lomob.db in the folder that it is run in. Without it, leave out --db.",
      cause: error,
    });
  }
}

async function isThere(path: string): Promise<boolean> {
  return await stat(path).then(() => true, () => false);
}

/** Columns that had two names in the life of the tool. */
interface Columns {
  readonly fileHash: string;
  readonly imageHash: string;
}

async function columnsOf(db: Database, path: string): Promise<Columns> {
  const names = async (table: string) =>
    new Set(await db.all(`PRAGMA table_info(${table})`, [], (row) => row.text("name")));
  const [files, isos] = [await names("files"), await names("isos")];
  const fileHash = ["hash_local", "hash"].find((name) => files.has(name));
  const imageHash = ["hash_local", "hash_hex"].find((name) => isos.has(name));
  if (fileHash !== undefined && imageHash !== undefined && files.has("iso_id")) {
    return { fileHash, imageHash };
  }
  throw new ColdframeError("catalog", `${path} is not a database of lomo-backup`, {
    hint: "Give its lomob.db with --db, or leave that out.",
  });
}
