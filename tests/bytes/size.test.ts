/** Sizes as people write them. */

import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { hasCode } from "../../lib/errors.ts";
import { formatSize, parseSize } from "../../lib/size.ts";

const SIZES: Readonly<Record<string, number>> = {
  "0": 0,
  "1": 1,
  "512B": 512,
  "1k": 1000,
  "1K": 1000,
  "1kB": 1000,
  "1Ki": 1024,
  "1KiB": 1024,
  "1M": 1_000_000,
  "1Mi": 1_048_576,
  "1MiB": 1_048_576,
  "5G": 5_000_000_000,
  "5g": 5_000_000_000,
  "5 GB": 5_000_000_000,
  "4.5GiB": 4_831_838_208,
  "1Gi": 1_073_741_824,
  "1T": 1e12,
  "2Ti": 2_199_023_255_552,
  "0.5M": 500_000,
  ".5M": 500_000,
  "1.0005k": 1000,
  " 700M ": 700_000_000,
};

for (const [text, bytes] of Object.entries(SIZES)) {
  test(`"${text}" is ${bytes} bytes`, () => assert.equal(parseSize(text), bytes));
}

for (
  const text of [
    "",
    " ",
    "5X",
    "G",
    "-1",
    "+1",
    "1,5G",
    "5GG",
    "5 G B",
    "0x10",
    "1e9",
    "Infinity",
    "NaN",
    "1..5G",
    "5Gi B!",
    "99999999T",
    "١G",
  ]
) {
  test(`"${text}" is not a size`, () => {
    assert.throws(
      () => parseSize(text, "--size"),
      (error) =>
        hasCode(error, "usage") && error.message === `--size: "${text}" is not a size` &&
        error.hint !== undefined,
    );
  });
}

const SHOWN: readonly [number, string][] = [
  [0, "0 B"],
  [1, "1 B"],
  [999, "999 B"],
  [1000, "1.00 kB"],
  [1004, "1.00 kB"],
  [9_994, "9.99 kB"],
  [9_996, "10.0 kB"],
  [99_940, "99.9 kB"],
  [99_960, "100 kB"],
  [999_499, "999 kB"],
  [999_500, "1.00 MB"],
  [5_000_000_000, "5.00 GB"],
  [1e15, "1.00 PB"],
  [9.99e18, "9990 PB"],
];

for (const [bytes, text] of SHOWN) {
  test(`${bytes} bytes are shown as ${text}`, () => assert.equal(formatSize(bytes), text));
}

test("what is shown reads back to within half a percent", () => {
  fc.assert(fc.property(fc.integer({ min: 1, max: 9e14 }), (bytes) => {
    const back = parseSize(formatSize(bytes).replace(" ", ""));
    assert.ok(Math.abs(back - bytes) <= bytes * 0.005 + 0.5, `${bytes} → ${formatSize(bytes)}`);
  }));
});
