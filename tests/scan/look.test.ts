import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { systemCode } from "../../lib/errors.ts";
import { Looker } from "../../lib/scan/look.ts";
import { withFolder } from "../tools.ts";
import { plant } from "./tree.ts";

/** A clock by which every call takes so many ms, one after the other, again and again. */
function clockOf(...calls: number[]): () => number {
  let time = 0;
  let asked = 0;
  return () => time += calls[asked++ % calls.length] ?? 0;
}

for (
  const [how, looker] of [
    ["one by one", () => new Looker(0, clockOf(0))],
    ["side by side", () => new Looker(Infinity)],
    ["on a disk where every call waits", () => new Looker(0, clockOf(1))],
    [
      "on a machine that takes the processor away now and then",
      () => new Looker(0, clockOf(...Array(20).fill(0), 9)),
    ],
    ["on a disk that waits now and then", () => new Looker(0, clockOf(0, 0, 0, 9))],
  ] as const
) {
  test(`answers come in the order of the paths, ${how}`, async () => {
    await withFolder(async (root) => {
      const names = Array.from({ length: 300 }, (_, i) => `f${i}`);
      await plant(root, Object.fromEntries(names.map((name, i) => [name, "x".repeat(i)])));
      const looks = await looker().look([...names, "no", "f3/x"].map((name) => join(root, name)));
      const sizes = looks.map((look) => look.ok ? look.stats.size : systemCode(look.error));
      assert.deepEqual(sizes, [...names.keys(), "ENOENT", "ENOTDIR"]);
    });
  });
}

/** How many of 6,400 paths are asked one by one: the clock is asked once for each, and once for each group. */
async function askedOneByOne(...calls: number[]): Promise<number> {
  let asked = 0;
  const clock = clockOf(...calls);
  const looker = new Looker(0, () => {
    asked++;
    return clock();
  });
  await looker.look(Array.from({ length: 6_400 }, (_, i) => `/nowhere/${i}`));
  return asked;
}

test("a disk that is slow for every call is asked one by one hardly ever", async () => {
  assert.ok(await askedOneByOne(1) < 100);
});

test("a processor that is taken away now and then is not taken for a slow disk", async () => {
  assert.equal(await askedOneByOne(...Array(20).fill(0), 9), 6_400 + 200);
});

test("a disk that was slow for a while is asked one by one again", async () => {
  const slowAtFirst = [...Array(20).fill(1), ...Array(8_000).fill(0)];
  assert.ok(await askedOneByOne(...slowAtFirst) > 3_000);
});
