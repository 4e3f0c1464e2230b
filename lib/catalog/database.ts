/** A thin layer over `@libsql/client`: typed rows, whole batches, and errors that say what to do. */

import { type Client, createClient, type InValue, LibsqlError, type Row, type Value } from "@libsql/client";
import { ColdframeError, messageOf } from "../errors.ts";
import { databaseUrl } from "../files.ts";
import { Pace } from "../pace.ts";

/** One SQL statement with its arguments. */
export interface Statement {
  readonly sql: string;
  readonly args?: readonly InValue[];
}

/** One query of several; see `Database.atOneMoment`. */
export type ReadRows = (sql: string, args: readonly InValue[]) => Promise<(InValue)[][]>;

/** Rows asked of a server at once. */
const SERVER_PAGE = 2_000;

/** Whether a query can be cut into pages: it reads, and does not limit itself. */
function isPageable(sql: string): boolean {
  return /^\s*SELECT\b/i.test(sql) && !/\bLIMIT\s/i.test(sql);
}

/** How long a write waits for another process that holds the catalog, in ms. */
const BUSY_TIMEOUT = 10_000;

/** An open catalog database, local or on a libSQL server. */
export class Database {
  /** The file or address, for messages. */
  readonly place: string;
  readonly #client: Client;
  /**
   * A local file is read and written within the call: without a turn of the event loop now and then, going
   * through a large table would hold up Ctrl-C, the display, and the runtime's giving back of memory.
   */
  readonly #pace = new Pace();

  constructor(client: Client, place: string) {
    this.#client = client;
    this.place = place;
  }

  /** True for a database file on this machine. */
  get local(): boolean {
    return this.#client.protocol === "file";
  }

  /**
   * The rows of a query, each through `parse`. A server's answer is limited (sqld: 10 MB), so a long one is
   * read again page by page, as of one moment.
   */
  async all<T>(sql: string, args: readonly InValue[], parse: (row: RowReader) => T): Promise<T[]> {
    if (this.#pace.due) await this.#pace.rest();
    const rows = this.local || !isPageable(sql)
      ? await this.#rows(this.#client, sql, args)
      : await this.#pagedRows(sql, args);
    return rows.map((row) => parse(new RowReader(row)));
  }

  async #rows(from: Pick<Client, "execute">, sql: string, args: readonly InValue[]): Promise<Row[]> {
    return (await this.#guard(() => from.execute({ sql, args: [...args] }))).rows;
  }

  async #pagedRows(sql: string, args: readonly InValue[]): Promise<Row[]> {
    const page = (from: Pick<Client, "execute">, offset: number) =>
      this.#rows(from, `${sql} LIMIT ${SERVER_PAGE} OFFSET ${offset}`, args);
    const first = await page(this.#client, 0);
    if (first.length < SERVER_PAGE) return first;
    const transaction = await this.#guard(() => this.#client.transaction("read"));
    try {
      const all: Row[] = [];
      for (
        let part = await page(transaction, 0);
        part.length > 0;
        part = await page(transaction, all.length)
      ) {
        for (const row of part) all.push(row);
      }
      return all;
    } finally {
      transaction.close();
    }
  }

  /**
   * `all` for thousands of rows: they come as one text, which takes a third of the time (under Deno a
   * sixth) of the rows that the client would make.
   *
   * @param columns each with what it is in SQL; none of them a blob
   * @param from what follows the columns: FROM to LIMIT
   */
  async page<T>(
    columns: Readonly<Record<string, string>>,
    from: string,
    args: readonly InValue[],
    parse: (row: RowReader) => T,
  ): Promise<T[]> {
    const names = Object.keys(columns).map((name) => `'${name}', ${name}`).join(", ");
    const sql = `SELECT json_group_array(json_object(${names})) AS page FROM (SELECT ${
      listOf(columns)
    } ${from})`;
    const text = await this.first(sql, args, (row) => row.text("page"));
    const rows: unknown = JSON.parse(text ?? "[]");
    return Array.isArray(rows) ? rows.map((row) => parse(new RowReader(row))) : [];
  }

  /** The first row of a query, or undefined. */
  async first<T>(
    sql: string,
    args: readonly InValue[],
    parse: (row: RowReader) => T,
  ): Promise<T | undefined> {
    return (await this.all(sql, args, parse))[0];
  }

  /**
   * Runs statements as one transaction: all of them or none.
   *
   * @returns the number of rows each statement changed
   */
  async write(statements: readonly Statement[]): Promise<number[]> {
    if (statements.length === 0) return [];
    if (this.#pace.due) await this.#pace.rest();
    const batch = statements.map(({ sql, args }) => ({ sql, args: [...(args ?? [])] }));
    const results = await this.#guard(() => this.#client.batch(batch, "write"));
    return results.map((result) => result.rowsAffected);
  }

  /**
   * The rows of several queries as of one moment, whatever others write meanwhile.
   *
   * @param body gets a function that runs one query and gives its rows, columns in the order asked for
   */
  async atOneMoment<T>(body: (read: ReadRows) => Promise<T>): Promise<T> {
    const transaction = await this.#guard(() => this.#client.transaction("read"));
    try {
      return await body(async (sql, args) => {
        const { rows, columns } = await this.#guard(() => transaction.execute({ sql, args: [...args] }));
        return rows.map((row) => columns.map((_, i) => valueOf(row[i])));
      });
    } finally {
      transaction.close();
    }
  }

  /** Runs one statement outside a transaction (PRAGMA, VACUUM). */
  async run(sql: string, args: readonly InValue[] = []): Promise<void> {
    await this.#guard(() => this.#client.execute({ sql, args: [...args] }));
  }

  /**
   * Moves all that was written into the database file, so that a copy of this one file is whole. Where a
   * reader is in the way, it stays in the write-ahead log, which the next run finds.
   */
  async checkpoint(): Promise<void> {
    if (this.local) await this.run("PRAGMA wal_checkpoint(TRUNCATE)");
  }

  /** Closes the connection. Harmless when it is closed. */
  close(): void {
    this.#client.close();
  }

  async #guard<T>(action: () => Promise<T>): Promise<T> {
    try {
      return await action();
    } catch (error) {
      throw catalogError(error, this.place);
    }
  }
}

/**
 * Opens a database.
 *
 * @param place an absolute file path, or a `libsql:`, `https:` or `http:` address
 * @param token for a server, from the environment
 * @throws ColdframeError `catalog`
 */
export function connect(place: string, token?: string): Database {
  const remote = /^(libsql|https?|wss?):/.test(place);
  const url = remote ? place : databaseUrl(place);
  try {
    const client = createClient({
      url,
      concurrency: 1, // one connection, so that its pragmas hold for every statement
      ...(remote ? {} : { timeout: BUSY_TIMEOUT }),
      ...(remote && token !== undefined ? { authToken: token } : {}),
    });
    return new Database(client, place);
  } catch (error) {
    throw catalogError(error, place);
  }
}

/** Columns as a query names them. */
export function listOf(columns: Readonly<Record<string, string>>): string {
  return Object.entries(columns).map(([name, expression]) => `${expression} AS ${name}`).join(", ");
}

function valueOf(value: Value | undefined): InValue {
  return value ?? null;
}

function catalogError(error: unknown, place: string): ColdframeError {
  if (error instanceof ColdframeError) return error;
  const code = error instanceof LibsqlError ? error.code : "";
  const [what, hint] = explain(code, messageOf(error));
  return new ColdframeError("catalog", `catalog ${place}: ${what}`, { hint, cause: error });
}

function explain(code: string, message: string): [what: string, hint: string] {
  if (code.startsWith("SQLITE_CORRUPT") || code.startsWith("SQLITE_NOTADB") || /malformed/.test(message)) {
    return [
      "the file is damaged",
      "Move it aside and run `coldframe recover STORE --identity FILE`: the stores hold snapshots of it.",
    ];
  }
  if (code.startsWith("SQLITE_BUSY") || code.startsWith("SQLITE_LOCKED")) {
    return ["another program is using it", "Wait for the other run to end, then try again."];
  }
  if (code.startsWith("SQLITE_FULL")) return ["the disk is full", "Free some space and run again."];
  if (
    code.startsWith("SQLITE_READONLY") || code.startsWith("SQLITE_CANTOPEN") ||
    /unable to open/i.test(message)
  ) {
    return [
      "cannot be opened for writing",
      "Check that the home is yours and writable. A home on a read-only disk can be copied elsewhere and named with --home.",
    ];
  }
  if (code.startsWith("SQLITE_IOERR")) {
    return ["cannot be read or written", "Check the disk that holds the home."];
  }
  if (/HTTP status 40[13]|unauthori[sz]ed|forbidden/i.test(message)) {
    return ["the server refused the token", "Set COLDFRAME_CATALOG_TOKEN to a token with write access."];
  }
  if (/HTTP status 404/.test(message)) {
    return ["there is no libSQL server at that address", "Check the address in config.toml."];
  }
  if (/fetch failed|error sending request|unable to connect|ECONN|ENOTFOUND|network/i.test(message)) {
    return ["the server cannot be reached", "Check the network and the address in config.toml."];
  }
  return [message, "Run again with --debug for details."];
}

/** Reads typed columns out of a row; the border between SQL and our types. */
export class RowReader {
  readonly #row: Readonly<Record<string, unknown>>;

  constructor(row: Readonly<Record<string, unknown>>) {
    this.#row = row;
  }

  /** A TEXT column. */
  text(name: string): string {
    const value = this.#row[name];
    if (typeof value !== "string") throw this.#unexpected(name, "text");
    return value;
  }

  /** An INTEGER column. */
  int(name: string): number {
    const value = this.#row[name];
    if (typeof value !== "number") throw this.#unexpected(name, "a number");
    return value;
  }

  /** A BLOB column. */
  blob(name: string): Uint8Array<ArrayBuffer> {
    const value = this.#row[name];
    if (value instanceof ArrayBuffer) return new Uint8Array(value);
    throw this.#unexpected(name, "bytes");
  }

  /** A TEXT column that may be NULL. */
  optionalText(name: string): string | undefined {
    return this.#isNull(name) ? undefined : this.text(name);
  }

  /** An INTEGER column that may be NULL. */
  optionalInt(name: string): number | undefined {
    return this.#isNull(name) ? undefined : this.int(name);
  }

  #isNull(name: string): boolean {
    return this.#row[name] === null;
  }

  #unexpected(name: string, wanted: string): ColdframeError {
    const found = this.#row[name] === undefined ? "no such column" : typeof this.#row[name];
    return new ColdframeError("catalog", `catalog: ${name} should be ${wanted}, found ${found}`);
  }
}
