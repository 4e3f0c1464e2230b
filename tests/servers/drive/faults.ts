/** Trouble on demand. */

import { apiError, type Exchange, type Reply } from "./http.ts";

/** What goes wrong with a request. */
export type Fault =
  /** It is answered with an error and has no effect. */
  | { readonly kind: "refuse"; readonly reply: Reply }
  /** It has its effect, and is answered with an error all the same. */
  | { readonly kind: "refuse-after"; readonly reply: Reply }
  /** The connection ends before it has an effect. */
  | { readonly kind: "drop" }
  /** It has its effect, and the connection ends instead of an answer. */
  | { readonly kind: "drop-after" }
  /** A session keeps only these bytes of what is sent, and says so. */
  | { readonly kind: "keep"; readonly bytes: number }
  /** A session keeps only these bytes, and the connection ends. */
  | { readonly kind: "cut"; readonly bytes: number }
  /** The session is forgotten. */
  | { readonly kind: "forget" }
  /** A byte of the content is changed on its way in. */
  | { readonly kind: "corrupt" }
  /** The answer's body ends after these bytes. */
  | { readonly kind: "truncate"; readonly bytes: number }
  /** After these bytes of the answer's body, or before its head when undefined, nothing more comes. */
  | { readonly kind: "stall"; readonly bytes: number | undefined };

/** Which requests a fault is for. */
export type Matcher = (exchange: Exchange) => boolean;

interface Armed {
  readonly when: Matcher;
  readonly fault: Fault;
  /** Matching requests that pass before it strikes. */
  skip: number;
  left: number;
}

/** The faults that wait for their request. */
export class Faults {
  #armed: Armed[] = [];

  /** Arms a fault for the next `times` requests that match, after `skip` others. */
  add(when: Matcher, fault: Fault, { times = 1, skip = 0 }: { times?: number; skip?: number } = {}): void {
    this.#armed.push({ when, fault, skip, left: times });
  }

  clear(): void {
    this.#armed = [];
  }

  /** How many strikes are still to come. */
  get waiting(): number {
    return this.#armed.reduce((sum, armed) => sum + armed.left, 0);
  }

  /** The fault for a request, if there is one; each strikes as often as it was armed for. */
  next(exchange: Exchange): Fault | undefined {
    for (const armed of this.#armed) {
      if (armed.left === 0 || !armed.when(exchange)) continue;
      if (armed.skip > 0) {
        armed.skip--;
        continue;
      }
      armed.left--;
      return armed.fault;
    }
    return undefined;
  }
}

/** Google's answer to too many requests. */
export const TOO_FAST: Reply = apiError(
  403,
  "userRateLimitExceeded",
  "User Rate Limit Exceeded. Rate of requests for user exceed configured project quota, you may consider " +
    "re-evaluating expected per-user traffic to the API and adjust project quota limits accordingly. You may " +
    "monitor aggregate quota usage and adjust limits in the API Console: https://console.developers.google.com/",
  { domain: "usageLimits" },
);

/** The same, as Google words it since 2020. */
export const TOO_MANY: Reply = apiError(429, "rateLimitExceeded", "Rate Limit Exceeded", {
  domain: "usageLimits",
});

/** Trouble on Google's side. */
export const BACKEND: Reply = apiError(500, "internalError", "Internal Error");

/** The same, without JSON, as Google's front end answers. */
export const FRONTEND: Reply = {
  status: 502,
  headers: { "content-type": "text/html; charset=UTF-8" },
  body: "<!DOCTYPE html><title>Error 502 (Server Error)!!1</title>",
};
