import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { chmodSync, mkdirSync, renameSync, rmSync, statSync } from "node:fs";
import { symlink } from "node:fs/promises";
import { createServer } from "node:net";
import { join } from "node:path";
import process from "node:process";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { hasCode } from "../../lib/errors.ts";
import { IgnoreRules } from "../../lib/scan/ignore.ts";
import { byPath } from "../../lib/order.ts";
import { UnknownPaths, WalkReport } from "../../lib/scan/report.ts";
import { walk } from "../../lib/scan/walk.ts";
import { run, testWith, withFolder } from "../tools.ts";
import { age, plant, walkAll } from "./tree.ts";

const windows = process.platform === "win32";

test("a file is described by size, times, inode and permissions", async () => {
  await withFolder(async (root) => {
    await plant(root, { "2019/a.jpg": "12345" });
    await age(join(root, "2019/a.jpg"), 1_561_939_200_123, 0o640);
    const { files, report } = await walkAll(root);
    const stats = statSync(join(root, "2019/a.jpg"));
    assert.deepEqual(files, [{
      path: "2019/a.jpg",
      size: 5,
      mtime: 1_561_939_200_123,
      ctime: Math.floor(stats.ctimeMs / 1000),
      inode: String(stats.ino),
      mode: windows ? files[0]?.mode : 0o640,
    }]);
    assert.deepEqual([report.files, report.bytes, report.folders], [1, 5, 2]);
  });
});

test("a photo may be older than 1970", async () => {
  await withFolder(async (root) => {
    await plant(root, { "scan.tif": "x" });
    await run("touch", ["-d", "1960-01-01T00:00:00.5Z", join(root, "scan.tif")]);
    assert.equal((await walkAll(root)).files[0]?.mtime, -315_619_199_500);
  });
});

test("times are cut to whole milliseconds, not rounded", async () => {
  await withFolder(async (root) => {
    await plant(root, { "a": "x" });
    await run("touch", ["-d", "2020-01-01T00:00:00.123900000Z", join(root, "a")]);
    assert.equal((await walkAll(root)).files[0]?.mtime, 1_577_836_800_123);
  });
});

test("paths come sorted over the whole source: a folder stands where its paths do", async () => {
  await withFolder(async (root) => {
    const paths = ["a-b", "a.txt", "a/z", "a0", "b/a/a", "b/a.b", "\uff01", "\u{1f4f7}"];
    await plant(root, Object.fromEntries(paths.map((path) => [path, "x"])));
    const walked = (await walkAll(root)).paths;
    assert.deepEqual(walked, ["a-b", "a.txt", "a/z", "a0", "b/a.b", "b/a/a", "\uff01", "\u{1f4f7}"]);
    assert.deepEqual(walked, paths.toSorted(byPath));
  });
});

test("a batch is never larger than asked for, and no file is lost between two", async () => {
  await withFolder(async (root) => {
    const paths = Array.from({ length: 25 }, (_, i) => i % 2 === 0 ? `f${i}` : `d/f${i}`);
    await plant(root, Object.fromEntries(paths.map((path) => [path, "x"])));
    const batches: string[][] = [];
    for await (const batch of walk(root, IgnoreRules.of(), new WalkReport(), { batch: 10 })) {
      batches.push(batch.map((file) => file.path));
    }
    assert.deepEqual(batches.map((batch) => batch.length), [10, 10, 5]);
    assert.deepEqual(batches.flat(), paths.toSorted(byPath));
  });
});

test("quotes, newlines, emoji, backslashes, spaces and unnormalised accents are ordinary names", async () => {
  await withFolder(async (root) => {
    const names = [
      " lead",
      "a'b\"c",
      "new\nline",
      "back\\slash",
      "\u{1f4f7} 1.jpg",
      "e\u0301",
      "\u00e9",
      "%s",
    ];
    await plant(root, Object.fromEntries(names.map((name) => [name, name])));
    const { paths, report } = await walkAll(root);
    assert.deepEqual(paths, names.toSorted(byPath));
    assert.deepEqual(report.problems, []);
  });
});

test("a path of almost 4 kB is found; a folder too deep for the system is named and unknown", async () => {
  await withFolder(async (root) => {
    const name = "d".repeat(250);
    const levels = Math.floor((4095 - root.length) / 251);
    // Relative to each folder in turn, as no call takes the whole path.
    const script =
      `cd "$1"; i=0; while [ $i -lt $2 ]; do echo x > f; mkdir "$3"; cd "$3"; i=$((i+1)); done; echo x > f`;
    await run("sh", ["-c", script, "sh", root, String(levels + 1), name]);
    const { paths, report } = await walkAll(root);
    assert.equal(paths.length, levels + 1);
    assert.ok(Math.max(...paths.map((path) => path.length)) > 3_500);
    const tooDeep = Array.from({ length: levels + 1 }, () => name).join("/");
    assert.deepEqual(report.problems, [
      { path: tooDeep, kind: "folder", reason: "the path is too long for this system" },
    ]);
    assert.ok(report.unknown.covers(`${tooDeep}/f`));
    assert.ok(!report.unknown.covers(paths[0] ?? ""));
  });
});

test("symbolic links are counted, not followed: to files, folders, nothing, and in a circle", async () => {
  await withFolder(async (root) => {
    await plant(root, {
      "real/a": "x",
      "to-file": { link: "real/a" },
      "to-folder": { link: "real" },
      "to-nothing": { link: "nowhere" },
      "real/circle": { link: ".." },
      "self": { link: "self" },
    });
    const { paths, report } = await walkAll(root);
    assert.deepEqual(paths, ["real/a"]);
    assert.equal(report.symlinks, 5);
  });
});

testWith(["mkfifo"], "FIFOs and sockets are skipped and counted, and do not hang the walk", async () => {
  await withFolder(async (root) => {
    await plant(root, { "a": "x" });
    await run("mkfifo", [join(root, "fifo")]);
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(join(root, "socket"), resolve));
    try {
      const { paths, report } = await walkAll(root);
      assert.deepEqual(paths, ["a"]);
      assert.equal(report.special, 2);
      assert.deepEqual(report.problems, []);
    } finally {
      server.close();
    }
  });
});

test("devices are skipped and counted; another file system mounted inside is entered and noted", async (t) => {
  const mounted = process.platform === "linux" && statSync("/dev/shm").dev !== statSync("/dev").dev;
  if (!mounted) return t.skip("no file system is mounted at /dev/shm");
  const rules = IgnoreRules.of(["/*", "!/null", "!/shm/", "/shm/*"], []);
  const { paths, report } = await walkAll("/dev", rules);
  assert.deepEqual([paths, report.special, report.mounts, report.folders], [[], 1, ["shm"], 2]);
});

test("names that are not UTF-8 are named; one that really holds U+FFFD is a file like any other", async () => {
  await withFolder(async (root) => {
    const script = `cd "$1" && mkdir "$(printf 'dir\\377')" && echo x > "$(printf 'dir\\377/x')" &&
      echo x > "$(printf 'a\\377')" && echo x > "$(printf 'a\\376')" && echo x > "$(printf 'b\\357\\277\\275')"`;
    await run("sh", ["-c", script, "sh", root]);
    const { paths, report } = await walkAll(root);
    assert.deepEqual(paths, ["b\ufffd"]);
    const reason = "the name is not valid UTF-8; rename it so that it can be stored";
    assert.deepEqual(report.problems.toSorted((a, b) => byPath(a.path, b.path)), [
      { path: "a\ufffd", kind: "name", reason },
      { path: "a\ufffd", kind: "name", reason },
      { path: "dir\ufffd", kind: "name", reason },
    ]);
  });
});

test("two names that look alike, one of them not UTF-8, give one file and one problem", async () => {
  await withFolder(async (root) => {
    const script = `cd "$1" && echo x > "$(printf 'a\\377')" && echo x > "$(printf 'a\\357\\277\\275')"`;
    await run("sh", ["-c", script, "sh", root]);
    const { paths, report } = await walkAll(root);
    assert.deepEqual(paths, ["a\ufffd"]);
    assert.deepEqual(report.problems.map((problem) => [problem.path, problem.kind]), [["a\ufffd", "name"]]);
  });
});

test("a folder that may not be listed is named, and what is below is unknown, not gone", async () => {
  await withFolder(async (root) => {
    await plant(root, { "a": "x", "locked/b": "x", "z": "x", "nolook/c": "x" });
    chmodSync(root, 0o755);
    chmodSync(join(root, "locked"), 0);
    chmodSync(join(root, "nolook"), 0o444); // may be listed, but its files may not be looked at
    try {
      const seen = walkAsNobody(root);
      assert.deepEqual(seen.paths, ["a", "z"]);
      assert.deepEqual(seen.problems, [
        { path: "locked", kind: "folder", reason: "permission denied" },
        { path: "nolook/c", kind: "file", reason: "permission denied" },
      ]);
      assert.deepEqual(seen.covered, { "locked/b": true, "nolook/c": true, "a": false, "lockedness": false });
    } finally {
      chmodSync(join(root, "locked"), 0o755);
    }
  });
});

test("a source that may not be listed is unknown as a whole", async () => {
  await withFolder(async (root) => {
    await plant(root, { "locked/b": "x" });
    chmodSync(root, 0o755);
    chmodSync(join(root, "locked"), 0);
    const seen = walkAsNobody(join(root, "locked"));
    chmodSync(join(root, "locked"), 0o755);
    assert.deepEqual(seen.problems, [{ path: "", kind: "folder", reason: "permission denied" }]);
    assert.equal(seen.covered["a"], true);
  });
});

test("unknown covers a folder's paths, not those that only begin with its name", () => {
  const unknown = new UnknownPaths();
  assert.equal(unknown.covers("a/b"), false);
  unknown.add("a/b");
  assert.deepEqual(["a/b", "a/b/c/d", "a/bc", "a", "x/a/b"].map((path) => unknown.covers(path)), [
    true,
    true,
    false,
    false,
    false,
  ]);
  unknown.add("");
  assert.equal(unknown.covers("anything"), true);
});

test("a missing source is an error, not an empty source", async () => {
  await withFolder(async (root) => {
    await assert.rejects(walkAll(join(root, "no")), (error) => hasCode(error, "source-missing"));
  });
});

/** Walks a source of four files in batches of one; `happen` comes between them. */
async function interrupted(happen: (root: string) => void, report = new WalkReport()): Promise<string[]> {
  return await withFolder(async (folder) => {
    const root = join(folder, "source");
    await plant(root, { "a1": "x", "a2": "x", "b/1": "x", "c": "x" });
    const paths: string[] = [];
    for await (const batch of walk(root, IgnoreRules.of(), report, { batch: 1 })) {
      if (paths.length === 0) happen(root);
      paths.push(...batch.map((file) => file.path));
    }
    return paths;
  });
}

test("a source that disappears during the walk is an error", async () => {
  const pulledOut = interrupted((root) => renameSync(root, `${root}-elsewhere`));
  await assert.rejects(pulledOut, (error) => hasCode(error, "source-missing"));
});

test("another folder in the place of the source at the end of the walk is an error", async () => {
  const replaced = interrupted((root) => {
    renameSync(root, `${root}-elsewhere`);
    mkdirSync(root);
  });
  await assert.rejects(replaced, (error) => hasCode(error, "source-missing"));
});

test("what vanishes between listing and looking is unknown to this walk, and no problem", async () => {
  const report = new WalkReport();
  const paths = await interrupted((root) => {
    rmSync(join(root, "a2"));
    rmSync(join(root, "b"), { recursive: true });
  }, report);
  assert.deepEqual(paths, ["a1", "c"]);
  assert.equal(report.vanished, 2);
  assert.deepEqual(["a2", "b/1", "c"].map((path) => report.unknown.covers(path)), [true, true, false]);
  assert.deepEqual(report.problems, []);
});

test("excluded folders, such as the home inside a source, are never entered", async () => {
  await withFolder(async (root) => {
    await plant(root, { "a": "x", "home/catalog.db": "x", "home2": "x" });
    const { paths, report } = await walkAll(root, IgnoreRules.of(), { exclude: [join(root, "home")] });
    assert.deepEqual(paths, ["a", "home2"]);
    assert.equal(report.ignored, 1);
  });
});

test("an aborted walk stops with the reason it was given", async () => {
  await withFolder(async (root) => {
    await plant(root, { "a": "x", "d/b": "x" });
    const abort = new AbortController();
    abort.abort(new Error("Ctrl-C"));
    await assert.rejects(walkAll(root, IgnoreRules.of(), { signal: abort.signal }), /Ctrl-C/);
  });
});

testWith(["find"], "find agrees on every path, size and time", async () => {
  await withFolder(async (root) => {
    await plant(root, { "a/b/c": "123", "a/.hidden": "", "d e/\u{1f4f7}": "x", "l": { link: "a" } });
    await symlink("/", join(root, "a", "up"));
    const { stdout } = await run("find", [root, "-type", "f", "-printf", "%P\\t%s\\t%i\\t%m\\n"]);
    const ours = (await walkAll(root)).files.map((file) =>
      [file.path, file.size, file.inode, file.mode.toString(8)].join("\t")
    );
    assert.deepEqual(ours.sort(), stdout.trimEnd().split("\n").sort());
  });
});

interface SeenByNobody {
  readonly paths: string[];
  readonly problems: unknown[];
  readonly covered: Record<string, boolean>;
}

/** Walks in another process as a user without rights: permissions do not stop root. */
function walkAsNobody(root: string): SeenByNobody {
  const script = fileURLToPath(new URL("walk_as_nobody.ts", import.meta.url));
  const command = process.versions["bun"] === undefined ? ["run", "-A", script, root] : [script, root];
  return JSON.parse(execFileSync(process.execPath, command, { encoding: "utf8" }));
}

test("folders with nothing to store in them are reported, the source itself is not", async () => {
  await withFolder(async (root) => {
    await plant(root, {
      "empty": { folder: true },
      "outer/inner": { folder: true },
      "full/a.jpg": "a",
      "full/empty too": { folder: true },
      "links only/l": { link: "nowhere" },
      "ignored only/x.tmp": "x",
    });
    await age(join(root, "empty"), 1_561_939_200_123, 0o755);
    const { report } = await walkAll(root, IgnoreRules.of(["*.tmp"]));
    const found = report.emptyFolders.map(({ path }) => path).sort();
    assert.deepEqual(found, ["empty", "full/empty too", "ignored only", "links only", "outer/inner"]);
    assert.equal(report.emptyFolders.find(({ path }) => path === "empty")?.mtime, 1_561_939_200_123);
    const { report: none } = await walkAll(join(root, "empty"));
    assert.deepEqual(none.emptyFolders, []);
  });
});
