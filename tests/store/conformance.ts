/**
 * One suite for every store: each test is a rule of `lib/store/store.ts`. A store that passes may stand
 * behind any job.
 */

import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { test } from "node:test";
import { type Bytes, collect, equal, utf8 } from "../../lib/bytes.ts";
import { hasCode } from "../../lib/errors.ts";
import { agree, partsChecksum, sha256Checksum } from "../../lib/store/checksum.ts";
import {
  type ObjectInfo,
  partCount,
  partRange,
  type PartReceipt,
  type Store,
  type Upload,
  type UploadInfo,
} from "../../lib/store/store.ts";
import { pseudoRandom } from "../tools.ts";

/** A store for one test: empty at first, gone after `close`. */
export interface Opened {
  readonly store: Store;
  /** Opens the same place again, as another process would. Left out: `store` is used again. */
  reopen?(): Promise<Store>;
  close(): Promise<void>;
}

/** What differs between stores. */
export interface ConformanceOptions {
  /** How many objects a long listing has; above the server's page size. 1,001 by default. */
  readonly manyKeys?: number;
  /** How many of them are written side by side. 16 by default. */
  readonly parallel?: number;
  /** Opens (or tries to open) a store that is not there; the test is left out without it. */
  readonly openMissing?: () => Promise<Store>;
  /** Keys that this store cannot hold, of `ODD_KEYS`. */
  readonly refusedKeys?: readonly string[];
}

/** Keys as photo folders have them: everything that someone, somewhere, decodes or quotes once too often. */
export const ODD_KEYS: readonly string[] = [
  "mirror/with space/and  two.jpg",
  "mirror/ leading and trailing /x",
  "mirror/Grüße/ß–—“quoted”.jpg",
  "mirror/decomposed e\u0301.jpg",
  "mirror/日本語/写真.jpg",
  "mirror/emoji 📷.heic",
  "mirror/100%.jpg",
  "mirror/percent%20encoded%2Fslash",
  "mirror/a+b=c&d;e,f@g!h$i.jpg",
  "mirror/hash#and?question.jpg",
  "mirror/single'quote.jpg",
  'mirror/double"quote.jpg',
  "mirror/back\\slash.jpg",
  "mirror/star*[brackets]{braces}~^|<less>`tick`.jpg",
  "mirror/.hidden",
  "mirror/...",
  `mirror/${"long".repeat(50)}`,
];

/** For one rule, in ms: generous, since a USB stick takes ten ms for every sync. */
const TIMEOUT = 180_000;

const STAGED = { kind: "staged" } as const;
const VOLUME = { kind: "volume" } as const;

/** Registers the suite for one store. */
export function storeConformance(
  name: string,
  open: () => Promise<Opened>,
  options: ConformanceOptions = {},
): void {
  const rule = (text: string, body: (opened: Opened) => Promise<void>) =>
    test(`${name}: ${text}`, { timeout: TIMEOUT }, async () => {
      const opened = await open();
      try {
        await body(opened);
      } finally {
        await opened.close();
      }
    });

  objectRules(rule);
  readRules(rule);
  listRules(rule, options);
  uploadRules(rule);
  resumeRules(rule);
  removeRules(rule);
  missingRules(name, options);
}

type Rule = (text: string, body: (opened: Opened) => Promise<void>) => void;

function objectRules(rule: Rule): void {
  rule("an object comes back as it was put, and its size is known", async ({ store }) => {
    const body = pseudoRandom(5000);
    const put = await store.put("staged/a.age", body, STAGED);
    assert.equal(put.key, "staged/a.age");
    assert.equal(put.size, 5000);
    assert.notEqual(agree(put.checksum, sha256Checksum(body)), false);
    const head = await found(store, "staged/a.age");
    assert.equal(head.size, 5000);
    assert.notEqual(agree(head.checksum, sha256Checksum(body)), false);
    assert.ok(equal(await collect(store.read("staged/a.age")), body));
  });

  rule("an object says when it was written, if it says anything", async ({ store }) => {
    await store.put("staged/a", utf8("a"), STAGED);
    const { modified } = await found(store, "staged/a");
    if (modified === undefined) return;
    assert.ok(Number.isInteger(modified));
    assert.ok(Math.abs(modified - Date.now()) < 120_000, `${modified} is not now in ms`);
  });

  rule("an empty object is an object", async ({ store }) => {
    await store.put("staged/empty", new Uint8Array(0), STAGED);
    assert.equal((await found(store, "staged/empty")).size, 0);
    assert.equal((await collect(store.read("staged/empty"))).length, 0);
  });

  rule("an object of maxPut bytes can be put", async ({ store }) => {
    const size = Math.min(store.maxPut, 9 * 1024 * 1024);
    const body = pseudoRandom(size);
    await store.put("staged/large", body, STAGED);
    assert.ok(equal(await collect(store.read("staged/large")), body));
  });

  rule("what is not there has no head, and reading it fails as missing", async ({ store }) => {
    assert.equal(await store.head("staged/none"), undefined);
    await rejectsWith("object-missing", collect(store.read("staged/none")));
  });

  rule("a folder of objects is not an object", async ({ store }) => {
    await store.put("staged/a/b", utf8("b"), STAGED);
    assert.equal(await store.head("staged/a"), undefined);
    await rejectsWith("object-missing", collect(store.read("staged/a")));
  });

  rule("putting the same bytes again succeeds", async ({ store }) => {
    await store.put("staged/a", utf8("same"), STAGED);
    const again = await store.put("staged/a", utf8("same"), STAGED);
    assert.equal(again.size, 4);
  });

  rule("other bytes never replace an object, whether longer, shorter or as long", async ({ store }) => {
    await store.put("staged/a", utf8("first"), STAGED);
    for (const other of ["other", "longer than the first", "x", ""]) {
      await rejectsWith("object-exists", store.put("staged/a", utf8(other), STAGED));
    }
    assert.ok(equal(await collect(store.read("staged/a")), utf8("first")));
  });

  rule("of several writers of one key exactly one wins, and its bytes stay whole", async ({ store }) => {
    const bodies = [1, 2, 3, 4, 5, 6].map((seed) => pseudoRandom(70_000, seed));
    const results = await Promise.allSettled(bodies.map((body) => store.put("staged/a", body, STAGED)));
    const winners = bodies.filter((_, i) => results[i]?.status === "fulfilled");
    const [winner] = winners;
    assert.equal(winners.length, 1, `${winners.length} of ${bodies.length} writers succeeded`);
    for (const result of results) {
      if (result.status === "rejected") assert.ok(hasCode(result.reason, "object-exists"), result.reason);
    }
    assert.ok(winner !== undefined && equal(await collect(store.read("staged/a")), winner));
  });

  rule("several writers of one key with the same bytes all succeed", async ({ store }) => {
    const body = pseudoRandom(70_000);
    await Promise.all([1, 2, 3, 4].map(() => store.put("staged/a", body, STAGED)));
    assert.deepEqual(await keys(store, ""), ["staged/a"]);
  });

  rule("a key that is empty, absolute or climbing is refused", async ({ store }) => {
    for (const key of ["", "/a", "a/", "a//b", "../a", "a/../../b", "./a", "a/.", "a\0b"]) {
      await rejectsWith("store-protocol", (async () => await store.put(key, utf8("x"), STAGED))());
    }
  });

  rule("space is either unknown or makes sense", async ({ store }) => {
    await store.put("staged/a", pseudoRandom(1000), STAGED);
    const usage = await store.usage();
    if (usage === undefined) return;
    assert.ok(usage.used >= 0);
    assert.ok(usage.limit === undefined || usage.limit >= usage.used);
  });

  rule("its URL can be shown", ({ store }) => {
    assert.match(store.url, /^[a-z0-9]+:/);
    return Promise.resolve();
  });
}

function readRules(rule: Rule): void {
  rule("any range can be read", async ({ store }) => {
    const size = 2 * 1024 * 1024 + 3;
    const body = pseudoRandom(size);
    await store.put("staged/a", body, STAGED);
    const edge = 1024 * 1024;
    const ranges: [number, number][] = [
      [0, 1],
      [0, size],
      [1, size - 1],
      [size - 1, 1],
      [edge - 1, 2],
      [edge, edge],
      [edge + 1, edge],
      [12_345, 67],
      [0, 0],
      [size, 0],
    ];
    for (const [offset, length] of ranges) {
      const got = await collect(store.read("staged/a", { offset, length }));
      assert.ok(equal(got, body.subarray(offset, offset + length)), `bytes ${offset}+${length}`);
    }
  });

  rule(
    "a range reads the same where its reader brings the memory, and nothing is written beside it",
    async ({ store }) => {
      const body = pseudoRandom(3000);
      await store.put("staged/a", body, STAGED);
      const memory = new Uint8Array(1200);
      const got = await collect(
        store.read("staged/a", { offset: 500, length: 1000, into: memory.subarray(100) }),
      );
      assert.ok(equal(got, body.subarray(500, 1500)));
      assert.ok(equal(memory.subarray(0, 100), new Uint8Array(100)));
      assert.ok(equal(memory.subarray(1100), new Uint8Array(100)));
    },
  );

  rule("a range beyond the end is damage, not a short answer", async ({ store }) => {
    await store.put("staged/a", pseudoRandom(10), STAGED);
    for (const [offset, length] of [[0, 11], [9, 2], [10, 1], [100, 5]] as const) {
      await rejectsWith("damaged", collect(store.read("staged/a", { offset, length })));
    }
  });

  rule("a reader may stop in the middle", async ({ store }) => {
    const body = pseudoRandom(3 * 1024 * 1024);
    await store.put("staged/a", body, STAGED);
    for await (const piece of store.read("staged/a")) {
      assert.ok(equal(piece, body.subarray(0, piece.length)));
      break;
    }
    assert.ok(equal(await collect(store.read("staged/a")), body));
  });
}

function listRules(rule: Rule, options: ConformanceOptions): void {
  rule("an empty store lists nothing", async ({ store }) => {
    assert.deepEqual(await keys(store, ""), []);
    assert.deepEqual(await keys(store, "volumes/"), []);
  });

  rule("a listing has every object, with its size, at any prefix", async ({ store }) => {
    const all = ["a", "b/a", "b/ab", "b/ab2/c/d", "ba", "volumes/x.iso.age", "volumes/y.iso.age"];
    for (const [i, key] of all.entries()) await store.put(key, pseudoRandom(i), STAGED);
    assert.deepEqual(await keys(store, ""), all);
    assert.deepEqual(await keys(store, "b"), ["b/a", "b/ab", "b/ab2/c/d", "ba"]);
    assert.deepEqual(await keys(store, "b/"), ["b/a", "b/ab", "b/ab2/c/d"]);
    assert.deepEqual(await keys(store, "b/ab"), ["b/ab", "b/ab2/c/d"]);
    assert.deepEqual(await keys(store, "b/ab2/"), ["b/ab2/c/d"]);
    assert.deepEqual(await keys(store, "b/ab2/c/d"), ["b/ab2/c/d"]);
    assert.deepEqual(await keys(store, "none/"), []);
    assert.deepEqual(await keys(store, "a/"), []);
    const sizes = new Map((await listed(store, "")).map(({ key, size }) => [key, size]));
    assert.deepEqual(all.map((key) => sizes.get(key)), [0, 1, 2, 3, 4, 5, 6]);
  });

  rule("a long listing is complete", async ({ store }) => {
    const count = options.manyKeys ?? 1001;
    const wanted = Array.from({ length: count }, (_, i) => `staged/${String(i).padStart(6, "0")}`);
    await inParallel(wanted, options.parallel ?? 16, (key) => store.put(key, utf8(key), STAGED));
    assert.deepEqual(await keys(store, "staged/"), wanted);
  });

  rule("odd keys come back as they were given", async ({ store }) => {
    const wanted = ODD_KEYS.filter((key) => !options.refusedKeys?.includes(key));
    for (const key of wanted) {
      await store.put(key, utf8(key), { kind: "mirror" });
      assert.equal((await found(store, key)).key, key);
      assert.ok(equal(await collect(store.read(key)), utf8(key)), key);
    }
    assert.deepEqual(await keys(store, "mirror/"), [...wanted].sort());
    for (const key of wanted) assert.deepEqual(await keys(store, key), [key]);
  });

  rule("a key this store cannot hold is refused, not changed", async ({ store }) => {
    for (const key of options.refusedKeys ?? []) {
      await rejectsWith("store-protocol", (async () => await store.put(key, utf8(key), STAGED))());
    }
    assert.deepEqual(await keys(store, ""), []);
  });

  rule("objects under unfinished uploads are not listed", async ({ store }) => {
    const upload = await store.beginUpload("volumes/v", 10, VOLUME);
    await upload.send(0, pseudoRandom(10));
    assert.deepEqual(await keys(store, ""), []);
    assert.equal(await store.head("volumes/v"), undefined);
    await upload.abort();
  });
}

function uploadRules(rule: Rule): void {
  rule("an upload in parts makes one object", async ({ store }) => {
    const { upload, parts, body } = await begin(store, "volumes/v.iso.age");
    assert.equal(upload.key, "volumes/v.iso.age");
    assert.equal(upload.size, body.length);
    assert.deepEqual(upload.confirmed, []);
    const receipts = await sendAll(upload, parts);
    for (const [i, receipt] of receipts.entries()) {
      assert.equal(receipt.index, i);
      assert.equal(receipt.size, parts[i]?.length);
      assert.equal(receipt.sha256, sha256(parts[i] ?? body));
    }
    const info = await upload.complete(receipts, sha256(body));
    assert.equal(info.size, body.length);
    assert.notEqual(agree(info.checksum, partsChecksum(receipts, upload.partSize)), false);
    await holds(store, "volumes/v.iso.age", body);
  });

  rule("an empty object is an upload of one empty part", async ({ store }) => {
    const upload = await store.beginUpload("volumes/empty", 0, VOLUME);
    const receipt = await upload.send(0, new Uint8Array(0));
    await upload.complete([receipt], sha256(new Uint8Array(0)));
    assert.equal((await found(store, "volumes/empty")).size, 0);
  });

  rule("an upload of exactly one part, and of exactly two, works", async ({ store }) => {
    for (const count of [1, 2]) {
      const key = `volumes/${count}`;
      const { upload, parts, body } = await begin(store, key, (partSize) => partSize * count);
      assert.equal(parts.length, count);
      await upload.complete(await sendAll(upload, parts), sha256(body));
      await holds(store, key, body);
    }
  });

  rule("parts may come in any order, and again", async ({ store }) => {
    const { upload, parts, body } = await begin(store, "volumes/v");
    if (!upload.inOrder) {
      await Promise.all([...parts.entries()].reverse().map(([i, part]) => upload.send(i, part)));
    }
    const receipts = await sendAll(upload, parts);
    const last = parts.length - 1;
    const [again, expected] = [await upload.send(last, parts[last] ?? body), receipts[last]];
    assert.equal(again.sha256, expected?.sha256);
    await upload.complete([...receipts.slice(0, last), again], sha256(body));
    await holds(store, "volumes/v", body);
  });

  rule("completing twice is success both times", async ({ store }) => {
    const { upload, parts, body } = await begin(store, "volumes/v");
    const receipts = await sendAll(upload, parts);
    const first = await upload.complete(receipts, sha256(body));
    const second = await upload.complete(receipts, sha256(body));
    assert.equal(second.size, first.size);
    await holds(store, "volumes/v", body);
  });

  rule("an upload of what is already there with the same bytes completes", async ({ store }) => {
    const one = await begin(store, "volumes/v");
    const two = await begin(store, "volumes/v");
    await one.upload.complete(await sendAll(one.upload, one.parts), sha256(one.body));
    await two.upload.complete(await sendAll(two.upload, two.parts), sha256(two.body));
    await holds(store, "volumes/v", one.body);
    assert.deepEqual(await keys(store, ""), ["volumes/v"]);
  });

  rule("of two uploads with other bytes the second fails, and the first stays", async ({ store }) => {
    const one = await begin(store, "volumes/v");
    const two = await begin(store, "volumes/v", undefined, 2);
    await one.upload.complete(await sendAll(one.upload, one.parts), sha256(one.body));
    await rejectsWith(
      "object-exists",
      (async () => two.upload.complete(await sendAll(two.upload, two.parts), sha256(two.body)))(),
    );
    await holds(store, "volumes/v", one.body);
    await two.upload.abort();
    await holds(store, "volumes/v", one.body);
  });

  rule("an upload does not complete without all its parts", async ({ store }) => {
    const { upload, parts, body } = await begin(store, "volumes/v");
    const receipts = [await upload.send(0, parts[0] ?? body)];
    await assert.rejects(upload.complete(receipts, sha256(body)));
    assert.equal(await store.head("volumes/v"), undefined);
    await upload.abort();
  });

  rule("a part of the wrong length is refused", async ({ store }) => {
    const { upload, parts, body } = await begin(store, "volumes/v");
    const short = (parts[0] ?? body).subarray(1);
    await assert.rejects(upload.send(0, short));
    await assert.rejects(upload.send(parts.length, short));
    await upload.abort();
  });
}

function resumeRules(rule: Rule): void {
  rule("an upload can go on in another process after any part", async (opened) => {
    const { upload, parts, body } = await begin(opened.store, "volumes/v");
    const { token } = upload;
    let known: PartReceipt[] = [];
    for (const [i, part] of parts.entries()) {
      const resumed = await resume(await again(opened), "volumes/v", body.length, token, known);
      assert.deepEqual(resumed.confirmed.map(({ index }) => index), known.map(({ index }) => index));
      assert.equal(resumed.partSize, upload.partSize);
      known = [...known, await resumed.send(i, part)];
    }
    const last = await resume(await again(opened), "volumes/v", body.length, token, known);
    await last.complete(known, sha256(body));
    await holds(opened.store, "volumes/v", body);
  });

  rule("completing again from another process is success", async (opened) => {
    const { upload, parts, body } = await begin(opened.store, "volumes/v");
    const receipts = await sendAll(upload, parts);
    const store = await again(opened);
    const other = await resume(store, "volumes/v", body.length, upload.token, receipts);
    await upload.complete(receipts, sha256(body));
    await other.complete(receipts, sha256(body));
    await holds(store, "volumes/v", body);
  });

  rule("a receipt for other bytes is not confirmed", async (opened) => {
    const { upload, parts, body } = await begin(opened.store, "volumes/v");
    const first = await upload.send(0, parts[0] ?? body);
    const wrong = { ...first, sha256: sha256(utf8("other bytes")), tag: `"${"0".repeat(32)}"` };
    const resumed = await resume(await again(opened), "volumes/v", body.length, upload.token, [wrong]);
    assert.deepEqual(resumed.confirmed, []);
    await upload.abort();
  });

  rule("a receipt for a part that never arrived is not confirmed", async (opened) => {
    const { upload, parts, body } = await begin(opened.store, "volumes/v");
    const first = await upload.send(0, parts[0] ?? body);
    const second = parts[1] ?? body;
    const made = { index: 1, size: second.length, sha256: sha256(second), tag: first.tag };
    const beyond = { index: 1000, size: 1, sha256: sha256(utf8("x")), tag: first.tag };
    const known = [first, made, beyond];
    const resumed = await resume(await again(opened), "volumes/v", body.length, upload.token, known);
    assert.deepEqual(resumed.confirmed.map(({ index }) => index), [0]);
    await upload.abort();
  });

  rule("an upload the store does not know cannot be resumed", async ({ store }) => {
    for (const token of ["", "unknown", "../../etc/passwd", "0123456789abcdef".repeat(2)]) {
      assert.equal(await store.resumeUpload("volumes/v", 10, token, []), undefined);
    }
  });

  rule("an aborted upload is gone, and aborting it again is harmless", async (opened) => {
    const { upload, parts, body } = await begin(opened.store, "volumes/v");
    const receipt = await upload.send(0, parts[0] ?? body);
    await upload.abort();
    await upload.abort();
    const store = await again(opened);
    assert.equal(await store.resumeUpload("volumes/v", body.length, upload.token, [receipt]), undefined);
    assert.deepEqual(await uploads(store), []);
    assert.deepEqual(await keys(store, ""), []);
  });

  rule("sending to an aborted upload fails as gone", async ({ store }) => {
    const { upload, parts, body } = await begin(store, "volumes/v");
    await upload.abort();
    await rejectsWith("upload-gone", upload.send(0, parts[0] ?? body));
  });

  rule("unfinished uploads are listed until they end", async (opened) => {
    const one = await begin(opened.store, "volumes/one");
    const two = await begin(opened.store, "volumes/two");
    const three = await begin(opened.store, "volumes/three");
    const store = await again(opened);
    const listing = await uploads(store);
    assert.deepEqual(listing.map(({ key }) => key), ["volumes/one", "volumes/three", "volumes/two"]);
    const info = listing.find(({ token }) => token === two.upload.token);
    assert.equal(info?.key, "volumes/two");
    if (info?.started !== undefined) assert.ok(Math.abs(info.started - Date.now()) < 120_000);

    await one.upload.complete(await sendAll(one.upload, one.parts), sha256(one.body));
    await three.upload.abort();
    assert.deepEqual((await uploads(store)).map(({ key }) => key), ["volumes/two"]);
    if (info === undefined) return;
    await store.abortUpload(info);
    await store.abortUpload(info);
    assert.deepEqual(await uploads(store), []);
    await holds(store, "volumes/one", one.body);
  });
}

function removeRules(rule: Rule): void {
  rule("staged objects and snapshots can be removed, also twice", async ({ store }) => {
    for (const key of ["staged/a", "catalog/b"]) {
      await store.put(key, utf8(key), STAGED);
      await store.remove(key);
      await store.remove(key);
      assert.equal(await store.head(key), undefined);
    }
    assert.deepEqual(await keys(store, ""), []);
  });

  rule("nothing else is ever removed", async ({ store }) => {
    const kept = ["keys/identity.age", "manifests/m", "mirror/p.jpg", "staged", "volumes/v"];
    for (const key of kept) {
      await store.put(key, utf8(key), STAGED);
      await assert.rejects((async () => await store.remove(key))(), /refusing to remove/);
    }
    await assert.rejects((async () => await store.remove("staged/../volumes/v"))());
    assert.deepEqual(await keys(store, ""), kept);
  });

  rule("what is readable needs no thawing, and what is not there cannot be thawed", async ({ store }) => {
    await store.put("staged/a", utf8("one"), STAGED);
    assert.equal((await store.thaw("staged/a", { tier: "Bulk", days: 1 })).state, "ready");
    await assert.rejects(
      store.thaw("staged/b", { tier: "Bulk", days: 1 }),
      (error) => hasCode(error, "object-missing"),
    );
  });

  rule("a removed key can be written anew", async ({ store }) => {
    await store.put("staged/a", utf8("one"), STAGED);
    await store.remove("staged/a");
    await store.put("staged/a", utf8("two"), STAGED);
    assert.ok(equal(await collect(store.read("staged/a")), utf8("two")));
  });
}

function missingRules(name: string, { openMissing }: ConformanceOptions): void {
  if (openMissing === undefined) return;
  test(`${name}: a store that is not there is not an empty store`, async () => {
    await rejectsWith("store-missing", (async () => await keys(await openMissing(), ""))());
  });
}

/** An upload under way, and what it shall become. */
interface Begun {
  readonly upload: Upload;
  readonly parts: Bytes[];
  readonly body: Bytes;
}

/** Begins an upload of two parts and a bit, unless told otherwise. */
async function begin(
  store: Store,
  key: string,
  sizeOf: (partSize: number) => number = (partSize) => 2 * partSize + 1234,
  seed = 1,
): Promise<Begun> {
  // The part size may depend on the size, so it is asked for first.
  const probe = await store.beginUpload(key, 1, VOLUME);
  await probe.abort();
  const size = sizeOf(probe.partSize);
  const body = pseudoRandom(size, seed);
  const upload = await store.beginUpload(key, size, VOLUME);
  const parts = Array.from({ length: partCount(size, upload.partSize) }, (_, i) => {
    const { offset, length } = partRange(size, upload.partSize, i);
    return body.subarray(offset, offset + length);
  });
  return { upload, parts, body };
}

async function sendAll(upload: Upload, parts: readonly Bytes[]): Promise<PartReceipt[]> {
  const receipts: PartReceipt[] = [];
  for (const [i, part] of parts.entries()) receipts.push(await upload.send(i, part));
  return receipts;
}

async function resume(
  store: Store,
  key: string,
  size: number,
  token: string,
  known: readonly PartReceipt[],
): Promise<Upload> {
  const upload = await store.resumeUpload(key, size, token, known);
  assert.ok(upload !== undefined, "the store forgot the upload");
  return upload;
}

async function again({ store, reopen }: Opened): Promise<Store> {
  return reopen === undefined ? store : await reopen();
}

/** The head of an object that must be there. */
async function found(store: Store, key: string): Promise<ObjectInfo> {
  const info = await store.head(key);
  assert.ok(info !== undefined, `${key} is not there`);
  return info;
}

async function holds(store: Store, key: string, body: Uint8Array): Promise<void> {
  assert.equal((await found(store, key)).size, body.length);
  assert.ok(equal(await collect(store.read(key)), body), `${key} has other bytes`);
}

async function listed(store: Store, prefix: string): Promise<ObjectInfo[]> {
  return await Array.fromAsync(store.list(prefix));
}

/** Sorted; a key that is listed twice shows. */
async function keys(store: Store, prefix: string): Promise<string[]> {
  return (await listed(store, prefix)).map(({ key }) => key).sort();
}

async function uploads(store: Store): Promise<UploadInfo[]> {
  const all = await Array.fromAsync(store.listUploads());
  return all.sort((a, b) => (a.key < b.key ? -1 : 1));
}

/** Fails unless the promise is rejected with an error of this code. */
export async function rejectsWith(
  code: Parameters<typeof hasCode>[1],
  promise: Promise<unknown>,
): Promise<void> {
  await assert.rejects(promise, (error) => {
    assert.ok(hasCode(error, code), `wanted ${code}, got ${error}`);
    return true;
  });
}

/** Runs `task` for every item, so many at a time. */
export async function inParallel<T>(
  items: readonly T[],
  width: number,
  task: (item: T) => Promise<unknown>,
): Promise<void> {
  const queue = items.values();
  await Promise.all(Array.from({ length: width }, async () => {
    for (const item of queue) await task(item);
  }));
}

function sha256(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}
