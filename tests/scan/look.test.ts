import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { systemCode } from "../../lib/errors.ts";
import { Looker } from "../../lib/scan/look.ts";
import { withFolder } from "../tools.ts";
import { plant } from "./tree.ts";

for (const slow of [false, true]) {
  test(`answers come in the order of the paths, ${slow ? "side by side" : "one by one"}`, async () => {
    await withFolder(async (root) => {
      const names = Array.from({ length: 100 }, (_, i) => `f${i}`);
      await plant(root, Object.fromEntries(names.map((name, i) => [name, "x".repeat(i)])));
      const looks = await new Looker(slow ? Infinity : 0).look(
        [...names, "no", "f3/x"].map((name) => join(root, name)),
      );
      const sizes = looks.map((look) => look.ok ? look.stats.size : systemCode(look.error));
      assert.deepEqual(sizes, [...names.keys(), "ENOENT", "ENOTDIR"]);
    });
  });
}
