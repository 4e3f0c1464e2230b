/** Counting what a check asks of a store, and pricing it. */

import { egressCost } from "../../cost/restore.ts";
import type { Bytes } from "../../bytes.ts";
import { Money } from "../../cost/money.ts";
import type { Prices } from "../../cost/prices.ts";
import { requestCost } from "../../cost/requests.ts";
import { ForwardingStore } from "../../store/forward.ts";
import type { Availability, ByteRange, ObjectInfo, ThawOptions } from "../../store/store.ts";
import { pricesOf, tariffOf } from "../cost-tariff.ts";
import type { Session } from "../session.ts";

/** What was asked of the stores. */
export interface Requests {
  /** Pages of listings. */
  readonly lists: number;
  readonly heads: number;
  readonly gets: number;
  readonly thaws: number;
  /** Bytes that were read, and so left the provider. */
  readonly bytesRead: number;
  /** How many of those were of volumes: some storage classes take money for reading. */
  readonly volumeBytes: number;
}

/** Nothing asked. */
export const NO_REQUESTS: Requests = { lists: 0, heads: 0, gets: 0, thaws: 0, bytesRead: 0, volumeBytes: 0 };

/** Objects on a page of a listing, as S3 and Drive give them. */
const PAGE = 1_000;

/** A store that counts what is asked of it. Retries of one request count as one. */
export class CountingStore extends ForwardingStore {
  #lists = 0;
  #heads = 0;
  #gets = 0;
  #thaws = 0;
  #bytesRead = 0;
  #volumeBytes = 0;

  get requests(): Requests {
    return {
      lists: this.#lists,
      heads: this.#heads,
      gets: this.#gets,
      thaws: this.#thaws,
      bytesRead: this.#bytesRead,
      volumeBytes: this.#volumeBytes,
    };
  }

  override async *list(prefix: string): AsyncGenerator<ObjectInfo> {
    let count = 0;
    this.#lists++;
    for await (const info of this.inner.list(prefix)) {
      if (count > 0 && count % PAGE === 0) this.#lists++;
      count++;
      yield info;
    }
  }

  override head(key: string): Promise<ObjectInfo | undefined> {
    this.#heads++;
    return this.inner.head(key);
  }

  override async *read(key: string, range?: ByteRange): AsyncGenerator<Bytes> {
    this.#gets++;
    for await (const piece of this.inner.read(key, range)) {
      this.#bytesRead += piece.length;
      if (key.startsWith("volumes/")) this.#volumeBytes += piece.length;
      yield piece;
    }
  }

  override thaw(key: string, options: ThawOptions): Promise<Availability> {
    this.#thaws++;
    return this.inner.thaw(key, options);
  }
}

/** What the requests of a check cost. */
export interface CheckCost {
  readonly currency: string;
  readonly pricesOf: string;
  readonly requests: Money;
  /** For bytes that left the provider, beyond what is free in a month. */
  readonly egress: Money;
  /** For reading out of a class that takes money for that. */
  readonly retrieval: Money;
  readonly total: Money;
}

/**
 * The price of requests to a store; undefined where they are free, or their price is not known.
 *
 * @param readBefore bytes that checks read from there since the month began
 */
export async function costOf(
  session: Session,
  url: string,
  { lists, heads, gets, bytesRead, volumeBytes }: Requests,
  readBefore: number,
): Promise<CheckCost | undefined> {
  const source = await pricesOf(session.home);
  const tariff = tariffOf(url, source, session.storeContext.env);
  if (tariff.kind !== "priced") return undefined;
  const { prices } = source;
  // A listing has the price of a write (S3 pricing, "PUT, COPY, POST, LIST requests").
  const counts = { finished: 0, parts: 0, standard: lists, gets: heads + gets };
  const requests = requestCost(prices, tariff.volumes, counts).total;
  const egress = egressCost(prices, bytesRead, freeLeft(prices, readBefore));
  const retrieval = tariff.volumes.retrieval.times(volumeBytes, prices.gigabyte);
  return {
    currency: prices.currency,
    pricesOf: prices.date,
    requests,
    egress,
    retrieval,
    total: Money.sum([requests, egress, retrieval]),
  };
}

function freeLeft({ egress }: Prices, used: number): number {
  return Math.max(0, egress.freeBytes - used);
}
