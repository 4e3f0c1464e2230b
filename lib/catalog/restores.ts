/**
 * Restores that wait for thawed objects: what shall come back, which objects the user agreed to have thawed,
 * and how far that is. Everything is written down before the store is asked, so that no crash makes a second
 * request, and every question about what is readable is answered by the store itself.
 */

import type { Database, RowReader, Statement } from "./database.ts";
import type { Selected } from "./wanted.ts";

/** How a restore ended: `partly` when files could not be had. */
export type RestoreEnding = "done" | "partly" | "cancelled";

/** How a thaw ended: its object was used, its copy ran out before, or nobody wants it any more. */
export type ThawEnding = "fetched" | "expired" | "cancelled";

/** How a restore shall go. */
export interface NewRestore {
  readonly box: string;
  /** Absolute path of the folder restored into. */
  readonly target: string;
  readonly overwrite: boolean;
  readonly tier: string;
  /** How long thawed copies shall stay. */
  readonly days: number;
  /** ms since 1970. */
  readonly created: number;
}

/** A row of `restores` with how far it is. */
export interface OpenRestore extends NewRestore {
  readonly id: number;
  readonly files: number;
  readonly done: number;
  /** Bytes of its files. */
  readonly bytes: number;
}

/** An object of a store. */
export interface StoredObject {
  readonly store: string;
  readonly key: string;
  /** Bytes. */
  readonly size: number;
}

/** A row of `thaws` that has not ended; times in ms since 1970. */
export interface Thaw extends StoredObject {
  readonly id: number;
  readonly restore: number;
  readonly tier: string;
  /** When the user agreed. */
  readonly agreed: number;
  /** When the store had taken the request; undefined while it may not have. */
  readonly requested: number | undefined;
  /** When it was first found readable. */
  readonly ready: number | undefined;
  readonly until: number | undefined;
}

/**
 * Writes down a restore with its files, as one transaction.
 *
 * @param versions ids of the versions that shall come back
 * @returns its id
 */
export async function openRestore(
  db: Database,
  restore: NewRestore,
  versions: readonly number[],
): Promise<number> {
  const { box, target, overwrite, tier, days, created } = restore;
  const id = await nextId(db);
  await db.write([
    {
      sql: `INSERT INTO restores (id, box, target, overwrite, tier, days, created)
            VALUES (?, ?, ?, ?, ?, ?, ?)`,
      args: [id, box, target, overwrite ? 1 : 0, tier, days, created],
    },
    {
      sql: "INSERT INTO restore_files (restore, version) SELECT ?, value FROM json_each(?)",
      args: [id, JSON.stringify([...new Set(versions)])],
    },
  ]);
  return id;
}

/** Two boxes that choose the same id at once: one of them fails on the primary key, and has asked nobody yet. */
async function nextId(db: Database): Promise<number> {
  const last = await db.first("SELECT max(id) AS id FROM restores", [], (row) => row.optionalInt("id"));
  return (last ?? 0) + 1;
}

/** The restores of a box that have not ended, oldest first. */
export function openRestores(db: Database, box: string): Promise<OpenRestore[]> {
  return db.all(
    `SELECT r.*, count(f.version) AS files, count(f.done) AS done, coalesce(sum(c.size), 0) AS bytes
       FROM restores r
       LEFT JOIN restore_files f ON f.restore = r.id
       LEFT JOIN versions v ON v.id = f.version
       LEFT JOIN contents c ON c.id = v.content
      WHERE r.ended IS NULL AND r.box = ? GROUP BY r.id ORDER BY r.id`,
    [box],
    (row) => ({
      id: row.int("id"),
      box: row.text("box"),
      target: row.text("target"),
      overwrite: row.int("overwrite") === 1,
      tier: row.text("tier"),
      days: row.int("days"),
      created: row.int("created"),
      files: row.int("files"),
      done: row.int("done"),
      bytes: row.int("bytes"),
    }),
  );
}

/**
 * An open restore to the same folder that brings back all of these versions, if there is one: who types the same
 * command again means the same restore.
 */
export function sameRestore(
  db: Database,
  { box, target, overwrite }: Pick<NewRestore, "box" | "target" | "overwrite">,
  versions: readonly number[],
): Promise<number | undefined> {
  return db.first(
    `SELECT r.id FROM restores r WHERE r.ended IS NULL AND r.box = ? AND r.target = ? AND r.overwrite = ?
        AND NOT EXISTS (SELECT 1 FROM json_each(?) AS wanted WHERE NOT EXISTS
            (SELECT 1 FROM restore_files f WHERE f.restore = r.id AND f.version = wanted.value))
      ORDER BY r.id LIMIT 1`,
    [box, target, overwrite ? 1 : 0, JSON.stringify(versions)],
    (row) => row.int("id"),
  );
}

/** The versions of a restore that are not in the target folder yet, by path. */
export async function pendingVersions(db: Database, restore: number): Promise<Selected> {
  const rows = await db.all(
    `SELECT f.version, c.size FROM restore_files f
       JOIN versions v ON v.id = f.version JOIN contents c ON c.id = v.content
      WHERE f.restore = ? AND f.done IS NULL ORDER BY v.source, v.path`,
    [restore],
    (row) => ({ version: row.int("version"), size: row.int("size") }),
  );
  return {
    versions: rows.map(({ version }) => version),
    bytes: rows.reduce((sum, { size }) => sum + size, 0),
  };
}

/** Notes files that have their names. */
export async function noteRestored(
  db: Database,
  restore: number,
  versions: readonly number[],
  now: number,
): Promise<void> {
  if (versions.length === 0) return;
  await db.write([{
    sql: `UPDATE restore_files SET done = ?
           WHERE restore = ? AND version IN (SELECT value FROM json_each(?))`,
    args: [now, restore, JSON.stringify(versions)],
  }]);
}

/** Ends a restore, and with it the thaws it was for, as one transaction. */
export async function endRestore(
  db: Database,
  restore: number,
  ending: RestoreEnding,
  now: number,
): Promise<void> {
  const thaws: ThawEnding = ending === "cancelled" ? "cancelled" : "fetched";
  await db.write([
    {
      sql: "UPDATE restores SET ended = ?, ending = ? WHERE id = ? AND ended IS NULL",
      args: [now, ending, restore],
    },
    {
      sql: "UPDATE thaws SET ended = ?, ending = ? WHERE restore = ? AND ended IS NULL",
      args: [now, thaws, restore],
    },
  ]);
}

/**
 * Writes down, before any store is asked, that the user agreed to thaw these objects. One that is being
 * thawed already keeps its row.
 */
export async function agreeToThaw(
  db: Database,
  restore: number,
  objects: readonly StoredObject[],
  tier: string,
  now: number,
): Promise<void> {
  await db.write(objects.map(({ store, key, size }): Statement => ({
    sql: `INSERT INTO thaws (restore, store, key, size, tier, agreed) VALUES (?, ?, ?, ?, ?, ?)
          ON CONFLICT (store, key) WHERE ended IS NULL DO NOTHING`,
    args: [restore, store, key, size, tier, now],
  })));
}

/** The thaws that have not ended, of all restores. */
export function openThaws(db: Database): Promise<Thaw[]> {
  return db.all("SELECT * FROM thaws WHERE ended IS NULL ORDER BY id", [], parseThaw);
}

function parseThaw(row: RowReader): Thaw {
  return {
    id: row.int("id"),
    restore: row.int("restore"),
    store: row.text("store"),
    key: row.text("key"),
    size: row.int("size"),
    tier: row.text("tier"),
    agreed: row.int("agreed"),
    requested: row.optionalInt("requested"),
    ready: row.optionalInt("ready"),
    until: row.optionalInt("until"),
  };
}

/** What the store said of an object that is being thawed. */
export interface ThawState {
  /** It has taken the request. */
  readonly requested: boolean;
  readonly ready: boolean;
  /** ms since 1970. */
  readonly until: number | undefined;
}

/** Notes what the store said. The moments of the first time stay. */
export async function noteThaw(db: Database, id: number, state: ThawState, now: number): Promise<void> {
  await db.write([{
    sql: `UPDATE thaws SET requested = coalesce(requested, ?), ready = coalesce(ready, ?), until = ?
           WHERE id = ?`,
    args: [state.requested ? now : null, state.ready ? now : null, state.until ?? null, id],
  }]);
}

/** Ends thaws. */
export async function endThaws(
  db: Database,
  ids: readonly number[],
  ending: ThawEnding,
  now: number,
): Promise<void> {
  if (ids.length === 0) return;
  await db.write([{
    sql: `UPDATE thaws SET ended = ?, ending = ?
           WHERE ended IS NULL AND id IN (SELECT value FROM json_each(?))`,
    args: [now, ending, JSON.stringify(ids)],
  }]);
}
