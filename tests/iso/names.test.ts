/** The four names of a file. */

import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { utf8 } from "../../lib/bytes.ts";
import {
  chooseSerials,
  foldCase,
  ISO,
  isoIdentifier,
  isoName,
  JOLIET_NAMING,
  jolietName,
  type Naming,
  ROCK,
  rockRidgeName,
  UDF,
  udfName,
  utf8Length,
} from "../../lib/iso/names.ts";

function namesOf(naming: Naming, ...names: string[]): string[] {
  return chooseSerials(names.map((name) => ({ name, folder: false })), naming).map((chosen) => chosen.name);
}

for (
  const [name, folder, expected] of [
    ["IMG_1234.JPG", false, "IMG_1234.JPG;1"],
    ["img_1234.jpeg", false, "IMG_1234.JPE;1"],
    ["README", false, "README.;1"],
    ["a.tar.gz", false, "A_TAR.GZ;1"],
    [".hidden", false, "_HIDDEN.;1"],
    ["été 😀.txt", false, "_T____.TXT;1"],
    ["2019.holiday", true, "2019_HOL"],
    ["name.", false, "NAME.;1"],
  ] as const
) {
  test(`${name} is ${expected} in plain ISO`, () => {
    assert.equal(isoIdentifier(isoName(name, folder, 0), folder), expected);
  });
}

test("ISO names that collide get a counter, the one that needs no change keeps itself", () => {
  assert.deepEqual(namesOf(ISO, "Img.jpg", "IMG.JPG", "img.jpg"), ["IMG_1.JPG", "IMG.JPG", "IMG_2.JPG"]);
  assert.deepEqual(namesOf(ISO, "photograph1.jpg", "photograph2.jpg", "PHOTOG_1.JPG"), [
    "PHOTOGRA.JPG",
    "PHOTOG_2.JPG",
    "PHOTOG_1.JPG",
  ]);
});

test("20,000 names with one beginning are named in bounded time", () => {
  const names = Array.from({ length: 20_000 }, (_, i) => `a photograph from the ${i}th day.jpg`);
  const found = namesOf(ISO, ...names);
  assert.equal(new Set(found).size, 20_000);
  assert.ok(found.every((name) => /^[A-Z0-9_]{1,8}\.JPG$/.test(name)));
});

for (
  const [name, expected] of [
    ["a*b/c:d;e?f\\g", "a_b_c_d_e_f_g"],
    ["tab\there", "tab_here"],
    ["tail. . ", "tail"],
    ["...", "_"],
    ["日本語😀.txt", "日本語😀.txt"],
    ["x".repeat(110) + ".jpg", "x".repeat(99) + ".jpg"],
    ["😀".repeat(60), "😀".repeat(51)],
  ] as const
) {
  test(`${JSON.stringify(name.slice(0, 20))} is ${JSON.stringify(expected.slice(0, 20))} in Joliet`, () => {
    assert.equal(jolietName(name, 0), expected);
  });
}

test("Joliet names that differ only in case, or in a tail that Windows drops, are told apart", () => {
  assert.deepEqual(namesOf(JOLIET_NAMING, "IMG.jpg", "img.JPG", "a", "a."), [
    "IMG.jpg",
    "img~1.JPG",
    "a",
    "a~1",
  ]);
  assert.deepEqual(namesOf(JOLIET_NAMING, "Ä", "ä", "Ж", "ж"), ["Ä", "ä~1", "Ж", "ж~1"]);
});

test("case folding leaves out what Unicode still changes", () => {
  assert.equal(foldCase("straße ŉ ǆ"), "STRAßE ŉ Ǆ");
  assert.equal(foldCase("\u019b\u10d0\u{10d70}é"), "\u019b\u10d0\u{10d70}É");
});

test("Rock Ridge names are true up to 253 bytes", () => {
  assert.equal(rockRidgeName("n".repeat(253), 0), "n".repeat(253));
  assert.equal(rockRidgeName("n".repeat(250) + ".jpg", 0), "n".repeat(249) + ".jpg");
  assert.equal(rockRidgeName("é".repeat(127), 0), "é".repeat(126));
});

test("UDF names are true up to 253 Latin-1 characters or 127 units", () => {
  assert.equal(udfName("n".repeat(253), 0), "n".repeat(253));
  assert.equal(udfName("é".repeat(126), 0), "é".repeat(126));
  assert.equal(udfName("ж".repeat(127), 0), "ж".repeat(126));
  assert.equal(udfName("ж" + "n".repeat(126), 0), "ж" + "n".repeat(126));
  assert.equal(udfName("ж" + "n".repeat(127), 0), "ж" + "n".repeat(126));
});

test("255-byte names that differ only at the end stay apart", () => {
  const names = ["1", "2", "3"].map((end) => "n".repeat(254) + end);
  for (const naming of [ROCK, UDF]) {
    assert.deepEqual(namesOf(naming, ...names), [
      "n".repeat(253),
      "n".repeat(251) + "~1",
      "n".repeat(251) + "~2",
    ]);
  }
});

const anyName = fc.oneof(
  fc.string({ unit: "grapheme", minLength: 1, maxLength: 120 }),
  fc.string({ unit: fc.constantFrom("a", "A", ".", " ", "é", "😀", "_", "1"), minLength: 1, maxLength: 12 }),
);

test("all names of a folder differ in every naming, and keep to its limits", () => {
  fc.assert(fc.property(fc.uniqueArray(anyName, { maxLength: 40 }), (names) => {
    const sorted = names.filter((name) => name.isWellFormed()).sort();
    for (const naming of [ISO, ROCK, JOLIET_NAMING, UDF]) {
      const found = namesOf(naming, ...sorted);
      assert.equal(new Set(found.map(naming.key)).size, sorted.length);
      for (const name of found) assert.ok(name.isWellFormed() && name.length > 0 && name.length <= 254);
    }
    for (const name of namesOf(JOLIET_NAMING, ...sorted)) {
      assert.ok(name.length <= 103 && !/[. ]$/.test(name));
    }
    for (const name of namesOf(ISO, ...sorted)) assert.match(name, /^[A-Z0-9_]{1,8}(\.[A-Z0-9_]{1,3})?$/);
  }));
});

test("utf8Length is what the encoder gives", () => {
  fc.assert(fc.property(fc.string({ unit: "binary" }), (text) => {
    if (text.isWellFormed()) assert.equal(utf8Length(text), utf8(text).length);
  }));
});
