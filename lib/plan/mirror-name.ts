/**
 * What the objects of a mirror are called, so that a person finds `2019/IMG_1.jpg` there, whatever store it is,
 * and whatever disk its objects are copied to one day. docs/FORMAT.md, "Mirrors". Pure.
 */

import { createHash } from "node:crypto";
import { utf8 } from "../bytes.ts";

/** What stands before every object of a mirror, so that a folder called `staged` is not taken for staging. */
export const MIRROR_FOLDER = "mirror/";

/** Characters that FAT, NTFS or a terminal do not take, and what Windows drops from the end of a name. */
const UNSAFE = /["*:<>?\\|\p{Cc}]|[. ]$/gu;
/** Bytes of a name: with a time, a hash and `.age` it stays below the 255 of most file systems. */
const MOST_OF_A_NAME = 200;
/** Bytes of a path: with prefix and additions it stays below the 1,024 of S3. */
const MOST_OF_A_PATH = 850;
/** The longest ending that counts as the kind of a file. */
const LONGEST_ENDING = 12;

/**
 * The name of the first version of a path. It is the path itself, but where a store could not hold that.
 *
 * @param path `/`-separated
 */
export function mirrorName(path: string): string {
  const name = path.split("/").map(safeSegment).join("/");
  return bytesOf(name) <= MOST_OF_A_PATH ? name : detachedName(path);
}

/**
 * The name of a version beside others: `IMG_1~2026-11-22T10-30-00.jpg`.
 *
 * @param name as `mirrorName` gives it
 * @param time ms since 1970
 * @param count from 1; several versions of one second are told apart by it
 */
export function versionName(name: string, time: number, count: number): string {
  const moment = new Date(time).toISOString().slice(0, 19).replaceAll(":", "-");
  return withTag(name, count === 1 ? moment : `${moment}-${count}`);
}

/** A name that does not depend on any folder, for a path whose place is taken by a file. */
export function detachedName(path: string): string {
  const segments = path.split("/");
  return `~/${hashOf(path, 40)}${endingOf(safeSegment(segments.at(-1) ?? ""))}`;
}

/** The key of an object with a name that people can read. */
export function mirrorKey(name: string, encrypted: boolean): string {
  return `${MIRROR_FOLDER}${name}${encrypted ? ".age" : ""}`;
}

function safeSegment(segment: string): string {
  const safe = cut(segment.replace(UNSAFE, "_"), MOST_OF_A_NAME);
  return safe === segment ? segment : withTag(safe, hashOf(segment, 8));
}

/** Puts `~tag` in front of the ending of a name. */
function withTag(name: string, tag: string): string {
  const ending = endingOf(name);
  return `${name.slice(0, name.length - ending.length)}~${tag}${ending}`;
}

/** The ending of a name with its dot; "" where there is none, as in `.profile` or `a.b/c`. */
function endingOf(name: string): string {
  const dot = name.lastIndexOf(".");
  const start = name.lastIndexOf("/") + 1;
  return dot > start && name.length - dot <= LONGEST_ENDING ? name.slice(dot) : "";
}

/** At most so many bytes of a name, with its ending. */
function cut(name: string, most: number): string {
  if (bytesOf(name) <= most) return name;
  const ending = endingOf(name);
  let room = most - bytesOf(ending);
  let stem = "";
  for (const character of name) {
    room -= bytesOf(character);
    if (room < 0) break;
    stem += character;
  }
  return stem + ending;
}

function bytesOf(text: string): number {
  return utf8(text).length;
}

function hashOf(text: string, digits: number): string {
  return createHash("sha256").update(text).digest("hex").slice(0, digits);
}
