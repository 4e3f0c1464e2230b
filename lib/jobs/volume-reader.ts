/** The plaintext of a volume by range: its image, with the contents read from the sources. */

import type { Bytes } from "../bytes.ts";
import type { Database } from "../catalog/database.ts";
import { readablePaths } from "../catalog/volume-files.ts";
import { ColdframeError, SourceChangedError } from "../errors.ts";
import type { RandomAccess, Segment } from "../types.ts";
import { absolutePath, ContentReader, type ReadableContent } from "./content-reader.ts";
import type { BuiltVolume } from "./volume.ts";

/** Reads a volume that exists only as a plan. */
export class VolumeReader implements RandomAccess {
  readonly built: BuiltVolume;
  readonly #contents: ReadonlyMap<string, ReadableContent>;
  readonly #reader = new ContentReader();

  /** @param contents where each content can be read, by SHA-256 */
  constructor(built: BuiltVolume, contents: ReadonlyMap<string, ReadableContent>) {
    this.built = built;
    this.#contents = contents;
  }

  get size(): number {
    return this.built.image.size;
  }

  /**
   * @param into filled and returned where it is given
   * @throws SourceChangedError when a file is not what the catalog says
   */
  async readAt(offset: number, length: number, into?: Bytes): Promise<Bytes> {
    const out = into?.subarray(0, length) ?? new Uint8Array(length);
    let at = 0;
    for (const segment of this.built.image.segments(offset, length)) {
      const size = segment.kind === "bytes" ? segment.bytes.length : segment.length;
      if (segment.kind === "bytes") out.set(segment.bytes, at);
      else if (segment.kind === "zero") out.fill(0, at, at + size);
      else await this.#fill(out.subarray(at, at + size), segment);
      at += size;
    }
    if (at !== length) throw new ColdframeError("image", `the image ends ${length - at} bytes too early`);
    return out;
  }

  /**
   * Where what is not proven begins, for who has read the image from its start up to `end`: a content is
   * proven when its last byte was read, so this is where the one begins that `end` cuts; else `end`.
   */
  unprovenFrom(end: number): number {
    const [last] = end > 0 ? this.built.image.segments(end - 1, 1) : [];
    if (last?.kind !== "content" || this.built.texts.has(last.entry)) return end;
    const entry = this.built.entries[last.entry];
    const cut = entry?.kind === "file" && last.offset + 1 < entry.size;
    return cut ? this.built.image.offsetOf(last.entry) : end;
  }

  /** Proves what is still being read; see `ContentReader.settle`. */
  settle(): Promise<void> {
    return this.#reader.settle();
  }

  close(): Promise<void> {
    return this.#reader.close();
  }

  async #fill(target: Bytes, segment: Extract<Segment, { kind: "content" }>): Promise<void> {
    const text = this.built.texts.get(segment.entry);
    if (text !== undefined) {
      target.set(text.subarray(segment.offset, segment.offset + target.length));
      return;
    }
    await this.#reader.fill(target, this.#contentOf(segment.entry), segment.offset);
  }

  #contentOf(index: number): ReadableContent {
    const entry = this.built.entries[index];
    if (entry?.kind !== "file") {
      throw new ColdframeError("image", `entry ${index} of the image is not a file`);
    }
    const content = this.#contents.get(entry.content);
    if (content === undefined) throw new SourceChangedError(entry.path, entry.content, "disappeared");
    return content;
  }
}

/** Where the contents of a planned volume can be read on this machine, by SHA-256. */
export async function readableContents(db: Database, volume: number): Promise<Map<string, ReadableContent>> {
  const paths = await readablePaths(db, volume);
  return new Map(paths.map(({ sha256, size, root, below }) => [
    sha256,
    { sha256, size, path: absolutePath(root, below) },
  ]));
}
