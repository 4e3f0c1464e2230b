/**
 * The texts inside a volume: MANIFEST.jsonl for programs, SHA256SUMS for `sha256sum -c`, README.txt for
 * people. docs/FORMAT.md is normative; these are its encoder and parser.
 */

import { ColdframeError } from "../errors.ts";

/** Format names, bumped when a reader would have to know. */
export const MANIFEST_FORMAT = "coldframe-manifest/1";

/** The first line of a manifest. */
export interface ManifestHeader {
  readonly format: typeof MANIFEST_FORMAT;
  /** The volume's name. */
  readonly volume: string;
  readonly archive: string;
  readonly box: string;
  /** ISO 8601. */
  readonly created: string;
  readonly files: number;
  readonly references: number;
  readonly folders: number;
}

/** A file whose bytes are in this volume. */
export interface ManifestFile {
  readonly path: string;
  /** Bytes. */
  readonly size: number;
  /** ISO 8601 with milliseconds, UTC. */
  readonly mtime: string;
  /** Permission bits, octal, four digits. */
  readonly mode: string;
  readonly sha256: string;
  /** Where the bytes start in the image. */
  readonly offset: number;
}

/** A path whose bytes are in an earlier volume. */
export interface ManifestReference extends Omit<ManifestFile, "offset"> {
  /** The name of that volume. */
  readonly volume: string;
}

/** A folder that holds no file. */
export interface ManifestFolder {
  readonly path: string;
  readonly mtime: string;
  readonly folder: true;
}

/** A parsed manifest. */
export interface Manifest {
  readonly header: ManifestHeader;
  readonly files: readonly ManifestFile[];
  readonly references: readonly ManifestReference[];
  readonly folders: readonly ManifestFolder[];
}

/** A manifest as text: the header, the files in image order, references, folders; one JSON object a line. */
export function encodeManifest(manifest: Manifest): string {
  const { header, files, references, folders } = manifest;
  const lines = [header, ...files, ...references, ...folders].map((line) => JSON.stringify(line));
  return lines.join("\n") + "\n";
}

/** Whether a text is a manifest of ours, of this version or another: other programs use the name, too. */
export function isManifest(text: string): boolean {
  return text.startsWith('{"format":"coldframe-manifest/');
}

/**
 * Reads a manifest.
 *
 * @throws ColdframeError `damaged` naming the line
 */
export function parseManifest(text: string): Manifest {
  let header: ManifestHeader | undefined;
  const files: ManifestFile[] = [];
  const references: ManifestReference[] = [];
  const folders: ManifestFolder[] = [];
  let number = 0;
  for (const line of linesOf(text)) {
    const json = parseLine(line, ++number);
    if (header === undefined) {
      header = parseHeader(json);
      continue;
    }
    const row = parseRow(json, number);
    if ("folder" in row) folders.push(row);
    else if ("offset" in row) files.push(row);
    else references.push(row);
  }
  if (header === undefined) throw damaged(1, "is missing");
  const counts = { files: files.length, references: references.length, folders: folders.length };
  for (const kind of ["files", "references", "folders"] as const) {
    if (counts[kind] !== header[kind]) {
      throw damaged(number, `is the last, after ${counts[kind]} of ${header[kind]} ${kind}`);
    }
  }
  return { header, files, references, folders };
}

/** One line after the other: a listing of nothing but line breaks must not become an array of them. */
function* linesOf(text: string): Generator<string> {
  for (let at = 0; at < text.length;) {
    const end = text.indexOf("\n", at);
    yield text.slice(at, end < 0 ? text.length : end);
    at = end < 0 ? text.length : end + 1;
  }
}

/** `SHA256SUMS` in GNU format: names with a newline or backslash are escaped and their line starts with `\`. */
export function encodeSums(files: readonly { readonly path: string; readonly sha256: string }[]): string {
  return files.map(({ path, sha256 }) => {
    const escaped = path.replaceAll("\\", "\\\\").replaceAll("\n", "\\n").replaceAll("\r", "\\r");
    return `${escaped === path ? "" : "\\"}${sha256}  ${escaped}\n`;
  }).join("");
}

/**
 * Reads sums as GNU `sha256sum` writes them, in text or binary mode. Other lines are passed over, as
 * `sha256sum -c` does.
 *
 * @returns the hash of each path, both as in the text but for a leading `./`
 */
export function parseSums(text: string): Map<string, string> {
  const sums = new Map<string, string>();
  for (const line of linesOf(text)) {
    const match = /^(\\?)([0-9a-fA-F]{64}) [ *](.+?)\r?$/.exec(line);
    if (match === null) continue;
    const [, escaped, sha256 = "", written = ""] = match;
    const path = escaped === "" ? written : written.replace(/\\([nr\\])/g, unescape);
    sums.set(path.replace(/^(\.\/)+/, ""), sha256.toLowerCase());
  }
  return sums;
}

function unescape(_: string, letter: string): string {
  return letter === "n" ? "\n" : letter === "r" ? "\r" : "\\";
}

type Json = Record<string, unknown>;

function parseLine(line: string, number: number): Json {
  try {
    const value: unknown = JSON.parse(line);
    if (typeof value === "object" && value !== null && !Array.isArray(value)) return { ...value };
  } catch {
    // falls through to the same complaint
  }
  throw damaged(number, "is not a JSON object");
}

function parseHeader(row: Json): ManifestHeader {
  if (row["format"] !== MANIFEST_FORMAT) throw damaged(1, `is not of the format ${MANIFEST_FORMAT}`);
  return {
    format: MANIFEST_FORMAT,
    volume: text(row, "volume", 1),
    archive: text(row, "archive", 1),
    box: text(row, "box", 1),
    created: text(row, "created", 1),
    files: integer(row, "files", 1),
    references: integer(row, "references", 1),
    folders: integer(row, "folders", 1),
  };
}

function parseRow(row: Json, number: number): ManifestFile | ManifestReference | ManifestFolder {
  if (Number.isNaN(Date.parse(text(row, "mtime", number)))) throw damaged(number, "has no mtime");
  if (row["folder"] === true) {
    return { path: text(row, "path", number), mtime: text(row, "mtime", number), folder: true };
  }
  const common = {
    path: text(row, "path", number),
    size: integer(row, "size", number),
    mtime: text(row, "mtime", number),
    mode: text(row, "mode", number),
    sha256: text(row, "sha256", number),
  };
  if (!/^[0-9a-f]{64}$/.test(common.sha256)) throw damaged(number, "has no SHA-256");
  if (!/^[0-7]{4}$/.test(common.mode)) throw damaged(number, "has no mode");
  return "volume" in row
    ? { ...common, volume: text(row, "volume", number) }
    : { ...common, offset: integer(row, "offset", number) };
}

function text(row: Json, key: string, line: number): string {
  const value = row[key];
  if (typeof value !== "string") throw damaged(line, `has no ${key}`);
  return value;
}

function integer(row: Json, key: string, line: number): number {
  const value = row[key];
  if (typeof value !== "number" || !Number.isSafeInteger(value) || value < 0) {
    throw damaged(line, `has no ${key}`);
  }
  return value;
}

function damaged(line: number, what: string): ColdframeError {
  return new ColdframeError("damaged", `the manifest's line ${line} ${what}`);
}
