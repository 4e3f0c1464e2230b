/** Opening a catalog: making it, bringing its schema up to date, refusing one that is too new. */

import { ColdframeError } from "../errors.ts";
import { connect, type Database } from "./database.ts";
import { MIGRATIONS, SCHEMA_VERSION } from "./schema.ts";

/** Who an archive is, the same for every box that shares its catalog. */
export interface ArchiveIdentity {
  /** Random, 32 hex digits. Goes into the names of volumes, so that two archives never collide. */
  readonly archive: string;
  /** 32 random bytes in hex: the key that makes opaque ids of content hashes. Not told to any store. */
  readonly opaqueKey: string;
}

/**
 * Opens the catalog and brings it to this program's schema.
 *
 * @param place an absolute file path, or the address of a libSQL server
 * @param fresh ids for a catalog that does not exist yet
 * @throws ColdframeError `catalog` when it is damaged, unreachable, or from a newer coldframe
 */
export async function openCatalog(
  place: string,
  fresh: ArchiveIdentity,
  token?: string,
): Promise<Database> {
  const db = connect(place, token);
  try {
    if (db.local) await db.run("PRAGMA journal_mode = WAL"); // readers (`status`) do not wait for a run
    await migrate(db, fresh);
    return db;
  } catch (error) {
    db.close();
    throw error;
  }
}

async function migrate(db: Database, fresh: ArchiveIdentity): Promise<void> {
  const version = await schemaVersion(db);
  if (version > SCHEMA_VERSION) {
    throw new ColdframeError(
      "catalog",
      `catalog ${db.place} was written by a newer coldframe (schema ${version}, this one knows ${SCHEMA_VERSION})`,
      { hint: "Update coldframe on this machine." },
    );
  }
  for (let from = version; from < SCHEMA_VERSION; from++) {
    const statements = (MIGRATIONS[from] ?? []).map((sql) => ({ sql }));
    const identity = from === 0 ? identityRows(fresh) : [];
    const note = {
      sql:
        "INSERT INTO meta (key, value) VALUES ('schema', ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value",
      args: [String(from + 1)],
    };
    try {
      await db.write([...statements, ...identity, note]);
    } catch (error) {
      if (await schemaVersion(db) <= from) throw error; // else another box was quicker
    }
  }
}

/** 0 for an empty database. */
async function schemaVersion(db: Database): Promise<number> {
  const tables = await db.all(
    "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%' AND name NOT LIKE '\\_%' ESCAPE '\\'",
    [],
    (row) => row.text("name"),
  );
  if (tables.length === 0) return 0;
  const version = tables.includes("meta") ? await getMeta(db, "schema") : undefined;
  if (version === undefined) {
    throw new ColdframeError("catalog", `${db.place} is a database, but not a coldframe catalog`, {
      hint: "Choose another home, or move that file aside.",
    });
  }
  return Number(version);
}

function identityRows(fresh: ArchiveIdentity): { sql: string; args: string[] }[] {
  return Object.entries(fresh).map(([key, value]) => ({
    sql: "INSERT INTO meta (key, value) VALUES (?, ?)",
    args: [key, value],
  }));
}

/** The ids of an open catalog. */
export async function archiveIdentity(db: Database): Promise<ArchiveIdentity> {
  const archive = await getMeta(db, "archive");
  const opaqueKey = await getMeta(db, "opaqueKey");
  if (archive === undefined || opaqueKey === undefined) {
    throw new ColdframeError("catalog", `catalog ${db.place} has lost its archive id`, {
      hint: "Run `coldframe recover` to rebuild it from the stores.",
    });
  }
  return { archive, opaqueKey };
}

/** A value of the `meta` table. */
export function getMeta(db: Database, key: string): Promise<string | undefined> {
  return db.first("SELECT value FROM meta WHERE key = ?", [key], (row) => row.text("value"));
}

/** Sets a value of the `meta` table. */
export async function setMeta(db: Database, key: string, value: string): Promise<void> {
  const sql =
    "INSERT INTO meta (key, value) VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value";
  await db.write([{ sql, args: [key, value] }]);
}

/** SQLite's own check of the file; the problems it names, none when it is sound. */
export async function integrityProblems(db: Database): Promise<string[]> {
  const lines = await db.all("PRAGMA integrity_check(20)", [], (row) => row.text("integrity_check"));
  return lines.filter((line) => line !== "ok");
}
