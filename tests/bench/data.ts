/** Files to back up: bytes that no program can compress, the same in every run. */

import { mkdirSync, utimesSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { pseudoRandom } from "../tools.ts";

const MB = 1e6;
/** 2014-01-01: the oldest photo, in seconds since 1970. */
const OLDEST = 1_388_534_400;

/** Writes one file, of bytes and a date that follow from its number. */
function put(path: string, bytes: number, number: number): void {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, pseudoRandom(bytes, number + 1));
  const time = OLDEST + number * 3600;
  utimesSync(path, time, time);
}

/** A size between half and one and a half times `bytes`, which follows from a number. */
function around(bytes: number, number: number): number {
  return Math.floor(bytes * (0.5 + (number * 7919 % 1000) / 1000));
}

/** What a household keeps: for ten photos of some 2 MB a video of some 30 MB; in all some `bytes` bytes. */
export function makeHousehold(folder: string, bytes: number): void {
  const units = Math.max(1, Math.round(bytes / (50 * MB)));
  for (let i = 0; i < units * 11; i++) {
    const isVideo = i % 11 === 10;
    const name = isVideo ? `VID_${i}.mp4` : `IMG_${i}.jpg`;
    const year = 2014 + Math.floor(i * 10 / (units * 11));
    put(
      join(folder, String(year), `album ${Math.floor(i / 50)}`, name),
      around((isVideo ? 30 : 2) * MB, i),
      i,
    );
  }
}

/** The oldest photo of every household, as a path below its folder. */
export const ONE_PHOTO = "2014/album 0/IMG_0.jpg";

/** Small files, 4 KB each, a hundred in a folder. */
export function makeTree(folder: string, files: number, first = 0): void {
  for (let i = first; i < first + files; i++) {
    const at = Math.floor(i / 100);
    put(join(folder, `d${Math.floor(at / 100)}`, `folder ${at}`, `IMG_${i}.jpg`), 4096, i);
  }
}

/** A few large files. */
export function makeLarge(folder: string, files: number, bytes: number): void {
  for (let i = 0; i < files; i++) put(join(folder, `VID_${i}.mp4`), bytes, i);
}
