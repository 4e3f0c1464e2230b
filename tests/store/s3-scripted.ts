/** An S3 store whose server is a list of answers: for tests that look at single requests. */

import { openS3, type S3Options } from "../../lib/store/s3/s3.ts";
import type { Store } from "../../lib/store/store.ts";
import type { StoreContext } from "../../lib/store/context.ts";
import { testContext } from "./context.ts";

/** A request as it left. */
export interface Sent {
  readonly method: string;
  readonly url: string;
  readonly headers: Headers;
  readonly body: string;
}

/** An answer, or an error that fetch fails with. */
export type Scripted = Response | Error | ((sent: Sent) => Response | Promise<Response>);

/** 2013-05-24T00:00:00Z, the day of AWS's own examples. */
export const NOW = Date.UTC(2013, 4, 24);

export const ENV = {
  AWS_ACCESS_KEY_ID: "AKIAIOSFODNN7EXAMPLE",
  AWS_SECRET_ACCESS_KEY: "hush-hush",
  HOME: "/nowhere",
};

/** A store, what it sent, and what it warned of. */
export interface Script {
  readonly store: Store;
  readonly sent: Sent[];
  readonly warnings: string[];
  /** Answers that were not asked for. */
  readonly left: () => number;
}

/** Opens a store that gets these answers in turn. At AWS unless the URL says otherwise. */
export async function scripted(
  answers: readonly Scripted[],
  url = "s3://photos/home?region=eu-central-1",
  options: S3Options = {},
  changes: Partial<StoreContext> = {},
): Promise<Script> {
  const sent: Sent[] = [];
  const warnings: string[] = [];
  const rest = [...answers];
  const context = testContext({
    env: ENV,
    now: () => NOW,
    warn: (message) => void warnings.push(message),
    fetch: async (input, init) => {
      const request = new Request(input, init);
      const one = {
        method: request.method,
        url: request.url,
        headers: new Headers(init?.headers),
        body: await request.text(),
      };
      sent.push(one);
      const answer = rest.shift();
      if (answer === undefined) throw new Error(`no answer for ${request.method} ${request.url}`);
      if (answer instanceof Error) throw answer;
      return typeof answer === "function" ? await answer(one) : answer;
    },
    ...changes,
  });
  return { store: await openS3(url, context, options), sent, warnings, left: () => rest.length };
}

/** An answer of XML. */
export function xml(body: string, status = 200, headers: Record<string, string> = {}): Response {
  return new Response(`<?xml version="1.0" encoding="UTF-8"?>\n${body}`, { status, headers });
}

/** An answer without a body. */
export function bare(status: number, headers: Record<string, string> = {}): Response {
  return new Response(null, { status, headers });
}

/** A refusal. */
export function refused(
  status: number,
  code: string,
  more = "",
  headers: Record<string, string> = {},
): Response {
  return xml(`<Error><Code>${code}</Code><Message>Because.</Message>${more}</Error>`, status, headers);
}

/** What S3 says of an object of this many bytes. */
export function headed(size: number, headers: Record<string, string> = {}): Response {
  return bare(200, { etag: '"opaque"', "content-length": String(size), ...headers });
}
