import assert from "node:assert/strict";
import { realpathSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { hasCode } from "../../lib/errors.ts";
import { resolveSource } from "../../lib/scan/source.ts";
import { withFolder } from "../tools.ts";
import { plant, walkAll } from "./tree.ts";

test("a source that is a symbolic link is walked where it points to", async () => {
  await withFolder(async (folder) => {
    await plant(folder, { "disk/photos/a.jpg": "x", "Pictures": { link: "disk/photos" } });
    const source = resolveSource(join(folder, "Pictures"));
    assert.equal(source.path, realpathSync(join(folder, "disk", "photos")));
    assert.deepEqual((await walkAll(source.path)).paths, ["a.jpg"]);
  });
});

test("two folders of one disk have the same device", async () => {
  await withFolder(async (folder) => {
    await plant(folder, { "a/x": "x", "b/x": "x" });
    const [a, b] = [resolveSource(join(folder, "a")), resolveSource(join(folder, "b"))];
    assert.match(a.device, /^\d+$/);
    assert.equal(a.device, b.device);
  });
});

test("no folder, a link to nothing, and a file are no source", async () => {
  await withFolder(async (folder) => {
    await plant(folder, { "file": "x", "dangling": { link: "nowhere" }, "circle": { link: "circle" } });
    for (const name of ["no", "no/deeper", "dangling", "file", "file/x"]) {
      assert.throws(
        () => resolveSource(join(folder, name)),
        (error) => hasCode(error, "source-missing"),
        name,
      );
    }
    assert.throws(
      () => resolveSource(join(folder, "circle")),
      (error) => hasCode(error, "source-unreadable"),
    );
  });
});
