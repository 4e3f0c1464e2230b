/** What ran when, and which snapshots were taken. */

import type { Database, RowReader } from "./database.ts";

/** How a run ended. */
export type Outcome = "done" | "partly" | "failed" | "interrupted";

/** A row of `runs`. */
export interface Run {
  readonly job: string;
  readonly started: number;
  readonly ended: number | undefined;
  readonly outcome: string | undefined;
}

/** Notes the end of a run, with what it did as JSON. */
export async function noteRun(
  db: Database,
  run: {
    readonly box: string;
    readonly job: string;
    readonly started: number;
    readonly ended: number;
    readonly outcome: Outcome;
    readonly summary: unknown;
  },
): Promise<void> {
  await db.write([{
    sql: "INSERT INTO runs (box, job, started, ended, outcome, summary) VALUES (?, ?, ?, ?, ?, ?)",
    args: [run.box, run.job, run.started, run.ended, run.outcome, JSON.stringify(run.summary)],
  }]);
}

/** The latest run of each job on a box. */
export function latestRuns(db: Database, box: string): Promise<Run[]> {
  return db.all(
    `SELECT job, started, ended, outcome FROM runs
      WHERE id IN (SELECT max(id) FROM runs WHERE box = ? GROUP BY job) ORDER BY job`,
    [box],
    (row) => ({
      job: row.text("job"),
      started: row.int("started"),
      ended: row.optionalInt("ended"),
      outcome: row.optionalText("outcome"),
    }),
  );
}

/** When each job of a box last ended well, wholly or but for some files: ms since 1970 by name of the job. */
export async function latestSuccesses(db: Database, box: string): Promise<ReadonlyMap<string, number>> {
  const rows = await db.all(
    `SELECT job, max(ended) AS ended FROM runs
      WHERE box = ? AND outcome IN ('done', 'partly') AND ended IS NOT NULL GROUP BY job`,
    [box],
    (row) => [row.text("job"), row.int("ended")] as const,
  );
  return new Map(rows);
}

/** When a box first ran anything, in ms since 1970; undefined before. */
export async function firstRun(db: Database, box: string): Promise<number | undefined> {
  const sql = "SELECT min(started) AS first FROM runs WHERE box = ?";
  return await db.first(sql, [box], (row) => row.optionalInt("first"));
}

/** A stored snapshot of the catalog. */
export interface Snapshot {
  readonly store: string;
  readonly key: string;
  readonly size: number;
  readonly checksum: string;
  readonly time: number;
}

/** Notes a stored snapshot. */
export async function noteSnapshot(db: Database, snapshot: Snapshot): Promise<void> {
  await db.write([{
    sql: "INSERT INTO snapshots (store, key, size, checksum, time) VALUES (?, ?, ?, ?, ?)",
    args: [snapshot.store, snapshot.key, snapshot.size, snapshot.checksum, snapshot.time],
  }]);
}

/** When snapshots that are in a store were taken, with their keys. */
export function snapshotsIn(db: Database, store: string): Promise<Pick<Snapshot, "key" | "time">[]> {
  return db.all(
    "SELECT key, time FROM snapshots WHERE store = ? ORDER BY time",
    [store],
    (row) => ({ key: row.text("key"), time: row.int("time") }),
  );
}

/** Forgets snapshots after their removal from the store. */
export async function forgetSnapshots(db: Database, store: string, keys: readonly string[]): Promise<void> {
  await db.write([{
    sql: "DELETE FROM snapshots WHERE store = ? AND key IN (SELECT value FROM json_each(?))",
    args: [store, JSON.stringify(keys)],
  }]);
}

/** The newest snapshot anywhere. */
export function latestSnapshot(db: Database): Promise<Snapshot | undefined> {
  return db.first(`${SNAPSHOTS} ORDER BY time DESC LIMIT 1`, [], parseSnapshot);
}

/** Every snapshot, oldest first. */
export function listSnapshots(db: Database): Promise<Snapshot[]> {
  return db.all(`${SNAPSHOTS} ORDER BY time`, [], parseSnapshot);
}

const SNAPSHOTS = "SELECT store, key, size, checksum, time FROM snapshots";

function parseSnapshot(row: RowReader): Snapshot {
  return {
    store: row.text("store"),
    key: row.text("key"),
    size: row.int("size"),
    checksum: row.text("checksum"),
    time: row.int("time"),
  };
}

/** Bytes that checks have read out of stores since a moment, of all boxes. */
export async function bytesReadSince(db: Database, since: number): Promise<number> {
  const sum = await db.first(
    `SELECT coalesce(sum(summary ->> 'bytesRead'), 0) AS bytes FROM runs
      WHERE job LIKE 'check %' AND started >= ?`,
    [since],
    (row) => row.int("bytes"),
  );
  return sum ?? 0;
}

/** A check that was made. */
export interface CheckRun {
  readonly job: string;
  readonly started: number;
  readonly outcome: string | undefined;
  /** How many copies it found damaged or gone; undefined where it did not come so far. */
  readonly damage: number | undefined;
}

/** The checks of all boxes since a moment, oldest first. */
export function checkRuns(db: Database, since: number): Promise<CheckRun[]> {
  return db.all(
    `SELECT job, started, outcome, summary ->> 'damage' AS damage FROM runs
      WHERE job LIKE 'check %' AND started >= ? ORDER BY started, id`,
    [since],
    (row) => ({
      job: row.text("job"),
      started: row.int("started"),
      outcome: row.optionalText("outcome"),
      damage: row.optionalInt("damage"),
    }),
  );
}
