/** Trying again: when, how long after, how often, and with what end. */

import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { test } from "node:test";
import fc from "fast-check";
import { type Bytes, collect, equal, utf8 } from "../../lib/bytes.ts";
import { StoreError } from "../../lib/errors.ts";
import { openFile } from "../../lib/store/file.ts";
import { ForwardingStore } from "../../lib/store/forward.ts";
import { retrying, type RetryOptions } from "../../lib/store/retry.ts";
import { sleep } from "../../lib/store/sleep.ts";
import {
  type ByteRange,
  type ObjectInfo,
  partRange,
  type PartReceipt,
  type Store,
} from "../../lib/store/store.ts";
import { pseudoRandom, withFolder } from "../tools.ts";
import { FakeClock } from "./clock.ts";
import { rejectsWith, storeConformance } from "./conformance.ts";
import { testContext } from "./context.ts";
import { faulty, seededRandom } from "./faults.ts";

const hiccup = (details: { retryAfter?: number } = {}) =>
  new StoreError("store-unreachable", "no answer", { transient: true, ...details });

/** Options with nothing left to chance, and what they were used for. */
function recorded(changes: Partial<RetryOptions> = {}) {
  const clock = new FakeClock();
  const warnings: string[] = [];
  const options: RetryOptions = {
    attempts: 5,
    baseMs: 100,
    capMs: 1000,
    sleep: clock.sleep,
    random: () => 0.5,
    warn: (message) => warnings.push(message),
    ...changes,
  };
  return { options, waits: clock.waits, warnings };
}

/** Runs `body` with an empty `file:` store. */
async function withStore(body: (store: Store, reopen: () => Promise<Store>) => Promise<void>): Promise<void> {
  await withFolder(async (folder) => {
    const url = `file:${folder}/store`;
    const store = await openFile(url, testContext(), { create: true, partSize: 10_000 });
    await body(store, () => openFile(url, testContext()));
  });
}

/** A store whose `head` fails as told. */
class FailingHead extends ForwardingStore {
  calls = 0;
  readonly #errors: unknown[];

  constructor(store: Store, errors: unknown[]) {
    super(store);
    this.#errors = errors;
  }

  override async head(key: string): Promise<ObjectInfo | undefined> {
    this.calls++;
    if (this.#errors.length > 0) throw this.#errors.shift();
    return await super.head(key);
  }
}

test("a transient error is tried again, and the caller never hears of it", () =>
  withStore(async (file) => {
    const store = new FailingHead(file, [hiccup(), hiccup()]);
    const { options } = recorded();
    assert.equal(await retrying(store, options).head("staged/a"), undefined);
    assert.equal(store.calls, 3);
  }));

test("any other error is final", () =>
  withStore(async (file) => {
    for (const error of [new StoreError("store-denied", "no"), new TypeError("a bug")]) {
      const store = new FailingHead(file, [error]);
      const { options, waits } = recorded();
      await assert.rejects(retrying(store, options).head("staged/a"), error);
      assert.equal(store.calls, 1);
      assert.deepEqual(waits, []);
    }
  }));

test("after the last attempt the last error comes out", () =>
  withStore(async (file) => {
    const errors = [1, 2, 3, 4, 5].map(() => hiccup());
    const store = new FailingHead(file, [...errors]);
    const { options, waits } = recorded();
    await assert.rejects(retrying(store, options).head("staged/a"), (error) => error === errors[4]);
    assert.equal(store.calls, 5);
    assert.equal(waits.length, 4);
  }));

test("waits are random below a bound that doubles up to its cap", () =>
  withStore(async (file) => {
    const { options, waits } = recorded({ attempts: 8 });
    await retrying(new FailingHead(file, Array.from({ length: 7 }, () => hiccup())), options).head("a");
    assert.deepEqual(waits, [50, 100, 200, 400, 500, 500, 500]);
    const least = recorded({ random: () => 0 });
    await retrying(new FailingHead(file, [hiccup(), hiccup()]), least.options).head("a");
    assert.deepEqual(least.waits, [0, 0]);
  }));

test("a store that asks for a wait gets it, even beyond the cap, and the jitter on top", () =>
  withStore(async (file) => {
    const { options, waits } = recorded();
    await retrying(new FailingHead(file, [hiccup({ retryAfter: 30 })]), options).head("a");
    assert.deepEqual(waits, [30_050]);
  }));

test("the user hears of a call's second failure, not of its first", () =>
  withStore(async (file) => {
    const { options, warnings } = recorded();
    const store = retrying(new FailingHead(file, [hiccup(), hiccup(), hiccup()]), options);
    await store.head("volumes/v");
    assert.deepEqual(warnings, [
      "looking at volumes/v: no answer; try 3 of 5 in 0.1 s",
      "looking at volumes/v: no answer; try 4 of 5 in 0.2 s",
    ]);
  }));

test("once the run is stopped nothing is tried again", () =>
  withStore(async (file) => {
    const stop = new AbortController();
    const store = new FailingHead(file, []);
    store.head = () => {
      store.calls++;
      stop.abort(new Error("stopped"));
      return Promise.reject(hiccup());
    };
    const { options, waits } = recorded({ signal: stop.signal });
    await assert.rejects(retrying(store, options).head("a"), /stopped/);
    await assert.rejects(retrying(store, options).head("a"), /stopped/);
    assert.equal(store.calls, 1);
    assert.deepEqual(waits, []);
  }));

test("stopping the run ends a wait", () =>
  withStore(async (file) => {
    const stop = new AbortController();
    const { options } = recorded({ signal: stop.signal, sleep });
    const store = retrying(new FailingHead(file, [hiccup({ retryAfter: 3600 })]), options);
    const waiting = store.head("a");
    setTimeout(() => stop.abort(new Error("stopped")), 20);
    await assert.rejects(waiting, /stopped/);
  }));

/** A store whose reads break after so many bytes, each time they are opened. */
class BreakingReads extends ForwardingStore {
  readonly ranges: (ByteRange | undefined)[] = [];
  readonly #after: number[];

  constructor(store: Store, after: number[]) {
    super(store);
    this.#after = after;
  }

  override async *read(key: string, range?: ByteRange): AsyncIterable<Bytes> {
    this.ranges.push(range);
    let left = this.#after.shift() ?? Infinity;
    for await (const piece of super.read(key, range)) {
      yield piece.subarray(0, Math.min(left, piece.length));
      left -= piece.length;
      if (left <= 0) throw hiccup();
    }
  }
}

test("a read that broke goes on by range from the byte where it was", () =>
  withStore(async (file) => {
    const body = pseudoRandom(5000);
    await file.put("staged/a", body, { kind: "staged" });
    const store = new BreakingReads(file, [1200, 1, 3799]);
    assert.ok(equal(await collect(retrying(store, recorded().options).read("staged/a")), body));
    assert.deepEqual(store.ranges, [undefined, { offset: 1200, length: 3800 }, {
      offset: 1201,
      length: 3799,
    }]);
  }));

test("a range that broke goes on within its range", () =>
  withStore(async (file) => {
    const body = pseudoRandom(5000);
    await file.put("staged/a", body, { kind: "staged" });
    const store = new BreakingReads(file, [0, 10]);
    const read = retrying(store, recorded().options).read("staged/a", { offset: 100, length: 50 });
    assert.ok(equal(await collect(read), body.subarray(100, 150)));
    assert.deepEqual(store.ranges, [
      { offset: 100, length: 50 },
      { offset: 100, length: 50 },
      { offset: 110, length: 40 },
    ]);
  }));

test("a range that broke goes on in the memory of its reader, after what is there", () =>
  withStore(async (file) => {
    const body = pseudoRandom(5000);
    await file.put("staged/a", body, { kind: "staged" });
    const store = new BreakingReads(file, [10]);
    const into = new Uint8Array(50);
    for await (
      const piece of retrying(store, recorded().options).read("staged/a", { offset: 100, length: 50, into })
    ) assert.equal(piece.buffer, into.buffer);
    assert.ok(equal(into, body.subarray(100, 150)));
  }));

test("a read may break more often than there are attempts, as long as it moves", () =>
  withStore(async (file) => {
    const body = pseudoRandom(100);
    await file.put("staged/a", body, { kind: "staged" });
    const moving = new BreakingReads(file, Array.from({ length: 99 }, () => 1));
    assert.ok(equal(await collect(retrying(moving, recorded().options).read("staged/a")), body));
    const stuck = new BreakingReads(file, Array.from({ length: 99 }, () => 0));
    await rejectsWith("store-unreachable", collect(retrying(stuck, recorded().options).read("staged/a")));
    assert.equal(stuck.ranges.length, 5);
  }));

test("a listing that broke begins anew and leaves nothing out", () =>
  withStore(async (file) => {
    const wanted = Array.from({ length: 50 }, (_, i) => `staged/${100 + i}`);
    for (const key of wanted) await file.put(key, utf8(key), { kind: "staged" });
    const broken = faulty(file, seededRandom(7), { before: 0.3, after: 0, cut: 0.05 });
    const { options, waits } = recorded({ attempts: 50 });
    const keys = (await Array.fromAsync(retrying(broken, options).list("staged/"))).map(({ key }) => key);
    assert.deepEqual([...new Set(keys)].sort(), wanted);
    assert.ok(waits.length > 0, "this seed breaks nothing");
  }));

test("a listing that always breaks at one place fails: it does not end early", () =>
  withStore(async (file) => {
    await file.put("staged/a", utf8("a"), { kind: "staged" });
    const broken = faulty(file, () => 0.01, { before: 0, after: 0, cut: 0.5 });
    await rejectsWith("store-unreachable", Array.fromAsync(retrying(broken, recorded().options).list("")));
  }));

/** Sends `body` in parts, in a new process after every third. */
async function uploadInStages(open: () => Promise<Store>, key: string, body: Bytes): Promise<void> {
  const begun = await (await open()).beginUpload(key, body.length, { kind: "volume" });
  const count = Math.max(1, Math.ceil(body.length / begun.partSize));
  const receipts: PartReceipt[] = [];
  let upload = begun;
  for (let i = 0; i < count; i++) {
    const { offset, length } = partRange(body.length, begun.partSize, i);
    receipts.push(await upload.send(i, body.subarray(offset, offset + length)));
    if (i % 3 !== 2) continue;
    const resumed = await (await open()).resumeUpload(key, body.length, begun.token, receipts);
    assert.deepEqual(resumed?.confirmed, receipts);
    upload = resumed;
  }
  await upload.complete(receipts);
}

test("whatever fails and when, what was stored is what was sent", { timeout: 180_000 }, async () => {
  const schedule = fc.record({
    seed: fc.integer(),
    before: fc.double({ min: 0, max: 0.4, noNaN: true }),
    after: fc.double({ min: 0, max: 0.4, noNaN: true }),
    cut: fc.double({ min: 0, max: 0.4, noNaN: true }),
    small: fc.integer({ min: 0, max: 3_000_000 }),
    large: fc.integer({ min: 0, max: 65_000 }),
  });
  await fc.assert(
    fc.asyncProperty(schedule, ({ seed, small, large, ...rates }) =>
      withStore(async (file, reopen) => {
        const random = seededRandom(seed);
        const { options } = recorded({ attempts: 100, sleep: () => Promise.resolve() });
        const open = async () => retrying(faulty(await reopen(), random, rates), options);
        const store = retrying(faulty(file, random, rates), options);
        const put = pseudoRandom(small, seed);
        const sent = pseudoRandom(large, seed + 1);
        await store.put("staged/small", put, { kind: "staged" });
        await uploadInStages(open, "volumes/large", sent);
        for (const [key, body] of [["staged/small", put], ["volumes/large", sent]] as const) {
          assert.ok(equal(await collect(store.read(key)), body), key);
          assert.ok(equal(await collect(file.read(key)), body), key);
        }
        const keys = (await Array.fromAsync(store.list(""))).map(({ key }) => key);
        assert.deepEqual([...new Set(keys)].sort(), ["staged/small", "volumes/large"]);
        await store.remove("staged/small");
        assert.equal(await file.head("staged/small"), undefined);
      })),
    { numRuns: Number(process.env["COLDFRAME_FAULT_RUNS"] ?? 40) },
  );
});

/** Takes each object of a listing once, as whoever reads one that may begin anew. */
class TakenByKey extends ForwardingStore {
  override async *list(prefix: string): AsyncGenerator<ObjectInfo> {
    yield* new Map((await Array.fromAsync(super.list(prefix))).map((info) => [info.key, info])).values();
  }
}

let seed = 0;
storeConformance("file on a bad line", async () => {
  const folder = await mkdtemp(join(tmpdir(), "coldframe-test-"));
  const random = seededRandom(++seed);
  const { options } = recorded({ attempts: 100, sleep: () => Promise.resolve() });
  const rates = { before: 0.1, after: 0.1, begun: 0, cut: 0.02 }; // the rules count uploads
  const open = async (create: boolean) => {
    const file = await openFile(`file:${folder}/store`, testContext(), { create, partSize: 16_384 });
    return new TakenByKey(retrying(faulty(file, random, rates), options));
  };
  return {
    store: await open(true),
    reopen: () => open(false),
    close: () => rm(folder, { recursive: true, force: true }),
  };
}, { manyKeys: 100 });
