/** Trees of files for properties: names of all kinds, a few levels, shared and empty contents, links. */

import fc from "fast-check";
import type { TreeOf } from "./images.ts";

const PLAIN = "abcXYZ019_-. ~";
const HARD = [
  "é",
  "e\u0301",
  "ß",
  "日",
  "😀",
  "*",
  ":",
  ";",
  "?",
  "\\",
  '"',
  "<",
  "\t",
  "\x7f",
  "\u00a0",
  "ﬁ",
];

/** Names any Linux file system takes: 1 to 255 bytes, no slash, not `.` or `..`; with more than white space. */
export function names(): fc.Arbitrary<string> {
  const some = fc.string({ unit: fc.constantFrom(...PLAIN, ...HARD), minLength: 1, maxLength: 20 });
  const long = fc.tuple(fc.constantFrom("n", "é", "日", "😀"), fc.integer({ min: 60, max: 255 }), some)
    .map(([unit, count, end]) => cutTo(unit.repeat(count), 255 - new TextEncoder().encode(end).length) + end);
  return fc.oneof({ weight: 6, arbitrary: some }, { weight: 1, arbitrary: long })
    .filter((name) => name !== "." && name !== ".." && name.trim() !== "");
}

/** The start of a text of equal characters, in at most `bytes` bytes of UTF-8. */
function cutTo(text: string, bytes: number): string {
  const characters = [...text];
  while (new TextEncoder().encode(characters.join("")).length > bytes) characters.pop();
  return characters.join("");
}

type Leaf = TreeOf[string];

const CONTENTS = fc.oneof(
  fc.constantFrom("", "shared", "x".repeat(2048), "y".repeat(2049)),
  fc.string({ maxLength: 60 }),
);
const TARGETS = fc.array(fc.oneof(names(), fc.constantFrom(".", "..")), { minLength: 1, maxLength: 8 })
  .map((parts) => ({ link: parts.join("/") }));
const LEAVES: fc.Arbitrary<Leaf> = fc.oneof(
  { weight: 6, arbitrary: CONTENTS },
  { weight: 1, arbitrary: fc.constant(null) },
  { weight: 1, arbitrary: TARGETS },
);

/** A manifest of up to 60 entries whose paths do not contradict each other, drawn from at least `least`. */
export function manifests(least = 0): fc.Arbitrary<TreeOf> {
  const folders = fc.array(names(), { minLength: Math.min(least, 5), maxLength: 5 });
  const place = fc.tuple(fc.array(fc.nat(4), { maxLength: 4 }), names(), LEAVES);
  return fc.tuple(folders, fc.array(place, { minLength: least, maxLength: 60 })).map(([pool, places]) => {
    const tree: TreeOf = {};
    for (const [way, name, leaf] of places) {
      const path = [...way.flatMap((i) => pool[i] ?? []), name].join("/");
      if (isFree(tree, path)) tree[path] = leaf;
    }
    return tree;
  });
}

/** Whether no path of the tree is this one, above it (unless a folder) or below it. */
function isFree(tree: TreeOf, path: string): boolean {
  return Object.keys(tree).every((other) =>
    other !== path && !other.startsWith(`${path}/`) && !(path.startsWith(`${other}/`) && tree[other] !== null)
  );
}
