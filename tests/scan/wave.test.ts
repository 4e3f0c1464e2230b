/** Telling ransomware from its owner's work. */

import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { createCipheriv } from "node:crypto";
import { test } from "node:test";
import fc from "fast-check";
import { concat, fromHex, utf8 } from "../../lib/bytes.ts";
import { entropy, HEAD_SIZE, looksSpoilt } from "../../lib/scan/sniff.ts";
import { isWave, nameBefore } from "../../lib/scan/wave.ts";
import { pseudoRandom } from "../tools.ts";

for (
  const [spoilt, known, wave] of [
    [0, 0, false],
    [10, 10, false], // a small archive: ten edited photos are no wave, even if it has no others
    [11, 11, true],
    [11, 110, true],
    [11, 111, false],
    [99, 990, true],
    [99, 991, false],
    [100, 1_000_000, true],
    [11, 0, true],
  ] as const
) {
  test(`${spoilt} spoilt files of ${known} are ${wave ? "a wave" : "none"}`, () => {
    assert.equal(isWave(spoilt, known), wave);
  });
}

const NOISE = pseudoRandom(HEAD_SIZE, 3);
const withMark = (hex: string, at = 0) => {
  const bytes = NOISE.slice();
  bytes.set(fromHex(hex), at);
  return bytes;
};

/** Names, their first bytes, and whether they have lost what the name says. */
const HEADS: readonly [name: string, head: Uint8Array, spoilt: boolean][] = [
  ["a.jpg", withMark("ffd8ffe0"), false],
  ["a.JPG", NOISE, true],
  ["a.jpg", withMark("89504e470d0a1a0a"), false], // a PNG under another name
  ["a.heic", withMark("6674797068656963", 4), false],
  ["a.heic", NOISE, true],
  ["a.mov", withMark("6d6f6f76", 4), false],
  ["a.mp4", NOISE, true],
  ["a.nef", withMark("4d4d002a"), false],
  ["a.cr3", withMark("66747970", 4), false],
  ["a.png", NOISE, true],
  ["a.docx", withMark("504b0304"), false],
  ["a.pdf", NOISE, true],
  ["a.bmp", withMark("424d"), false],
  ["a.jpg", withMark("424d"), true], // two bytes come about by chance
  ["a.txt", NOISE, true],
  ["a.txt", utf8("Dear diary, ".repeat(400)), false],
  ["a.jpg", new Uint8Array(HEAD_SIZE), false], // emptied by a disk, not by ransomware
  ["a.jpg", NOISE.subarray(0, 1023), false], // too few to tell
  ["a.jpg", new Uint8Array(0), false],
  ["a.key", NOISE, false], // nobody knows what that should be
  ["a.age", NOISE, false],
  ["noending", NOISE, false],
  ["constructor", NOISE, false],
  ["a.constructor", NOISE, false],
];

for (const [name, head, spoilt] of HEADS) {
  test(`${name} that begins ${Buffer.from(head.subarray(0, 8)).toString("hex") || "with nothing"} (${head.length} bytes) is ${spoilt ? "" : "not "}spoilt`, () => {
    assert.equal(looksSpoilt(name, head), spoilt);
  });
}

test("whatever was in a photo, its ciphertext is spoilt", () => {
  fc.assert(fc.property(
    fc.uint8Array({ minLength: 32, maxLength: 32 }),
    fc.uint8Array({ minLength: 16, maxLength: 16 }),
    fc.nat(255),
    (key, iv, fill) => {
      const photo = concat(fromHex("ffd8ffe000104a464946"), new Uint8Array(HEAD_SIZE).fill(fill));
      assert.equal(looksSpoilt("a.jpg", photo), false);
      const locked = createCipheriv("aes-256-ctr", key, iv).update(photo);
      // One key in some thousands makes the mark of another format by chance.
      if (
        /^(?!.*(4749|504b|2550|3842|4944|464c|4f67|4949|4d4d|5249|1a45|3026|0000))/.test(
          locked.subarray(0, 4).toString("hex"),
        )
      ) {
        assert.equal(looksSpoilt("a.jpg", locked.subarray(0, HEAD_SIZE)), true);
      }
    },
  ));
});

test("entropy is 0 for one value and 8 for all in equal shares", () => {
  assert.equal(entropy(new Uint8Array(100)), 0);
  assert.equal(entropy(Uint8Array.from({ length: 512 }, (_, i) => i & 255)), 8);
});

for (
  const [path, gone, before] of [
    ["2024/a.jpg.locked", ["2024/a.jpg"], "2024/a.jpg"],
    ["2024/a.jpg", ["2024/a"], "2024/a"],
    ["2024/a.jpg.locked", [], undefined],
    ["2024/.locked", ["2024/"], undefined],
    ["a", ["a"], undefined],
  ] as const
) {
  test(`${path} was ${before ?? "no other file"} before, when ${gone.join() || "nothing"} is gone`, () => {
    assert.equal(nameBefore(path, (name) => (gone as readonly string[]).includes(name)), before);
  });
}
