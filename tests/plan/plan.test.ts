/** Which files go into which volume. */

import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { companionKey, groupCompanions } from "../../lib/plan/group.ts";
import { type PlanFile, planVolumes } from "../../lib/plan/plan.ts";

const SECTOR = 2048;

/** A measure like that of an image: something for the whole, something for each path, each content once. */
function measure(files: readonly PlanFile[]): number {
  const contents = new Map(files.map((file) => [file.content, file.size]));
  let size = 10 * SECTOR + files.length * 100;
  for (const bytes of contents.values()) size += Math.ceil(bytes / SECTOR) * SECTOR;
  return Math.ceil(size / SECTOR) * SECTOR;
}

function plan(files: readonly PlanFile[], volumeSize: number, maxFiles = Infinity) {
  return planVolumes(files, { volumeSize, maxFiles, measure });
}

function file(path: string, size: number, mtime: number, content = nextContent++): PlanFile {
  return { path, size, mtime, content };
}
let nextContent = 1_000_000;

/** Archives with copies, companions and sizes around the limit, oldest first as the catalog gives them. */
const archive: fc.Arbitrary<PlanFile[]> = fc.array(
  fc.record({
    folder: fc.constantFrom("a", "b"),
    stem: fc.integer({ min: 0, max: 30 }),
    extension: fc.constantFrom("jpg", "mov", "xmp"),
    content: fc.integer({ min: 1, max: 40 }),
    mtime: fc.integer({ min: 0, max: 50 }),
  }),
  { maxLength: 60 },
).map((rows) => {
  const paths = new Map<string, PlanFile>();
  for (const { folder, stem, extension, content, mtime } of rows) {
    const path = `${folder}/${stem}.${extension}`;
    paths.set(path, { path, size: content * content * 700, mtime, content });
  }
  return [...paths.values()].sort((x, y) => x.mtime - y.mtime || (x.path < y.path ? -1 : 1));
});
const volumeSize = fc.integer({ min: 60_000, max: 3_000_000 });

test("the same files give the same plan", () => {
  fc.assert(fc.property(archive, volumeSize, (files, size) => {
    assert.deepEqual(plan(files, size), plan(structuredClone(files), size));
  }));
});

test("every path is in the plan exactly once", () => {
  fc.assert(fc.property(archive, volumeSize, (files, size) => {
    const { full, rest } = plan(files, size);
    const planned = [...full.flat(), ...rest].map(({ path }) => path).sort();
    assert.deepEqual(planned, files.map(({ path }) => path).sort());
  }));
});

test("every content is in exactly one volume, or in the rest", () => {
  fc.assert(fc.property(archive, volumeSize, (files, size) => {
    const { full, rest } = plan(files, size);
    const parts = [...full, rest].map((part) => new Set(part.map(({ content }) => content)));
    const sum = parts.reduce((n, part) => n + part.size, 0);
    assert.equal(sum, new Set(files.map(({ content }) => content)).size);
  }));
});

test("no volume exceeds the size, but one with a single content that is larger than a volume", () => {
  fc.assert(fc.property(archive, volumeSize, (files, size) => {
    for (const volume of plan(files, size).full) {
      const contents = new Set(volume.map(({ content }) => content)).size;
      assert.ok(measure(volume) <= size || contents === 1);
    }
  }));
});

test("a volume is full: the first content of what follows would not have fitted", () => {
  fc.assert(fc.property(archive, volumeSize, (files, size) => {
    const { full, rest } = plan(files, size);
    const parts = [...full, rest];
    for (const [i, volume] of full.entries()) {
      const next = parts[i + 1] ?? [];
      if (next.length === 0 || measure(volume) > size) continue;
      // a whole group moves on: its companions, and the copies of their contents
      assert.ok(measure([...volume, ...next]) > size);
    }
  }));
});

test("what waits would fit one volume, or nothing waits", () => {
  fc.assert(fc.property(archive, volumeSize, (files, size) => {
    const { rest } = plan(files, size);
    assert.ok(rest.length === 0 || measure(rest) <= size);
  }));
});

test("companions share a volume, where they fit one", () => {
  fc.assert(fc.property(archive, volumeSize, (all, size) => {
    const files = all.map((one, i) => ({ ...one, content: i + 1 })); // no copies, which pull groups together
    const { full, rest } = plan(files, size);
    const parts = [...full, rest];
    for (const group of Map.groupBy(files, ({ path }) => companionKey(path)).values()) {
      if (measure(group) > size) continue;
      const homes = parts.filter((part) =>
        part.some(({ path }) => group.some((other) => other.path === path))
      );
      assert.equal(homes.length, 1, group.map(({ path }) => path).join(", "));
    }
  }));
});

test("volumes follow each other in time, where no group has to be split", () => {
  fc.assert(fc.property(archive, volumeSize, (files, size) => {
    fc.pre(groupCompanions(files).every((group) => measure(group.files) <= size));
    const oldest = plan(files, size).full.map((volume) => Math.min(...volume.map(({ mtime }) => mtime)));
    assert.deepEqual(oldest, oldest.toSorted((a, b) => a - b));
  }));
});

test("no files make no volume", () => {
  assert.deepEqual(plan([], 100_000), { full: [], rest: [] });
});

test("files that do not fill a volume wait", () => {
  const files = [file("a.jpg", 10_000, 1), file("b.jpg", 10_000, 2)];
  assert.deepEqual(plan(files, 100_000), { full: [], rest: files });
});

test("a single file that is larger than a volume has one to itself at once", () => {
  const [small, large] = [file("a.jpg", 1000, 1), file("b.mov", 5_000_000, 2)];
  assert.deepEqual(plan([small, large], 1_000_000), { full: [[small], [large]], rest: [] });
});

test("a group larger than a volume is split", () => {
  const [photo, movie] = [file("a.heic", 600_000, 1), file("a.mov", 700_000, 2)];
  assert.deepEqual(plan([photo, movie], 1_000_000), { full: [[photo]], rest: [movie] });
});

test("a volume whose image has exactly the size is not too large", () => {
  const files = [file("a.jpg", 10 * SECTOR, 1), file("b.jpg", 10 * SECTOR, 2), file("c.jpg", 10 * SECTOR, 3)];
  const two = measure(files.slice(0, 2));
  assert.deepEqual(plan(files, two).full.map((volume) => volume.length), [2]);
  assert.deepEqual(plan(files, two - 1).full.map((volume) => volume.length), [1, 1]);
});

test("a plan of 100,000 files takes seconds, not minutes", () => {
  const files = Array.from({ length: 100_000 }, (_, i) => file(`${i}.jpg`, 3_000_000, i));
  const started = performance.now();
  const { full } = plan(files, 5_000_000_000);
  assert.equal(full.length, Math.floor(100_000 / (full[0]?.length ?? 0)));
  assert.ok(performance.now() - started < 10_000);
});

test("a volume of many small files is full at the most files, and the next ones go on from there", () => {
  const files = Array.from({ length: 25 }, (_, i) => file(`${i}.txt`, 10, i));
  const { full, rest } = plan(files, 1e9, 10);
  assert.deepEqual([full.map(({ length }) => length), rest.length], [[10, 10], 5]);
  assert.deepEqual(plan(files.slice(0, 10), 1e9, 10).full, []);
});

test("no volume has more than the most files, but for a group that is larger by itself", () => {
  fc.assert(fc.property(archive, volumeSize, fc.integer({ min: 1, max: 20 }), (files, size, maxFiles) => {
    for (const volume of plan(files, size, maxFiles).full) {
      if (volume.length > maxFiles) assert.equal(groupCompanions(volume).length, 1);
    }
  }));
});
