/** A small client for tests of the strict server: signs with aws4fetch, repeats nothing, hides nothing. */

import { createHash } from "node:crypto";
import { AwsClient } from "aws4fetch";
import { type Bytes, utf8 } from "../../lib/bytes.ts";
import type { S3Server } from "./s3/server.ts";

/** What came back. */
export interface Reply {
  readonly status: number;
  readonly headers: Headers;
  readonly body: Bytes;
  /** The body as text. */
  readonly text: string;
  /** The code of an error document, or "". */
  readonly code: string;
}

/** One request. `path` begins with "/" and is encoded already. */
export interface Request {
  readonly body?: Bytes | string;
  readonly headers?: Readonly<Record<string, string>>;
  /** In place of the server's own. */
  readonly secretKey?: string;
  readonly accessKey?: string;
  /** In place of now, ms since 1970. */
  readonly at?: number;
  readonly signal?: AbortSignal;
}

/** Sends a request signed for `server`; its body's hash is signed too unless a header says otherwise. */
export async function send(
  server: S3Server,
  method: string,
  path: string,
  request: Request = {},
): Promise<Reply> {
  const client = new AwsClient({
    accessKeyId: request.accessKey ?? server.accessKey,
    secretAccessKey: request.secretKey ?? server.secretKey,
    region: server.region,
    service: "s3",
    retries: 0,
  });
  const body = typeof request.body === "string" ? utf8(request.body) : request.body;
  const at = new Date(request.at ?? server.now()).toISOString().replace(/[-:]|\.\d+/g, "");
  const signed = await client.sign(server.url + path, {
    method,
    ...(body === undefined ? {} : { body }),
    headers: { "x-amz-content-sha256": sha256(body ?? new Uint8Array()), ...request.headers },
    aws: { datetime: at },
  });
  const response = await fetch(signed.url, {
    method,
    headers: signed.headers,
    ...(body === undefined ? {} : { body }),
    ...(request.signal === undefined ? {} : { signal: request.signal }),
  });
  const bytes = new Uint8Array(await response.arrayBuffer());
  const text = new TextDecoder().decode(bytes);
  const { status, headers } = response;
  return { status, headers, body: bytes, text, code: element(text, "Code") ?? "" };
}

/** The text of the first element of a name, or undefined. */
export function element(xml: string, name: string): string | undefined {
  return new RegExp(`<${name}>([^<]*)</${name}>`).exec(xml)?.[1];
}

/** The texts of all elements of a name. */
export function elements(xml: string, name: string): string[] {
  return [...xml.matchAll(new RegExp(`<${name}>([^<]*)</${name}>`, "g"))].map((match) => match[1] ?? "");
}

/** SHA-256, lower-case hex. */
export function sha256(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}

/** SHA-256, base64, for `x-amz-checksum-sha256`. */
export function sha256Base64(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("base64");
}
