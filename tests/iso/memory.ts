/** Run as a program with `--expose-gc`: prints the bytes per file that an image keeps beside its manifest. */

import process from "node:process";
import { layoutImage } from "../../lib/iso/image.ts";
import type { ImageEntry } from "../../lib/types.ts";
import { NOON } from "./images.ts";

const FILES = 40_000;

function used(): number {
  const collect: unknown = Reflect.get(globalThis, "gc");
  if (typeof collect !== "function") throw new Error("run with --expose-gc");
  for (let i = 0; i < 3; i++) collect();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

/** Names that need a serial everywhere and a continuation area each: the most an image can be made to keep. */
const entries = Array.from({ length: FILES }, (_, i): ImageEntry => {
  const long = `${"n".repeat(160)}${i}.jpg`;
  return { kind: "file", path: `${i % 20}/${i % 400}/${long}`, size: 10, mtime: NOON, content: `c${i}` };
});

// The first layout also pays for compiled code, so that the second shows what one image keeps.
const first = layoutImage({ volumeId: "M", created: NOON, entries, udf: true });
const before = used();
const second = layoutImage({ volumeId: "M", created: NOON, entries, udf: true });
const after = used();
if (first.size !== second.size) throw new Error("two sizes");
console.log(Math.round((after - before) / FILES));
