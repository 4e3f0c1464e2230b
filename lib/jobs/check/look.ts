/** What one check gathers on its way, and how it goes into the catalog when it is through. */

import type { Database } from "../../catalog/database.ts";
import { type Finding, type Found, openFindings, settleFindings } from "../../catalog/findings.ts";
import { forgetProofs, type Level, noteProofs, type Proof } from "../../catalog/proofs.ts";
import type { CheckCost, Requests } from "./requests.ts";

/** Objects of one kind in one store, and how many reached each level in this check. */
export interface Group {
  /** In the plural, such as `volumes`. */
  readonly what: string;
  readonly objects: number;
  /** Bytes of them all, as the catalog has it. */
  readonly bytes: number;
  readonly proven: Readonly<Record<Level, number>>;
  /** Why fewer objects than there are reached a level, for people. */
  readonly remarks: readonly string[];
}

/** What a check of one store found. */
export interface StoreReport {
  readonly store: string;
  readonly groups: readonly Group[];
  readonly requests: Requests;
  /** Undefined where requests are free, or have no known price. */
  readonly cost: CheckCost | undefined;
}

/** What one check came to. */
export interface CheckReport {
  /** As in `runs`. */
  readonly job: string;
  readonly started: number;
  readonly ended: number;
  readonly stores: readonly StoreReport[];
  /** What is wrong now, within the reach of this check; what earlier looks found and it passed over included. */
  readonly findings: readonly Finding[];
  /** What was mended, a line each. */
  readonly mended: readonly string[];
}

/** The part of an object that a finding is about: what a listing and a HEAD tell, or its bytes. */
export type Aspect = "object" | "class" | "bytes";

/** The name of a finding about an object: the same from look to look. */
export function findingName(aspect: Aspect, store: string, key: string): string {
  return `${aspect}: ${key} at ${store}`;
}

/** Counts how many of some objects reached each level. */
export function countLevels(reached: Iterable<readonly Level[]>): Record<Level, number> {
  const counts: Record<Level, number> = { listed: 0, checksummed: 0, "read back": 0, restored: 0 };
  for (const levels of reached) for (const level of levels) counts[level]++;
  return counts;
}

/** No level reached by anything. */
export const NOTHING_PROVEN: Readonly<Record<Level, number>> = countLevels([]);

/** Collects the findings and proofs of one scope. */
export class Look {
  readonly scope: string;
  readonly #db: Database;
  readonly #found: Found[] = [];
  readonly #proofs: Proof[] = [];
  readonly #bad: { readonly store: string; readonly key: string }[] = [];
  /** When the objects were stored that are looked at, by the name of a finding about their bytes. */
  readonly #expected = new Map<string, number>();
  readonly #read = new Set<string>();

  constructor(db: Database, scope: string) {
    this.#db = db;
    this.scope = scope;
  }

  /** An object that the check is about. */
  expect(store: string, { key, stored }: { readonly key: string; readonly stored: number }): void {
    this.#expected.set(findingName("bytes", store, key), stored);
  }

  /** Something is wrong. */
  add(found: Found): void {
    this.#found.push(found);
  }

  /** What was proven of an object before is over. */
  distrust(store: string, key: string): void {
    this.#bad.push({ store, key });
  }

  /** Something is right. */
  prove(proof: Proof): void {
    this.#proofs.push(proof);
  }

  /** The bytes of an object were read, whatever came of it. */
  read(store: string, key: string): void {
    this.#read.add(findingName("bytes", store, key));
  }

  /**
   * Writes down what was found and proven.
   *
   * @returns what is wrong now
   */
  async settle(at: number): Promise<Finding[]> {
    const opened = new Map(
      (await openFindings(this.#db, this.scope)).map(({ name, opened }) => [name, opened]),
    );
    await forgetProofs(this.#db, this.#bad);
    await noteProofs(this.#db, this.#proofs, at);
    await settleFindings(this.#db, this.scope, this.#found, at, (name) => this.#looked(name, opened));
    return await openFindings(this.#db, this.scope);
  }

  /** A finding about bytes is over when they were read again, or when they are not those any more. */
  #looked(name: string, opened: ReadonlyMap<string, number>): boolean {
    if (!name.startsWith("bytes:")) return true;
    const stored = this.#expected.get(name);
    return stored === undefined || stored > (opened.get(name) ?? 0) || this.#read.has(name);
  }
}
