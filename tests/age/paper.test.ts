/** What is told about a mistyped secret key. */

import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { findSlips, isRight } from "../../lib/age/bech32.ts";
import { generateKeyPair, parseIdentity } from "../../lib/age/keys.ts";
import { cleanCopy, describeCopy, paperLines, suspicions } from "../../lib/age/paper.ts";

// The identity of the age specification's test kit (C2SP CCTV, "x25519"); nothing of anybody is encrypted to it.
const KNOWN = "AGE-SECRET-KEY-1GFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPQ4EGAEX";
const DATA = KNOWN.slice("AGE-SECRET-KEY-1".length);
const ALPHABET = "QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7L";

function replaced(text: string, index: number, by: string): string {
  return text.slice(0, index) + by + text.slice(index + 1);
}

/** What is said of a copy that has only one explanation. */
function told(copy: string): string {
  const all = suspicions(copy).filter(({ corrected }) => corrected === KNOWN);
  assert.ok(all.length > 0, "the right key is among the explanations");
  return all[0]?.what ?? "";
}

test("the checksums of BIP 173's valid texts are right", () => {
  for (
    const [prefix, data] of [
      ["A", "2UEL5L"],
      ["abcdef", "qpzry9x8gf2tvdw0s3jn54khce6mua7lmqqqxw"],
      ["split", "checkupstagehandshakeupstreamerranterredcaperred2y9e3w"],
      ["?", "ezyfcl"],
    ] as const
  ) assert.ok(isRight(prefix, data), prefix);
});

test("the checksums of BIP 173's invalid texts are wrong", () => {
  for (
    const [prefix, data] of [["A", "G7SGD8"], ["de", "lg7wt\xff"], ["x", "b4n0q5v"], [
      "pzry",
      "x0s0muk",
    ]] as const
  ) assert.ok(!isRight(prefix, data), prefix);
});

test("a key is set in lines of five groups of four, after its prefix", () => {
  assert.deepEqual(paperLines(KNOWN), [
    ["AGE-SECRET-KEY-1"],
    ["GFPY", "YSJZ", "GFPY", "YSJZ", "GFPY"],
    ["YSJZ", "GFPY", "YSJZ", "GFPY", "YSJZ"],
    ["GFPY", "YSJZ", "GFPQ", "4EGA", "EX"],
  ]);
});

test("a hybrid key fits the same four lines", async () => {
  const { identity } = await generateKeyPair("hybrid");
  const lines = paperLines(identity);
  assert.equal(lines.flat().join(""), identity);
  assert.deepEqual(lines.map((groups) => groups.length), [1, 5, 5, 5]);
});

test("a copy may have blanks, lower case, typographic hyphens and the comments of an identity file", async () => {
  const typed = `# created: today\r\nage–secret‑key−1 ${DATA.toLowerCase().replace(/(.{4})/g, "$1 \n")}`;
  assert.equal(cleanCopy(typed), KNOWN);
  assert.equal((await parseIdentity(cleanCopy(typed))).identity, KNOWN);
});

test("a wrong character is named with its line, group and place", () => {
  assert.equal(told(replaced(KNOWN, 16, "Q")), 'line 2, group 1, character 1: "Q" should be "G"');
  assert.equal(told(replaced(KNOWN, 16 + 25, "8")), 'line 3, group 2, character 2: "8" should be "F"');
  assert.equal(told(replaced(KNOWN, 73, "A")), 'line 4, group 5, character 2: "A" should be "X"');
});

test("a letter that is in no key is named as wrong", () => {
  assert.equal(told(replaced(KNOWN, 20, "I")), 'line 2, group 2, character 1: "I" should be "Y"');
});

test("one wrong character has one explanation, wherever it is and whatever it is", () => {
  for (let index = 0; index < DATA.length; index++) {
    for (const by of ALPHABET) {
      if (by === DATA[index]) continue;
      assert.deepEqual(findSlips("age-secret-key-", replaced(DATA, index, by)), [[{
        index,
        right: DATA[index],
      }]]);
    }
  }
});

test("two wrong characters have one explanation: the distance of the code is five", () => {
  const place = fc.tuple(fc.nat(DATA.length - 1), fc.constantFrom(...ALPHABET));
  fc.assert(
    fc.property(place, place, ([i, a], [j, b]) => {
      fc.pre(i < j && a !== DATA[i] && b !== DATA[j]);
      const slips = findSlips("age-secret-key-", replaced(replaced(DATA, i, a), j, b));
      assert.deepEqual(slips, [[{ index: i, right: DATA[i] }, { index: j, right: DATA[j] }]]);
    }),
    { numRuns: 200 },
  );
});

test("swapped neighbours are two wrong characters", () => {
  const swapped = "AGE-SECRET-KEY-1" + "FG" + DATA.slice(2);
  assert.equal(
    told(swapped),
    'line 2, group 1, character 1: "F" should be "G"; line 2, group 1, character 2: "G" should be "F"',
  );
});

test("a character left out, or one too many, is found wherever it is", () => {
  for (let index = 0; index < DATA.length; index++) {
    const without = "AGE-SECRET-KEY-1" + DATA.slice(0, index) + DATA.slice(index + 1);
    assert.match(told(without), new RegExp(`character \\d: "${DATA[index]}" is left out$`));
    const twice = "AGE-SECRET-KEY-1" + DATA.slice(0, index) + "7" + DATA.slice(index);
    assert.match(told(twice), /character \d: "7" is one character too many$/);
  }
});

test("a wrong first line is told from wrong characters", () => {
  assert.equal(told("AGE-SECRET-KFY-1" + DATA), "line 1 must be AGE-SECRET-KEY-1");
  assert.equal(told("AGESECRETKEYI" + DATA), "line 1 must be AGE-SECRET-KEY-1");
  assert.equal(told(DATA), "line 1 must be AGE-SECRET-KEY-1");
});

test("what nothing explains is described as far as it can be", () => {
  assert.equal(describeCopy("hello"), "line 1 must be AGE-SECRET-KEY-PQ-1 or AGE-SECRET-KEY-1");
  assert.equal(
    describeCopy(KNOWN.slice(0, 60)),
    "after line 1 there are 44 characters, where a key has 58",
  );
  assert.equal(
    describeCopy(replaced(replaced(replaced(KNOWN, 16, "O"), 17, "B"), 18, "1")),
    'line 2, group 1, character 1: "O" is in no key; line 2, group 1, character 2: "B" is in no key; ' +
      'line 2, group 1, character 3: "1" is in no key',
  );
  assert.equal(
    describeCopy("AGE-SECRET-KEY-1" + "QQQ" + DATA.slice(3)),
    "more than two characters are wrong",
  );
});
