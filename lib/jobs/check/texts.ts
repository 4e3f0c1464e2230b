/** What is wrong and what remains, in words. */

import type { ContentCopies } from "../../catalog/copies.ts";
import type { FindingSeverity } from "../../catalog/findings.ts";
import type { ExpectedObject, Fault } from "./objects.ts";

/** What a fault of an object means. */
export function describeFault(url: string, object: ExpectedObject, fault: Fault): string {
  const { key } = object;
  switch (fault.kind) {
    case "object-missing":
      return `${key} is gone from ${url}`;
    case "object-size":
      return `${key} at ${url} has ${fault.found} bytes instead of ${object.size ?? "?"}`;
    case "checksum-mismatch":
      return `${key} at ${url} is not what was stored: the store reports ${fault.found} instead of ${
        object.checksum ?? "?"
      }`;
    case "checksum-missing":
      return `${key} at ${url} has lost its checksum, so somebody may have written it anew; it is only proven to be there`;
    case "wrong-class":
      return `${key} at ${url} is in the storage class ${fault.found} instead of ${fault.wanted}`;
  }
}

/** A lost checksum or another class is no loss yet. */
export function severityOf({ kind }: Fault): FindingSeverity {
  return kind === "checksum-missing" || kind === "wrong-class" ? "warning" : "damage";
}

/** Where the contents of a damaged copy still are. */
export interface Remains {
  /** Contents that a source holds. */
  readonly inSource: readonly ContentCopies[];
  /** Contents that are only in another object. */
  readonly stored: readonly ContentCopies[];
  /** Contents that are nowhere else. */
  readonly lost: readonly ContentCopies[];
}

/** Sorts contents by what remains of them when one copy does not count. */
export function remainsOf(
  all: readonly ContentCopies[],
  without: { readonly key: string; readonly store: string; readonly volume?: string },
): Remains {
  const isOther = ({ key, store }: { readonly key: string; readonly store: string }) =>
    key !== without.key || store !== without.store;
  const rest = all.map((copies) => ({
    ...copies,
    volumes: copies.volumes.filter((name) => name !== without.volume),
    staged: copies.staged.filter(isOther),
    mirrors: copies.mirrors.filter(isOther),
  }));
  const isStored = ({ volumes, staged, mirrors }: ContentCopies) =>
    volumes.length + staged.length + mirrors.length > 0;
  return {
    inSource: rest.filter(({ inSource }) => inSource),
    stored: rest.filter((copies) => !copies.inSource && isStored(copies)),
    lost: rest.filter((copies) => !copies.inSource && !isStored(copies)),
  };
}

/** What is wrong, and which good copies remain, as one sentence. */
export function withRemains(what: string, remains: Remains): string {
  const { inSource, stored, lost } = remains;
  return inSource.length + stored.length + lost.length === 0 ? what : `${what}; ${describeRemains(remains)}`;
}

function describeRemains({ inSource, stored, lost }: Remains): string {
  const [only] = [...inSource, ...stored, ...lost];
  if (only === undefined) return "";
  if (inSource.length + stored.length + lost.length === 1) return describeOne(only, lost.length === 1);
  const parts = [
    inSource.length > 0 ? `${inSource.length} still in their folders` : "",
    stored.length > 0 ? `${stored.length} stored elsewhere` : "",
    lost.length > 0 ? `${lost.length} NOWHERE ELSE` : "",
  ];
  return `of its ${inSource.length + stored.length + lost.length} files ${
    parts.filter((part) => part !== "").join(", ")
  }`;
}

function describeOne(copies: ContentCopies, lost: boolean): string {
  const name = copies.paths[0] ?? "a file";
  if (lost) return `it was the only copy of ${name}`;
  return copies.inSource ? `${name} is still in its folder` : `${name} is also ${describePlace(copies)}`;
}

/** Where a stored copy is: `in volume NAME`, `staged at URL`, `in the mirror URL`. */
export function describePlace({ volumes, staged, mirrors }: ContentCopies): string {
  const [[volume], [object], [mirror]] = [volumes, staged, mirrors];
  if (volume !== undefined) return `in volume ${volume}`;
  if (object !== undefined) return `staged at ${object.store}`;
  return mirror === undefined ? "nowhere else" : `in the mirror ${mirror.store} as ${mirror.key}`;
}

/** The names of all files of these contents. */
export function pathsOf(all: readonly ContentCopies[]): string[] {
  return all.flatMap(({ paths }) => paths).sort();
}
