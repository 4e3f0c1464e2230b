/** One image of lomo-backup, read whole and proven as far as anything can prove it. */

import { isProven } from "../../import/lomob.ts";
import { baseName, imageStem } from "../../import/names.ts";
import type { ObjectInfo } from "../../store/store.ts";
import type { RandomAccess } from "../../types.ts";
import type { Meter } from "../report.ts";
import { objectAccess } from "../restore/object-access.ts";
import { isImage, openLomobImage } from "./image.ts";
import type { HashedFile, RecordedImage } from "./lomob-database.ts";
import type { LomobSource } from "./lomob-source.ts";
import type { ImportProblem } from "./problems.ts";
import { type Survey, type SurveyedFile, surveyImage } from "./survey.ts";

/**
 * What vouches for an image: its salt, the hash in the database, nothing (it is plain, and there is no
 * database), or against it: `wrong` is one that does not hash to what was stored.
 */
export type ImageProof = "salt" | "database" | "none" | "wrong";

/** An image that can be read. */
export interface OpenImage {
  readonly info: ObjectInfo;
  /** Its name without the ending. */
  readonly stem: string;
  readonly encrypted: boolean;
  /** Its plaintext. */
  readonly access: RandomAccess;
  /** The first bytes of what it must hash to; undefined for a plain one. */
  readonly salt: Uint8Array | undefined;
}

/** An image that was read. */
export interface ExaminedImage extends OpenImage {
  readonly survey: Survey;
  readonly proof: ImageProof;
  /** Files whose bytes are what was stored. */
  readonly good: readonly SurveyedFile[];
  readonly problems: readonly ImportProblem[];
}

/**
 * Opens an image, encrypted or not.
 *
 * @throws ColdframeError `key-wrong`, `key-missing`, `damaged`
 */
export async function openImageObject(source: LomobSource, info: ObjectInfo): Promise<OpenImage> {
  const { key, size } = info;
  const object = objectAccess(source.place.store, key, size);
  const stem = imageStem(key);
  if (await isImage(object)) return { info, stem, encrypted: false, access: object, salt: undefined };
  const access = await openLomobImage(object, await source.masterKey(), key);
  return { info, stem, encrypted: true, access, salt: access.salt };
}

/** Reads an image whole. */
export async function examineImage(
  source: LomobSource,
  image: OpenImage,
  meter: Meter,
): Promise<ExaminedImage> {
  const survey = await surveyImage(image.access, (bytes) => meter.add(bytes));
  const recorded = (await source.images()).get(baseName(image.info.key));
  const meant = recorded === undefined ? new Map() : await source.filesOf(recorded.id);
  const proof = proofOf(image, survey, recorded);
  const good = proof === "wrong" ? survey.files.filter((file) => isMeant(file, meant)) : survey.files;
  const problems = [
    ...(proof === "wrong" ? [wrongImage(image, good.length, recorded !== undefined)] : []),
    ...lostFiles(image, survey),
    ...(proof === "wrong" ? [] : differences(image, survey, meant)),
  ];
  return { ...image, survey, proof, good, problems };
}

function proofOf(image: OpenImage, survey: Survey, recorded: RecordedImage | undefined): ImageProof {
  if (image.salt !== undefined) return isProven(image.salt, survey.sha256) ? "salt" : "wrong";
  if (recorded === undefined) return "none";
  return recorded.sha256 === survey.sha256 ? "database" : "wrong";
}

function isMeant({ path, sha256 }: SurveyedFile, meant: ReadonlyMap<string, readonly HashedFile[]>): boolean {
  return meant.get(path)?.some((file) => file.sha256 === sha256) === true;
}

function wrongImage({ info }: OpenImage, good: number, inDatabase: boolean): ImportProblem {
  const saved = inDatabase
    ? `${good} files in it still hash to what lomo-backup noted and count as good`
    : "none of its files can be trusted";
  return {
    kind: "damaged",
    key: info.key,
    path: undefined,
    message: `${info.key} does not hash to what was stored, as after an upload that was resumed: ${saved}`,
    hint: inDatabase
      ? "Take the other files from another copy."
      : "With --db lomob.db, files in it that are right can still be told and restored.",
  };
}

function lostFiles({ info }: OpenImage, { lost }: Survey): ImportProblem[] {
  return lost.map(({ path, reason }) => ({
    kind: "damaged",
    key: info.key,
    path,
    message: `${path} in ${info.key}: ${reason}`,
    hint: "Take it from another copy.",
  }));
}

/** lomo-backup's own mistakes: what it noted and what it packed are not always the same. */
function differences(
  { info }: OpenImage,
  { files, lost }: Survey,
  meant: ReadonlyMap<string, readonly HashedFile[]>,
): ImportProblem[] {
  const there = new Map(files.map((file) => [file.path, file]));
  const unreadable = new Set(lost.map(({ path }) => path));
  const problems: ImportProblem[] = [];
  const add = (kind: ImportProblem["kind"], path: string, what: string, hint: string) => {
    problems.push({ kind, key: info.key, path, message: `${path} in ${info.key}: ${what}`, hint });
  };
  for (const [path, hashed] of meant) {
    const found = there.get(path);
    if (found === undefined) {
      if (!unreadable.has(path)) {
        add("missing", path, "lomo-backup noted it as packed, and it is not there", ELSEWHERE);
      }
      continue;
    }
    const others = hashed.filter(({ sha256 }) => sha256 !== found.sha256);
    if (others.length === hashed.length) {
      const was = others[0]?.size === found.size
        ? "other bytes than lomo-backup had hashed"
        : `${found.size} bytes, where lomo-backup had hashed ${others[0]?.size}`;
      add("differs", path, `${was}: it changed or was cut on the way`, ORIGINAL);
    } else {
      for (const { root } of others) {
        add(
          "collided",
          path,
          `the file of that path in ${root} was overwritten by another folder's`,
          ELSEWHERE,
        );
      }
    }
  }
  return problems;
}

const ELSEWHERE = "Look for it in the other images, and in its old folder.";
const ORIGINAL = "If the original is still there, sync it: this copy may be short or older.";
