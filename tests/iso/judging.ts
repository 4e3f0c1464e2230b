/** Compares what an outside reader found in an image with the manifest it was made from. */

import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { lstat, readdir, readFile, readlink } from "node:fs/promises";
import { join } from "node:path";
import { utf8 } from "../../lib/bytes.ts";
import type { ImageSpec } from "../../lib/types.ts";
import type { Seen, View } from "./uml.ts";

/** What a reader found, as far as it tells: modes and links only where it gives them. */
export type Found =
  & { readonly path: string; readonly mtime?: number }
  & (
    | { readonly kind: "file"; readonly size: number; readonly sha256?: string }
    | { readonly kind: "dir" }
    | { readonly kind: "symlink"; readonly target: string }
  );

/** How long a name a view holds unchanged, and what it may not have. */
const HOLDS: Record<View, (name: string) => boolean> = {
  rock: (name) => utf8(name).length <= 253,
  joliet: (name) => name.length <= 103 && !/[*/:;?\\]|[^ -\uffff]|[. ]$/.test(name),
  plain: (name) => /^[A-Z0-9_]{1,8}(\.[A-Z0-9_]{1,3})?$/.test(name),
  udf: (name) => utf8(name).length <= 253 && (/^[^\u0100-\uffff]*$/.test(name) || name.length <= 127),
};

/** Every path of a manifest with what is there; folders that are only implied too. */
function expected(spec: ImageSpec): Map<string, Found> {
  const all = new Map<string, Found>();
  for (const entry of spec.entries) {
    for (let slash = entry.path.indexOf("/"); slash > 0; slash = entry.path.indexOf("/", slash + 1)) {
      const path = entry.path.slice(0, slash);
      if (!all.has(path)) all.set(path, { kind: "dir", path });
    }
    const { path, mtime } = entry;
    if (entry.kind === "file") {
      all.set(path, { kind: "file", path, mtime, size: entry.size, sha256: entry.content });
    } else if (entry.kind === "dir") all.set(path, { kind: "dir", path, mtime });
    else all.set(path, { kind: "symlink", path, mtime, target: entry.target });
  }
  return all;
}

/** Paths of which another, in the same folder, differs only by case: Joliet renames all but one of them. */
function clashing(paths: Iterable<string>): Set<string> {
  const groups = new Map<string, string[]>();
  for (const path of paths) {
    // As a Joliet name is cleaned first, two names may come to clash only then.
    const key = path.split("/").map((name) =>
      name.replace(/[*:;?\\]|[^ -\uffff]/g, "_").replace(/[. ]+$/, "")
    )
      .join("/").toUpperCase();
    groups.set(key, [...groups.get(key) ?? [], path]);
  }
  return new Set([...groups.values()].filter((group) => group.length > 1).flat());
}

/** A comparable line for one thing, without its path. */
function without(found: Found): string {
  const { path: _, mtime: _time, ...rest } = found;
  return JSON.stringify(
    rest,
    Object.keys(rest).filter((key) => ["kind", "size", "sha256", "target"].includes(key)).sort(),
  );
}

/** Asserts that two sorted lists are the same, and names only what differs. */
function assertSame(view: View, found: readonly string[], wanted: readonly string[]): void {
  const missing = wanted.filter((line) => !found.includes(line));
  const extra = found.filter((line) => !wanted.includes(line));
  assert.deepEqual(
    { missing, extra, count: found.length },
    { missing: [], extra: [], count: wanted.length },
    view,
  );
}

function sorted(all: Iterable<Found>): string[] {
  return [...all].map(without).sort();
}

/** What a reader is known to do with names that the view holds. */
export interface Habits {
  /** How it spells a path. */
  readonly shown?: (path: string) => string;
  /** Which names it makes others of. */
  readonly altered?: (name: string) => boolean;
}

/**
 * Asserts that a reader found what the manifest has.
 *
 * Paths whose every name the view can hold must be there as they are, with their time; of the others at least
 * the contents must be.
 */
export function judge(
  spec: ImageSpec,
  view: View,
  found: readonly Found[],
  { shown = (path) => path, altered = () => false }: Habits = {},
): void {
  const all = expected(spec);
  for (const [path, one] of all) {
    if (one.kind === "symlink") adaptLink(all, view, path);
  }
  assertSame(view, sorted(found), sorted(all.values()));
  const byPath = new Map(found.map((one) => [one.path, one]));
  assert.equal(byPath.size, found.length, "two things with one path");
  const clashes = view === "joliet" ? clashing(all.keys()) : new Set<string>();
  for (const [path, wanted] of all) {
    const held = path.split("/").every((name) => HOLDS[view](name) && !altered(name));
    if (!held || isUnder(clashes, path)) continue;
    const got = byPath.get(shown(path));
    assert.ok(got !== undefined, `${view} has no ${JSON.stringify(path)}`);
    assert.equal(without(got), without(wanted), path);
    assertTime(wanted, got);
  }
}

/** Joliet and UDF have no symlinks; where Rock Ridge is not looked at, one is an empty file. */
function adaptLink(all: Map<string, Found>, view: View, path: string): void {
  if (view === "joliet" || view === "udf") all.delete(path);
  if (view === "plain") all.set(path, { kind: "file", path, size: 0, sha256: EMPTY });
}
const EMPTY = createHash("sha256").digest("hex");

/** Whether the path or a folder above it is in the set. */
function isUnder(set: ReadonlySet<string>, path: string): boolean {
  if (set.has(path)) return true;
  const slash = path.lastIndexOf("/");
  return slash > 0 && isUnder(set, path.slice(0, slash));
}

function assertTime(wanted: Found, got: Found): void {
  if (wanted.mtime === undefined || got.mtime === undefined) return;
  assert.equal(Math.floor(got.mtime / 1000), Math.floor(wanted.mtime / 1000), `time of ${wanted.path}`);
}

/** What the kernel saw in a view, as found things. In plain ISO it shows names with their version. */
export function foundOf(view: View, seen: readonly Seen[]): Found[] {
  return seen.map((one): Found => {
    const path = view === "plain" ? one.path.replace(/\.?;1$/, "") : one.path;
    const { mtime } = one;
    if (one.kind === "file") return { kind: "file", path, mtime, size: one.size, sha256: one.sha256 };
    return one.kind === "dir" ? { kind: "dir", path, mtime } : { kind: "symlink", path, target: one.target };
  });
}

/** All that stands below a folder of the host, where a reader extracted it. */
export async function foundIn(folder: string, where = ""): Promise<Found[]> {
  const entries = await readdir(join(folder, where), { withFileTypes: true });
  const found = await Promise.all(entries.map(async ({ name }) => {
    const one = await lookAt(folder, where === "" ? name : `${where}/${name}`);
    return one.kind === "dir" ? [one, ...await foundIn(folder, one.path)] : [one];
  }));
  return found.flat();
}

async function lookAt(folder: string, path: string): Promise<Found> {
  const full = join(folder, path);
  const stat = await lstat(full);
  const mtime = Math.floor(stat.mtimeMs);
  if (stat.isSymbolicLink()) return { kind: "symlink", path, target: await readlink(full) };
  if (stat.isDirectory()) return { kind: "dir", path, mtime };
  const sha256 = createHash("sha256").update(await readFile(full)).digest("hex");
  return { kind: "file", path, size: stat.size, sha256, mtime };
}
