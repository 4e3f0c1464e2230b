/** Files on their way into a target folder. */

import assert from "node:assert/strict";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { setImmediate } from "node:timers/promises";
import { Target } from "../../lib/jobs/restore/target.ts";
import { withFolder } from "../tools.ts";

const FILE = { path: "a", size: 64 << 20, mtime: 0, mode: 0o644, sha256: undefined };

test("a file is closed only when the write that is on its way has ended: its number may be another's then", () =>
  withFolder(async (root) => {
    const file = await new Target(root, false).begin(FILE);
    let ended = false;
    const writing = file.write(new Uint8Array(FILE.size)).then(() => ended = true);
    await file.discard();
    await setImmediate();
    assert.ok(ended);
    await writing;
    assert.deepEqual(await readdir(root), []);
  }));

test("a file that is finished stays when it is discarded", () =>
  withFolder(async (root) => {
    const file = await new Target(root, false).begin({ ...FILE, size: 2 });
    await file.write(new Uint8Array([1]));
    await file.write(new Uint8Array([2]));
    file.finish();
    await file.discard();
    assert.deepEqual([...await readFile(join(root, "a"))], [1, 2]);
    assert.deepEqual(await readdir(root), ["a"]);
  }));

test("a file whose bytes are others never appears", () =>
  withFolder(async (root) => {
    const file = await new Target(root, false).begin({ ...FILE, size: 1, sha256: "0".repeat(64) });
    await file.write(new Uint8Array([1]));
    assert.throws(() => file.finish(), { code: "damaged" });
    await file.discard();
    assert.deepEqual(await readdir(root), []);
  }));
