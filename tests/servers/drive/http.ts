/** Requests and replies between the sockets and the server's parts. */

import { Buffer } from "node:buffer";

/** A request that arrived. */
export interface Exchange {
  readonly method: string;
  readonly url: URL;
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array;
  /** False when the connection broke before the whole body was there. */
  readonly whole: boolean;
}

/** What to answer. */
export interface Reply {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Uint8Array | string;
}

/** An error that is the answer, with a body as Google writes it. */
export class Refusal extends Error {
  readonly reply: Reply;

  constructor(reply: Reply) {
    super(typeof reply.body === "string" ? reply.body : `HTTP ${reply.status}`);
    this.reply = reply;
  }
}

/** A JSON answer. */
export function json(value: unknown, status = 200, headers: Record<string, string> = {}): Reply {
  return {
    status,
    headers: { "content-type": "application/json; charset=UTF-8", ...headers },
    body: JSON.stringify(value, null, 1),
  };
}

/** The error body of Google's JSON APIs. */
export function apiError(
  status: number,
  reason: string,
  message: string,
  extra: { domain?: string; location?: string; locationType?: string } = {},
): Reply {
  const { domain = "global", ...where } = extra;
  return json({ error: { code: status, message, errors: [{ message, domain, reason, ...where }] } }, status);
}

/** Throws an API error. */
export function refuse(...error: Parameters<typeof apiError>): never {
  throw new Refusal(apiError(...error));
}

/** A JSON body, or the error for one that is none. */
export function parseJson(body: Uint8Array): Record<string, unknown> {
  if (body.length === 0) return {};
  try {
    const value: unknown = JSON.parse(Buffer.from(body).toString("utf8"));
    if (isRecord(value)) return value;
  } catch {
    // Refused below.
  }
  refuse(400, "parseError", "Parse Error");
}

/** Whether a value is a JSON object. */
export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
