/**
 * Restoring from an image that is a file: folders first, then files, links last, so that nothing is ever
 * written through a link. What the image proves is proven; the report says what nothing proves.
 */

import { createHash } from "node:crypto";
import { ColdframeError, hasCode } from "../../errors.ts";
import { pathMatcher } from "../../plan/glob.ts";
import type { Meter, Reporter } from "../report.ts";
import { copyFiles, readExtents } from "../restore/copy.ts";
import type { Selection } from "../restore/select.ts";
import { type FailedFile, failedFile, type RestoreCounts } from "../restore/tally.ts";
import { Target } from "../restore/target.ts";
import {
  type ImageContents,
  type ImageFileItem,
  type ImageItem,
  type Proof,
  readContents,
  Room,
} from "./contents.ts";
import type { ImageFile } from "./open.ts";

/** What to restore and where to. */
export interface ImageRestoreRequest extends Pick<Selection, "patterns" | "since" | "until"> {
  readonly to: string;
  readonly overwrite: boolean;
  readonly dryRun: boolean;
}

/** What a restore from an image did. */
export interface ImageRestoreReport extends RestoreCounts {
  /** Symbolic links that were made; of folders, all that were made count, not just the empty ones. */
  readonly links: number;
  /** What in the image vouches for its files. */
  readonly proof: Proof;
  /** Files, of those that are there now, whose bytes nothing proves. */
  readonly unproven: number;
  /** Paths that match and are only named in the image: their bytes are in another volume. */
  readonly elsewhere: readonly { readonly path: string; readonly volume: string }[];
}

/** Where the job tells what it does, and how it is stopped. */
export interface ImageJob {
  readonly report: Reporter;
  readonly signal: AbortSignal;
}

/**
 * Restores what matches from an image.
 *
 * @throws ColdframeError `nothing-found` when no pattern matches anything; `store-full` when the disk is full
 */
export async function restoreFromImage(
  image: ImageFile,
  request: ImageRestoreRequest,
  job: ImageJob,
): Promise<ImageRestoreReport> {
  const contents = await readContents(image, (line) => job.report.warn(line));
  const restoring = new ImageRestoring(image, request, job);
  await restoring.choose(contents);
  if (!request.dryRun) await restoring.run();
  return restoring.result(contents.proof);
}

class ImageRestoring {
  readonly #image: ImageFile;
  readonly #request: ImageRestoreRequest;
  readonly #job: ImageJob;
  readonly #target: Target;
  readonly #chosen = new Chosen();
  readonly #elsewhere: { path: string; volume: string }[] = [];
  readonly #failed: FailedFile[] = [];
  #restored = 0;
  #existing = 0;
  #folders = 0;
  #links = 0;
  #unproven = 0;

  constructor(image: ImageFile, request: ImageRestoreRequest, job: ImageJob) {
    this.#image = image;
    this.#request = request;
    this.#job = job;
    this.#target = new Target(request.to, request.overwrite);
  }

  result(proof: Proof): ImageRestoreReport {
    const { path, damage } = this.#image;
    return {
      to: this.#request.to,
      files: this.#chosen.files.length,
      bytes: this.#chosen.bytes,
      restored: this.#restored,
      existing: this.#existing,
      folders: this.#folders,
      links: this.#links,
      proof,
      unproven: this.#unproven,
      elsewhere: this.#elsewhere,
      failed: this.#failed,
      damaged: damage === undefined ? [] : [{ key: path, reason: damage.message }],
    };
  }

  /** Picks what is asked for. */
  async choose(contents: ImageContents): Promise<void> {
    const { patterns, since = -Infinity, until = Infinity } = this.#request;
    const matches = pathMatcher(patterns);
    const wanted = (item: ImageItem) => matches(item.path) && item.mtime >= since && item.mtime < until;
    const items = contents.items((path, kind, error) => {
      if (kind === "folder" || matches(path)) this.#fail(path, error);
    });
    for await (const item of items) {
      this.#job.signal.throwIfAborted();
      if (wanted(item)) this.#chosen.add(item);
    }
    for (const { path, volume, mtime } of contents.references) {
      const time = Date.parse(mtime);
      if (matches(path) && time >= since && time < until) this.#elsewhere.push({ path, volume });
    }
    if (this.#chosen.count + this.#elsewhere.length + this.#failed.length > 0) return;
    throw new ColdframeError(
      "nothing-found",
      `nothing in ${this.#image.path} matches ${patterns.join(" ")}`,
      {
        hint:
          "`coldframe tree FILE` shows what is in it; quote patterns, so that the shell leaves them alone.",
      },
    );
  }

  async run(): Promise<void> {
    const meter = this.#job.report.phase("Restoring", this.#chosen.bytes);
    try {
      for (const folder of this.#chosen.folders) {
        await this.#attempt(folder.path, async () => {
          if (await this.#target.makeFolder(folder)) this.#folders++;
        });
      }
      await this.#copy(await this.#notYetThere(meter), meter);
      for (const link of this.#chosen.links) {
        await this.#attempt(link.path, async () => {
          if (await this.#target.makeLink(link)) this.#links++;
        });
      }
      await this.#target.finishFolders();
    } finally {
      meter.done();
    }
  }

  /** Leaves out files that are there already, and those that must not be replaced. */
  async #notYetThere(meter: Meter): Promise<ImageFileItem[]> {
    const missing: ImageFileItem[] = [];
    for (const file of this.#chosen.files) {
      await this.#attempt(file.path, async () => {
        if (await this.#target.standing(file, () => this.#hashOf(file)) === "nothing") {
          missing.push(file);
          return;
        }
        this.#existing++;
        this.#noteProof(file);
        meter.add(file.size, 1);
      });
    }
    return missing;
  }

  async #copy(files: readonly ImageFileItem[], meter: Meter): Promise<void> {
    const copies = files.map((file) => ({ size: file.size, extents: file.extents, files: [file] }));
    const failed = await copyFiles(() => Promise.resolve(this.#image.access), copies, {
      target: this.#target,
      meter,
      signal: this.#job.signal,
      consider: throwIfFatal,
      restored: (file) => {
        this.#restored++;
        this.#noteProof(file);
      },
    });
    for (const { copy, error } of failed) copy.files.forEach((file) => this.#fail(file.path, error));
  }

  async #hashOf(file: ImageFileItem): Promise<string> {
    const hash = createHash("sha256");
    for await (const piece of readExtents(this.#image.access, file.extents)) hash.update(piece);
    return hash.digest("hex");
  }

  #noteProof(file: { readonly sha256: string | undefined }): void {
    if (file.sha256 === undefined) this.#unproven++;
  }

  async #attempt(path: string, work: () => Promise<void>): Promise<void> {
    this.#job.signal.throwIfAborted();
    try {
      await work();
    } catch (error) {
      throwIfFatal(error);
      this.#fail(path, error);
    }
  }

  #fail(path: string, error: unknown): void {
    const failed = failedFile(path === "" ? "/" : path, error);
    this.#failed.push(
      failed.code === "damaged" || failed.code === "image" ? { ...failed, hint: OTHER_COPY } : failed,
    );
  }
}

const OTHER_COPY =
  "Try another copy of this volume. `bsdtar -xf` takes the bytes out of an .iso as they are, right or wrong.";

/** A full disk stays full. */
function throwIfFatal(error: unknown): void {
  if (hasCode(error, "store-full")) throw error;
}

/** What was picked from an image. */
class Chosen {
  readonly files: ImageFileItem[] = [];
  readonly folders: Extract<ImageItem, { kind: "dir" }>[] = [];
  readonly links: Extract<ImageItem, { kind: "symlink" }>[] = [];
  readonly #room = new Room();
  bytes = 0;

  get count(): number {
    return this.files.length + this.folders.length + this.links.length;
  }

  add(item: ImageItem): void {
    this.#room.take(item);
    if (item.kind === "dir") this.folders.push(item);
    else if (item.kind === "symlink") this.links.push(item);
    else {
      this.files.push(item);
      this.bytes += item.size;
    }
  }
}
