/** Running checks and reading what they say. */

import assert from "node:assert/strict";
import type { User } from "../cli/harness.ts";

/** A finding of a report. */
export interface Said {
  readonly kind: string;
  readonly severity: string;
  readonly message: string;
  readonly hint: string | null;
  readonly files: string[];
}

/** What a check said. */
export interface Checked {
  readonly code: number;
  readonly findings: readonly Said[];
  /** `kind severity` of each finding, sorted. */
  readonly kinds: readonly string[];
  readonly mended: readonly string[];
  /** How many objects of a kind reached a level; of all stores. */
  proven(what: string, level: string): number;
  /** Objects of a kind. */
  objects(what: string): number;
  readonly remarks: readonly string[];
  readonly requests: Record<string, number>;
  readonly cost: { readonly total: number } | null;
}

interface Group {
  what: string;
  objects: number;
  proven: Record<string, number>;
  remarks: string[];
}

interface Report {
  findings: Said[];
  mended: string[];
  stores: { groups: Group[]; requests: Record<string, number>; cost: { total: number } | null }[];
}

/** Runs one check. */
export async function check(user: User, ...args: string[]): Promise<Checked> {
  const { code, out, err } = await user.run("check", ...args, "--json");
  const { checks } = JSON.parse(out === "" ? "{}" : out) as { checks?: Report[] };
  const [report] = checks ?? [];
  if (report === undefined) throw new Error(`check ${args.join(" ")} ended with ${code}: ${err}${out}`);
  const groups = report.stores.flatMap(({ groups }) => groups);
  const sum = (what: string, of: (group: Group) => number) =>
    groups.filter((group) => group.what === what).reduce((total, group) => total + of(group), 0);
  assert.equal(
    code === 4,
    report.findings.some(({ severity }) => severity === "damage"),
    "exit code 4 is for damage",
  );
  return {
    code,
    findings: report.findings,
    kinds: report.findings.map(({ kind, severity }) => `${kind} ${severity}`).sort(),
    mended: report.mended,
    proven: (what, level) => sum(what, ({ proven }) => proven[level] ?? 0),
    objects: (what) => sum(what, ({ objects }) => objects),
    remarks: groups.flatMap(({ remarks }) => remarks),
    requests: report.stores[0]?.requests ?? {},
    cost: report.stores[0]?.cost ?? null,
  };
}
