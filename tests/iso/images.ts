/** Turns specs into image files for outside readers, and trees of files into specs. */

import { Buffer } from "node:buffer";
import { createHash } from "node:crypto";
import { closeSync, ftruncateSync, openSync, writeSync } from "node:fs";
import { layoutImage } from "../../lib/iso/image.ts";
import type { Image, ImageEntry, ImageSpec, Segment } from "../../lib/types.ts";

/** Part of the content of a file, by the content's name. */
export type ReadContent = (content: string, offset: number, length: number) => Uint8Array;

const MOST = 1 << 22;
const ZEROS = new Uint8Array(MOST);

/** The bytes of one segment, in pieces. */
function* bytesOf(segment: Segment, spec: ImageSpec, read: ReadContent): Iterable<Uint8Array> {
  if (segment.kind === "bytes") return yield segment.bytes;
  for (let done = 0; done < segment.length; done += MOST) {
    const length = Math.min(MOST, segment.length - done);
    if (segment.kind === "zero") {
      yield ZEROS.subarray(0, length);
      continue;
    }
    const entry = spec.entries[segment.entry];
    if (entry?.kind !== "file") throw new Error(`segment of entry ${segment.entry}, which is no file`);
    yield read(entry.content, segment.offset + done, length);
  }
}

/** The bytes of a range of an image, in pieces. */
export function* imageBytes(
  spec: ImageSpec,
  image: Image,
  read: ReadContent,
  offset = 0,
  length = image.size - offset,
): Iterable<Uint8Array> {
  for (const segment of image.segments(offset, length)) yield* bytesOf(segment, spec, read);
}

/** The SHA-256 of a whole image. */
export function imageHash(spec: ImageSpec, read: ReadContent): string {
  const hash = createHash("sha256");
  for (const piece of imageBytes(spec, layoutImage(spec), read)) hash.update(piece);
  return hash.digest("hex");
}

/** Whether all bytes are zero, so that a hole will do. */
function isZero(bytes: Uint8Array): boolean {
  return Buffer.compare(bytes, ZEROS.subarray(0, bytes.length)) === 0;
}

/** Writes an image as a file with holes where it is zero. Segments of `sparse` contents are taken as holes unread. */
export function writeImage(
  path: string,
  spec: ImageSpec,
  read: ReadContent,
  sparse: ReadonlySet<string> = new Set(),
): Image {
  const image = layoutImage(spec);
  const file = openSync(path, "w");
  let at = 0;
  for (const segment of image.segments(0, image.size)) {
    const hole = segment.kind === "zero" ||
      (segment.kind === "content" && sparse.has(contentOf(spec, segment.entry)));
    if (hole) {
      at += segment.length;
      continue;
    }
    for (const piece of bytesOf(segment, spec, read)) {
      if (!isZero(piece)) writeSync(file, piece, 0, piece.length, at);
      at += piece.length;
    }
  }
  ftruncateSync(file, at);
  closeSync(file);
  return image;
}

function contentOf(spec: ImageSpec, index: number): string {
  const entry = spec.entries[index];
  return entry?.kind === "file" ? entry.content : "";
}

/** A tree for a test: paths to text, null for a folder, or a link's target. */
export type TreeOf = Record<string, string | null | { link: string }>;

/** A moment whose seconds survive every format. */
export const NOON = Date.UTC(2021, 5, 7, 12, 34, 56);

/** Contents named by their own bytes in hex, so that equal texts share an extent. */
export function specOf(tree: TreeOf, udf: boolean): { spec: ImageSpec; read: ReadContent } {
  const contents = new Map<string, Uint8Array>();
  const entries = Object.entries(tree).map(([path, node]): ImageEntry => {
    if (node === null) return { kind: "dir", path, mtime: NOON };
    if (typeof node === "object") return { kind: "symlink", path, target: node.link, mtime: NOON };
    const bytes = new TextEncoder().encode(node);
    const content = createHash("sha256").update(bytes).digest("hex");
    contents.set(content, bytes);
    return { kind: "file", path, size: bytes.length, mtime: NOON, content };
  });
  const spec = { volumeId: "COLDFRAME_TEST", created: NOON, entries, udf };
  return {
    spec,
    read: (content, offset, length) => {
      const bytes = contents.get(content);
      if (bytes === undefined) throw new Error(`no content ${content}`);
      return bytes.subarray(offset, offset + length);
    },
  };
}
