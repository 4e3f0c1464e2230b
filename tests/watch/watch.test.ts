/** The loop of a watch: which commands it runs and when, with commands that only note that they ran. */

import assert from "node:assert/strict";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import type { DueJob, WatchPlan } from "../../lib/jobs/watch/plan.ts";
import { type Ended, watch, type WatchEvent } from "../../lib/jobs/watch/watch.ts";
import { withFolder } from "../tools.ts";

const GOOD: Ended = { code: 0, result: { scan: { sources: [{ unsettled: 0 }] } } };
const failing = (code: string): Ended => ({ code: 1, result: { error: { code, message: `it is ${code}` } } });
const DUE = { due: 0 };

/** A world in which commands end as the test says. */
class World {
  readonly folder: string;
  readonly ran: string[] = [];
  readonly events: WatchEvent[] = [];
  readonly notices: string[] = [];
  readonly stop = new AbortController();
  looks = 0;
  unreadable = false;
  folders: string[];
  jobs: DueJob[] = [];
  /** How the next commands end; well when there is nothing more. */
  ends: Ended[] = [];
  change: (name: string | null) => void = () => {};
  hangup: () => void = () => {};
  /** What a command does while it runs. */
  during: () => void = () => {};

  constructor(folder: string) {
    this.folder = folder;
    this.folders = [folder];
  }

  /** Watches until `until` says that it has seen enough, or ten seconds have passed. */
  async watch(until: () => boolean, dirs: readonly string[] = []): Promise<void> {
    const timer = setInterval(() => until() && this.stop.abort(), 10);
    const end = setTimeout(() => this.stop.abort(), 10_000);
    try {
      await watch({
        dirs,
        rest: 0,
        run: (args) => this.#run(args),
        look: () => this.#look(),
        start: (_, onChange) => {
          this.change = onChange;
          return () => {};
        },
        service: {
          ready: () => void this.notices.push("ready"),
          status: () => {},
          stopping: () => void this.notices.push("stopping"),
          close: () => void this.notices.push("close"),
        },
        tell: (event) => void this.events.push(event),
        onHangup: (listener) => {
          this.hangup = listener;
          return () => void this.notices.push("no hangups");
        },
        signal: this.stop.signal,
        now: () => Date.now(),
      });
    } finally {
      clearInterval(timer);
      clearTimeout(end);
    }
  }

  #run(args: readonly string[]): Promise<Ended> {
    this.ran.push(args.join(" "));
    this.during();
    this.jobs = this.jobs.filter(({ job }) => job !== args.join(" "));
    return Promise.resolve(this.ends.shift() ?? GOOD);
  }

  #look(): Promise<WatchPlan> {
    this.looks++;
    if (this.unreadable) return Promise.reject(new Error("no disk"));
    return Promise.resolve({ folders: this.folders, own: [], ignore: [], jobs: this.jobs });
  }
}

const withWorld = (body: (world: World) => Promise<void>) => withFolder((folder) => body(new World(folder)));
const after = (ms: number) => {
  const start = Date.now();
  return () => Date.now() - start > ms;
};

test("it syncs at its start, since nobody saw what came before", () =>
  withWorld(async (world) => {
    await world.watch(() => world.ran.length > 0);
    assert.deepEqual(world.ran, ["sync --rest 0"]);
    assert.deepEqual(world.events[0], { event: "watching", folders: [world.folder] });
    assert.deepEqual(world.events.at(-1), { event: "end" });
  }));

test("then it rests until something changes, and syncs once for many changes", () =>
  withWorld(async (world) => {
    const quiet = after(2500);
    let changes = 0;
    await world.watch(() => {
      if (world.ran.length === 1 && ++changes <= 20) world.change("a");
      return quiet();
    });
    assert.equal(world.ran.length, 2);
  }));

test("what changes during a run is for the next one", () =>
  withWorld(async (world) => {
    world.during = () => {
      if (world.ran.length === 1) world.change("a");
    };
    await world.watch(after(2500));
    assert.equal(world.ran.length, 2);
  }));

test("files that a sync left, as they were being written, are synced again without any change", () =>
  withWorld(async (world) => {
    world.ends = [{ code: 0, result: { scan: { sources: [{ unsettled: 2 }] } } }];
    await world.watch(after(2500));
    assert.equal(world.ran.length, 2);
  }));

test("the folders that were named are those it syncs", () =>
  withWorld(async (world) => {
    await world.watch(() => world.ran.length > 0, ["/a b", "/c"]);
    assert.deepEqual(world.ran, ["sync /a b /c --rest 0"]);
  }));

test("jobs that are due are run as the commands they are named after", () =>
  withWorld(async (world) => {
    world.jobs = [{ job: "check", ...DUE }];
    await world.watch(() => world.ran.length === 2);
    assert.deepEqual(world.ran.toSorted(), ["check", "sync --rest 0"]);
  }));

test("a sync that fails is told with its reason and is not tried again at once", () =>
  withWorld(async (world) => {
    world.ends = [failing("store-unreachable")];
    const quiet = after(1500);
    await world.watch(() => {
      world.change("a");
      return quiet();
    });
    assert.equal(world.ran.length, 1);
    const failed = world.events.find((event) => event.event === "failed");
    assert.ok(failed !== undefined && failed.retry > Date.now() + 50_000);
    assert.deepEqual([failed.code, failed.message], ["store-unreachable", "it is store-unreachable"]);
  }));

test("damage that a check finds does not end the watch, and is told", () =>
  withWorld(async (world) => {
    world.jobs = [{ job: "check", ...DUE }];
    world.during = () => world.ends = world.ran.at(-1) === "check" ? [{ ...GOOD, code: 4 }] : [];
    await world.watch(() => world.ran.length === 2);
    assert.ok(world.events.some((event) => event.event === "job" && event.code === 4));
  }));

test("after SIGHUP it watches the folders of the settings as they are now", () =>
  withWorld(async (world) => {
    const other = join(world.folder, "other");
    await mkdir(other);
    await world.watch(() => {
      if (world.ran.length === 1 && world.folders[0] === world.folder) {
        world.folders = [other];
        world.hangup();
      }
      return world.ran.length === 2;
    });
    const watching = world.events.filter(({ event }) => event === "watching");
    assert.deepEqual(watching.at(-1), { event: "watching", folders: [other] });
    assert.equal(world.events.filter(({ event }) => event === "reload").length, 1);
  }));

test("a folder that is missing at the start is told and does not keep it from starting", () =>
  withWorld(async (world) => {
    world.folders = [join(world.folder, "stick")];
    await world.watch(() => world.ran.length > 0);
    assert.deepEqual(world.events[0], {
      event: "folder",
      path: join(world.folder, "stick"),
      state: "missing",
    });
  }));

test("without any folder it says how to name one", () =>
  withWorld(async (world) => {
    world.folders = [];
    await assert.rejects(world.watch(() => false), /there is no folder to watch yet/);
  }));

test("it is ready before its first run, and says when it stops", () =>
  withWorld(async (world) => {
    world.during = () => void world.notices.push("sync");
    await world.watch(() => world.ran.length > 0);
    assert.deepEqual(world.notices, ["ready", "sync", "stopping", "no hangups", "close"]);
  }));

test("a home that cannot be read now does not end it", () =>
  withWorld(async (world) => {
    world.during = () => world.unreadable = true;
    let changed = false;
    await world.watch(() => {
      if (world.looks === 2 && !changed) world.change("a");
      changed ||= world.looks === 2;
      return world.ran.length === 2;
    });
    const failed = world.events.find((event) => event.event === "failed");
    assert.deepEqual([failed?.job, failed?.message, world.ran.length], ["look", "no disk", 2]);
  }));
