/**
 * A volume before it is stored: its image, and the texts inside it. Given the same files, references and
 * creation time, everything here comes out the same, so that a part can be made again after a crash.
 */

import { Buffer } from "node:buffer";
import { type Bytes, utf8 } from "../bytes.ts";
import type { FolderRow } from "../catalog/folders.ts";
import type { VolumeFile } from "../catalog/volume-files.ts";
import type { Reference, WaitingFile } from "../catalog/waiting.ts";
import { imageSize, layoutImage } from "../iso/image.ts";
import {
  encodeManifest,
  encodeSums,
  type Manifest,
  MANIFEST_FORMAT,
  type ManifestFile,
  type ManifestFolder,
  type ManifestReference,
} from "../plan/manifest.ts";
import { volumeId } from "../plan/name.ts";
import { volumeReadme } from "../plan/readme.ts";
import { sha256Hex } from "../store/checksum.ts";
import type { Image, ImageEntry, ImageSpec } from "../types.ts";

/** A file of a volume; what `WaitingFile` and a stored manifest row have in common. */
export type FileOfVolume = Pick<WaitingFile, "path" | "size" | "mtime" | "mode" | "sha256" | "content">;

/** All that decides a volume. */
export interface VolumeDraft<F extends FileOfVolume = FileOfVolume> {
  readonly name: string;
  readonly archive: string;
  readonly box: string;
  /** ms since 1970. */
  readonly created: number;
  readonly udf: boolean;
  readonly files: readonly F[];
  readonly references: readonly Pick<Reference, "path" | "size" | "mtime" | "mode" | "sha256" | "volume">[];
  /** Folders that hold no file. */
  readonly folders: readonly Pick<FolderRow, "path" | "mtime">[];
}

/** A volume that can be read by range. */
export interface BuiltVolume {
  readonly image: Image;
  readonly entries: readonly ImageEntry[];
  /** The bytes of the generated files, by entry. */
  readonly texts: ReadonlyMap<number, Bytes>;
  /** Its manifest as text, UTF-8. */
  readonly listing: Bytes;
  /** Byte offset in the image of each file, in the order of the draft. */
  readonly offsets: readonly number[];
}

/** Names at the root of every volume; no source may be called so. */
export const RESERVED_NAMES = ["README.txt", "MANIFEST.jsonl", "SHA256SUMS"] as const;

/**
 * Builds a volume. The texts come last in the image, since the manifest names the offsets of all other
 * files: a first layout with texts of one byte gives those offsets, the second has their true sizes.
 */
export function buildVolume(draft: VolumeDraft): BuiltVolume {
  const files = draft.files.map(fileEntry);
  const folders = draft.folders.map(folderEntry);
  const first = layoutImage(specOf(draft, [...files, ...textEntries(draft, [1, 1, 1]), ...folders]));
  const offsets = draft.files.map((_, i) => first.offsetOf(i));
  const listing = listingOf(draft, offsets);
  const texts = textsOf(draft, listing);
  const entries = [...files, ...textEntries(draft, texts.map((text) => text.length)), ...folders];
  return {
    image: layoutImage(specOf(draft, entries)),
    entries,
    texts: new Map(texts.map((text, i) => [files.length + i, text])),
    listing,
    offsets,
  };
}

/** Bytes of text that a file adds to a volume at the most: its lines in the manifest and in the sums. */
function listedBytes(file: Omit<FileOfVolume, "content">): number {
  return rowBytes(manifestFile(file, Number.MAX_SAFE_INTEGER)) + Buffer.byteLength(encodeSums([file]));
}

function rowBytes(row: ManifestFile | ManifestFolder): number {
  return Buffer.byteLength(JSON.stringify(row)) + 1;
}

/**
 * A bound on the size of the image of these files, in bytes: exact but for the digits of the offsets in
 * the manifest, so never more than a few sectors too large, and never too small.
 */
export function measureVolume(draft: Omit<VolumeDraft, "name">): number {
  const rows = [...draft.files, ...draft.references].reduce((sum, file) => sum + listedBytes(file), 0) +
    draft.folders.reduce((sum, folder) => sum + rowBytes(manifestFolder(folder)), 0);
  const readme = volumeReadme({ name: "0000-00-00--0000-00-00--00000000", created: draft.created }).length;
  const lengths = [readme, rows + HEADER_ALLOWANCE, rows + HEADER_ALLOWANCE];
  const entries = [
    ...draft.files.map(fileEntry),
    ...textEntries(draft, lengths),
    ...draft.folders.map(folderEntry),
  ];
  return imageSize(specOf({ ...draft, name: "" }, entries));
}

/** More than a manifest's header line, and the sums of the texts themselves, ever take. */
const HEADER_ALLOWANCE = 1024;

function specOf(
  draft: Pick<VolumeDraft, "name" | "created" | "udf">,
  entries: readonly ImageEntry[],
): ImageSpec {
  return { volumeId: volumeId(draft.name), created: draft.created, entries, udf: draft.udf };
}

function fileEntry(file: FileOfVolume): ImageEntry {
  return { kind: "file", path: file.path, size: file.size, mtime: file.mtime, content: file.sha256 };
}

function folderEntry({ path, mtime }: VolumeDraft["folders"][number]): ImageEntry {
  return { kind: "dir", path, mtime };
}

function textEntries(draft: Pick<VolumeDraft, "created">, sizes: readonly number[]): ImageEntry[] {
  return RESERVED_NAMES.map((path, i) => ({
    kind: "file",
    path,
    size: sizes[i] ?? 0,
    mtime: draft.created,
    content: `text:${path}`,
  }));
}

function manifestFile(file: Omit<FileOfVolume, "content">, offset: number): ManifestFile {
  return {
    path: file.path,
    size: file.size,
    mtime: new Date(file.mtime).toISOString(),
    mode: file.mode.toString(8).padStart(4, "0"),
    sha256: file.sha256,
    offset,
  };
}

function manifestReference(file: VolumeDraft["references"][number]): ManifestReference {
  const { offset: _, ...row } = manifestFile(file, 0);
  return { ...row, volume: file.volume };
}

function manifestFolder({ path, mtime }: VolumeDraft["folders"][number]): ManifestFolder {
  return { path, mtime: new Date(mtime).toISOString(), folder: true };
}

/** The text of the manifest of a volume whose files stand at these offsets, UTF-8. */
export function listingOf(draft: VolumeDraft, offsets: readonly number[]): Bytes {
  return utf8(encodeManifest(manifestOf(draft, offsets)));
}

function manifestOf(draft: VolumeDraft, offsets: readonly number[]): Manifest {
  return {
    header: {
      format: MANIFEST_FORMAT,
      volume: draft.name,
      archive: draft.archive,
      box: draft.box,
      created: new Date(draft.created).toISOString(),
      files: draft.files.length,
      references: draft.references.length,
      folders: draft.folders.length,
    },
    files: draft.files.map((file, i) => manifestFile(file, offsets[i] ?? 0)),
    references: draft.references.map(manifestReference),
    folders: draft.folders.map(manifestFolder),
  };
}

/** The generated files, in the order of `RESERVED_NAMES`. The sums come last: they cover the others. */
function textsOf(draft: VolumeDraft, listing: Bytes): Bytes[] {
  const readme = utf8(volumeReadme(draft));
  const sums = encodeSums([
    ...draft.files,
    { path: RESERVED_NAMES[0], sha256: sha256Hex(readme) },
    { path: RESERVED_NAMES[1], sha256: sha256Hex(listing) },
  ]);
  return [readme, listing, utf8(sums)];
}

/** The rows that the catalog keeps of a volume: its files, then its references. */
export function volumeRows(
  files: readonly WaitingFile[],
  offsets: readonly number[],
  references: readonly Reference[],
): VolumeFile[] {
  const placed = files.map((file, i) => rowOf(file, offsets[i]));
  return [...placed, ...references.map((reference) => rowOf(reference, undefined))];
}

function rowOf(file: WaitingFile | Reference, offset: number | undefined): VolumeFile {
  return {
    version: file.version,
    path: file.path,
    content: file.content,
    mtime: file.mtime,
    mode: file.mode,
    offset,
  };
}
