/** Requests to Drive v3: authorised, one at a time, never repeated but for a stale token. */

import type { Bytes } from "../../bytes.ts";
import { messageOf, StoreError } from "../../errors.ts";
import type { StoreContext } from "../context.ts";
import { isObject, type JsonObject } from "../google/json.ts";
import type { TokenSource } from "../google/source.ts";
import { type Asker, explain, readRefusal } from "./refusals.ts";

/**
 * After this long without an answer, or without more of it, in ms, a request counts as lost: a machine that
 * slept or changed its network waits for ever otherwise.
 */
export const PATIENCE = 60_000;
/** A request that carries a part of a file may take this many times longer, on a slow line. */
const PART_PATIENCE = 15;

/** A request. */
export interface DriveRequest {
  readonly method: "GET" | "POST" | "PATCH" | "PUT" | "DELETE";
  /** Below `base`, with its leading slash. */
  readonly path: string;
  readonly query?: Readonly<Record<string, string>>;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Bytes | string;
  /** What is being done, to begin an error message with. */
  readonly what: string;
  /** Statuses beside 2xx that the caller understands. */
  readonly accept?: readonly number[];
}

/** Drive, for one account. */
export class DriveApi {
  constructor(
    readonly base: string,
    private readonly context: StoreContext,
    private readonly tokens: TokenSource,
    private readonly sharedDrive: boolean,
    private readonly patience: number,
  ) {}

  /** Sends a request and gives the answer when its status is one the caller understands. */
  async send(request: DriveRequest): Promise<Response> {
    const response = await this.#authorised(request);
    if (response.ok || request.accept?.includes(response.status) === true) return response;
    const refusal = readRefusal(response.status, await this.#text(response));
    const asker: Asker = { kind: this.tokens.kind, sharedDrive: this.sharedDrive };
    throw explain(refusal, request.what, asker, retryAfter(response));
  }

  /** Sends a request whose answer is a JSON object. */
  async json(request: DriveRequest): Promise<JsonObject> {
    return this.readJson(await this.send(request), request.what);
  }

  /** The JSON object of an answer. */
  async readJson(response: Response, what: string): Promise<JsonObject> {
    const text = await this.#text(response);
    try {
      const value: unknown = JSON.parse(text);
      if (isObject(value)) return value;
    } catch {
      // Told below.
    }
    throw new StoreError("store-protocol", `${what}: Drive's answer is not JSON`, { transient: true });
  }

  /** An answer whose body nobody reads would hold its connection. */
  async discard(response: Response): Promise<void> {
    await this.#text(response);
  }

  /** A token may be revoked before its time: then one request, and only one, is sent again with a new one. */
  async #authorised(request: DriveRequest): Promise<Response> {
    const token = await this.tokens.accessToken();
    const response = await this.#fetch(request, token);
    if (response.status !== 401) return response;
    await this.discard(response);
    this.tokens.refused(token);
    return await this.#fetch(request, await this.tokens.accessToken());
  }

  async #fetch(request: DriveRequest, token: string): Promise<Response> {
    const url = new URL(this.base + request.path);
    for (const [name, value] of Object.entries(request.query ?? {})) url.searchParams.set(name, value);
    const watch = new AbortController();
    const timer = setTimeout(
      () => watch.abort(new Error("no answer")),
      request.body instanceof Uint8Array ? this.patience * PART_PATIENCE : this.patience,
    );
    try {
      return await this.context.fetch(url, {
        method: request.method,
        headers: { ...request.headers, authorization: `Bearer ${token}` },
        // A 308 of Drive is no redirect, and a token must not follow a real one.
        redirect: "manual",
        signal: AbortSignal.any([
          watch.signal,
          ...(this.context.signal === undefined ? [] : [this.context.signal]),
        ]),
        ...(request.body === undefined ? {} : { body: request.body }),
      });
    } catch (error) {
      throw this.#broken(error, request.what);
    } finally {
      clearTimeout(timer);
    }
  }

  async #text(response: Response): Promise<string> {
    return await this.arriving(response.text(), "Drive's answer broke off");
  }

  /** Something of an answer that is on its way; trouble that may pass when it stays away or breaks off. */
  async arriving<T>(arrival: Promise<T>, what: string): Promise<T> {
    const stalled = Promise.withResolvers<never>();
    const timer = setTimeout(() => stalled.reject(new Error("nothing came any more")), this.patience);
    try {
      return await Promise.race([arrival, stalled.promise]);
    } catch (error) {
      throw this.#broken(error, what);
    } finally {
      clearTimeout(timer);
    }
  }

  #broken(error: unknown, what: string): unknown {
    if (this.context.signal?.aborted === true) return this.context.signal.reason;
    return new StoreError("store-unreachable", `${what}: ${messageOf(error)}`, {
      cause: error,
      transient: true,
    });
  }
}

/** Retry-After in seconds (RFC 9110 §10.2.3); dates, which Google does not send, are not read. */
function retryAfter(response: Response): number | undefined {
  const value = response.headers.get("retry-after");
  return value !== null && /^\d+$/.test(value) ? Number(value) : undefined;
}
