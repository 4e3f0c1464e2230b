/**
 * What an image holds, as well as the image knows it: by its manifest, if it is one of ours; else by the
 * records of its file system, with the sums that somebody may have put beside the files.
 */

import { ColdframeError, hasCode } from "../../errors.ts";
import { type Extent, type ImageNode, type OnLost } from "../../iso/read.ts";
import {
  isManifest,
  type Manifest,
  type ManifestFile,
  type ManifestReference,
  parseManifest,
  parseSums,
} from "../../plan/manifest.ts";
import { volumeId } from "../../plan/name.ts";
import { readExtents } from "../restore/copy.ts";
import type { ImageFile } from "./open.ts";

/** A file in an image. */
export interface ImageFileItem {
  readonly kind: "file";
  readonly path: string;
  /** Bytes. */
  readonly size: number;
  /** ms since 1970. */
  readonly mtime: number;
  /** Permission bits. */
  readonly mode: number;
  /** What the image says that the bytes must hash to, if it does. */
  readonly sha256: string | undefined;
  readonly extents: readonly Extent[];
}

/** A file, folder or link in an image. */
export type ImageItem = ImageFileItem | Exclude<ImageNode, { kind: "file" }>;

/** What in an image says what its files' bytes must be. */
export type Proof = "MANIFEST.jsonl" | "SHA256SUMS" | "none";

/** The contents of an image. */
export interface ImageContents {
  /** The volume's name; of other images their volume identifier, which may be empty. */
  readonly name: string;
  readonly proof: Proof;
  /** Paths that the manifest names, whose bytes are in other volumes. */
  readonly references: readonly ManifestReference[];
  /**
   * Everything in the image, folders before what they hold. Without a manifest this reads the folders as it
   * goes.
   *
   * @param onLost told of each part that cannot be read
   */
  items(onLost: OnLost): AsyncIterable<ImageItem>;
}

/**
 * Finds out what an image holds.
 *
 * @param warn told, in a line, when the image has a manifest or sums that cannot be used
 */
export async function readContents(image: ImageFile, warn: (line: string) => void): Promise<ImageContents> {
  const manifest = await readListing(image, "MANIFEST.jsonl", warn, parseOurs);
  if (manifest !== undefined) return contentsByManifest(image, manifest);
  const sums = await readListing(image, "SHA256SUMS", warn, parseSums);
  return {
    name: image.reader.volumeId,
    proof: sums === undefined ? "none" : "SHA256SUMS",
    references: [],
    items: (onLost) => itemsByRecords(image, (path) => ({ sha256: sums?.get(path) }), onLost),
  };
}

/** Bytes. Room for more than a million files; all of it is held in memory. */
const LONGEST_LISTING = 256 * 1024 * 1024;

/** A listing at the root of the image; undefined when there is none, or none that can be used. */
async function readListing<T>(
  image: ImageFile,
  name: string,
  warn: (line: string) => void,
  parse: (text: string) => T | undefined,
): Promise<T | undefined> {
  try {
    const node = await image.reader.find(name);
    if (node?.kind !== "file") return undefined;
    if (node.size > LONGEST_LISTING) throw new ColdframeError("damaged", `it is ${node.size} bytes long`);
    return parse(await textOf(image, node.extents));
  } catch (error) {
    if (!hasCode(error, "damaged") && !hasCode(error, "image")) throw error;
    warn(`${name} in the image cannot be used, and is passed over: ${error.message}`);
    return undefined;
  }
}

async function textOf(image: ImageFile, extents: readonly Extent[]): Promise<string> {
  const decoder = new TextDecoder();
  let text = "";
  for await (const piece of readExtents(image.access, extents)) {
    text += decoder.decode(piece, { stream: true });
  }
  return text + decoder.decode();
}

/** Somebody else's file may have the same name. */
function parseOurs(text: string): Manifest | undefined {
  return isManifest(text) ? parseManifest(text) : undefined;
}

/**
 * The manifest has the true names and says where the files are. But its places are those of the image it was
 * made for: where the files of a volume were packed anew, the records say where they are now.
 */
function contentsByManifest(image: ImageFile, manifest: Manifest): ImageContents {
  const { files, references, header } = manifest;
  const common = { name: header.volume, proof: "MANIFEST.jsonl", references } as const;
  if (image.reader.volumeId === volumeId(header.volume)) {
    return { ...common, items: (onLost) => itemsByManifest(manifest, image.access.size, onLost) };
  }
  const facts = new Map(files.map((file) => [file.path, factsOf(file)]));
  return { ...common, items: (onLost) => itemsByRecords(image, (path) => facts.get(path) ?? {}, onLost) };
}

async function* itemsByManifest(
  { files, folders }: Manifest,
  imageSize: number,
  onLost: OnLost,
): AsyncGenerator<ImageItem> {
  for (const { path, mtime } of folders) yield { kind: "dir", path, mtime: Date.parse(mtime) };
  for (const file of files) {
    if (file.offset + file.size <= imageSize) yield itemOf(file);
    else onLost(file.path, "file", outside(file, imageSize));
  }
}

/** What a listing knows of a file better than the records of a file system. */
type Facts = Partial<Pick<ImageFileItem, "mtime" | "mode" | "sha256">>;

function factsOf({ mtime, mode, sha256 }: ManifestFile): Required<Facts> {
  return { mtime: Date.parse(mtime), mode: parseInt(mode, 8), sha256 };
}

function itemOf(file: ManifestFile): ImageItem {
  const { path, size, offset } = file;
  const extents = size === 0 ? [] : [{ offset, length: size }];
  return { kind: "file", path, size, ...factsOf(file), extents };
}

function outside(file: ManifestFile, imageSize: number): ColdframeError {
  const end = file.offset + file.size;
  return new ColdframeError(
    "image",
    `it should stand at bytes ${file.offset}–${end} of an image of ${imageSize}`,
  );
}

async function* itemsByRecords(
  image: ImageFile,
  factsOn: (path: string) => Facts,
  onLost: OnLost,
): AsyncGenerator<ImageItem> {
  for await (const node of image.reader.walk(upTo(MOST_LOST, onLost))) {
    if (node.kind !== "file") yield node;
    else yield { sha256: undefined, ...node, mode: modeOf(node.mode), ...factsOn(node.path) };
  }
}

/** Discs are often made read-only throughout; whoever restores a file may read and write it. */
function modeOf(recorded: number | undefined): number {
  return recorded === undefined ? 0o644 : (recorded & 0o777) | 0o600;
}

/** An image that breaks in more places than these is no image with some damage. */
const MOST_LOST = 10_000;

function upTo(most: number, onLost: OnLost): OnLost {
  let lost = 0;
  return (path, kind, error) => {
    if (++lost > most) throw error;
    onLost(path, kind, error);
  };
}

/** Room for the items of an image in memory: a hostile one can list more than any machine holds. */
export class Room {
  #left = 256 * 1024 * 1024;

  /** @throws ColdframeError `image` when the room is used up: after a million files or so */
  take(item: ImageItem): void {
    this.#left -= 150 + item.path.length + (item.kind === "symlink" ? item.target.length : 0);
    if (this.#left >= 0) return;
    throw new ColdframeError("image", "the image lists more than can be held in memory", {
      hint: "Name fewer of its folders.",
    });
  }
}
