/**
 * Image generation to nowhere beside `genisoimage -R -J … > /dev/null` and `cat … > /dev/null`, on many small files
 * and on a few large ones. Run as `bun tests/bench/iso.ts` or `deno run -A tests/bench/iso.ts`.
 *
 * COLDFRAME_BENCH_SCALE shrinks the data (1 is 20,000 files of 1.31 GB and 20 of 200 MB).
 */

import process from "node:process";
import { spawnSync } from "node:child_process";
import { closeSync, mkdirSync, openSync, readdirSync, readSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { layoutImage } from "../../lib/iso/image.ts";
import type { Image, ImageEntry, ImageSpec } from "../../lib/types.ts";
import { pseudoRandom, withFolder } from "../tools.ts";

const SCALE = Number(process.env["COLDFRAME_BENCH_SCALE"] ?? 1);
const ROUNDS = 3;
/** What the job reads at once: a part of an upload is a few of these. */
const CHUNK = 4 << 20;

/** Makes `count` files of about `bytes` bytes in folders of 250, and gives their folder. */
function fill(folder: string, count: number, bytes: number): string {
  const noise = pseudoRandom(Math.ceil(bytes * 1.5));
  for (let i = 0; i < count; i++) {
    const album = join(folder, `album ${Math.floor(i / 250)}`);
    mkdirSync(album, { recursive: true });
    const size = Math.floor(bytes * (0.5 + (i * 7919 % 1000) / 1000));
    writeFileSync(join(album, `IMG_${100_000 + i} holiday.jpg`), noise.subarray(0, size));
  }
  return folder;
}

/** The manifest of a folder, as the scan would have it ready: not part of the time. */
function manifestOf(folder: string): ImageSpec {
  const entries = readdirSync(folder).flatMap((album) =>
    readdirSync(join(folder, album)).map((name): ImageEntry => {
      const path = `${album}/${name}`;
      const { size, mtimeMs } = statSync(join(folder, path));
      return { kind: "file", path, size, mtime: Math.floor(mtimeMs), content: path };
    })
  );
  return { volumeId: "BENCH", created: Date.UTC(2024, 0, 1), entries, udf: false };
}

/** Reads the whole image into one buffer that is used again: what a job does before it encrypts. */
function generate(folder: string, spec: ImageSpec): number {
  const image = layoutImage(spec);
  const chunk = new Uint8Array(CHUNK);
  let sum = 0;
  for (let offset = 0; offset < image.size; offset += CHUNK) {
    sum += fillChunk(folder, spec, image, offset, chunk.subarray(0, Math.min(CHUNK, image.size - offset)));
  }
  return sum;
}

function fillChunk(folder: string, spec: ImageSpec, image: Image, offset: number, chunk: Uint8Array): number {
  let at = 0;
  for (const segment of image.segments(offset, chunk.length)) {
    const length = segment.kind === "bytes" ? segment.bytes.length : segment.length;
    const target = chunk.subarray(at, at + length);
    if (segment.kind === "bytes") target.set(segment.bytes);
    else if (segment.kind === "zero") target.fill(0);
    else readInto(join(folder, spec.entries[segment.entry]?.path ?? ""), segment.offset, target);
    at += length;
  }
  return at;
}

function readInto(path: string, offset: number, target: Uint8Array): void {
  const file = openSync(path, "r");
  for (let done = 0; done < target.length;) {
    const got = readSync(file, target, done, target.length - done, offset + done);
    if (got === 0) throw new Error(`${path} is shorter than it was`);
    done += got;
  }
  closeSync(file);
}

/** The shortest of a few rounds, in seconds. */
function seconds(work: () => void): number {
  const times = Array.from({ length: ROUNDS }, () => {
    const start = performance.now();
    work();
    return (performance.now() - start) / 1000;
  });
  return Math.min(...times);
}

function shell(command: string, folder: string): void {
  const done = spawnSync("sh", ["-c", command, "sh", folder], { stdio: ["ignore", "ignore", "pipe"] });
  if (done.status !== 0) throw new Error(`${command}: ${done.stderr}`);
}

/** Measures one set of files and prints its line: seconds, and in brackets the ratio to genisoimage. */
function compare(name: string, folder: string): void {
  const cat = seconds(() => shell('find "$1" -type f -print0 | xargs -0 cat > /dev/null', folder));
  const peer = seconds(() => shell('genisoimage -quiet -R -J -iso-level 3 "$1" > /dev/null', folder));
  const spec = manifestOf(folder);
  const plain = seconds(() => generate(folder, spec));
  const bridge = seconds(() => generate(folder, { ...spec, udf: true }));
  const shown = (value: number) => `${value.toFixed(2)} s (${(value / peer).toFixed(2)}×)`;
  console.log(
    `${name}: cat ${cat.toFixed(2)} s, genisoimage ${peer.toFixed(2)} s, ` +
      `coldframe ${shown(plain)}, with UDF ${shown(bridge)}`,
  );
}

await withFolder((folder) => {
  const small = Math.round(20_000 * SCALE);
  const large = Math.round(200e6 * SCALE);
  compare(`${small} small files`, fill(join(folder, "small"), small, 65_500));
  compare(`20 files of ${Math.round(large / 1e6)} MB`, fill(join(folder, "large"), 20, large));
  return Promise.resolve();
});
