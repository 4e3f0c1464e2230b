/**
 * One signed request to S3 and its answer. Nothing is repeated here: the retry wrapper round the store does
 * that, and decides by `StoreError.transient`.
 *
 * Every body is signed with its SHA-256 (never UNSIGNED-PAYLOAD), so that a server that checks signatures
 * has checked the bytes.
 */

import { AwsV4Signer } from "aws4fetch";
import { type Bytes, collect, concat } from "../../bytes.ts";
import { messageOf, StoreError } from "../../errors.ts";
import type { AwsCredentials } from "../aws/credentials.ts";
import { sha256Hex } from "../checksum.ts";
import type { StoreContext } from "../context.ts";
import type { Address } from "./address.ts";
import { type Operation, S3Error, usualReason } from "./errors.ts";
import { Pace, Watch } from "./stall.ts";
import { parseXml, textOf, type XmlElement } from "./xml.ts";

/** A request before it is signed. */
export interface S3Request {
  readonly operation: Operation;
  readonly method: "GET" | "HEAD" | "PUT" | "POST" | "DELETE";
  /** The object's whole key; without it the request is for the bucket. */
  readonly key?: string;
  readonly query?: Readonly<Record<string, string>>;
  /** Lower-case names; all are signed but `range` and `content-type`. */
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Bytes;
  /** Hex SHA-256 of the body, if the caller has it already. */
  readonly sha256?: string;
}

/** A success with its whole body read. */
export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
}

/** A success whose body is still to come. It must be read to its end, or left by `return`. */
export interface OpenAnswer {
  readonly status: number;
  readonly headers: Headers;
  readonly body: AsyncIterable<Bytes>;
}

/** What a client is made of. */
export interface ClientOptions {
  readonly address: Address;
  readonly region: string;
  readonly credentials: AwsCredentials;
  readonly context: StoreContext;
  /** Ms without a byte after which a connection counts as dead. */
  readonly stall: number;
  /** Bytes per second assumed of the line until it is measured. */
  readonly slowest: number;
}

/** Clocks further apart than this are refused by S3 (15 minutes); a HEAD does not say so in words. */
const SKEW_LIMIT = 14 * 60_000;

/** Sends signed requests to one bucket. */
export class S3Client {
  readonly #options: ClientOptions;
  readonly #keys = new Map<string, ArrayBuffer>();
  readonly #pace: Pace;
  /** Ms to add to our clock; learnt from a server that found it wrong. */
  #skew = 0;
  #skewWarned = false;

  constructor(options: ClientOptions) {
    this.#options = options;
    this.#pace = new Pace(options.slowest);
  }

  /** The time as the server sees it, in ms since 1970. */
  now(): number {
    return this.#options.context.now() + this.#skew;
  }

  get bucket(): string {
    return this.#options.address.bucket;
  }

  /** Sends a request and reads the whole answer. */
  async call(request: S3Request): Promise<Answer> {
    const answer = await this.open(request);
    const text = new TextDecoder().decode(await collect(answer.body));
    return { status: answer.status, headers: answer.headers, text };
  }

  /**
   * Sends a request whose answer is XML with a known root.
   *
   * @throws StoreError `store-protocol`, transient, when the answer is cut off or something else
   */
  async callXml(request: S3Request, root: string): Promise<XmlElement> {
    return this.readXml(request, await this.call(request), root);
  }

  /** The XML of an answer; an `<Error>` in a success is the error it names. */
  readXml(request: S3Request, answer: Answer, root: string): XmlElement {
    const element = readRoot(answer.text);
    // Some servers end the name in another word, and every SDK lets them.
    if (element?.name === root || element?.name === root.replace(/Result$/, "Response")) return element;
    if (element?.name === "Error") throw this.#refused(request, answer);
    throw new StoreError(
      "store-protocol",
      `${request.operation} ${this.bucket}: the answer is not a whole ${root}`,
      { transient: true, hint: "check that the endpoint is an S3 server, and that no proxy is in between" },
    );
  }

  /**
   * Sends a request and gives the answer as soon as its headers are there.
   *
   * @throws S3Error when the server refuses; StoreError `store-unreachable` for trouble on the line
   */
  async open(request: S3Request): Promise<OpenAnswer> {
    const { context, stall } = this.#options;
    const watch = new Watch(context.signal);
    const size = request.body?.length ?? 0;
    try {
      const signed = this.now();
      const [url, init] = await this.#sign(request);
      const started = performance.now();
      watch.allow(stall + this.#pace.allowance(size));
      const response = await watch.race(context.fetch(url, { ...init, signal: watch.signal }));
      if (response.ok) this.#pace.sent(size, performance.now() - started);
      watch.allow(stall);
      const body = this.#watched(request, response, watch);
      if (response.ok) return { status: response.status, headers: response.headers, body };
      throw await this.#refusal(request, response, body, signed);
    } catch (error) {
      watch.end();
      if (watch.stalled && size > 0) this.#pace.failed();
      throw this.#trouble(request, watch, error);
    }
  }

  async #sign(request: S3Request): Promise<[URL, RequestInit]> {
    const { address, credentials, region } = this.#options;
    const headers = new Headers(request.headers);
    headers.set("x-amz-content-sha256", request.sha256 ?? sha256Hex(request.body ?? new Uint8Array()));
    const signer = new AwsV4Signer({
      method: request.method,
      url: address.url(request.key, request.query ?? {}),
      headers,
      accessKeyId: credentials.accessKeyId,
      secretAccessKey: credentials.secretAccessKey,
      ...(credentials.sessionToken === undefined ? {} : { sessionToken: credentials.sessionToken }),
      service: "s3",
      region,
      cache: this.#keys,
      datetime: new Date(this.now()).toISOString().replace(/[:-]|\.\d{3}/g, ""),
    });
    const signed = await signer.sign();
    // Unsigned, since some gateways rewrite it. Without it a proxy may send the bytes compressed.
    signed.headers.set("accept-encoding", "identity");
    const body = request.body === undefined ? {} : { body: request.body };
    return [signed.url, { method: request.method, headers: signed.headers, redirect: "manual", ...body }];
  }

  /** The body of an answer, under watch, with trouble turned into errors of ours. */
  async *#watched(request: S3Request, response: Response, watch: Watch): AsyncGenerator<Bytes> {
    const reader = response.body?.getReader();
    let ended = reader === undefined;
    try {
      while (reader !== undefined) {
        const { done, value } = await watch.race(reader.read());
        if (done) break;
        watch.allow(this.#options.stall);
        yield value;
      }
      ended = true;
    } catch (error) {
      throw this.#trouble(request, watch, error);
    } finally {
      watch.end();
      // Not awaited: on a dead line it might never come back.
      if (!ended) reader?.cancel().catch(() => {});
    }
  }

  #trouble(request: S3Request, watch: Watch, error: unknown): unknown {
    if (error instanceof StoreError) return error;
    if (this.#options.context.signal?.aborted) return this.#options.context.signal.reason;
    if (watch.stalled) return watch.signal.reason;
    const where = this.#options.address.host;
    return new StoreError(
      "store-unreachable",
      `${request.operation}: no connection to ${where}: ${messageOf(error)}`,
      { transient: true, cause: error },
    );
  }

  async #refusal(
    request: S3Request,
    response: Response,
    body: AsyncIterable<Bytes>,
    signed: number,
  ): Promise<S3Error> {
    const text = new TextDecoder().decode(await firstBytes(body, 64 * 1024));
    return this.#refused(request, { status: response.status, headers: response.headers, text }, signed);
  }

  /** @param signed when the request was signed, by the clock of then: a refusal of another may have set it since */
  #refused(request: S3Request, answer: Answer, signed = this.now()): S3Error {
    const root = readRoot(answer.text);
    const told = root?.name === "Error" ? root : undefined;
    const reason = told === undefined ? "" : textOf(told, "Code") ?? "";
    const after = Number(answer.headers.get("retry-after") ?? NaN);
    const error = new S3Error({
      operation: request.operation,
      bucket: this.bucket,
      key: request.key,
      status: answer.status,
      reason: reason === "" && looksSkewed(answer, signed)
        ? "RequestTimeTooSkewed"
        : usualReason(request.operation, reason),
      message: (told === undefined ? "" : textOf(told, "Message") ?? "").replace(/\s+/g, " "),
      region: answer.headers.get("x-amz-bucket-region") ?? (told && textOf(told, "Region")),
      header: told && textOf(told, "Header"),
      locked: request.headers?.["x-amz-object-lock-mode"] !== undefined,
      retryAfter: Number.isFinite(after) ? Math.max(0, after) : undefined,
    });
    if (error.refusal.reason === "RequestTimeTooSkewed") this.#setClock(answer.headers);
    return error;
  }

  /** Takes the server's time for ours, so that a box without a clock battery can still back up. */
  #setClock(headers: Headers): void {
    const theirs = Date.parse(headers.get("date") ?? "");
    if (Number.isNaN(theirs)) return;
    this.#skew = theirs - this.#options.context.now();
    if (this.#skewWarned) return;
    this.#skewWarned = true;
    const minutes = Math.round(Math.abs(this.#skew) / 60_000);
    const how = this.#skew > 0 ? "slow" : "fast";
    this.#options.context.warn(
      `the clock of this machine is ${minutes} minutes ${how}; going on with the time of ${this.#options.address.host}`,
    );
  }
}

function readRoot(text: string): XmlElement | undefined {
  try {
    return parseXml(text);
  } catch {
    return undefined;
  }
}

/** At most about `limit` bytes: an error page of any size must not fill the memory. */
async function firstBytes(body: AsyncIterable<Bytes>, limit: number): Promise<Bytes> {
  const parts: Bytes[] = [];
  let size = 0;
  for await (const part of body) {
    parts.push(part);
    size += part.length;
    if (size >= limit) break;
  }
  return concat(...parts);
}

/** A refusal without a body, as of a HEAD, of a request that was signed at a time that the server refuses. */
function looksSkewed({ status, headers }: Answer, signed: number): boolean {
  const theirs = Date.parse(headers.get("date") ?? "");
  return status === 403 && Math.abs(theirs - signed) > SKEW_LIMIT;
}
