/** Checking and restoring what lomo-backup stored: nothing is delivered that its hash does not prove. */

import { createHash } from "node:crypto";
import { ColdframeError, hasCode } from "../../errors.ts";
import { isProven, type LomobAccess, openLomob, SALT_SIZE } from "../../import/lomob.ts";
import { besideName } from "../../import/names.ts";
import { openImage } from "../../iso/read.ts";
import { pathMatcher } from "../../plan/glob.ts";
import type { ObjectInfo, ThawTier } from "../../store/store.ts";
import { copyFiles } from "../restore/copy.ts";
import { objectAccess, readAhead } from "../restore/object-access.ts";
import type { WantedFile } from "../restore/restored-file.ts";
import { Target } from "../restore/target.ts";
import {
  type ExaminedImage,
  examineImage,
  type ImageProof,
  type OpenImage,
  openImageObject,
} from "./examine.ts";
import type { ImportJob } from "./job.ts";
import { listLomob, type LomobObject, type LomobSource } from "./lomob-source.ts";
import { emptyProblem, type ImportProblem, problemFrom, throwIfFatal } from "./problems.ts";
import type { SurveyedFile } from "./survey.ts";
import { Thawer } from "./thaw.ts";

/** What to read, and where to. */
export interface LomobRequest {
  /** As in `lib/plan/glob.ts`: paths of files, or names of images. */
  readonly patterns: readonly string[];
  /** The folder to restore into; undefined only to check. */
  readonly to: string | undefined;
  readonly overwrite: boolean;
  /** Says what would be restored, by the images' folders; proves nothing. */
  readonly dryRun: boolean;
  /** Has archived objects thawed, to be read by a later run. */
  readonly thaw: ThawTier | undefined;
}

/** What became of an image. */
export interface ImageReport {
  readonly key: string;
  /** What vouches for it; undefined when it could not be read. */
  readonly proof: ImageProof | undefined;
  readonly files: number;
}

/** What an import did. */
export interface LomobReport {
  readonly to: string | undefined;
  /** Files that match, in images and alone. */
  readonly files: number;
  readonly bytes: number;
  readonly restored: number;
  /** Files that were already there, with the right bytes. */
  readonly existing: number;
  readonly images: readonly ImageReport[];
  /** Files that got another name, since theirs was taken by other bytes. */
  readonly renamed: readonly { readonly path: string; readonly to: string }[];
  /** Archived objects that are being thawed now. */
  readonly thawing: readonly string[];
  readonly problems: readonly ImportProblem[];
}

/**
 * Reads what matches: proves it and, with a target, restores what is proven.
 *
 * @throws ColdframeError `nothing-found`; `key-wrong` when the master key opens nothing
 */
export async function readLomob(
  source: LomobSource,
  request: LomobRequest,
  job: ImportJob,
): Promise<LomobReport> {
  const objects = await listLomob(source);
  const reading = new Reading(source, request, job);
  for (const object of objects) await reading.take(object);
  await reading.finish();
  return reading.report();
}

class Reading {
  readonly #source: LomobSource;
  readonly #request: LomobRequest;
  readonly #job: ImportJob;
  readonly #target: Target | undefined;
  readonly #matches: (path: string) => boolean;
  readonly #problems: ImportProblem[] = [];
  readonly #images: ImageReport[] = [];
  readonly #renamed: { path: string; to: string }[] = [];
  readonly #thawer: Thawer;
  /** A proof that the master key is right: something opened with it. */
  #opened = false;
  #files = 0;
  #bytes = 0;
  #restored = 0;
  #existing = 0;

  constructor(source: LomobSource, request: LomobRequest, job: ImportJob) {
    this.#source = source;
    this.#request = request;
    this.#job = job;
    this.#target = request.to === undefined ? undefined : new Target(request.to, request.overwrite);
    this.#matches = pathMatcher(request.patterns);
    this.#thawer = new Thawer(source.place.store, request.thaw, request.dryRun);
  }

  report(): LomobReport {
    return {
      to: this.#request.to,
      files: this.#files,
      bytes: this.#bytes,
      restored: this.#restored,
      existing: this.#existing,
      images: this.#images,
      renamed: this.#renamed,
      thawing: this.#thawer.thawing,
      problems: this.#problems,
    };
  }

  async take(object: LomobObject): Promise<void> {
    this.#job.signal.throwIfAborted();
    const { kind, info } = object;
    try {
      if (!this.#means(object) || await this.#thawer.mustWait(info)) return;
      if (kind === "image") await this.#takeImage(info);
      else await this.#takeSingle(info);
    } catch (error) {
      this.#job.signal.throwIfAborted();
      this.#problems.push(problemFrom(info.key, undefined, error));
      if (kind === "image") this.#images.push({ key: info.key, proof: undefined, files: 0 });
    }
  }

  /** Of an image, what is in it decides; its listing is only restored when it is asked for by name. */
  #means({ kind, info }: LomobObject): boolean {
    if (kind === "image") return true;
    if (kind === "file") return this.#matches(info.key);
    return this.#request.patterns.some((pattern) => /\.txt$/.test(pattern)) && this.#matches(info.key);
  }

  async finish(): Promise<void> {
    await this.#target?.finishFolders();
    const [first] = this.#problems;
    const wrongKey = this.#problems.filter(({ kind }) => kind === "wrong-key");
    if (first !== undefined && wrongKey.length === this.#problems.length && !this.#opened) {
      throw new ColdframeError("key-wrong", first.message, {
        ...(first.hint !== undefined && { hint: first.hint }),
      });
    }
    if (this.#files + this.#problems.length + this.#thawer.thawing.length > 0) return;
    throw new ColdframeError(
      "nothing-found",
      `nothing of lomo-backup's matches in ${this.#source.place.store.url}`,
      {
        hint: "Look with --list; quote patterns, so that the shell leaves them alone.",
      },
    );
  }

  async #takeImage(info: ObjectInfo): Promise<void> {
    const { key, size } = info;
    if (size === 0) {
      return void this.#problems.push(emptyProblem(key, `${key} has no bytes: its upload failed`));
    }
    const image = await openImageObject(this.#source, info);
    if (image.encrypted) this.#opened = true;
    const wanted = this.#matches(key) ? () => true : this.#matches;
    if (this.#request.dryRun || !this.#matches(key)) {
      const { files, bytes } = await countMatches(image.access, wanted);
      if (this.#request.dryRun) {
        this.#count(files, bytes);
        return void this.#images.push({ key, proof: undefined, files });
      }
      if (files === 0) return;
    }
    const examined = await this.#examine(image);
    const chosen = examined.survey.files.filter(({ path }) => wanted(path));
    this.#count(chosen.length, chosen.reduce((sum, file) => sum + file.size, 0));
    this.#images.push({ key, proof: examined.proof, files: examined.survey.files.length });
    const about = ({ path }: ImportProblem) => path === undefined || wanted(path);
    this.#problems.push(...examined.problems.filter(about));
    if (this.#target !== undefined) await this.#restore(examined, wanted, this.#target);
  }

  async #examine(image: OpenImage): Promise<ExaminedImage> {
    const meter = this.#job.report.phase("Reading and proving", image.access.size);
    try {
      return await examineImage(this.#source, image, meter);
    } finally {
      meter.done();
    }
  }

  #count(files: number, bytes: number): void {
    this.#files += files;
    this.#bytes += bytes;
  }

  async #restore(image: ExaminedImage, wanted: (path: string) => boolean, target: Target): Promise<void> {
    const files: SurveyedFile[] = [];
    for (const file of image.good) {
      if (!wanted(file.path)) continue;
      const placed = await this.#place(image, file, target);
      if (placed !== undefined) files.push(placed);
    }
    const copies = files.map((file) => ({
      size: file.size,
      extents: file.size === 0 ? [] : [{ offset: file.offset, length: file.size }],
      files: [file],
    }));
    const meter = this.#job.report.phase("Restoring", files.reduce((sum, { size }) => sum + size, 0));
    try {
      const failed = await copyFiles(() => Promise.resolve(image.access), copies, {
        target,
        meter,
        signal: this.#job.signal,
        consider: throwIfFatal,
        restored: () => void this.#restored++,
      });
      for (const { copy, error } of failed) {
        for (const { path } of copy.files) this.#problems.push(problemFrom(image.info.key, path, error));
      }
    } finally {
      meter.done();
    }
  }

  /** Where a file goes: its own path, or one beside it; undefined when it need not go anywhere. */
  async #place(image: ExaminedImage, file: SurveyedFile, target: Target): Promise<SurveyedFile | undefined> {
    let taken: unknown;
    for (const path of [file.path, besideName(file.path, image.stem)]) {
      try {
        if (await target.standing({ ...file, path }) === "same") {
          this.#existing++;
          return undefined;
        }
        if (path !== file.path) this.#renamed.push({ path: file.path, to: path });
        return { ...file, path };
      } catch (error) {
        taken = error;
        if (!hasCode(error, "exists")) break;
      }
    }
    this.#problems.push(problemFrom(image.info.key, file.path, taken));
    return undefined;
  }

  /** A file that was uploaded alone. It gets its name only when its salt has proven it. */
  async #takeSingle(info: ObjectInfo): Promise<void> {
    const { key, size } = info;
    if (size === 0) {
      return void this.#problems.push(emptyProblem(key, `${key} has no bytes: its upload failed`));
    }
    this.#count(1, Math.max(0, size - SALT_SIZE));
    if (this.#request.dryRun) return;
    const object = objectAccess(this.#source.place.store, key, size);
    const access = await openLomob(object, await this.#source.masterKey(), key);
    const file = { path: key, size: access.size, mtime: info.modified ?? 0, mode: 0o644, sha256: undefined };
    const sha256 = await this.#copySingle(access, file);
    const hashed = (await this.#source.alone()).get(key);
    if (hashed === undefined || hashed.some((one) => one.sha256 === sha256)) return;
    this.#problems.push({
      kind: "differs",
      key,
      path: undefined,
      message: `${key} holds other bytes than lomo-backup had hashed: the file changed before it was sent`,
      hint: "If the original is still there, sync it: this copy may be older.",
    });
  }

  /** @returns the hash of what was proven */
  async #copySingle(access: LomobAccess, file: WantedFile): Promise<string> {
    const { path } = file;
    if (this.#target === undefined) return await this.#prove(access, path);
    let proven: string | undefined;
    const prove = async () => proven = await this.#prove(access, path);
    if (await this.#target.standing(file, prove) === "same") {
      this.#existing++;
      return proven ?? await prove();
    }
    const out = await this.#target.begin(file);
    try {
      const sha256 = await this.#prove(access, path, (piece) => out.write(piece));
      out.finish();
      this.#restored++;
      return sha256;
    } finally {
      await out.discard();
    }
  }

  /**
   * Reads a whole plaintext and proves it.
   *
   * @returns its hash
   * @throws ColdframeError `damaged`, or `key-wrong` as long as the key opened nothing else
   */
  async #prove(
    access: LomobAccess,
    key: string,
    each: (piece: Uint8Array) => Promise<void> = () => Promise.resolve(),
  ): Promise<string> {
    const hash = createHash("sha256");
    const meter = this.#job.report.phase("Reading and proving", access.size);
    try {
      for await (const piece of readAhead(access, 0, access.size)) {
        hash.update(piece);
        await each(piece);
        meter.add(piece.length);
      }
    } finally {
      meter.done();
    }
    const sha256 = hash.digest("hex");
    if (!isProven(access.salt, sha256)) throw unproven(key, this.#opened);
    this.#opened = true;
    return sha256;
  }
}

function unproven(key: string, keyIsRight: boolean): ColdframeError {
  if (!keyIsRight) {
    return new ColdframeError("key-wrong", `${key} does not decrypt to what was stored`, {
      hint: "The master key is another one, or the object is damaged or was never encrypted.",
    });
  }
  return new ColdframeError("damaged", `${key} does not hash to what was stored`, {
    hint: "Its upload went wrong, or it was never encrypted. Look for the file elsewhere.",
  });
}

/** What matches in an image, by its folders alone. */
async function countMatches(
  image: ExaminedImage["access"],
  wanted: (path: string) => boolean,
): Promise<{ readonly files: number; readonly bytes: number }> {
  let [files, bytes] = [0, 0];
  for await (const node of (await openImage(image)).walk(() => {})) {
    if (node.kind !== "file" || !wanted(node.path)) continue;
    files++;
    bytes += node.size;
  }
  return { files, bytes };
}
