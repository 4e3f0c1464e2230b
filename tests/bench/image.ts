/** Makes the image of a folder and keeps nothing of it: `bun tests/bench/image.ts FOLDER [udf]`. */

import { closeSync, openSync, readdirSync, readSync, statSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { layoutImage } from "../../lib/iso/image.ts";
import type { Image, ImageEntry, ImageSpec } from "../../lib/types.ts";

/** What the job reads at once: a part of an upload is a few of these. */
const CHUNK = 4 << 20;

/** The manifest of a folder, as the scan would have it ready. */
function manifestOf(folder: string, udf: boolean): ImageSpec {
  const found = readdirSync(folder, { recursive: true, withFileTypes: true });
  const entries = found.filter((entry) => entry.isFile()).map((entry): ImageEntry => {
    const content = join(entry.parentPath, entry.name);
    const { size, mtimeMs } = statSync(content);
    return {
      kind: "file",
      path: content.slice(folder.length + 1),
      size,
      mtime: Math.floor(mtimeMs),
      content,
    };
  });
  return { volumeId: "BENCH", created: Date.UTC(2024, 0, 1), entries, udf };
}

/** Reads the whole image into one buffer that is used again: what a job does before it encrypts. */
function generate(spec: ImageSpec): void {
  const image = layoutImage(spec);
  const chunk = new Uint8Array(CHUNK);
  for (let offset = 0; offset < image.size; offset += CHUNK) {
    fill(spec, image, offset, chunk.subarray(0, Math.min(CHUNK, image.size - offset)));
  }
}

function fill(spec: ImageSpec, image: Image, offset: number, chunk: Uint8Array): void {
  let at = 0;
  for (const segment of image.segments(offset, chunk.length)) {
    const length = segment.kind === "bytes" ? segment.bytes.length : segment.length;
    const target = chunk.subarray(at, at + length);
    if (segment.kind === "bytes") target.set(segment.bytes);
    else if (segment.kind === "zero") target.fill(0);
    else read(spec.entries[segment.entry], segment.offset, target);
    at += length;
  }
}

function read(entry: ImageEntry | undefined, offset: number, target: Uint8Array): void {
  if (entry?.kind !== "file") throw new Error("the image has a content that is no file");
  const file = openSync(entry.content, "r");
  for (let done = 0; done < target.length;) {
    const got = readSync(file, target, done, target.length - done, offset + done);
    if (got === 0) throw new Error(`${entry.content} is shorter than it was`);
    done += got;
  }
  closeSync(file);
}

const [folder = "", udf] = process.argv.slice(2);
generate(manifestOf(folder, udf === "udf"));
