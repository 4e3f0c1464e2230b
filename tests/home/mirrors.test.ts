/** `[mirrors.NAME]` of `config.toml`. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { ColdframeError } from "../../lib/errors.ts";
import { parseConfig } from "../../lib/home/config.ts";
import { isWithin, parseTimeWindow } from "../../lib/home/config-mirrors.ts";

test("a mirror needs no more than a store: encrypted, all that is protected, once a day", () => {
  const [mirror] = parseConfig(`[mirrors.bucket]\nstore = "s3://b"`, "c").mirrors;
  assert.deepEqual(mirror, {
    name: "bucket",
    store: "s3://b",
    source: undefined,
    sources: [],
    disk: undefined,
    encrypted: true,
    names: "path",
    include: [],
    exclude: [],
    limitRate: undefined,
    window: undefined,
    every: 86_400_000,
    parallel: undefined,
    maxFiles: undefined,
    maxBytes: undefined,
  });
});

test("each of several mirrors has its own rules", () => {
  const { mirrors } = parseConfig(
    `
[mirrors.stick]
store = "file:/mnt/other"
source = "Pictures"
disk = "UUID=1234-ABCD"
plain = true
[mirrors.bucket]
store = "s3://b"
sources = ["/a", "/b"]
names = "opaque"
include = ["2019"]
exclude = ["*.tmp"]
limit-rate = "2M"
window = "22:00-06:00"
every = "2w"
parallel = 4
max = 1000
max-bytes = "10G"
`,
    "c",
  );
  const [stick, bucket] = mirrors;
  assert.deepEqual([stick?.encrypted, stick?.disk, stick?.source], [false, "UUID=1234-ABCD", "Pictures"]);
  assert.deepEqual([bucket?.names, bucket?.sources, bucket?.include], ["opaque", ["/a", "/b"], ["2019"]]);
  assert.deepEqual(bucket?.window, { from: 22 * 60, to: 6 * 60 });
  assert.deepEqual([bucket?.every, bucket?.maxBytes, bucket?.maxFiles], [14 * 86_400_000, 10e9, 1000]);
  assert.deepEqual(bucket?.limitRate, { windows: [], otherwise: 2_000_000 });
});

/** What is wrong, on which line of the text, and what the error says. */
const MISTAKES: readonly [text: string, line: number, says: RegExp][] = [
  [`mirrors = "x"`, 1, /mirrors must be tables/],
  [`[mirrors.a]\nplain = true`, 1, /the mirror a needs a store/],
  [`[mirrors.a]\nstore = "s3://b"\nstor = "x"`, 3, /unknown key "stor" of a mirror/],
  [`[mirrors.a]\nstore = "s3://b"\n[mirrors.c]\nstore = "s3://b"`, 4, /have one store/],
  [
    `[mirrors.a]\nstore = "s3://b"\n[mirrors.c]\nstore = "s3://d"\nplain = 1`,
    5,
    /plain must be true or false/,
  ],
  [`[mirrors.a]\nstore = "s3://b"\nplain = true\nnames = "opaque"`, 4, /would hide nothing/],
  [`[mirrors.a]\nstore = "s3://b"\nsource = "/a"\nsources = ["/b"]`, 4, /both source and sources/],
  [`[mirrors.a]\nstore = "s3://b"\ndisk = "UUID=1"`, 3, /say with source which folder/],
  [`[mirrors.a]\nstore = "s3://b"\nsource = "/a"\ndisk = "sdb1"`, 4, /names no disk/],
  [`[mirrors.a]\nstore = "s3://b"\nwindow = "22-6"`, 3, /no stretch of a day/],
  [`[mirrors.a]\nstore = "s3://b"\nevery = "daily"`, 3, /"daily" is no time/],
  [`[mirrors.a]\nstore = "s3://b"\nlimit-rate = "fast"`, 3, /"fast" is not a rate/],
  [`[mirrors."a b"]\nstore = "s3://b"`, 1, /cannot be the name of a mirror/],
];

for (const [text, line, says] of MISTAKES) {
  test(`${JSON.stringify(text)} is a mistake on line ${line}`, () => {
    assert.throws(() => parseConfig(text, "config.toml"), (error) => {
      assert.ok(error instanceof ColdframeError && error.code === "config");
      assert.match(error.message, says);
      assert.match(error.message, new RegExp(`^config\\.toml, line ${line}: `));
      return true;
    });
  });
}

test("a window across midnight holds both sides of it", () => {
  const window = parseTimeWindow("22:00-06:00");
  const at = (hours: number, minutes: number) => new Date(2026, 5, 1, hours, minutes).getTime();
  const inside = [[22, 0], [23, 59], [0, 0], [5, 59]] as const;
  const outside = [[6, 0], [12, 0], [21, 59]] as const;
  for (const [h, m] of inside) assert.ok(isWithin(window, at(h, m)), `${h}:${m}`);
  for (const [h, m] of outside) assert.ok(!isWithin(window, at(h, m)), `${h}:${m}`);
});
