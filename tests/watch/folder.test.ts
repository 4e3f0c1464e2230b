/** One folder under watch: with the system's own watching, and with one that fails as systems do. */

import assert from "node:assert/strict";
import { mkdir, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import {
  type FolderState,
  type StartWatching,
  WatchedFolder,
  watchTree,
} from "../../lib/jobs/watch/folder.ts";
import { withFolder } from "../tools.ts";

/** A watching that does what the test says, and what came of it. */
class Scene {
  readonly states: (FolderState | undefined)[] = [];
  changes = 0;
  started = 0;
  stopped = 0;
  change: (name: string | null) => void = () => {};
  fail: (error: unknown) => void = () => {};
  readonly start: StartWatching = (_, onChange, onError) => {
    this.started++;
    [this.change, this.fail] = [onChange, onError];
    return () => void this.stopped++;
  };

  folder(path: string, start = this.start, ignores = (_: string) => false): WatchedFolder {
    const events = {
      changed: () => void this.changes++,
      state: (folder: WatchedFolder) => void this.states.push(folder.state),
    };
    return new WatchedFolder(path, { start, ignores, events });
  }

  /** Until something has changed once more, or five seconds have passed. */
  async changed(act: () => Promise<unknown>): Promise<boolean> {
    const before = this.changes;
    await act();
    for (let i = 0; i < 100 && this.changes === before; i++) await pause(50);
    return this.changes > before;
  }
}

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));
const code = (name: string) => Object.assign(new Error(name), { code: name });

test("files, new folders, files in them, renamed folders and files in those are seen", () =>
  withFolder(async (root) => {
    const scene = new Scene();
    const folder = scene.folder(root, watchTree);
    await folder.check();
    const steps: [string, () => Promise<unknown>][] = [
      ["a file", () => writeFile(join(root, "a"), "1")],
      ["a folder", () => mkdir(join(root, "new", "deep"), { recursive: true })],
      ["a file in it", () => writeFile(join(root, "new", "deep", "b"), "1")],
      ["the folder renamed", () => rename(join(root, "new"), join(root, "other"))],
      ["a file in that", () => writeFile(join(root, "other", "deep", "c"), "1")],
      ["a file removed", () => rm(join(root, "a"))],
    ];
    for (const [what, act] of steps) {
      await pause(300); // so that what comes is of this step
      assert.ok(await scene.changed(act), what);
    }
    folder.close();
  }));

test("a closed one says nothing more", () =>
  withFolder(async (root) => {
    const scene = new Scene();
    const folder = scene.folder(root, watchTree);
    await folder.check();
    folder.close();
    const before = scene.changes;
    await writeFile(join(root, "a"), "1");
    await pause(300);
    assert.equal(scene.changes, before);
  }));

test("a folder that is gone is missing, and is watched when it is back, as if all had changed", () =>
  withFolder(async (root) => {
    const path = join(root, "stick");
    const scene = new Scene();
    const folder = scene.folder(path);
    await folder.check();
    await folder.check();
    assert.deepEqual([scene.states, scene.changes], [["missing"], 0]);
    await mkdir(path);
    await folder.check();
    assert.deepEqual([scene.states, scene.changes, scene.started], [["missing", "watched"], 1, 1]);
    await rename(path, join(root, "away"));
    await folder.check();
    assert.deepEqual([scene.states.at(-1), scene.stopped], ["missing", 1]);
    await rename(join(root, "away"), path);
    await folder.check();
    assert.deepEqual([scene.states.at(-1), scene.changes, scene.started], ["watched", 2, 2]);
  }));

test("another folder in its place is watched instead", () =>
  withFolder(async (root) => {
    const path = join(root, "stick");
    await mkdir(path);
    const scene = new Scene();
    const folder = scene.folder(path);
    await folder.check();
    await rename(path, join(root, "away"));
    await mkdir(path);
    await folder.check();
    assert.deepEqual([scene.started, scene.stopped, scene.changes], [2, 1, 2]);
  }));

test("as long as all is well, a check does nothing", () =>
  withFolder(async (root) => {
    const scene = new Scene();
    const folder = scene.folder(root);
    for (let i = 0; i < 3; i++) await folder.check();
    assert.deepEqual([scene.started, scene.changes], [1, 1]);
  }));

test("after a flood of events, some of which may be lost, the tree is watched anew", () =>
  withFolder(async (root) => {
    const scene = new Scene();
    const folder = scene.folder(root);
    await folder.check();
    for (let i = 0; i < 7999; i++) scene.change("a");
    await folder.check();
    assert.equal(scene.started, 1);
    scene.change("a");
    const before = scene.changes;
    await folder.check();
    assert.deepEqual([scene.started, scene.stopped, scene.changes], [2, 1, before + 1]);
    await folder.check();
    assert.equal(scene.started, 2);
  }));

test("a watching that breaks is started again", () =>
  withFolder(async (root) => {
    const scene = new Scene();
    const folder = scene.folder(root);
    await folder.check();
    scene.fail(new Error("it broke"));
    await folder.check();
    assert.deepEqual([scene.started, folder.state], [2, "watched"]);
  }));

const LIMITS = [code("ENOSPC"), code("EMFILE"), new Error('OS file watch limit reached. about ["/x"]')];

for (const limit of LIMITS) {
  test(`where the system says "${limit.message}", at once or later, it is polled and not tried again`, () =>
    withFolder(async (root) => {
      const later = new Scene();
      const folder = later.folder(root);
      await folder.check();
      later.fail(limit);
      const atOnce = new Scene();
      const other = atOnce.folder(root, () => {
        throw limit;
      });
      await other.check();
      for (const one of [folder, other]) {
        await one.check();
        assert.equal(one.state, "polled");
      }
      assert.equal(later.started, 1);
      assert.deepEqual(atOnce.states.at(-1), "polled");
    }));
}

test("changes of what is ignored are not told", () =>
  withFolder(async (root) => {
    const scene = new Scene();
    const folder = scene.folder(root, scene.start, (path) => path === join(root, "home", "catalog.db"));
    await folder.check();
    scene.change(join("home", "catalog.db"));
    assert.equal(scene.changes, 1);
    scene.change("photo.jpg");
    scene.change(null);
    assert.equal(scene.changes, 3);
  }));
