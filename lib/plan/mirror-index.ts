/**
 * The index of a mirror: texts that say which object is which file, with its time and hash, so that the mirror
 * can be read by whoever has the key and nothing else. docs/FORMAT.md, "Mirrors". Pure.
 */

import { ColdframeError } from "../errors.ts";
import type { MirrorEntry } from "../types.ts";

/** Bumped when a reader would have to know. */
export const MIRROR_FORMAT = "coldframe-mirror/1";

/** The first line of an index. */
export interface MirrorIndexHeader {
  readonly format: typeof MIRROR_FORMAT;
  readonly archive: string;
  readonly box: string;
  /** ISO 8601. */
  readonly created: string;
  readonly files: number;
}

/** An index as text: a header, then one JSON object a line. */
export function encodeIndex(header: MirrorIndexHeader, entries: readonly MirrorEntry[]): string {
  return [header, ...entries.map(lineOf)].map((line) => JSON.stringify(line) + "\n").join("");
}

function lineOf({ mtime, mode, current, stored, ...entry }: MirrorEntry): unknown {
  return {
    ...entry,
    mtime: new Date(mtime).toISOString(),
    mode: (mode & 0o7777).toString(8).padStart(4, "0"),
    current: new Date(current).toISOString(),
    stored: new Date(stored).toISOString(),
  };
}

/**
 * Reads an index.
 *
 * @param name of the object, for errors
 * @throws ColdframeError `damaged` naming the line; also when lines are missing
 */
export function parseIndex(text: string, name: string): MirrorEntry[] {
  const [first = "", ...rest] = text.split("\n");
  const header = parseLine(first, name, 1);
  if (header["format"] !== MIRROR_FORMAT) throw damaged(name, 1, `is not of the format ${MIRROR_FORMAT}`);
  if (rest.pop() !== "") throw damaged(name, rest.length + 1, "is cut short");
  const entries = rest.map((line, i) => parseEntry(parseLine(line, name, i + 2), name, i + 2));
  if (entries.length === header["files"]) return entries;
  throw damaged(name, rest.length + 1, `is the last, after ${entries.length} of ${header["files"]} files`);
}

type Json = Record<string, unknown>;

function parseLine(line: string, name: string, number: number): Json {
  try {
    const value: unknown = JSON.parse(line);
    if (typeof value === "object" && value !== null && !Array.isArray(value)) return { ...value };
  } catch {
    // falls through to the same complaint
  }
  throw damaged(name, number, "is not a JSON object");
}

function parseEntry(row: Json, name: string, line: number): MirrorEntry {
  const field = <T>(key: string, check: (value: unknown) => T | undefined): T => {
    const value = check(row[key]);
    if (value === undefined) throw damaged(name, line, `has no ${key}`);
    return value;
  };
  return {
    path: field("path", asText),
    key: field("key", asText),
    encrypted: field("encrypted", (value) => typeof value === "boolean" ? value : undefined),
    size: field("size", asSize),
    mtime: field("mtime", asTime),
    mode: field("mode", asMode),
    sha256: field(
      "sha256",
      (value) => /^[0-9a-f]{64}$/.test(asText(value) ?? "") ? String(value) : undefined,
    ),
    objectSize: field("objectSize", asSize),
    checksum: field("checksum", asText),
    current: field("current", asTime),
    stored: field("stored", asTime),
  };
}

function asText(value: unknown): string | undefined {
  return typeof value === "string" && value !== "" ? value : undefined;
}

function asSize(value: unknown): number | undefined {
  return typeof value === "number" && Number.isSafeInteger(value) && value >= 0 ? value : undefined;
}

function asTime(value: unknown): number | undefined {
  const time = Date.parse(asText(value) ?? "");
  return Number.isNaN(time) ? undefined : time;
}

function asMode(value: unknown): number | undefined {
  return /^[0-7]{4}$/.test(asText(value) ?? "") ? parseInt(String(value), 8) : undefined;
}

function damaged(name: string, line: number, what: string): ColdframeError {
  return new ColdframeError("damaged", `${name}: its line ${line} ${what}`);
}
