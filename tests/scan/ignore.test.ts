import assert from "node:assert/strict";
import process from "node:process";
import { test } from "node:test";
import fc from "fast-check";
import ignore from "ignore";
import { IgnoreRules } from "../../lib/scan/ignore.ts";
import { run, testWith, withFolder } from "../tools.ts";
import { pathsBy, plant, type Tree, walkAll } from "./tree.ts";

const junk = [
  ".DS_Store",
  "album/.DS_Store",
  "._IMG_1.jpg",
  "Thumbs.db",
  "ehthumbs.db",
  "desktop.ini",
  "film.mp4.part",
  ".git/config",
  "album/.idea/x",
  ".github/x",
  "album/@eaDir/IMG_1.jpg",
  "#recycle/x",
  ".Trash-1000/files/x",
  ".Trashes/x",
  ".Spotlight-V100/x",
  ".fseventsd/x",
  "$RECYCLE.BIN/x",
  "System Volume Information/x",
  "lost+found/x",
];

test("what systems and downloads leave behind is left out by default, at any depth", async () => {
  await withFolder(async (root) => {
    await plant(root, Object.fromEntries([...junk, "album/IMG_1.jpg"].map((path) => [path, "x"])));
    const { paths, report } = await walkAll(root);
    assert.deepEqual(paths, ["album/IMG_1.jpg"]);
    assert.equal(report.ignored, junk.length);
  });
});

test("names that only resemble the defaults are kept", async () => {
  await withFolder(async (root) => {
    const kept = [".gitignore", "DS_Store", "git/x", "part", "thumbs.db.jpg", "wedding.part/x"];
    await plant(root, Object.fromEntries(kept.map((path) => [path, "x"])));
    assert.deepEqual((await walkAll(root)).paths, kept);
  });
});

test("a line of the config takes back a default", () => {
  const rules = IgnoreRules.of(["!.git/", "!Thumbs.db"]);
  assert.equal(rules.ignores(".git", true), false);
  assert.equal(rules.ignores("Thumbs.db", false), false);
  assert.equal(rules.ignores(".DS_Store", false), true);
});

test("patterns are case-sensitive: *.jpg does not leave out IMG_1.JPG", () => {
  const rules = IgnoreRules.of(["*.jpg"]);
  assert.equal(rules.ignores("IMG_1.jpg", false), true);
  assert.equal(rules.ignores("IMG_1.JPG", false), false);
});

test("an ignored folder is never entered", async () => {
  await withFolder(async (root) => {
    await plant(root, { "cache/.coldframeignore": "!*", "cache/a/b": "x", "kept": "x" });
    const { paths, report } = await walkAll(root, IgnoreRules.of(["cache/"]));
    assert.deepEqual(paths, ["kept"]);
    assert.equal(report.folders, 1);
  });
});

test("a .coldframeignore speaks for its own folder and what is below", async () => {
  await withFolder(async (root) => {
    await plant(root, {
      "a/.coldframeignore": "*.raw\n/top\n",
      "a/1.raw": "x",
      "a/top": "x",
      "a/deep/1.raw": "x",
      "a/deep/top": "x",
      "b/1.raw": "x",
    });
    assert.deepEqual(await pathsBy(root, []), ["a/.coldframeignore", "a/deep/top", "b/1.raw"]);
  });
});

test("a deeper .coldframeignore takes back what a shallower one and the config leave out", async () => {
  await withFolder(async (root) => {
    await plant(root, {
      ".coldframeignore": "*.raw\n",
      "1.raw": "x",
      "1.tmp": "x",
      "best/.coldframeignore": "!*.raw\n!*.tmp\n",
      "best/2.raw": "x",
      "best/2.tmp": "x",
    });
    const kept = [".coldframeignore", "best/.coldframeignore", "best/2.raw", "best/2.tmp"];
    assert.deepEqual(await pathsBy(root, ["*.tmp"]), kept);
  });
});

test("a folder that a deeper file takes back is entered with all that is in it", async () => {
  await withFolder(async (root) => {
    await plant(root, {
      "a/.coldframeignore": "!tmp/\n",
      "a/tmp/x": "x",
      "a/tmp/y/z": "x",
      "b/tmp/x": "x",
    });
    assert.deepEqual(await pathsBy(root, ["tmp/"]), ["a/.coldframeignore", "a/tmp/x", "a/tmp/y/z"]);
  });
});

test("a folder taken back by a deeper file may have any name", () => {
  for (const folder of ["[x]", "a*b?", "!a", "#a", " a ", "back\\slash", "new\nline", "\u{1f4f7}"]) {
    const rules = IgnoreRules.of(["tmp", "**/tmp/*/"], []).enter("", "!**/").enter("tmp");
    assert.equal(rules.ignores(`tmp/${folder}`, true), false);
    assert.equal(rules.enter(`tmp/${folder}`).ignores(`tmp/${folder}/x`, false), false, folder);
  }
});

test("everything but photos: * with exceptions", async () => {
  await withFolder(async (root) => {
    await plant(root, { "a/1.jpg": "x", "a/1.txt": "x", "2.jpg": "x" });
    assert.deepEqual(await pathsBy(root, ["*", "!*/", "!*.jpg"]), ["2.jpg", "a/1.jpg"]);
  });
});

test("an ignore file that cannot be used is named, and nothing is left out for it", async () => {
  await withFolder(async (root) => {
    await plant(root, { ".coldframeignore": "#".repeat((1 << 20) + 1) + "\n*\n", "a": "x" });
    const { paths, report } = await walkAll(root);
    assert.deepEqual(paths, [".coldframeignore", "a"]);
    assert.deepEqual(report.problems, [{
      path: ".coldframeignore",
      kind: "ignore-file",
      reason: "larger than 1 MiB; its patterns were not used",
    }]);
  });
});

test("the rules answer the same after many thousand paths", () => {
  const rules = IgnoreRules.of(["*.tmp"]);
  for (let i = 0; i < 10_000; i++) {
    assert.equal(rules.ignores(`f${i}.tmp`, false), true);
    assert.equal(rules.ignores(`f${i}.jpg`, false), false);
  }
});

const name = fc.constantFrom("a", "b", "c.jpg", "d.tmp", "x");
const pattern = fc.constantFrom(
  "a",
  "a/",
  "/a",
  "*.jpg",
  "!*.jpg",
  "*",
  "!*/",
  "b/*",
  "**/x",
  "!x",
  "a/b",
  "!a/",
  "# note",
  "d*",
  "!d.tmp",
  "",
);
/** Patterns of any shape, of few letters so that many of them match. */
const anyPattern = fc.array(
  fc.constantFrom(
    "a",
    "b",
    "aa",
    ".",
    "*",
    "**",
    "?",
    "/",
    "[ab]",
    "[!a]",
    "\\\\*",
    "\\\\#",
    "\\\\ ",
    " ",
    "!",
    "#",
    "$",
    "(",
    "+",
    "{a,b}",
  ),
  { minLength: 1, maxLength: 5 },
).map((parts) => parts.join(""));
const anyPath = fc.array(
  fc.array(fc.constantFrom("a", "b", ".", "*", "#", " ", "$", "(", "+", "{a,b}"), {
    minLength: 1,
    maxLength: 4,
  })
    .map((parts) => parts.join("")).filter((part) => !/^\.+$/.test(part)),
  { minLength: 1, maxLength: 3 },
).map((parts) => parts.join("/"));

test("what no pattern may match, none matches: asked alone, or among the names of its folder", () => {
  let certain = 0;
  const asked = fc.tuple(
    fc.array(anyPattern, { minLength: 1, maxLength: 3 }),
    anyPath,
    anyPath,
    fc.boolean(),
  );
  fc.assert(
    fc.property(asked, ([patterns, path, other, isFolder]) => {
      const rules = IgnoreRules.of(patterns, []);
      if (rules.mayMatch(path)) return;
      certain++;
      const { ignored, unignored } = ignore({ ignorecase: false }).add(patterns).test(
        isFolder ? `${path}/` : path,
      );
      assert.deepEqual([ignored, unignored], [false, false]);
      assert.equal(rules.mayMatch(`${path}/${other}`), rules.mayMatch(other));
    }),
    { numRuns: 5_000 },
  );
  assert.ok(certain > 500, `${certain} were certain`);
});

test("most names need not be asked about by the patterns that are there by default", () => {
  assert.equal(IgnoreRules.of().mayMatch("2014/album/IMG_1.jpg/IMG_2.jpg/film.mp4"), false);
  for (const path of junk) assert.equal(IgnoreRules.of().mayMatch(path), true, path);
});

const lines = fc.array(pattern, { maxLength: 4 }).map((all) => all.join("\n"));
const files = fc.uniqueArray(fc.array(name, { minLength: 1, maxLength: 4 }).map((parts) => parts.join("/")), {
  minLength: 1,
  maxLength: 12,
});

/** Files with these paths, but those that a folder of another path stands in the way of. */
function treeOf(paths: readonly string[], ignoreFiles: Record<string, string | null>): Tree {
  const clear = paths.filter((path) => !paths.some((other) => other.startsWith(`${path}/`)));
  const tree: Record<string, string> = Object.fromEntries(clear.map((path) => [path, "x"]));
  for (const [folder, text] of Object.entries(ignoreFiles)) {
    const isFolder = folder === "" || clear.some((path) => path.startsWith(folder));
    if (text !== null && isFolder) tree[`${folder}.coldframeignore`] = text;
  }
  return tree;
}

async function byGit(gitDir: string, root: string): Promise<string[]> {
  const command = ["ls-files", "-z", "--others", "--exclude-per-directory=.coldframeignore"];
  const { stdout } = await run("git", [`--git-dir=${gitDir}/.git`, `--work-tree=${root}`, ...command], {
    cwd: root,
  });
  return stdout.split("\0").filter((path) => path !== "").sort();
}

testWith(["git"], "git agrees on any nest of ignore files", async () => {
  const trees = fc.tuple(files, lines, fc.option(lines), fc.option(lines));
  await withFolder(async (gitDir) => {
    await run("git", ["init", "-q", gitDir]);
    const agrees = fc.asyncProperty(trees, ([paths, atTop, atA, atB]) =>
      withFolder(async (root) => {
        await plant(root, treeOf(paths, { "": atTop, "a/": atA, "b/": atB }));
        assert.deepEqual((await pathsBy(root, [])).sort(), await byGit(gitDir, root));
      }));
    await fc.assert(agrees, { numRuns: Number(process.env["COLDFRAME_RUNS"] ?? 40) });
  });
});
