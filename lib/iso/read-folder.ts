/** The entries of one folder of an image, whatever the image names them by: Rock Ridge, Joliet or plain ISO. */

import { decodeText, decodeUtf16, imageError, shortDate } from "./read-fields.ts";
import { type DirectoryRecord, isDot, recordsIn } from "./read-record.ts";
import { type Continuations, readRockRidge, type RockRidge } from "./read-rock-ridge.ts";

/** How the names of an image are written. */
export type Naming =
  | { readonly kind: "rock-ridge"; readonly skip: number }
  | { readonly kind: "joliet" }
  | { readonly kind: "plain" };

/** A stretch of bytes. */
export interface Extent {
  /** Bytes from the start of the image. */
  readonly offset: number;
  /** Bytes. */
  readonly length: number;
}

/** One entry of a folder, its sections joined. Nothing of it has been held against the image's size yet. */
export interface FolderEntry {
  readonly name: string;
  /** ms since 1970; 0 where the image has no date. */
  readonly mtime: number;
  readonly kind: "file" | "dir" | "symlink" | "special";
  /** Permission bits; undefined where the image has none. */
  readonly mode: number | undefined;
  /** The sections of a file in order, or the extent of a folder. */
  readonly sections: readonly Extent[];
  /** Of a symlink. */
  readonly target: string;
  /** Byte offset of a folder that was moved elsewhere because it lay too deep. */
  readonly movedTo: number | undefined;
  /** The folder was moved here, and is shown where it belongs. */
  readonly moved: boolean;
  /** Why the bytes cannot be had although they are there. */
  readonly unreadable: string | undefined;
}

/**
 * The entries of a folder, in the order of the image, without itself and its parent. Entries that were moved
 * here from elsewhere are among them.
 *
 * @param bytes the whole folder
 * @param path of the folder, for errors; "" is the root
 * @throws ColdframeError `image` for broken records, and names that no folder can hold
 */
export async function* entriesIn(
  bytes: Uint8Array,
  path: string,
  naming: Naming,
  continuations: Continuations,
): AsyncGenerator<FolderEntry> {
  for (const sections of filesIn(bytes, path === "" ? "/" : path)) {
    const [first] = sections;
    const fields = naming.kind === "rock-ridge"
      ? await readRockRidge(first.systemUse.subarray(naming.skip), continuations, path)
      : undefined;
    const name = nameOf(first, fields, naming);
    assertName(name, path);
    yield entryOf(name, sections, fields);
  }
}

type Sections = [DirectoryRecord, ...DirectoryRecord[]];

/** Groups the records into files: all sections of a file but the last say that more follow (ECMA-119 §6.5.1). */
function* filesIn(bytes: Uint8Array, where: string): Generator<Sections> {
  let open: Sections | undefined;
  for (const record of recordsIn(bytes, where)) {
    if (isDot(record) || record.associated) continue;
    if (open === undefined) open = [record];
    else open.push(record);
    if (!sameIdentifier(open[0], record)) throw imageError(`mixes the sections of files in ${where}`);
    if (record.continues) continue;
    yield open;
    open = undefined;
  }
  if (open !== undefined) throw imageError(`lacks the last section of a file in ${where}`);
}

function sameIdentifier(a: DirectoryRecord, b: DirectoryRecord): boolean {
  return a.identifier.length === b.identifier.length &&
    a.identifier.every((byte, index) => byte === b.identifier[index]);
}

function nameOf(record: DirectoryRecord, fields: RockRidge | undefined, naming: Naming): string {
  if (fields?.name !== undefined) return decodeText(fields.name);
  if (naming.kind === "joliet") return withoutVersion(decodeUtf16(record.identifier));
  return withoutVersion(decodeText(record.identifier)).replace(/\.$/, "");
}

/** `NAME.EXT;1` is how ISO 9660 writes NAME.EXT (§7.5.1). */
function withoutVersion(name: string): string {
  return name.replace(/;\d{1,5}$/, "");
}

/** The guard that keeps every path inside the folder it is restored to. */
function assertName(name: string, path: string): void {
  const climbs = name === "" || name === "." || name === "..";
  if (climbs || name.includes("/") || name.includes("\0")) {
    throw imageError(`has an entry named ${JSON.stringify(name)} in /${path}`);
  }
}

function entryOf(name: string, sections: Sections, fields: RockRidge | undefined): FolderEntry {
  const [first] = sections;
  return {
    name,
    mtime: fields?.mtime ?? shortDate(first.date) ?? 0,
    kind: kindOf(first, fields),
    mode: fields?.mode === undefined ? undefined : fields.mode & 0o7777,
    sections: sections.map(({ offset, length }) => ({ offset, length })),
    target: fields?.target ?? "",
    movedTo: fields?.movedTo,
    moved: fields?.moved ?? false,
    unreadable: unreadable(sections, fields),
  };
}

function kindOf(record: DirectoryRecord, fields: RockRidge | undefined): FolderEntry["kind"] {
  if (record.directory || fields?.movedTo !== undefined) return "dir";
  if (fields === undefined) return "file";
  const type = (fields.mode ?? 0) & 0o170000;
  if (type === 0) return fields.target === undefined ? "file" : "symlink";
  return KINDS.get(type) ?? "special";
}

const KINDS = new Map<number, FolderEntry["kind"]>([[0o100000, "file"], [0o120000, "symlink"]]);

function unreadable(sections: Sections, fields: RockRidge | undefined): string | undefined {
  if (fields?.encoded === true) return "is stored compressed by zisofs";
  return sections.some((one) => one.interleaved) ? "is stored interleaved" : undefined;
}
