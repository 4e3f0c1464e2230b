/**
 * A small libSQL server for tests: Hrana over HTTP, JSON, protocol versions 2 and 3
 * (github.com/tursodatabase/libsql, docs/HRANA_2_SPEC.md and HRANA_3_SPEC.md), on a local database file.
 * As much of it as `@libsql/client` speaks: execute, batch, sequence, stored SQL texts, and streams that
 * stay open over several requests by their baton.
 */

import {
  type Client,
  createClient,
  type InValue,
  LibsqlError,
  type ResultSet,
  type Transaction,
} from "@libsql/client";
import { Buffer } from "node:buffer";
import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";

/** A running server. */
export interface HranaServer {
  readonly url: string;
  /** How many requests it has answered, by status. */
  readonly answered: Map<number, number>;
  /** Every SQL text it was asked to run. */
  readonly statements: string[];
  close(): Promise<void>;
}

/**
 * Starts a server on a free port of 127.0.0.1.
 *
 * @param file the database
 * @param token what a client must send as `Authorization: Bearer`
 */
export async function startHrana(file: string, token: string): Promise<HranaServer> {
  const hrana = new Hrana(file, token);
  await hrana.prepare();
  const server = createServer((request, response) => void hrana.serve(request, response));
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("the server has no port");
  return {
    url: `http://127.0.0.1:${address.port}`,
    answered: hrana.answered,
    statements: hrana.statements,
    async close() {
      server.closeAllConnections();
      server.close();
      await once(server, "close");
      hrana.close();
    },
  };
}

/** What sqld takes for too large, unless it is told otherwise (`--max-response-size`). */
const MAX_RESPONSE = 10_000_000;

type Json = Record<string, unknown>;

/** A connection that a client keeps, with the SQL texts it has stored there. */
interface Stream {
  readonly client: Client;
  readonly texts: Map<number, string>;
  transaction: Transaction | undefined;
}

class Hrana {
  readonly answered = new Map<number, number>();
  readonly statements: string[] = [];
  readonly #file: string;
  readonly #token: string;
  readonly #streams = new Map<string, Stream>();
  readonly #idle: Client[] = [];
  /** Pipelines run one after another: SQLite waits for a lock without letting anyone else run. */
  #last: Promise<unknown> = Promise.resolve();

  constructor(file: string, token: string) {
    this.#file = file;
    this.#token = token;
  }

  async serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const [status, body] = await this.#answer(request).catch((error): [number, Json] => [
      500,
      { message: String(error) },
    ]);
    this.answered.set(status, (this.answered.get(status) ?? 0) + 1);
    response.writeHead(status, { "content-type": "application/json" });
    response.end(JSON.stringify(body));
  }

  /** Readers shall not wait for writers. */
  async prepare(): Promise<void> {
    const { client } = this.#newStream();
    await client.execute("PRAGMA journal_mode = WAL");
    this.#idle.push(client);
  }

  close(): void {
    for (const { client } of this.#streams.values()) client.close();
    for (const client of this.#idle) client.close();
  }

  async #answer(request: IncomingMessage): Promise<[number, Json]> {
    if (request.headers.authorization !== `Bearer ${this.#token}`) {
      return [401, { error: "Unauthorized: `The JWT is invalid`" }]; // sqld's words
    }
    if (request.method !== "POST" || !/^\/v[23]\/pipeline$/.test(request.url ?? "")) {
      return [404, { error: "not found" }];
    }
    const parts: Uint8Array[] = [];
    for await (const part of request) parts.push(part);
    const body = JSON.parse(Buffer.concat(parts).toString("utf8"));
    const turn = this.#last.then(() => this.#pipeline(body));
    this.#last = turn.catch(() => {});
    const answer = await turn;
    if (JSON.stringify(answer).length > MAX_RESPONSE) throw new Error("Response is too large");
    return [200, answer];
  }

  async #pipeline({ baton, requests }: { baton?: string | null; requests: Json[] }): Promise<Json> {
    const stream = this.#takeStream(baton ?? undefined);
    const results: Json[] = [];
    let open = true;
    for (const request of requests) {
      if (request["type"] === "close") open = false;
      results.push(await this.#request(stream, request));
    }
    return { baton: open ? this.#keepStream(stream) : this.#endStream(stream), base_url: null, results };
  }

  #takeStream(baton: string | undefined): Stream {
    if (baton === undefined) return this.#newStream();
    const stream = this.#streams.get(baton);
    if (stream === undefined) throw new Error("unknown baton"); // also one that was used before
    this.#streams.delete(baton);
    return stream;
  }

  #newStream(): Stream {
    const client = this.#idle.pop() ??
      createClient({ url: `file:${this.#file}`, intMode: "bigint", concurrency: 1, timeout: 10_000 });
    return { client, texts: new Map(), transaction: undefined };
  }

  #keepStream(stream: Stream): string {
    const baton = randomUUID();
    this.#streams.set(baton, stream);
    return baton;
  }

  #endStream({ client }: Stream): null {
    this.#idle.push(client);
    return null;
  }

  async #request(stream: Stream, request: Json): Promise<Json> {
    try {
      return { type: "ok", response: { type: request["type"], ...await this.#run(stream, request) } };
    } catch (error) {
      return { type: "error", error: errorOf(error) };
    }
  }

  async #run(stream: Stream, request: Json): Promise<Json> {
    switch (request["type"]) {
      case "close":
        stream.transaction?.close(); // a stream that ends, ends its transaction
        return {};
      case "store_sql":
        stream.texts.set(Number(request["sql_id"]), String(request["sql"]));
        return {};
      case "close_sql":
        stream.texts.delete(Number(request["sql_id"]));
        return {};
      case "execute":
        return { result: await this.#execute(stream, object(request["stmt"])) };
      case "batch":
        return { result: await this.#batch(stream, array(object(request["batch"])["steps"])) };
      case "sequence":
        await stream.client.executeMultiple(this.#textOf(stream, request));
        return {};
      default:
        throw new Error(`this server does not know the request ${String(request["type"])}`);
    }
  }

  #textOf(stream: Stream, { sql, sql_id: id }: Json): string {
    const text = typeof sql === "string" ? sql : stream.texts.get(Number(id));
    if (text === undefined) throw new Error(`there is no stored text ${String(id)}`);
    this.statements.push(text);
    return text;
  }

  async #execute(stream: Stream, stmt: Json): Promise<Json> {
    const statement = {
      sql: this.#textOf(stream, stmt),
      args: array(stmt["args"] ?? []).map(decode),
    };
    return encodeResult(await runStatement(stream, statement));
  }

  async #batch(stream: Stream, steps: readonly Json[]): Promise<Json> {
    const results: (Json | null)[] = [];
    const errors: (Json | null)[] = [];
    for (const step of steps) {
      const wanted = isTrue(step["condition"] ?? undefined, results, errors);
      const outcome = wanted ? await this.#step(stream, object(step["stmt"])) : {};
      results.push(outcome.result ?? null);
      errors.push(outcome.error ?? null);
    }
    return { step_results: results, step_errors: errors };
  }

  async #step(stream: Stream, stmt: Json): Promise<{ result?: Json; error?: Json }> {
    try {
      return { result: await this.#execute(stream, stmt) };
    } catch (error) {
      return { error: errorOf(error) };
    }
  }
}

/** The client takes a connection back after each statement, so that transactions are its own to make. */
async function runStatement(stream: Stream, statement: { sql: string; args: InValue[] }): Promise<ResultSet> {
  const [word, ...rest] = statement.sql.trim().toUpperCase().split(/\s+/);
  if (word === "BEGIN") {
    stream.transaction = await stream.client.transaction(rest.includes("READONLY") ? "read" : "write");
    return NOTHING;
  }
  const { transaction } = stream;
  if (word !== "COMMIT" && word !== "ROLLBACK") {
    return await (transaction ?? stream.client).execute(statement);
  }
  if (transaction === undefined) {
    throw new LibsqlError(`cannot ${word} - no transaction is active`, "SQLITE_ERROR");
  }
  stream.transaction = undefined;
  await (word === "COMMIT" ? transaction.commit() : transaction.rollback());
  return NOTHING;
}

const NOTHING: ResultSet = {
  columns: [],
  columnTypes: [],
  rows: [],
  rowsAffected: 0,
  lastInsertRowid: undefined,
  toJSON: () => ({}),
};

/** HRANA_2_SPEC, "Batch": whether a step is run, by how the steps before it went. */
function isTrue(condition: unknown, results: readonly unknown[], errors: readonly unknown[]): boolean {
  if (condition === undefined) return true;
  const { type, step, cond, conds } = object(condition);
  switch (type) {
    case "ok":
      return (results[Number(step)] ?? null) !== null;
    case "error":
      return (errors[Number(step)] ?? null) !== null;
    case "not":
      return !isTrue(cond, results, errors);
    case "and":
      return array(conds).every((part) => isTrue(part, results, errors));
    case "or":
      return array(conds).some((part) => isTrue(part, results, errors));
    default:
      throw new Error(`this server does not know the condition ${String(type)}`);
  }
}

function decode(value: Json): null | bigint | number | string | Uint8Array {
  switch (value["type"]) {
    case "null":
      return null;
    case "integer":
      return BigInt(String(value["value"]));
    case "float":
      return Number(value["value"]);
    case "text":
      return String(value["value"]);
    case "blob":
      return new Uint8Array(Buffer.from(String(value["base64"]), "base64"));
    default:
      throw new Error(`this server does not know the value ${String(value["type"])}`);
  }
}

function encode(value: unknown): Json {
  if (value === null || value === undefined) return { type: "null" };
  if (typeof value === "bigint") return { type: "integer", value: String(value) };
  if (typeof value === "number") return { type: "float", value };
  if (typeof value === "string") return { type: "text", value };
  if (value instanceof ArrayBuffer) {
    return { type: "blob", base64: Buffer.from(value).toString("base64").replace(/=+$/, "") };
  }
  throw new Error(`this server does not know what ${typeof value} is in SQL`);
}

function encodeResult({ columns, columnTypes, rows, rowsAffected, lastInsertRowid }: ResultSet): Json {
  return {
    cols: columns.map((name, i) => ({ name, decltype: columnTypes[i] ?? null })),
    rows: rows.map((row) => columns.map((_, i) => encode(row[i]))),
    affected_row_count: rowsAffected,
    last_insert_rowid: lastInsertRowid === undefined ? null : String(lastInsertRowid),
  };
}

function errorOf(error: unknown): Json {
  const message = error instanceof Error ? error.message : String(error);
  return { message, code: error instanceof LibsqlError ? error.code : "INTERNAL" };
}

function object(value: unknown): Json {
  if (typeof value !== "object" || value === null) throw new Error("an object is wanted");
  return { ...value };
}

function array(value: unknown): Json[] {
  if (!Array.isArray(value)) throw new Error("a list is wanted");
  return value.map(object);
}
