/**
 * Sending no faster than the household's line allows: one limiter for all senders of a run, with other
 * rates at other hours.
 *
 * A part leaves as one array, at the speed of the line: it cannot be slowed down within. So a sender waits
 * before a part until all that was sent before is paid for, then goes, and its bytes are the debt of the
 * next. Any sequence of parts of any size, by any number of senders, then takes its bytes divided by the
 * rate; within one part the line may be full.
 */

import type { Bytes } from "../bytes.ts";
import { ColdframeError } from "../errors.ts";
import { ForwardingStore, ForwardingUpload } from "./forward.ts";
import { type Sleep, sleep } from "./sleep.ts";
import type { ObjectInfo, PartReceipt, Store, Upload, WriteOptions } from "./store.ts";

/** A rate for some hours of each day, by the local clock. */
export interface RateWindow {
  /** Minutes after midnight; may be after `to`, for a window across midnight. */
  readonly from: number;
  /** Minutes after midnight, not included. */
  readonly to: number;
  /** Bytes per second; 0 for a pause, Infinity for no limit. */
  readonly rate: number;
}

/** Rates for a whole day. The first window that holds a minute counts. */
export interface RateSchedule {
  readonly windows: readonly RateWindow[];
  /** Bytes per second at all other times. */
  readonly otherwise: number;
}

const DAY = 24 * 60;

/**
 * Understands `2M`, `08:00-18:00 500k, else 2M`, `22:00-06:00 unlimited, else 0`. Units are bytes per second:
 * k, M, G are powers of 1,000; Ki, Mi, Gi of 1,024. Without `else` the other hours are unlimited.
 *
 * @throws ColdframeError `config`
 */
export function parseRate(text: string): RateSchedule {
  const windows: RateWindow[] = [];
  let otherwise: number | undefined;
  for (const item of text.split(",")) {
    const window = /^\s*(\d\d?):(\d\d)\s*-\s*(\d\d?):(\d\d)\s+(\S+)\s*$/.exec(item);
    const rest = /^\s*(?:else\s+)?(\S+)\s*$/.exec(item)?.[1];
    if (window !== null) windows.push(parseWindow(text, window));
    else if (rest !== undefined && otherwise === undefined) otherwise = parseAmount(text, rest);
    else throw badRate(text, `"${item.trim()}" is not understood`);
  }
  if (otherwise === 0 && windows.every(({ rate }) => rate === 0)) {
    throw badRate(text, "it would never send anything");
  }
  return { windows, otherwise: otherwise ?? Infinity };
}

function parseWindow(text: string, [, h1, m1, h2, m2, amount = ""]: RegExpExecArray): RateWindow {
  const from = Number(h1) * 60 + Number(m1);
  const to = Number(h2) * 60 + Number(m2);
  const valid = Number(m1) < 60 && Number(m2) < 60 && from < DAY && to <= DAY && from !== to;
  if (!valid) throw badRate(text, `${h1}:${m1}-${h2}:${m2} is no stretch of a day`);
  return { from, to, rate: parseAmount(text, amount) };
}

const UNITS: Readonly<Record<string, number>> = {
  "": 1,
  k: 1000,
  m: 1000 ** 2,
  g: 1000 ** 3,
  ki: 1024,
  mi: 1024 ** 2,
  gi: 1024 ** 3,
};

function parseAmount(text: string, amount: string): number {
  if (amount === "unlimited") return Infinity;
  const [, digits, unit = ""] = /^(\d+(?:\.\d+)?)([kmg]i?)?(?:B?\/s|B)?$/i.exec(amount) ?? [];
  const factor = UNITS[unit.toLowerCase()];
  if (digits === undefined || factor === undefined) throw badRate(text, `"${amount}" is not a rate`);
  return Number(digits) * factor;
}

function badRate(text: string, why: string): ColdframeError {
  return new ColdframeError("config", `cannot use the rate ${JSON.stringify(text)}: ${why}`, {
    hint: 'Write bytes per second, such as "2M" or "08:00-18:00 500k, else 2M".',
  });
}

/** The rate at a time, in bytes per second. `at` is in ms since 1970; hours are those of the local clock. */
export function rateAt(schedule: RateSchedule, at: number): number {
  const date = new Date(at);
  const minute = date.getHours() * 60 + date.getMinutes();
  return schedule.windows.find((window) => holds(window, minute))?.rate ?? schedule.otherwise;
}

function holds({ from, to }: RateWindow, minute: number): boolean {
  return from < to ? minute >= from && minute < to : minute >= from || minute < to;
}

/** Where clocks and reality come in. */
export interface RateClock {
  /** Ms since 1970. */
  readonly now: () => number;
  readonly sleep: Sleep;
}

/** Time that an idle limiter may save up, in ms. Pays for late timers; too short to be felt as a burst. */
const SLACK = 250;
/** Rates change on the minute, so that no stretch of one minute has two. */
const MINUTE = 60_000;

/** Shares a rate among all who send. A token bucket that may be overdrawn by one part. */
export class RateLimiter {
  readonly #schedule: RateSchedule;
  readonly #clock: RateClock;
  /** Bytes sent that are not paid for; negative for time saved up. */
  #debt = 0;
  /** Ms since 1970 up to which time has been counted. */
  #counted: number;
  #queue: Promise<void> = Promise.resolve();

  constructor(schedule: RateSchedule, clock: RateClock = { now: Date.now, sleep }) {
    this.#schedule = schedule;
    this.#clock = clock;
    this.#counted = clock.now();
  }

  /**
   * Waits until `bytes` bytes may be sent. First come, first served.
   *
   * @throws the signal's reason when it is aborted meanwhile
   */
  acquire(bytes: number, signal?: AbortSignal): Promise<void> {
    const turn = this.#queue.then(() => this.#take(bytes, signal));
    this.#queue = turn.catch(() => {});
    return turn;
  }

  async #take(bytes: number, signal: AbortSignal | undefined): Promise<void> {
    signal?.throwIfAborted();
    for (;;) {
      const rate = this.#count();
      if (this.#debt <= 0 && rate > 0) break;
      await this.#clock.sleep(this.#pause(rate), signal);
    }
    this.#debt += bytes;
  }

  /** Pays for the time since the last call. Returns the rate of now. */
  #count(): number {
    const now = this.#clock.now();
    let at = this.#counted;
    while (at < now) {
      // Years may have passed, if the clock was just set: they count no more than the slack.
      if (this.#debt <= 0) at = Math.max(at, now - SLACK);
      const end = Math.min(now, nextMinute(at));
      this.#debt -= rateAt(this.#schedule, at) * (end - at) / 1000;
      at = end;
    }
    // Also when the clock was set back.
    this.#counted = now;
    const rate = rateAt(this.#schedule, now);
    this.#debt = Math.max(this.#debt, -rate * SLACK / 1000);
    return rate;
  }

  #pause(rate: number): number {
    const now = this.#clock.now();
    const paid = rate === 0 ? Infinity : Math.max(this.#debt, 0) * 1000 / rate;
    return Math.max(1, Math.min(paid, nextMinute(now) - now));
  }
}

function nextMinute(at: number): number {
  return (Math.floor(at / MINUTE) + 1) * MINUTE;
}

/**
 * The same store, sending no faster than the limiter allows. Goes inside `retrying`, so that what is sent
 * again is paid for again. Reading is not limited.
 */
export function rateLimited(store: Store, limiter: RateLimiter, signal?: AbortSignal): Store {
  return new RateLimitedStore(store, limiter, signal);
}

class RateLimitedStore extends ForwardingStore {
  readonly #limiter: RateLimiter;
  readonly #signal: AbortSignal | undefined;

  constructor(store: Store, limiter: RateLimiter, signal: AbortSignal | undefined) {
    super(store);
    this.#limiter = limiter;
    this.#signal = signal;
  }

  override async put(key: string, body: Bytes, options: WriteOptions): Promise<ObjectInfo> {
    await this.#limiter.acquire(body.length, this.#signal);
    return await super.put(key, body, options);
  }

  protected override wrapUpload(upload: Upload): Upload {
    return new RateLimitedUpload(upload, this.#limiter, this.#signal);
  }
}

class RateLimitedUpload extends ForwardingUpload {
  readonly #limiter: RateLimiter;
  readonly #signal: AbortSignal | undefined;

  constructor(upload: Upload, limiter: RateLimiter, signal: AbortSignal | undefined) {
    super(upload);
    this.#limiter = limiter;
    this.#signal = signal;
  }

  override async send(index: number, body: Bytes, sha256?: string): Promise<PartReceipt> {
    await this.#limiter.acquire(body.length, this.#signal);
    return await super.send(index, body, sha256);
  }
}
