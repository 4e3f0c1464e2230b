/** Opens stores on a test server. */

import type { StoreContext } from "../../lib/store/context.ts";
import { type RetryOptions } from "../../lib/store/retry.ts";
import { openS3, type S3Options } from "../../lib/store/s3/s3.ts";
import type { Store } from "../../lib/store/store.ts";
import type { S3Server } from "../servers/s3/server.ts";
import { testContext } from "./context.ts";

/** The smallest part that S3 takes. */
export const PART = 5 * 1024 * 1024;

/** What differs from one test to the next. */
export interface OpenOptions extends S3Options {
  /** Further parameters of the URL, each with its `&`. */
  readonly query?: string;
  /** Another way to the server. */
  readonly endpoint?: string;
  readonly context?: Partial<StoreContext>;
}

/** A store in the bucket `bucket` of a server. */
export function openOn(
  server: S3Server,
  { query = "", endpoint = server.url, context = {}, ...options }: OpenOptions = {},
): Promise<Store> {
  const url = `s3://bucket/some%20photos?region=${server.region}&endpoint=${endpoint}${query}`;
  const env = {
    AWS_ACCESS_KEY_ID: server.accessKey,
    AWS_SECRET_ACCESS_KEY: server.secretKey,
    HOME: "/nowhere",
  };
  return openS3(url, testContext({ env, ...context }), { partSize: PART, slowest: 50e6, ...options });
}

/** The key in the bucket of a key in such a store. */
export function full(key: string): string {
  return `some photos/${key}`;
}

/** Tries again at once. */
export const AT_ONCE: RetryOptions = {
  attempts: 12,
  baseMs: 0,
  capMs: 0,
  sleep: () => Promise.resolve(),
  random: () => 0,
  warn: () => {},
};
