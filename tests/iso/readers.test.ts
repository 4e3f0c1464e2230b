/**
 * What other people's readers make of our images: names and contents must be those of the manifest in
 * every view that can hold them (see HOLDS in judging.ts). Exceptions stand beside the readers that need them.
 *
 * COLDFRAME_TREES says how many generated trees each reader gets (4); COLDFRAME_SEED which (1).
 */

import assert from "node:assert/strict";
import process from "node:process";
import { mkdir, readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { join } from "node:path";
import { test } from "node:test";
import fc from "fast-check";
import type { ImageSpec } from "../../lib/types.ts";
import { run, testWith, withFolder } from "../tools.ts";
import { type ReadContent, specOf, type TreeOf, writeImage } from "./images.ts";
import { type Found, foundIn, foundOf, type Habits, judge } from "./judging.ts";
import { manifests } from "./manifests.ts";
import { seenByKernel, UML_TOOLS, type View } from "./uml.ts";
import { verifyImage } from "./verify.ts";

const TREES = Number(process.env["COLDFRAME_TREES"] ?? 4);
const SEED = Number(process.env["COLDFRAME_SEED"] ?? 1);
const OPTIONS = { maxBuffer: 1 << 28, env: { ...process.env, LC_ALL: "C.UTF-8" } };

const deep = Array.from({ length: 20 }, (_, i) => `a folder ${i} levels down`).join("/");

const DECOMPOSED = "e\u0301 composed";

/** Everything that has ever gone wrong in an image. */
const HARD: TreeOf = {
  [`${deep}/deep.txt`]: "deep",
  "emoji 😀👨‍👩‍👧.jpg": "emoji",
  "é composed": "composed",
  [DECOMPOSED]: "decomposed",
  "日本語/한국어.txt": "east",
  ["n".repeat(255)]: "255 bytes",
  ["n".repeat(251) + ".jpg"]: "255 bytes with extension",
  ["n".repeat(254) + "m"]: "255 other bytes",
  ["n".repeat(253)]: "253 bytes",
  ["n".repeat(154)]: "one more than fits a record",
  ["n".repeat(153)]: "just fits a record",
  ["é".repeat(127)]: "254 bytes of Latin-1",
  ["日".repeat(84)]: "252 bytes of 3",
  ["😀".repeat(63)]: "252 bytes of 4",
  ["x".repeat(103)]: "longest in Joliet",
  ["x".repeat(104)]: "too long for Joliet",
  "case/IMG.JPG": "upper",
  "case/img.jpg": "lower",
  "case/Img.jpg": "mixed",
  "Case/other folder": "case of a folder",
  "tail/ ": "only a space",
  "tail/dot.": "dot",
  "tail/space ": "space",
  "tail/dot": "none",
  "tail/...": "dots",
  "tail/..hidden": "two dots first",
  "tail/.hidden": "one dot first",
  "control/a\tb\nc\x01": "control",
  "control/\x7f\x80\x9f": "more control",
  'windows/a*b:c?d"e<f>g|h;i\\j': "reserved",
  "windows/CON": "device",
  "windows/aux.txt": "device",
  "DCIM/100CANON/IMG_0001.JPG": "a name that plain ISO holds",
  "empty file": "",
  "folder/empty file": "",
  "empty folder": null,
  "empty folder/in it": null,
  "shared/one": "shared content",
  "shared/two": "shared content",
  "sizes/2047": "s".repeat(2047),
  "sizes/2048": "t".repeat(2048),
  "sizes/2049": "u".repeat(2049),
  "links/relative": { link: "../shared/one" },
  "links/absolute": { link: "/etc/passwd" },
  "links/strange": { link: "./a b/../😀/." },
  "links/up": { link: "../".repeat(150) + "a/b/".repeat(60) + "end" },
  "links/long": { link: `${"up and down/".repeat(60)}end` },
  ["links/" + "l".repeat(200)]: { link: "name and target " + "x".repeat(230) },
  ...Object.fromEntries(
    Array.from({ length: 200 }, (_, i) => [`many/IMG_20240101_${100000 + i}.jpg`, `photo ${i}`]),
  ),
};

/** A link longer than readers with buffers of 1,024 bytes take: isovfy crashes, xorriso refuses. */
const LONG_LINK: TreeOf = { "very long link": { link: "component/".repeat(400) + "end" } };

interface Sample {
  readonly path: string;
  readonly spec: ImageSpec;
  readonly read: ReadContent;
}

/** The hard cases and the generated trees, with and without the bridge, as files in a folder. */
function samples(folder: string, count = TREES, hard: TreeOf = HARD): Sample[] {
  const trees = [hard, {}, ...fc.sample(manifests(30), { numRuns: count, seed: SEED })];
  return trees.flatMap((tree, i) =>
    [true, false].map((udf) => {
      const path = join(folder, `${i}${udf ? "-udf" : ""}.iso`);
      const { spec, read } = specOf(tree, udf);
      writeImage(path, spec, read);
      return { path, spec, read };
    })
  );
}

/** How a reader extracts, and what it is known to show otherwise. */
interface Extractor {
  readonly view: (sample: Sample) => View;
  readonly extract: (image: string, into: string) => Promise<unknown>;
  readonly hard?: TreeOf;
  readonly habits?: Habits;
}

/** Lets a reader extract each image into a folder of its own, and compares names, contents and times. */
async function extracts(reader: Extractor): Promise<void> {
  await withFolder(async (folder) => {
    for (const [i, sample] of samples(folder, TREES, reader.hard ?? HARD).entries()) {
      const into = join(folder, `out${i}`);
      await mkdir(into);
      await reader.extract(sample.path, into);
      judge(sample.spec, reader.view(sample), await foundIn(into), reader.habits);
    }
  });
}

test("the strict verifier finds no fault", { timeout: 180_000 }, async () => {
  await withFolder(async (folder) => {
    for (const { path } of samples(folder, 3 * TREES, { ...HARD, ...LONG_LINK })) {
      const bytes = new Uint8Array(await readFile(path));
      const access = {
        size: bytes.length,
        readAt: (offset: number, length: number) => Promise.resolve(bytes.slice(offset, offset + length)),
      };
      assert.deepEqual(await verifyImage(access), [], path);
    }
  });
});

/** Linux takes a UDF name that begins with two dots for a forged `..` and adds a checksum to it. */
const LINUX_UDF: Habits = { altered: (name) => name.startsWith("..") };

testWith(UML_TOOLS, "Linux reads Rock Ridge, Joliet, plain ISO and UDF", async () => {
  await withFolder(async (folder) => {
    const all = samples(folder, 3 * TREES, { ...HARD, ...LONG_LINK });
    const jobs = all.map(({ path, spec }) => ({
      path,
      views: spec.udf ? ["rock", "joliet", "plain", "udf"] as const : ["rock", "joliet", "plain"] as const,
      windows: [],
    }));
    const reports = await seenByKernel(jobs);
    for (const [i, { spec }] of all.entries()) {
      for (const [view, { entries }] of reports[i] ?? []) {
        judge(spec, view, foundOf(view, entries), view === "udf" ? LINUX_UDF : {});
      }
    }
  });
});

testWith(["xorriso"], "xorriso extracts Rock Ridge without a word of warning", async () => {
  const quiet = ["-report_about", "WARNING", "-abort_on", "WARNING", "-osirrox", "on"];
  await extracts({
    view: () => "rock",
    extract: (image, into) => run("xorriso", [...quiet, "-indev", image, "-extract", "/", into], OPTIONS),
  });
});

// -P, or bsdtar takes a backslash at the beginning of a name for an absolute path and drops it.
testWith(["bsdtar"], "bsdtar extracts Rock Ridge", async () => {
  await extracts({
    view: () => "rock",
    extract: (image, into) => run("bsdtar", ["-xpPf", image, "-C", into], OPTIONS),
  });
});

// libarchive composes Joliet names (NFC), so of two names that differ in composition only one is left.
testWith(["bsdtar"], "bsdtar extracts Joliet, but names are composed", async () => {
  const { [DECOMPOSED]: _, ...tree } = HARD;
  await extracts({
    view: () => "joliet",
    hard: tree,
    habits: { shown: (path) => path.normalize("NFC") },
    extract: (image, into) => run("bsdtar", ["-xpPf", image, "--options", "!rockridge", "-C", into], OPTIONS),
  });
});

testWith(["bsdtar"], "bsdtar extracts Rock Ridge from a pipe", async () => {
  await extracts({
    view: () => "rock",
    extract: (image, into) =>
      run("sh", ["-c", 'cat "$1" | bsdtar -xpPf - -C "$2"', "sh", image, into], OPTIONS),
  });
});

// 7-Zip gives names of nothing but white space other ones.
testWith(["7zz"], "7-Zip extracts UDF where it is, otherwise Joliet", async () => {
  await extracts({
    view: ({ spec }) => spec.udf ? "udf" : "joliet",
    habits: { altered: (name) => name.trim() === "" },
    extract: (image, into) => run("7zz", ["x", "-y", `-o${into}`, image], OPTIONS),
  });
});

testWith(["isoinfo"], "isoinfo lists Rock Ridge and Joliet", async () => {
  await withFolder(async (folder) => {
    for (const { path, spec } of samples(folder)) {
      const listing = await run("isoinfo", ["-d", "-i", path], OPTIONS);
      assert.match(listing.stdout, /Joliet with UCS level 3 found\nRock Ridge signatures version 1 found/);
      for (const [flag, links] of [["-R", true], ["-J", false]] as const) {
        const { stdout } = await run("isoinfo", [flag, "-f", "-i", path], OPTIONS);
        const wanted = foldersAndEntries(spec, links);
        // A name with a line break gives two lines.
        const breaks = flag === "-R" ? spec.entries.filter(({ path }) => path.includes("\n")).length : 0;
        assert.equal(stdout.split("\n").length - 1 - breaks, wanted, `${path} ${flag}`);
      }
    }
  });
});

function foldersAndEntries(spec: ImageSpec, links: boolean): number {
  const paths = new Set<string>();
  for (const entry of spec.entries) {
    const parts = entry.path.split("/");
    for (let i = 1; i < parts.length; i++) paths.add(parts.slice(0, i).join("/"));
    if (links || entry.kind !== "symlink") paths.add(entry.path);
  }
  return paths.size;
}

testWith(["isovfy"], "isovfy finds no errors", async () => {
  await withFolder(async (folder) => {
    for (const { path } of samples(folder)) {
      const { stdout } = await run("isovfy", [path], OPTIONS);
      assert.match(stdout, /No errors found/, path);
    }
  });
});

testWith(["udfinfo"], "udfinfo finds the volume closed, with both anchors and all files", async () => {
  await withFolder(async (folder) => {
    for (const { path, spec } of samples(folder).filter(({ spec }) => spec.udf)) {
      const { stdout, stderr } = await run("udfinfo", [path], OPTIONS);
      assert.equal(stderr, "");
      assert.match(stdout, /^udfrev=1.02$/m);
      assert.match(stdout, /^integrity=closed$/m);
      assert.match(
        stdout,
        new RegExp(`^numfiles=${spec.entries.filter(({ kind }) => kind === "file").length}$`, "m"),
      );
      assert.equal(stdout.match(/type=ANCHOR/g)?.length, 2);
    }
  });
});

testWith(["/usr/bin/python3"], "pycdlib reads all four trees", async () => {
  const program = fileURLToPath(new URL("pycdlib_walk.py", import.meta.url));
  await withFolder(async (folder) => {
    for (const { path, spec } of samples(folder)) {
      const views: View[] = spec.udf ? ["rock", "joliet", "plain", "udf"] : ["rock", "joliet", "plain"];
      const { stdout } = await run("/usr/bin/python3", [program, path, ...views], OPTIONS);
      const found: (Found & { view: View })[] = stdout.split("\n").filter((line) => line !== "").map((line) =>
        JSON.parse(line)
      );
      for (const view of views) judge(spec, view, found.filter((one) => one.view === view));
    }
  });
});
