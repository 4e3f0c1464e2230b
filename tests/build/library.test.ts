/** How the binary unpacks its native library, with a `load` that only looks. */

import assert from "node:assert/strict";
import { mkdir, readdir, readFile, stat, writeFile } from "node:fs/promises";
import { readFileSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import process from "node:process";
import { test } from "node:test";
import { type Library, loadKept, loadOnce } from "../../scripts/embedded-library.ts";
import { withFolder } from "../tools.ts";

const BYTES = new Uint8Array([0x7f, 0x45, 0x4c, 0x46]);
const WINDOWS = process.platform === "win32";

/** Stands for the system's loader: gives what it was asked to load. */
function look(path: string): Library {
  return { path, bytes: new Uint8Array(readFileSync(path)) };
}

function pathOf(library: Library): string {
  return String(library["path"]);
}

test("a library that is loaded once is whole when loaded, and gone afterwards", () =>
  withFolder(async (folder) => {
    const library = loadOnce(BYTES, [folder], look);
    assert.deepEqual(library["bytes"], BYTES);
    assert.equal(dirname(dirname(pathOf(library))), folder);
    assert.deepEqual(await readdir(folder), []);
  }));

test("two runs unpack into folders of their own", () =>
  withFolder((folder) => {
    const outer = loadOnce(BYTES, [folder], (path) => {
      const inner = loadOnce(BYTES, [folder], look);
      assert.notEqual(dirname(pathOf(inner)), dirname(path));
      return look(path); // still there, though the other run has tidied up
    });
    assert.deepEqual(outer["bytes"], BYTES);
    return Promise.resolve();
  }));

test("nobody else can put a library in the place of ours", { skip: WINDOWS }, () =>
  withFolder((folder) => {
    const library = loadOnce(BYTES, [folder], (path) => ({ mode: statSync(dirname(path)).mode & 0o777 }));
    assert.equal(library["mode"], 0o700);
    return Promise.resolve();
  }));

test("where a folder will not do, the next one is used, and nothing is left in either", () =>
  withFolder(async (folder) => {
    const [noexec, good] = [join(folder, "noexec"), join(folder, "good")];
    await mkdir(noexec);
    await mkdir(good);
    const load = (path: string) => {
      if (path.startsWith(noexec)) throw new Error("failed to map segment from shared object");
      return look(path);
    };
    const library = loadOnce(BYTES, [join(folder, "missing"), noexec, good], load);
    assert.ok(pathOf(library).startsWith(good));
    assert.deepEqual([await readdir(noexec), await readdir(good)], [[], []]);
  }));

test("where no folder will do, the error says why and what to set", () =>
  withFolder((folder) => {
    const load = () => {
      throw new Error("failed to map segment");
    };
    assert.throws(() => loadOnce(BYTES, [folder], load), /failed to map segment.*TMPDIR/);
    return Promise.resolve();
  }));

test("a library that is kept is unpacked by the first run and used by the next", () =>
  withFolder(async (folder) => {
    const first = pathOf(loadKept(BYTES, join(folder, "coldframe"), look));
    const before = await stat(first);
    const second = pathOf(loadKept(BYTES, join(folder, "coldframe"), look));
    assert.equal(second, first);
    assert.equal((await stat(second)).mtimeMs, before.mtimeMs);
    assert.deepEqual(await readdir(join(folder, "coldframe")), ["libsql-3bdbb4fe8397cd2b.node"]);
  }));

test("a kept library that is damaged is replaced before it is loaded", () =>
  withFolder(async (folder) => {
    const path = pathOf(loadKept(BYTES, folder, look));
    await writeFile(path, new Uint8Array([0x7f, 0x45, 0x4c, 0x47]));
    assert.deepEqual(loadKept(BYTES, folder, look)["bytes"], BYTES);
    assert.deepEqual(new Uint8Array(await readFile(path)), BYTES);
  }));

test("libraries of other versions do not pile up; files of others are left alone", () =>
  withFolder(async (folder) => {
    loadKept(new Uint8Array([1]), folder, look);
    await writeFile(join(folder, "notes.txt"), "mine");
    const path = pathOf(loadKept(BYTES, folder, look));
    assert.deepEqual(
      (await readdir(folder)).map((name) => join(folder, name)).sort(),
      [
        path,
        join(folder, "notes.txt"),
      ].sort(),
    );
  }));
