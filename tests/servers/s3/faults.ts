/** Trouble on demand: which requests go wrong, and how. */

import type { Operation, Target } from "./routes.ts";

/** What goes wrong with one request. "before": nothing was done. "after": it was done, but the client never hears. */
export type Fault =
  /** Answers with an error, such as 503 SlowDown. */
  | {
    readonly kind: "error";
    readonly status: number;
    readonly code: string;
    readonly when?: "before" | "after";
    readonly headers?: Readonly<Record<string, string>>;
  }
  /**
   * 200 with an error document as its body, which S3 may send for CompleteMultipartUpload and CopyObject; for the
   * other calls a plain 500. Nothing was done.
   */
  | { readonly kind: "error-in-200"; readonly code: string }
  /** Closes the connection; with `bodyBytes`, once that many bytes of the request's body came. */
  | { readonly kind: "drop"; readonly when: "before" | "after"; readonly bodyBytes?: number }
  /** Does it, and closes the connection after so many bytes of the answer's body. */
  | { readonly kind: "truncate"; readonly bytes: number }
  /** Never answers, and keeps the connection; with "after" it was done. */
  | { readonly kind: "stall"; readonly when: "before" | "after" }
  /** Does it, sends so many bytes of the answer's body, and then nothing more. */
  | { readonly kind: "stall-body"; readonly bytes: number }
  /** Answers rightly, but late. */
  | { readonly kind: "delay"; readonly ms: number }
  /** Flips the lowest bit of one byte of the answer's body. */
  | { readonly kind: "corrupt"; readonly at: number };

/** A fault and the requests it hits. */
export interface FaultRule {
  readonly fault: Fault;
  /** Any operation when undefined. */
  readonly operation?: Operation | readonly Operation[];
  /** Any key when undefined. */
  readonly key?: string | RegExp;
  /** Lets this many matching requests through first. */
  readonly skip?: number;
  /** Hits this many, then is spent; 1 when undefined. */
  readonly times?: number;
}

/** Decides request by request; the way for seeded random schedules. */
export type FaultHook = (target: Target, number: number) => Fault | undefined;

/** The faults of one server. */
export class Faults {
  readonly #rules: { readonly rule: FaultRule; skip: number; times: number }[] = [];
  #hook: FaultHook | undefined;

  /** Adds a rule; of several that match, the oldest that is not spent hits. */
  add(rule: FaultRule): void {
    this.#rules.push({ rule, skip: rule.skip ?? 0, times: rule.times ?? 1 });
  }

  /** Asks `hook` when no rule hits; undefined takes it away. */
  schedule(hook: FaultHook | undefined): void {
    this.#hook = hook;
  }

  /** Takes all rules and the hook away. */
  clear(): void {
    this.#rules.length = 0;
    this.#hook = undefined;
  }

  /** The fault of a request, used up by asking. `number` counts all requests from 1. */
  next(target: Target, number: number): Fault | undefined {
    for (const entry of this.#rules) {
      if (entry.times === 0 || !matches(entry.rule, target)) continue;
      if (entry.skip > 0) {
        entry.skip--;
        continue;
      }
      entry.times--;
      return entry.rule.fault;
    }
    return this.#hook?.(target, number);
  }
}

function matches(rule: FaultRule, target: Target): boolean {
  const { operation, key } = rule;
  const operations = typeof operation === "string" ? [operation] : operation;
  if (operations !== undefined && !operations.includes(target.operation)) return false;
  return key === undefined || (typeof key === "string" ? key === target.key : key.test(target.key));
}
