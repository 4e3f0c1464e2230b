import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import {
  compare,
  compareStretches,
  type Comparison,
  type KnownFile,
  type KnownFiles,
  textOf,
} from "../../lib/scan/compare.ts";
import type { FoundFile } from "../../lib/scan/found.ts";
import { Departed } from "../../lib/scan/moves.ts";
import { byPath } from "../../lib/order.ts";
import { UnknownPaths } from "../../lib/scan/report.ts";
import { someFile } from "./tree.ts";

function known(path: string, over: Partial<FoundFile> = {}, content = "c"): KnownFile {
  const { size, mtime, ctime, inode } = someFile(path, over);
  return { path, size, mtime, ctime, inode, content };
}

async function compareAll(
  rows: readonly KnownFile[],
  files: readonly FoundFile[],
  unknown: readonly string[] = [],
  inodes = true,
): Promise<Comparison[]> {
  const paths = new UnknownPaths();
  for (const path of unknown) paths.add(path);
  const out: Comparison[] = [];
  for await (const batch of compare([rows], [files], paths, { inodes })) out.push(...batch);
  return out;
}

function pathOf(comparison: Comparison): string {
  return "known" in comparison ? comparison.known.path : comparison.found.path;
}

function kinds(comparisons: readonly Comparison[]): Record<string, string> {
  return Object.fromEntries(comparisons.map((one) => [pathOf(one), one.kind]));
}

test("a file is new, changed, unchanged or gone", async () => {
  const result = await compareAll(
    [known("changed"), known("gone"), known("same")],
    [someFile("changed", { size: 2 }), someFile("new"), someFile("same")],
  );
  assert.deepEqual(kinds(result), { changed: "changed", gone: "gone", new: "new", same: "unchanged" });
});

for (
  const [fact, over] of [
    ["size", { size: 2 }],
    ["mtime", { mtime: 1_001 }],
    ["ctime", { ctime: 2 }],
    ["inode", { inode: "8" }],
  ] as const
) {
  test(`another ${fact} makes a file changed`, async () => {
    const [result] = await compareAll([known("a")], [someFile("a", over)]);
    assert.deepEqual(result?.kind === "changed" && result.differs, [fact]);
  });
}

test("another mode alone is no change of the bytes", async () => {
  assert.deepEqual(kinds(await compareAll([known("a")], [someFile("a", { mode: 0o600 })])), {
    a: "unchanged",
  });
});

test("where inodes are not trusted, another one is no change", async () => {
  const result = await compareAll([known("a")], [someFile("a", { inode: "8" })], [], false);
  assert.deepEqual(kinds(result), { a: "unchanged" });
});

test("inodes of 64 bits are told apart where numbers could not", async () => {
  const result = await compareAll([known("a", { inode: "9007199254740993" })], [
    someFile("a", { inode: "9007199254740992" }),
  ]);
  assert.deepEqual(kinds(result), { a: "changed" });
});

test("what is below a folder that could not be listed is unknown, not gone", async () => {
  const rows = [known("a/b"), known("ab"), known("locked"), known("z")];
  assert.deepEqual(kinds(await compareAll(rows, [], ["a", "locked"])), {
    "a/b": "unknown",
    "ab": "gone",
    "locked": "unknown",
    "z": "gone",
  });
});

test("a folder becomes unknown while the walk runs", async () => {
  const unknown = new UnknownPaths();
  const walked = function* () {
    yield [someFile("a")];
    unknown.add("b");
    yield [someFile("c")];
  };
  const out: Comparison[] = [];
  const rows = [[known("a"), known("b/1"), known("c")]];
  for await (const batch of compare(rows, walked(), unknown, { inodes: true })) out.push(...batch);
  assert.deepEqual(kinds(out), { "a": "unchanged", "b/1": "unknown", "c": "unchanged" });
});

test("a file that became a folder is gone, and the folder's files are new", async () => {
  assert.deepEqual(kinds(await compareAll([known("a")], [someFile("a/b")])), { "a": "gone", "a/b": "new" });
});

test("files and rows out of order, or given twice, are an error: they would look gone", async () => {
  const failing = [
    compareAll([known("b"), known("a")], []),
    compareAll([], [someFile("b"), someFile("a")]),
    compareAll([known("a"), known("a")], []),
    compareAll([], [someFile("a"), someFile("a")]),
  ];
  for (const comparing of failing) await assert.rejects(comparing, RangeError);
  const apart = compare([], [[someFile("b")], [], [someFile("a")]], new UnknownPaths(), { inodes: true });
  await assert.rejects(async () => {
    for await (const _ of apart);
  }, RangeError);
});

test("a walk that fails fails the comparison, after what came before", async () => {
  const failing = function* () {
    yield Array.from({ length: 1_000 }, (_, i) => someFile(`a${String(i).padStart(4, "0")}`));
    throw new Error("disk pulled out");
  };
  let seen = 0;
  await assert.rejects(async () => {
    const rows = [[known("z")]];
    for await (const batch of compare(rows, failing(), new UnknownPaths(), { inodes: true })) {
      seen += batch.length;
      assert.ok(!batch.some((one) => one.kind === "gone"));
    }
  }, /disk pulled out/);
  assert.equal(seen, 1_000);
});

test("both streams are read as they are needed, not as a whole", async () => {
  let most = 0;
  let read = 0;
  let compared = 0;
  const rows = function* () {
    for (let i = 0; i < 100; i++) {
      read += 1_000;
      yield Array.from({ length: 1_000 }, (_, j) => known(String(i * 1_000 + j).padStart(6, "0")));
    }
  };
  for await (const batch of compare(rows(), [], new UnknownPaths(), { inodes: true })) {
    compared += batch.length;
    most = Math.max(most, read - compared);
  }
  assert.equal(compared, 100_000);
  assert.ok(most <= 2_000, `${most} rows ahead`);
});

/** The naive way, with everything in memory. */
function oracle(
  rows: readonly KnownFile[],
  files: readonly FoundFile[],
  unknown: readonly string[],
): Record<string, string> {
  const out: Record<string, string> = {};
  for (const row of rows) {
    const hidden = unknown.some((path) => row.path === path || row.path.startsWith(`${path}/`));
    out[row.path] = hidden ? "unknown" : "gone";
  }
  for (const file of files) {
    const row = rows.find((other) => other.path === file.path);
    const same = row !== undefined && row.size === file.size && row.mtime === file.mtime &&
      row.ctime === file.ctime && row.inode === file.inode;
    out[file.path] = row === undefined ? "new" : same ? "unchanged" : "changed";
  }
  return out;
}

const path = fc.array(fc.constantFrom("a", "b", "a.b", "a-", "\u{1f4f7}", "\uff01"), {
  minLength: 1,
  maxLength: 3,
})
  .map((parts) => parts.join("/"));
const state = fc.dictionary(
  path,
  fc.record({
    size: fc.nat(2),
    mtime: fc.nat(1),
    ctime: fc.nat(1),
    inode: fc.constantFrom("1", "2"),
  }),
  { maxKeys: 20 },
);

function inBatches<T>(items: readonly T[], size: number): T[][] {
  const count = Math.ceil(items.length / size);
  return Array.from({ length: count }, (_, i) => items.slice(i * size, (i + 1) * size));
}

type State = Record<string, Partial<FoundFile>>;

/** Both sides of a comparison, in their order, and the paths that could not be looked at. */
function sidesOf(before: State, after: State, unknown: readonly string[]) {
  const paths = new UnknownPaths();
  for (const one of unknown) paths.add(one);
  return {
    rows: Object.entries(before).map(([at, over]) => known(at, over)).sort((a, b) => byPath(a.path, b.path)),
    files: Object.entries(after).map(([at, over]) => someFile(at, over)).sort((a, b) =>
      byPath(a.path, b.path)
    ),
    paths,
  };
}

test("any two states compare as the naive way does, in any batches", async () => {
  const all = fc.tuple(state, state, fc.array(path, { maxLength: 2 }), fc.integer({ min: 1, max: 7 }));
  await fc.assert(fc.asyncProperty(all, async ([before, after, unknown, size]) => {
    const { rows, files, paths } = sidesOf(before, after, unknown);
    const out: Comparison[] = [];
    const comparing = compare(inBatches(rows, size), inBatches(files, size + 1), paths, { inodes: true });
    for await (const batch of comparing) out.push(...batch);
    assert.deepEqual(kinds(out), oracle(rows, files, unknown));
    assert.deepEqual(out.map(pathOf), out.map(pathOf).toSorted(byPath));
  }));
});

/** What is known, as a catalog gives it. */
function stretchesOf(rows: readonly KnownFile[], size: number): KnownFiles<KnownFile> {
  const between = (after: string, upTo?: string) =>
    rows.filter(({ path }) => byPath(after, path) < 0 && (upTo === undefined || byPath(path, upTo) <= 0));
  return {
    text: (after, upTo, most, trust) =>
      Promise.resolve(textOf(between(after, upTo).slice(0, most + 1), trust)),
    rows: (after, upTo) => inBatches(between(after, upTo), size),
  };
}

test("any two states compare by stretches as the naive way does, and files that are the same count once", async () => {
  const all = fc.tuple(state, state, fc.array(path, { maxLength: 2 }), fc.integer({ min: 1, max: 7 }));
  await fc.assert(fc.asyncProperty(all, fc.nat(2), async ([before, changes, unknown, size], mix) => {
    // Half of the time most files are as they were: two states made by chance hardly ever share a stretch.
    const after = mix === 0
      ? changes
      : { ...before, ...Object.fromEntries(Object.entries(changes).slice(0, mix)) };
    const { rows, files, paths } = sidesOf(before, after, unknown);
    const out: Comparison[] = [];
    let unchanged = 0;
    const trust = { inodes: true };
    for await (
      const stretch of compareStretches(stretchesOf(rows, size), inBatches(files, size + 1), paths, trust)
    ) {
      unchanged += stretch.unchanged;
      out.push(...stretch.comparisons);
    }
    const wanted = oracle(rows, files, unknown);
    const singly = kinds(out);
    for (const [at, kind] of Object.entries(singly)) assert.equal(kind, wanted[at]);
    const left = Object.entries(wanted).filter(([at]) => singly[at] === undefined);
    assert.ok(left.every(([, kind]) => kind === "unchanged"));
    assert.equal(unchanged, left.length);
  }));
});

test("a stretch in which nothing changed is never read row by row", async () => {
  const files = ["a", "b", "c"].map((at) => someFile(at));
  const rows = ["a", "b", "c"].map((at) => known(at));
  const stretches = { ...stretchesOf(rows, 2), rows: (after: string) => after === "c" ? [] : assert.fail() };
  const out = [];
  for await (
    const one of compareStretches(stretches, inBatches(files, 2), new UnknownPaths(), { inodes: true })
  ) {
    out.push(one.unchanged);
  }
  assert.deepEqual(out, [2, 1]);
});

test("batches out of order are an error by stretches, too", async () => {
  const batches = [[someFile("b")], [someFile("a")]];
  await assert.rejects(async () => {
    for await (
      const _ of compareStretches(stretchesOf([], 1), batches, new UnknownPaths(), { inodes: true })
    );
  }, RangeError);
});

test("different files have different texts, whatever their names", () => {
  const name = fc.string({ unit: fc.constantFrom("a", "1", " ", "\n", "-"), minLength: 1, maxLength: 3 });
  const at = fc.array(name, { minLength: 1, maxLength: 2 }).map((parts) => parts.join("/"));
  const small = fc.record({
    size: fc.nat(1),
    mtime: fc.integer({ min: -1, max: 1 }),
    inode: fc.constantFrom("1", "11"),
  });
  const list = fc.array(fc.tuple(at, small).map(([at, over]) => known(at, over)), { maxLength: 3 });
  fc.assert(
    fc.property(list, list, fc.boolean(), (a, b, inodes) => {
      const kept = (files: KnownFile[]) =>
        files.map(({ path, size, mtime, ctime, inode }) => [path, size, mtime, ctime, inodes && inode]);
      const same = JSON.stringify(kept(a)) === JSON.stringify(kept(b));
      assert.equal(textOf(a, { inodes }) === textOf(b, { inodes }), same);
    }),
    { numRuns: 1_000 },
  );
});

test("a new file with the bytes of a gone one was moved from there", () => {
  const departed = new Departed([known("old/a", {}, "A"), known("old/b", {}, "B")]);
  assert.equal(departed.claim("new/a", "A")?.path, "old/a");
  assert.equal(departed.claim("new/c", "C"), undefined);
  assert.equal(departed.left, 1);
  assert.deepEqual([...departed.rest()].map((file) => file.path), ["old/b"]);
});

test("a gone file is moved once; the second file with its bytes is a copy", () => {
  const departed = new Departed([known("a", {}, "A")]);
  assert.equal(departed.claim("b", "A")?.path, "a");
  assert.equal(departed.claim("c", "A"), undefined);
  assert.equal(departed.left, 0);
});

test("of several gone files with the same bytes, the one of the same name has moved", () => {
  const departed = new Departed([
    known("x/1.jpg", {}, "A"),
    known("x/2.jpg", {}, "A"),
    known("y/2.jpg", {}, "A"),
  ]);
  assert.equal(departed.claim("z/1.jpg", "A")?.path, "x/1.jpg");
  assert.equal(departed.claim("z/2.jpg", "A")?.path, "x/2.jpg");
  assert.equal(departed.claim("z/2 (1).jpg", "A")?.path, "y/2.jpg");
  assert.equal(departed.left, 0);
});

test("as many moves are found as the contents allow, whatever the names", () => {
  const file = fc.tuple(fc.constantFrom("a/1", "a/2", "b/1", "b/2", "c/3"), fc.constantFrom("A", "B"));
  const files = fc.uniqueArray(file, { selector: ([at]) => at });
  fc.assert(fc.property(files, fc.array(file), (gone, fresh) => {
    const departed = new Departed(gone.map(([at, content]) => known(at, {}, content)));
    const claimed = fresh.flatMap(([at, content]) => {
      const from = departed.claim(at, content);
      assert.ok(from === undefined || from.content === content);
      return from === undefined ? [] : [from.path];
    });
    const possible = ["A", "B"].reduce((sum, content) => {
      const count = (all: readonly (readonly [string, string])[]) =>
        all.filter(([, c]) => c === content).length;
      return sum + Math.min(count(gone), count(fresh));
    }, 0);
    assert.equal(claimed.length, possible);
    const rest = [...departed.rest()].map((one) => one.path);
    assert.equal(departed.left, rest.length);
    assert.deepEqual([...claimed, ...rest].sort(), gone.map(([at]) => at).sort());
  }));
});
