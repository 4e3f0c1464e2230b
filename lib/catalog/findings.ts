/**
 * What is wrong with the archive, as the catalog remembers it. A look (a check of one store at one level, a
 * watchful run) reports all it found of its scope at once: what is new opens a finding, what was known stays
 * open, and what it no longer finds is closed.
 */

import type { Database, RowReader, Statement } from "./database.ts";

/** `damage` is a copy lost or bad, which ends a check with exit code 4; a `warning` may become so. */
export type FindingSeverity = "damage" | "warning";

/** What a look reports. */
export interface Found {
  /** What it is about, such as an object's key: the same from look to look. */
  readonly name: string;
  /** A stable word for programs, such as `object-missing`. */
  readonly kind: string;
  readonly severity: FindingSeverity;
  readonly message: string;
  /** What to do next, with the command that mends it. */
  readonly hint: string | undefined;
  /** The files it touches, as `<source name>/<path>`. */
  readonly files: readonly string[];
}

/** A row of `findings`; times in ms since 1970. */
export interface Finding extends Found {
  readonly id: number;
  readonly scope: string;
  readonly opened: number;
  readonly seen: number;
  readonly closed: number | undefined;
}

/**
 * Settles a scope: opens, renews and closes its findings in one transaction.
 *
 * @param scope names the look; with the box's id where only that box can look, such as at its sources
 * @param found everything the look found
 * @param looked whether the look could have found a finding of this name; one that it passed over stays open
 */
export async function settleFindings(
  db: Database,
  scope: string,
  found: readonly Found[],
  at: number,
  looked: (name: string) => boolean = () => true,
): Promise<void> {
  const names = new Set(found.map(({ name }) => name));
  const over = (await openFindings(db, scope)).filter(({ name }) => !names.has(name) && looked(name));
  await db.write([
    ...found.map((one) => upsert(scope, one, at)),
    ...over.map(({ id }) => ({ sql: "UPDATE findings SET closed = ? WHERE id = ?", args: [at, id] })),
  ]);
}

function upsert(scope: string, found: Found, at: number): Statement {
  const { name, kind, severity, message, hint, files } = found;
  return {
    sql: `INSERT INTO findings (scope, name, kind, severity, message, hint, files, opened, seen)
          VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
          ON CONFLICT (scope, name) WHERE closed IS NULL DO UPDATE SET
            kind = excluded.kind, severity = excluded.severity, message = excluded.message,
            hint = excluded.hint, files = excluded.files, seen = excluded.seen`,
    args: [scope, name, kind, severity, message, hint ?? null, JSON.stringify(files), at, at],
  };
}

/** What is wrong now, the oldest first; of one scope, or of all. */
export async function openFindings(db: Database, scope?: string): Promise<Finding[]> {
  const [where, args] = scope === undefined ? ["", []] : ["AND scope = ?", [scope]];
  return await db.all(
    `SELECT * FROM findings WHERE closed IS NULL ${where} ORDER BY opened, id`,
    args,
    parseFinding,
  );
}

/** A row of `findings`. */
export function parseFinding(row: RowReader): Finding {
  return {
    id: row.int("id"),
    scope: row.text("scope"),
    name: row.text("name"),
    kind: row.text("kind"),
    severity: row.text("severity") === "damage" ? "damage" : "warning",
    message: row.text("message"),
    hint: row.optionalText("hint"),
    files: textsOf(row.text("files")),
    opened: row.int("opened"),
    seen: row.int("seen"),
    closed: row.optionalInt("closed"),
  };
}

function textsOf(json: string): string[] {
  const value: unknown = JSON.parse(json);
  return Array.isArray(value) ? value.filter((item) => typeof item === "string") : [];
}

/** What was wrong and is not any more, since a moment; the latest first. */
export function closedFindings(db: Database, since: number): Promise<Finding[]> {
  return db.all("SELECT * FROM findings WHERE closed >= ? ORDER BY closed DESC, id", [since], parseFinding);
}
