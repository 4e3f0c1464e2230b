/** The `s3:` store when things go wrong at the server or on the way to it. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { collect, equal, utf8 } from "../../lib/bytes.ts";
import { sha256Hex } from "../../lib/store/checksum.ts";
import { retrying } from "../../lib/store/retry.ts";
import { partRange, type PartReceipt, type Store, type Upload } from "../../lib/store/store.ts";
import { type FaultRule, type S3Options, type S3Server, withS3 } from "../servers/s3/server.ts";
import { pseudoRandom } from "../tools.ts";
import { rejectsWith } from "./conformance.ts";
import { AT_ONCE, full, openOn, PART } from "./s3-open.ts";

const STAGED = { kind: "staged" } as const;
const VOLUME = { kind: "volume" } as const;

/** A server with a bucket; afterwards it must not have had an error of its own. */
function onServer(body: (server: S3Server) => Promise<void>, options: S3Options = {}): () => Promise<void> {
  return () =>
    withS3({ buckets: ["bucket"], ...options }, async (server) => {
      await body(server);
      assert.deepEqual(server.crashes, []);
    });
}

async function sendAll(upload: Upload, body: Uint8Array<ArrayBuffer>): Promise<PartReceipt[]> {
  const receipts: PartReceipt[] = [];
  for (let index = 0; index * upload.partSize < body.length; index++) {
    const { offset, length } = partRange(body.length, upload.partSize, index);
    receipts.push(await upload.send(index, body.subarray(offset, offset + length)));
  }
  return receipts;
}

/** Faults that leave the client without the answer to a request that was done. */
const LOST_ANSWERS: readonly FaultRule["fault"][] = [
  { kind: "error", status: 500, code: "InternalError", when: "after" },
  { kind: "drop", when: "after" },
  { kind: "stall", when: "after" },
];

for (const fault of LOST_ANSWERS) {
  test(
    `a PUT whose answer is lost (${fault.kind}) succeeds when it is tried again`,
    onServer(async (server) => {
      const store = retrying(await openOn(server, { stall: 200 }), AT_ONCE);
      server.faults.add({ fault, operation: "PutObject" });
      const info = await store.put("staged/a", utf8("mine"), STAGED);
      assert.equal(info.size, 4);
      assert.equal((await store.head("staged/a"))?.checksum, info.checksum);
    }),
  );

  test(
    `a completion whose answer is lost (${fault.kind}) succeeds when it is tried again, and leaves no upload`,
    onServer(async (server) => {
      const store = retrying(await openOn(server, { stall: 200 }), AT_ONCE);
      const body = pseudoRandom(PART + 1);
      const upload = await store.beginUpload("volumes/v", body.length, VOLUME);
      const receipts = await sendAll(upload, body);
      server.faults.add({ fault, operation: "CompleteMultipartUpload" });
      const info = await upload.complete(receipts);
      assert.equal(info.size, body.length);
      assert.ok(equal(server.bytes("bucket", full("volumes/v")), body));
      assert.deepEqual(await Array.fromAsync(store.listUploads()), []);
    }),
  );
}

test(
  "an error in a 200 to Complete is tried again",
  onServer(async (server) => {
    const store = retrying(await openOn(server), AT_ONCE);
    const upload = await store.beginUpload("volumes/v", 3, VOLUME);
    const receipts = [await upload.send(0, utf8("abc"))];
    server.faults.add({
      fault: { kind: "error-in-200", code: "InternalError" },
      operation: "CompleteMultipartUpload",
    });
    assert.equal((await upload.complete(receipts)).size, 3);
  }),
);

test(
  "an upload whose key was taken by another in the meantime fails, and can be aborted",
  onServer(async (server) => {
    const store = await openOn(server);
    const upload = await store.beginUpload("volumes/v", 3, VOLUME);
    const receipts = [await upload.send(0, utf8("abc"))];
    await store.put("volumes/v", utf8("xyz"), STAGED);
    await rejectsWith("object-exists", upload.complete(receipts));
    await upload.abort();
    assert.deepEqual(await Array.fromAsync(store.listUploads()), []);
    assert.ok(equal(server.bytes("bucket", full("volumes/v")), utf8("xyz")));
  }),
);

test(
  "the 412 of Complete itself is settled too, where nobody looked before",
  onServer(async (server) => {
    const store = await openOn(server);
    const [one, two] = [
      await store.beginUpload("volumes/v", 3, VOLUME),
      await store.beginUpload("volumes/v", 3, VOLUME),
    ];
    const [a, b] = [[await one.send(0, utf8("abc"))], [await two.send(0, utf8("xyz"))]];
    const results = await Promise.allSettled([one.complete(a), two.complete(b)]);
    assert.deepEqual(results.map(({ status }) => status).sort(), ["fulfilled", "rejected"]);
  }),
);

/** Stalled where, and what is called. */
const STALLS: readonly [FaultRule, (store: Store) => Promise<unknown>][] = [
  [{ fault: { kind: "stall", when: "before" } }, (store) => store.head("staged/a")],
  [{ fault: { kind: "stall", when: "before" } }, (store) => store.put("staged/b", utf8("b"), STAGED)],
  [{ fault: { kind: "stall-body", bytes: 70_000 } }, (store) => collect(store.read("staged/a"))],
  [{ fault: { kind: "stall-body", bytes: 10 } }, (store) => Array.fromAsync(store.list(""))],
];

for (const [rule, call] of STALLS) {
  test(
    `a connection that stalls is left after the time without a byte: ${JSON.stringify(rule)} ${call}`,
    onServer(async (server) => {
      const store = await openOn(server, { stall: 150 });
      await store.put("staged/a", pseudoRandom(100_000), STAGED);
      server.faults.add(rule);
      const started = performance.now();
      await assert.rejects(call(store), { code: "store-unreachable", transient: true, message: /stalled/ });
      const took = performance.now() - started;
      assert.ok(took >= 145 && took < 20_000, `${took} ms`);
    }),
  );
}

test(
  "a slow connection that moves is not a stalled one",
  onServer(async (server) => {
    const store = await openOn(server, { stall: 400 });
    server.faults.add({ fault: { kind: "delay", ms: 250 } });
    await store.put("staged/a", utf8("a"), STAGED);
  }),
);

test(
  "a read cut short goes on where it was cut",
  onServer(async (server) => {
    const store = retrying(await openOn(server), AT_ONCE);
    const body = pseudoRandom(300_000);
    await store.put("staged/a", body, STAGED);
    server.faults.add({ fault: { kind: "truncate", bytes: 100_000 }, operation: "GetObject" });
    server.faults.add({ fault: { kind: "truncate", bytes: 1 }, operation: "GetObject", skip: 0 });
    assert.ok(equal(await collect(store.read("staged/a")), body));
    assert.equal(server.count("GetObject"), 3);
  }),
);

test(
  "a listing cut short is never a short listing",
  onServer(async (server) => {
    const store = await openOn(server);
    for (const key of ["staged/a", "staged/b", "staged/c"]) await store.put(key, utf8(key), STAGED);
    for (let bytes = 0; bytes < 1000; bytes += 97) {
      server.faults.add({ fault: { kind: "truncate", bytes }, operation: "ListObjectsV2" });
      const keys = await Array.fromAsync(store.list("")).catch((error: unknown) => error);
      if (Array.isArray(keys)) assert.equal(keys.length, 3);
      else assert.match(String(keys), /StoreError/);
    }
  }),
);

test(
  "bytes that change on the way up are noticed by the server and sent again",
  onServer(async (server) => {
    let flip = false;
    const flipping: typeof fetch = (input, init) => {
      if (!flip || !(init?.body instanceof Uint8Array)) return fetch(input, init);
      flip = false;
      const body = Uint8Array.from(init.body);
      body[1] = (body[1] ?? 0) ^ 1;
      return fetch(input, { ...init, body });
    };
    const store = await openOn(server, { context: { fetch: flipping } });
    const upload = await store.beginUpload("volumes/v", 3, VOLUME);
    flip = true;
    await assert.rejects(upload.send(0, utf8("abc")), { code: "damaged", transient: true });
    const receipts = [await upload.send(0, utf8("abc"))];
    await upload.complete(receipts);
    assert.ok(equal(server.bytes("bucket", full("volumes/v")), utf8("abc")));
  }),
);

test(
  "a clock three hours off is no obstacle, and is said once",
  onServer(async (server) => {
    const warnings: string[] = [];
    const warn = (message: string) => void warnings.push(message);
    server.advance(3 * 3600 * 1000);
    const store = retrying(await openOn(server, { context: { warn } }), AT_ONCE);
    await store.put("staged/a", utf8("a"), STAGED);
    assert.equal((await store.head("staged/a"))?.size, 1);
    assert.deepEqual(warnings.map((text) => text.replace(/127.*/, "")), [
      "the clock of this machine is 180 minutes slow; going on with the time of ",
    ]);
  }),
);

test(
  "wrong credentials are one clear line each, for every call",
  onServer(async (server) => {
    const env = { AWS_ACCESS_KEY_ID: server.accessKey, AWS_SECRET_ACCESS_KEY: "wrong", HOME: "/nowhere" };
    const wrong = await openOn(server, { context: { env } });
    await assert.rejects(wrong.head("a"), /secret access key for bucket bucket is wrong/);
    await assert.rejects(wrong.put("staged/a", utf8("x"), STAGED), /secret access key/);
    const unknown = await openOn(server, { context: { env: { ...env, AWS_ACCESS_KEY_ID: "AKIAUNKNOWN" } } });
    await assert.rejects(Array.fromAsync(unknown.list("")), /does not know this access key/);
  }),
);

test(
  "a bucket that is not there is not an empty store",
  onServer(async (server) => {
    const store = await openOn(server);
    server.buckets.clear();
    await rejectsWith("store-missing", Array.fromAsync(store.list("")));
    await rejectsWith("store-missing", store.head("a"));
    await rejectsWith("store-missing", store.put("staged/a", utf8("x"), STAGED));
    await rejectsWith("store-missing", store.beginUpload("volumes/v", 1, VOLUME));
    await rejectsWith("store-missing", collect(store.read("a")));
    await rejectsWith("store-missing", Array.fromAsync(store.listUploads()));
    await rejectsWith("store-missing", store.abortUpload({ key: "v", token: "t", started: undefined }));
  }),
);

test(
  "a permission that is missing is named",
  onServer(async (server) => {
    const store = await openOn(server);
    server.deny.push({ action: "s3:PutObject" }, { action: "s3:GetObject" });
    await assert.rejects(store.put("staged/a", utf8("x"), STAGED), /s3:GetObject|s3:PutObject/);
    await assert.rejects(store.beginUpload("volumes/v", 1, VOLUME), /s3:PutObject is missing/);
    await assert.rejects(collect(store.read("a")), /s3:GetObject/);
  }),
);

test(
  "an archived volume is read after it was thawed, until it goes cold again",
  onServer(async (server) => {
    const store = await openOn(server, {
      query: "&class=DEEP_ARCHIVE",
      context: { now: () => server.now() },
    });
    await store.put("volumes/v", utf8("cold"), VOLUME);
    await store.put("manifests/m", utf8("warm"), { kind: "manifest" });
    assert.equal((await store.head("manifests/m"))?.availability.state, "ready");
    assert.deepEqual((await store.head("volumes/v"))?.availability, { state: "archived" });
    await rejectsWith("object-archived", collect(store.read("volumes/v")));

    const thaw = () => store.thaw("volumes/v", { tier: "Bulk", days: 2 });
    assert.deepEqual(await thaw(), { state: "thawing" });
    assert.deepEqual(await thaw(), { state: "thawing" });
    await rejectsWith("object-archived", collect(store.read("volumes/v")));

    server.advance(48 * 3600 * 1000);
    const ready = await thaw();
    assert.ok(ready.state === "ready" && (ready.until ?? 0) > server.now() + 2 * 86_400_000);
    assert.ok(equal(await collect(store.read("volumes/v")), utf8("cold")));
    assert.deepEqual(await store.thaw("manifests/m", { tier: "Bulk", days: 2 }), { state: "ready" });
    await rejectsWith("object-missing", store.thaw("volumes/none", { tier: "Bulk", days: 2 }));
  }),
);

test(
  "the same archived volume can be written again, and others cannot",
  onServer(async (server) => {
    const store = await openOn(server, { query: "&class=GLACIER" });
    await store.put("volumes/v", utf8("cold"), VOLUME);
    assert.equal((await store.put("volumes/v", utf8("cold"), VOLUME)).size, 4);
    await rejectsWith("object-exists", store.put("volumes/v", utf8("hot!"), VOLUME));
  }),
);

test(
  "a lock is set on what stays, and not on what comes and goes",
  onServer(async (server) => {
    const bucket = server.addBucket("bucket");
    Object.assign(bucket, { objectLock: true, versioning: "Enabled" });
    const store = await openOn(server, { query: "&lock=30d" });
    await store.put("manifests/m", utf8("m"), { kind: "manifest" });
    await store.put("staged/a", utf8("a"), STAGED);
    const upload = await store.beginUpload("volumes/v", 3, VOLUME);
    await upload.complete([await upload.send(0, utf8("abc"))]);
    const days = (key: string) => {
      const until = server.object("bucket", full(key))?.retention?.until;
      return until === undefined ? undefined : Math.round((until - Date.now()) / 86_400_000);
    };
    assert.deepEqual(["manifests/m", "volumes/v", "staged/a"].map(days), [30, 30, undefined]);
    await store.remove("staged/a");
    assert.equal(await store.head("staged/a"), undefined);
  }),
);

test(
  "a lock on a bucket without one is an error, not an unlocked volume",
  onServer(async (server) => {
    const store = await openOn(server, { query: "&lock=30d" });
    await assert.rejects(store.put("volumes/v", utf8("v"), VOLUME), { transient: false });
    assert.equal(server.object("bucket", full("volumes/v")), undefined);
  }),
);

/** Servers that do not protect an object from being overwritten. */
const UNCONDITIONAL: readonly [string, S3Options][] = [
  ["passes over If-None-Match", { quirks: { noConditionalWrites: true } }],
  ["refuses If-None-Match", { quirks: { refuseConditionalWrites: true } }],
  ["refuses both If-None-Match and checksums", {
    quirks: { refuseConditionalWrites: true, refuseChecksums: true, opaqueEtags: true },
  }],
];

for (const [name, options] of UNCONDITIONAL) {
  test(
    `on a server that ${name} nothing is overwritten either, and the user is warned once`,
    onServer(async (server) => {
      const warnings: string[] = [];
      const store = await openOn(server, { context: { warn: (message) => void warnings.push(message) } });
      await store.put("staged/a", utf8("first"), STAGED);
      await store.put("staged/a", utf8("first"), STAGED);
      await rejectsWith("object-exists", store.put("staged/a", utf8("other"), STAGED));

      const upload = await store.beginUpload("volumes/v", 3, VOLUME);
      await upload.complete([await upload.send(0, utf8("abc"))]);
      const other = await store.beginUpload("volumes/v", 3, VOLUME);
      await rejectsWith("object-exists", other.complete([await other.send(0, utf8("xyz"))]));
      await other.abort();

      assert.ok(equal(server.bytes("bucket", full("staged/a")), utf8("first")));
      assert.ok(equal(server.bytes("bucket", full("volumes/v")), utf8("abc")));
      assert.equal(warnings.length, 1, warnings.join("\n"));
      assert.match(warnings[0] ?? "", /no conditional writes/);
    }, options),
  );
}

test(
  "what a server does not know is found out once",
  onServer(async (server) => {
    const store = await openOn(server);
    for (const key of ["a", "b", "c"]) await store.put(`staged/${key}`, utf8(key), STAGED);
    const refused = server.log.filter(({ status }) => status === 501);
    assert.equal(refused.length, 1);
    // printf c | openssl md5 -binary | base64
    const puts = server.log.filter(({ key, method }) => key === full("staged/c") && method === "PUT");
    assert.equal(puts[0]?.headers.get("content-md5"), "SooI8J03tzeVZJA4QItfMw==");
  }, { quirks: { refuseChecksums: true } }),
);

test(
  "a part that is not what its hash says any more, since memory erred meanwhile, is refused by the server",
  onServer(async (server) => {
    const store = await openOn(server, {});
    const upload = await store.beginUpload("volumes/v", 5, VOLUME);
    await assert.rejects(upload.send(0, utf8("hellp"), sha256Hex(utf8("hello"))));
    const receipt = await upload.send(0, utf8("hello"), sha256Hex(utf8("hello")));
    assert.equal(receipt.sha256, sha256Hex(utf8("hello")));
    await upload.abort();
  }),
);
