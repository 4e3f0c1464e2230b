/** The texts inside a volume: what is written can be read again, and damage is found. */

import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { mkdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { test } from "node:test";
import fc from "fast-check";
import { hasCode } from "../../lib/errors.ts";
import {
  encodeManifest,
  encodeSums,
  type Manifest,
  MANIFEST_FORMAT,
  parseManifest,
} from "../../lib/plan/manifest.ts";
import { volumeReadme } from "../../lib/plan/readme.ts";
import { run, testWith, withFolder } from "../tools.ts";

const hex64 = fc.stringMatching(/^[0-9a-f]{64}$/);
const common = {
  path: fc.string({ unit: "binary", minLength: 1 }),
  size: fc.nat({ max: Number.MAX_SAFE_INTEGER }),
  mtime: fc.date({ noInvalidDate: true }).map((date) => date.toISOString()),
  mode: fc.stringMatching(/^[0-7]{4}$/),
  sha256: hex64,
};
const manifest: fc.Arbitrary<Manifest> = fc.record({
  files: fc.array(fc.record({ ...common, offset: fc.nat({ max: Number.MAX_SAFE_INTEGER }) }), {
    maxLength: 8,
  }),
  references: fc.array(fc.record({ ...common, volume: fc.string() }), { maxLength: 4 }),
  folders: fc.array(fc.record({ path: common.path, mtime: common.mtime, folder: fc.constant(true) }), {
    maxLength: 4,
  }),
}).map(({ files, references, folders }) => ({
  header: {
    format: MANIFEST_FORMAT,
    volume: "2024-05-01--2024-06-30--1a2b3c4d",
    archive: "a".repeat(32),
    box: "b".repeat(16),
    created: "2026-01-01T00:00:00.000Z",
    files: files.length,
    references: references.length,
    folders: folders.length,
  },
  files,
  references,
  folders: folders.map((folder) => ({ ...folder, folder: true as const })),
}));

test("a manifest that was written reads the same", () => {
  fc.assert(fc.property(manifest, (value) => {
    const read = parseManifest(encodeManifest(value));
    assert.deepEqual(structuredClone(read), structuredClone(value)); // fast-check makes objects without a prototype
  }));
});

test("a manifest is one JSON object per line, the header first", () => {
  fc.assert(fc.property(manifest, (value) => {
    const lines = encodeManifest(value).split("\n");
    assert.equal(lines.pop(), "");
    assert.equal(lines.length, 1 + value.files.length + value.references.length + value.folders.length);
    assert.deepEqual(JSON.parse(lines[0] ?? ""), value.header);
  }));
});

test("a manifest that lost a line is damaged", () => {
  fc.assert(fc.property(manifest, fc.nat(), (value, n) => {
    const lines = encodeManifest(value).trimEnd().split("\n");
    lines.splice(n % lines.length, 1);
    assert.throws(() => parseManifest(lines.join("\n") + "\n"), (error) => hasCode(error, "damaged"));
  }));
});

test("a manifest that was cut anywhere but at its end is damaged", () => {
  fc.assert(fc.property(manifest, fc.nat(), (value, n) => {
    const text = encodeManifest(value);
    const cut = text.slice(0, n % (text.length - 1));
    assert.throws(() => parseManifest(cut), (error) => hasCode(error, "damaged"));
  }));
});

const HEADER = encodeManifest({
  header: {
    format: MANIFEST_FORMAT,
    volume: "v",
    archive: "a",
    box: "b",
    created: "c",
    files: 1,
    references: 0,
    folders: 0,
  },
  files: [],
  references: [],
  folders: [],
});
const ROW = {
  path: "a",
  size: 1,
  mtime: "2024-05-01T00:00:00.000Z",
  mode: "0644",
  sha256: "1".repeat(64),
  offset: 2048,
};
const WRONG: readonly [what: string, text: string, says: RegExp][] = [
  ["nothing", "", /line 1 is missing/],
  ["another format", `{"format":"other/1"}\n`, /line 1 is not of the format coldframe-manifest\/1/],
  ["no JSON", `${HEADER}not json\n`, /line 2 is not a JSON object/],
  ["a list", `${HEADER}[]\n`, /line 2 is not a JSON object/],
  ["no path", HEADER + JSON.stringify({ ...ROW, path: undefined }), /line 2 has no path/],
  ["a path that is a number", HEADER + JSON.stringify({ ...ROW, path: 1 }), /line 2 has no path/],
  ["a negative size", HEADER + JSON.stringify({ ...ROW, size: -1 }), /line 2 has no size/],
  ["half a byte", HEADER + JSON.stringify({ ...ROW, size: 1.5 }), /line 2 has no size/],
  ["a size beyond exact numbers", HEADER + JSON.stringify({ ...ROW, size: 2 ** 53 }), /line 2 has no size/],
  ["a short hash", HEADER + JSON.stringify({ ...ROW, sha256: "1f" }), /line 2 has no SHA-256/],
  ["no offset", HEADER + JSON.stringify({ ...ROW, offset: undefined }), /line 2 has no offset/],
];

for (const [what, text, says] of WRONG) {
  test(`a manifest with ${what} is damaged, and the line is named`, () => {
    assert.throws(
      () => parseManifest(text),
      (error) => hasCode(error, "damaged") && says.test(error.message),
    );
  });
}

test("SHA256SUMS escapes a backslash, a newline and a carriage return, and marks the line", () => {
  const sha256 = "0".repeat(64);
  const sums = encodeSums(["plain", "a\\b", "a\nb", "a\rb"].map((path) => ({ path, sha256 })));
  assert.equal(sums, `${sha256}  plain\n\\${sha256}  a\\\\b\n\\${sha256}  a\\nb\n\\${sha256}  a\\rb\n`);
});

testWith(
  ["sha256sum"],
  "sha256sum -c agrees about names with all that a file system allows",
  () =>
    withFolder(async (folder) => {
      const names = [
        "plain.jpg",
        "two  spaces.jpg",
        " leading",
        "trailing ",
        "*star",
        "back\\slash",
        "\\leading backslash",
        "new\nline",
        "carriage\rreturn",
        "both\\\n\r",
        "tab\there",
        'it\'s "quoted"',
        "😀 ü é",
        "-dash",
        "a/b/c.jpg",
        "\x01\x7f",
      ];
      const files = [];
      for (const path of names) {
        const bytes = `content of ${path}`;
        await mkdir(join(folder, dirname(path)), { recursive: true });
        await writeFile(join(folder, path), bytes);
        files.push({ path, sha256: createHash("sha256").update(bytes).digest("hex") });
      }
      await writeFile(join(folder, "SUMS"), encodeSums(files));
      const { stdout } = await run("sha256sum", ["--check", "--strict", "SUMS"], { cwd: folder });
      assert.equal(stdout.match(/: OK$/gm)?.length, names.length);
    }),
);

test("README.txt is plain ASCII with CRLF, and no line is wider than an old screen but a command", () => {
  const text = volumeReadme({ name: "2024-05-01--2024-06-30--1a2b3c4d", created: 0 });
  assert.match(text, /^[\x20-\x7e\r\n]*$/);
  assert.doesNotMatch(text.replaceAll("\r\n", ""), /[\r\n]/);
  for (const line of text.split("\r\n")) assert.ok(line.length <= 110, line);
});
