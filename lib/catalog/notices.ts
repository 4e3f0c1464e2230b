/**
 * What people were told, and the messages on their way to them. A message is written down in the same
 * transaction as what it tells of, and marked when its channel has taken it: a crash between sends it again
 * (under the same name), and never loses it.
 */

import type { Database, RowReader, Statement } from "./database.ts";
import { type Finding, type FindingSeverity, parseFinding } from "./findings.ts";

/** A finding and what was told of it. Times are ms since 1970. */
export interface TellableFinding extends Finding {
  readonly told: { readonly last: number; readonly severity: FindingSeverity } | undefined;
}

/** Findings that are open, and those whose end is not told yet, oldest first. */
export function tellableFindings(db: Database): Promise<TellableFinding[]> {
  return db.all(
    `SELECT f.*, t.last AS told_last, t.severity AS told_severity
       FROM findings f LEFT JOIN told t ON t.finding = f.id
      WHERE f.closed IS NULL OR (t.finding IS NOT NULL AND t.closed IS NULL)
      ORDER BY f.opened, f.id`,
    [],
    (row) => {
      const last = row.optionalInt("told_last");
      const severity = row.optionalText("told_severity") === "damage" ? "damage" : "warning";
      return { ...parseFinding(row), told: last === undefined ? undefined : { last, severity } };
    },
  );
}

/** Notes that a finding was told: that it is there, or that it is over. */
export function noteTold({ id, severity, closed }: Finding, at: number): Statement {
  return {
    sql: `INSERT INTO told (finding, severity, last, closed) VALUES (?, ?, ?, ?)
          ON CONFLICT (finding) DO UPDATE SET
            severity = excluded.severity, last = excluded.last, closed = excluded.closed`,
    args: [id, severity, at, closed === undefined ? null : at],
  };
}

/** A message for one channel. */
export interface NewNotice {
  readonly message: string;
  readonly channel: string;
  readonly box: string;
  readonly kind: string;
  readonly urgency: string;
  readonly made: number;
  readonly subject: string;
  readonly body: string;
  /** JSON. */
  readonly problems: string;
}

/** A row of `notices`. */
export interface Notice extends NewNotice {
  readonly id: number;
  readonly attempts: number;
  readonly tried: number | undefined;
  readonly error: string | undefined;
  readonly sent: number | undefined;
  readonly dropped: number | undefined;
}

/** Writes a message down, to be sent; once, though two boxes that share the catalog do so at the same time. */
export function queueNotice(notice: NewNotice): Statement {
  const { message, channel, box, kind, urgency, made, subject, body, problems } = notice;
  return {
    sql: `INSERT INTO notices (message, channel, box, kind, urgency, made, subject, body, problems)
          VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (message, channel) DO NOTHING`,
    args: [message, channel, box, kind, urgency, made, subject, body, problems],
  };
}

/** Gives up messages of a kind that still wait, since a newer one says the same. */
export function dropWaiting(box: string, kind: string, at: number): Statement {
  return {
    sql: `UPDATE notices SET dropped = ?, error = 'a newer message says the same'
           WHERE box = ? AND kind = ? AND sent IS NULL AND dropped IS NULL`,
    args: [at, box, kind],
  };
}

/** What waits on a box for a channel, oldest first. */
export function waitingNotices(db: Database, box: string, channel: string): Promise<Notice[]> {
  return db.all(
    `SELECT * FROM notices WHERE box = ? AND channel = ? AND sent IS NULL AND dropped IS NULL ORDER BY id`,
    [box, channel],
    parseNotice,
  );
}

/** Marks a message as taken by its channel. */
export async function markSent(db: Database, id: number, at: number): Promise<void> {
  await db.write([{
    sql: "UPDATE notices SET sent = ?, tried = ?, attempts = attempts + 1, error = NULL WHERE id = ?",
    args: [at, at, id],
  }]);
}

/** Notes an attempt that failed, for all the messages that it failed for. */
export async function markFailed(
  db: Database,
  ids: readonly number[],
  at: number,
  error: string,
): Promise<void> {
  await db.write([{
    sql: `UPDATE notices SET tried = ?, attempts = attempts + 1, error = ?
           WHERE id IN (SELECT value FROM json_each(?))`,
    args: [at, error, JSON.stringify(ids)],
  }]);
}

/**
 * Keeps the table small: gives up what has waited since before `waiting`, and all but the newest `most` of a
 * channel; forgets what was sent or given up before `settled`, but for the newest digest, whose date counts.
 */
export async function tidyNotices(
  db: Database,
  { now, waiting, settled, most }: { now: number; waiting: number; settled: number; most: number },
): Promise<void> {
  await db.write([
    {
      sql: `UPDATE notices SET dropped = ? WHERE sent IS NULL AND dropped IS NULL AND (made < ? OR id IN
              (SELECT id FROM (SELECT id, row_number() OVER (PARTITION BY box, channel ORDER BY id DESC) AS n
                 FROM notices WHERE sent IS NULL AND dropped IS NULL) WHERE n > ?))`,
      args: [now, waiting, most],
    },
    {
      sql: `DELETE FROM notices WHERE coalesce(sent, dropped) < ?
              AND id <> coalesce((SELECT max(id) FROM notices WHERE kind = 'digest'), 0)`,
      args: [settled],
    },
  ]);
}

/** When the newest digest was written; undefined before the first. */
export function latestDigest(db: Database): Promise<number | undefined> {
  return db.first(
    "SELECT made FROM notices WHERE kind = 'digest' ORDER BY id DESC LIMIT 1",
    [],
    (row) => row.int("made"),
  );
}

/**
 * Takes the turn to tell what is new on a box.
 *
 * @param longest ms after which a turn that was never ended is over
 * @returns false while another process has it
 */
export async function claimTurn(db: Database, box: string, now: number, longest: number): Promise<boolean> {
  const [changed] = await db.write([{
    sql: `INSERT INTO meta (key, value) VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value
           WHERE abs(CAST(excluded.value AS INTEGER) - CAST(value AS INTEGER)) > ?`,
    args: [`telling ${box}`, String(now), longest],
  }]);
  return changed === 1;
}

/** Gives the turn back. */
export async function endTurn(db: Database, box: string): Promise<void> {
  await db.write([{ sql: "DELETE FROM meta WHERE key = ?", args: [`telling ${box}`] }]);
}

/** The newest messages, newest first. */
export function listNotices(db: Database, limit: number): Promise<Notice[]> {
  return db.all("SELECT * FROM notices ORDER BY id DESC LIMIT ?", [limit], parseNotice);
}

function parseNotice(row: RowReader): Notice {
  return {
    id: row.int("id"),
    message: row.text("message"),
    channel: row.text("channel"),
    box: row.text("box"),
    kind: row.text("kind"),
    urgency: row.text("urgency"),
    made: row.int("made"),
    subject: row.text("subject"),
    body: row.text("body"),
    problems: row.text("problems"),
    attempts: row.int("attempts"),
    tried: row.optionalInt("tried"),
    error: row.optionalText("error"),
    sent: row.optionalInt("sent"),
    dropped: row.optionalInt("dropped"),
  };
}
