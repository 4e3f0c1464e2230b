/** One request on its way through the server, and the answer to it. */

import type { Received } from "./body.ts";
import { refusal } from "./errors.ts";
import { queryValue, type RequestHead } from "./http.ts";
import type { Bucket, Quirks } from "./model.ts";
import type { Operation } from "./routes.ts";
import { xmlDocument, type XmlValue } from "./xml.ts";

/** What all operations share. */
export interface State {
  readonly region: string;
  readonly accessKey: string;
  readonly buckets: Map<string, Bucket>;
  readonly quirks: Quirks;
  /** ms since 1970, by the server's own clock. */
  now(): number;
  /** A name that was not used before. */
  newId(): string;
  /** Whether a rule of the test denies this action on this key. */
  denied(operation: Operation, bucket: string, key: string): boolean;
  /** Conditional writes under way, by `bucket/key`. */
  readonly inFlight: Map<string, Set<InFlight>>;
}

/** A conditional write between its arrival and its commit. */
export interface InFlight {
  /** True once something else was done to the key that the write cannot be ordered against. */
  conflict: boolean;
}

/** A request that was let in: signature, body and permissions are right. */
export interface Call {
  readonly state: State;
  readonly operation: Operation;
  readonly head: RequestHead;
  /** "" for calls to the service. */
  readonly bucketName: string;
  /** "" for calls to a bucket. */
  readonly key: string;
  readonly body: Received;
  readonly inFlight: InFlight | undefined;
}

/** What goes back. A body of chunks has its length said beforehand. */
export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string | { readonly size: number; readonly chunks: Iterable<Uint8Array> };
}

/** One S3 operation. It runs without a pause, so that what it checks still holds when it writes. */
export type Handler = (call: Call) => Answer;

/** An answer with an XML document. */
export function xmlAnswer(
  root: string,
  fields: XmlValue,
  headers: Readonly<Record<string, string>> = {},
): Answer {
  return {
    status: 200,
    headers: { "content-type": "application/xml", ...headers },
    body: xmlDocument(root, fields),
  };
}

/** An answer without a body. */
export function emptyAnswer(status: number, headers: Readonly<Record<string, string>> = {}): Answer {
  return { status, headers };
}

/** A request header, or undefined. */
export function header(call: Pick<Call, "head">, name: string): string | undefined {
  return call.head.headers.get(name);
}

/** A query parameter, or undefined. */
export function query(call: Pick<Call, "head">, name: string): string | undefined {
  return queryValue(call.head, name);
}

/** @throws S3Error NoSuchBucket */
export function bucketOf(call: Call): Bucket {
  const bucket = call.state.buckets.get(call.bucketName);
  if (bucket === undefined) throw refusal("NoSuchBucket", undefined, { BucketName: call.bucketName });
  return bucket;
}

/**
 * A whole number from the query.
 *
 * @throws S3Error InvalidArgument
 */
export function intQuery(call: Call, name: string, fallback: number, min: number, max: number): number {
  const text = query(call, name);
  if (text === undefined || text === "") return fallback;
  const value = /^\d+$/.test(text) ? Number(text) : NaN;
  if (!(value >= min && value <= max)) {
    throw refusal("InvalidArgument", `Argument ${name} must be an integer between ${min} and ${max}`, {
      ArgumentName: name,
      ArgumentValue: text,
    });
  }
  return value;
}

/** An ISO time as S3 writes it. */
export function isoTime(ms: number): string {
  return new Date(ms).toISOString();
}

/** A time for HTTP headers. */
export function httpTime(ms: number): string {
  return new Date(ms).toUTCString();
}

/** `x-amz-version-id` where the bucket has versions. */
export function versionHeader(bucket: Bucket, versionId: string): Record<string, string> {
  return bucket.versioning === "" ? {} : { "x-amz-version-id": versionId };
}
