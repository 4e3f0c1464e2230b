/** Patterns for paths. */

import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { pathMatcher, textsWithin } from "../../lib/plan/glob.ts";

/** Pattern, a path that it means, a path that it does not. */
const TABLE: readonly [pattern: string, means: string, not: string][] = [
  ["**", "Photos/2024/a.jpg", ""],
  ["IMG_1.jpg", "Photos/2024/IMG_1.jpg", "Photos/2024/IMG_10.jpg"],
  ["IMG_1.jpg", "IMG_1.jpg", "Photos/IMG_1.jpg.xmp"],
  ["*.heic", "Photos/a/b.heic", "Photos/a/b.heic.xmp"],
  ["*.heic", "x.heic", "Photos/heic"],
  ["Photos/2024", "Photos/2024/05/a.jpg", "Photos/20245/a.jpg"],
  ["Photos/2024/", "Photos/2024/a.jpg", "Photos/2023/a.jpg"],
  ["2024", "Photos/2024/a.jpg", "Photos/a2024.jpg"],
  ["Photos/*.jpg", "Photos/a.jpg", "Photos/2024/a.jpg"],
  ["Photos/**", "Photos/2024/05/a.jpg", "Other/a.jpg"],
  ["Photos/**/a.jpg", "Photos/a.jpg", "Photos/b.jpg"],
  ["Photos/**/a.jpg", "Photos/1/2/a.jpg", "Photos/1/2/ba.jpg"],
  ["**/2024/**", "Photos/2024/a.jpg", "Photos/2023/a.jpg"],
  ["IMG_?.jpg", "IMG_1.jpg", "IMG_12.jpg"],
  ["IMG_?.jpg", "IMG_😀.jpg", "IMG_.jpg"],
  ["IMG_[12].jpg", "IMG_2.jpg", "IMG_3.jpg"],
  ["IMG_[1-3].jpg", "IMG_2.jpg", "IMG_4.jpg"],
  ["IMG_[!1].jpg", "IMG_2.jpg", "IMG_1.jpg"],
  ["a+b (1).jpg", "Photos/a+b (1).jpg", "Photos/aab 1.jpg"],
  ["a.jpg", "a.jpg", "abjpg"],
  ["\\*.jpg", "*.jpg", "a.jpg"],
  ["[2024].jpg", "[2024].jpg", "2024.jpg"],
  ["./Photos/a.jpg", "Photos/a.jpg", "a.jpg"],
  ["line\nbreak*", "Photos/line\nbreak.jpg", "Photos/line break.jpg"],
  ["$^.|{}", "$^.|{}", "x"],
];

for (const [pattern, means, not] of TABLE) {
  test(`${JSON.stringify(pattern)} means ${JSON.stringify(means)}, not ${JSON.stringify(not)}`, () => {
    const matches = pathMatcher([pattern]);
    assert.equal(matches(means), true);
    if (not !== "") assert.equal(matches(not), false);
  });
}

test("a path is always meant by itself, whatever characters it has", () => {
  const segment = fc.string({ unit: "grapheme", minLength: 1, maxLength: 8 })
    .filter((text) => !text.includes("/") && text !== "." && text !== "..");
  fc.assert(fc.property(fc.array(segment, { minLength: 1, maxLength: 4 }), (parts) => {
    const path = parts.join("/");
    assert.equal(pathMatcher([path])(path), true, path);
  }));
});

test("any text is a pattern: none throws", () => {
  fc.assert(fc.property(fc.string({ unit: "binary" }), fc.string(), (pattern, path) => {
    assert.equal(typeof pathMatcher([pattern])(path), "boolean");
  }));
});

test("of several patterns any may match", () => {
  const matches = pathMatcher(["*.heic", "*.mov"]);
  assert.deepEqual(["a.heic", "a.mov", "a.jpg"].map(matches), [true, true, false]);
});

test("a long pattern of stars does not take for ever", () => {
  const started = performance.now();
  pathMatcher([`${"*a".repeat(12)}b`])("a".repeat(60));
  assert.ok(performance.now() - started < 2000);
});

test("every path that matches has one of the texts within its patterns", () => {
  const letters = fc.string({ unit: fc.constantFrom(..."ab/*?[]!\\."), maxLength: 10 });
  const patterns = fc.array(letters, { minLength: 1, maxLength: 2 });
  fc.assert(
    fc.property(patterns, letters, (some, path) => {
      const texts = textsWithin(some);
      if (texts === undefined) return;
      for (const match of [path, ...some].filter(pathMatcher(some))) {
        assert.ok(texts.some((text) => match.includes(text)), `${match} has none of ${texts}`);
      }
    }),
    { numRuns: 2000 },
  );
});

const WITHIN: readonly [pattern: string, text: string | undefined][] = [
  ["IMG_1.jpg", "IMG_1.jpg"],
  ["Photos/2024/**/IMG_*.jpg", "Photos/2024/"],
  ["*[0-9]*.heic", ".heic"],
  ["a\\*b", "a"],
  ["**", undefined],
];

for (const [pattern, text] of WITHIN) {
  test(`what ${pattern} means has ${text ?? "no text for certain"} in its path`, () => {
    assert.deepEqual(textsWithin([pattern]), text === undefined ? undefined : [text]);
  });
}
