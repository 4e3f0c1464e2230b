/**
 * What a restore is about. A plan is made of all of it at once, since what it costs is asked as a whole; so it
 * holds only numbers of each content, and the rows of the files are read when their turn comes.
 */

import type { Database } from "../../catalog/database.ts";
import { type WantedVersion, wantedVersions } from "../../catalog/wanted.ts";
import type { Copy } from "./copy.ts";

/** A content that shall come back. */
export interface WantedContent {
  readonly content: number;
  /** Bytes. */
  readonly size: number;
  /** Ids of the versions it becomes; at least one. */
  readonly versions: readonly number[];
}

/** A content at its place in an image, or at the start of an object of its own. */
export interface Piece {
  readonly wanted: WantedContent;
  /** Byte offset. */
  readonly offset: number;
}

/** Contents whose rows are in memory at the same time, for each object that is read. */
const AT_ONCE = 1_000;

/** Parts of a list, so small that the rows behind each fit into memory. */
export function* slicesOf<T>(items: readonly T[]): Generator<T[]> {
  for (let start = 0; start < items.length; start += AT_ONCE) yield items.slice(start, start + AT_ONCE);
}

/** The rows of versions, a page at a time, in about the order of their ids given. */
export async function* versionsOf(db: Database, ids: readonly number[]): AsyncGenerator<WantedVersion[]> {
  for (const slice of slicesOf(ids)) yield await wantedVersions(db, slice);
}

/** The files that contents become, by content. */
export async function filesOf(
  db: Database,
  contents: readonly WantedContent[],
): Promise<Map<number, WantedVersion[]>> {
  return Map.groupBy(await wantedVersions(db, idsOf(contents)), ({ content }) => content);
}

/** The ids of all versions that contents become. */
export function idsOf(contents: readonly WantedContent[]): number[] {
  return contents.flatMap(({ versions }) => versions);
}

/** The contents of pieces. */
export function contentsOf({ pieces }: { readonly pieces: readonly Piece[] }): WantedContent[] {
  return pieces.map(({ wanted }) => wanted);
}

/** A piece with the files it becomes, as it is copied. */
export function copyOf(
  { wanted: { size }, offset }: Piece,
  files: readonly WantedVersion[],
): Copy<WantedVersion> {
  return { size, files, extents: [{ offset, length: size }] };
}

/** Files that contents become. */
export function countFiles(contents: readonly WantedContent[]): number {
  return contents.reduce((sum, { versions }) => sum + versions.length, 0);
}

/** Bytes of these files. */
export function bytesOf(contents: readonly WantedContent[]): number {
  return contents.reduce((sum, { size, versions }) => sum + size * versions.length, 0);
}

/** Gathers versions by their content. */
export class WantedContents {
  readonly #contents = new Map<number, { content: number; size: number; versions: number[] }>();

  add({ id, content, size }: WantedVersion): void {
    const known = this.#contents.get(content);
    if (known === undefined) this.#contents.set(content, { content, size, versions: [id] });
    else known.versions.push(id);
  }

  list(): WantedContent[] {
    return [...this.#contents.values()];
  }
}
