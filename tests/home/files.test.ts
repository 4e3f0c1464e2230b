/** Folders made so that a power cut leaves them. */

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { chmod, mkdir, stat } from "node:fs/promises";
import { join } from "node:path";
import process from "node:process";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { systemCode } from "../../lib/errors.ts";
import { makeFolderDurably, syncFolder } from "../../lib/files.ts";
import { withFolder } from "../tools.ts";

const onLinux = { skip: process.platform !== "linux" };

test("a folder is made with those above it, and with the mode of new ones", async () => {
  await withFolder(async (root) => {
    await mkdir(join(root, "old"), { mode: 0o755 });
    await makeFolderDurably(join(root, "old/new/inner"), 0o700);
    await makeFolderDurably(join(root, "old/new/inner"), 0o755);
    const modes = ["old", "old/new", "old/new/inner"].map(async (path) =>
      (await stat(join(root, path))).mode & 0o777
    );
    assert.deepEqual(await Promise.all(modes), [0o755, 0o700, 0o700]);
  });
});

test("a file system that cannot sync a folder is none to fail on", onLinux, async () => {
  await syncFolder("/proc"); // fsync(2) says EINVAL there
});

test("a folder that is not there is not synced in silence", async () => {
  await withFolder(async (root) => {
    await assert.rejects(syncFolder(join(root, "no")), (error) => systemCode(error) === "ENOENT");
  });
});

test("a folder that may be written but not read fails what must last, and only that", onLinux, async () => {
  await withFolder(async (root) => {
    await chmod(root, 0o733);
    const script = fileURLToPath(new URL("sync_as_nobody.ts", import.meta.url));
    const command = process.versions["bun"] === undefined ? ["run", "-A", script, root] : [script, root];
    assert.deepEqual(JSON.parse(execFileSync(process.execPath, command, { encoding: "utf8" })), {
      makeFolder: "done",
      makeFolderDurably: "EACCES",
      again: "done",
      syncFolder: "EACCES",
    });
  });
});
