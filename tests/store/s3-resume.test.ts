/**
 * Uploads that are killed and go on, and uploads on a bad line: what is stored at the end is what was
 * planned, byte for byte, with no part doubled or lost and nothing left over.
 */

import assert from "node:assert/strict";
import process from "node:process";
import { test } from "node:test";
import { type Bytes, equal } from "../../lib/bytes.ts";
import { retrying } from "../../lib/store/retry.ts";
import { partCount, partRange, type PartReceipt, type Store } from "../../lib/store/store.ts";
import { type Fault, type Quirks, type S3Server, withS3 } from "../servers/s3/server.ts";
import { seededSchedule, withProxy } from "../servers/proxy.ts";
import { pseudoRandom } from "../tools.ts";
import { AT_ONCE, full, openOn, PART } from "./s3-open.ts";

const KEY = "volumes/v.iso.age";
/** Bun gives a test five seconds. */
const LONG = { timeout: 900_000 };

const VOLUME = { kind: "volume" } as const;

/** What the catalog keeps of an upload, so that another process can go on. */
interface Kept {
  token: string | undefined;
  receipts: PartReceipt[];
}

/** Begins or resumes the upload, and sends what is missing, so many parts side by side. */
async function goOn(store: Store, body: Bytes, kept: Kept, width: number): Promise<void> {
  const upload =
    (kept.token === undefined
      ? undefined
      : await store.resumeUpload(KEY, body.length, kept.token, kept.receipts)) ??
      await store.beginUpload(KEY, body.length, VOLUME);
  if (upload.token !== kept.token) kept.receipts = [];
  else kept.receipts = [...upload.confirmed];
  kept.token = upload.token;
  const done = new Set(kept.receipts.map(({ index }) => index));
  const count = partCount(body.length, upload.partSize);
  const missing = Array.from({ length: count }, (_, i) => i).filter((i) => !done.has(i)).values();
  const sender = async () => {
    for (const index of missing) {
      const { offset, length } = partRange(body.length, upload.partSize, index);
      kept.receipts.push(await upload.send(index, body.subarray(offset, offset + length)));
    }
  };
  await Promise.all(Array.from({ length: width }, sender));
  await upload.complete(kept.receipts.toSorted((a, b) => a.index - b.index));
}

/** The object must be the plan, made of as many parts as planned, and nothing else may be in the bucket. */
async function assertWhole(server: S3Server, store: Store, body: Bytes): Promise<void> {
  const object = server.object("bucket", full(KEY));
  assert.ok(object !== undefined, "no object");
  assert.equal(object.parts.length, partCount(body.length, PART));
  assert.ok(equal(server.bytes("bucket", full(KEY)), body), "other bytes");
  assert.equal(server.buckets.get("bucket")?.objects.size, 1);
  // An upload whose beginning was never answered is known to nobody; the next sync clears it like this.
  for await (const upload of store.listUploads()) await store.abortUpload(upload);
  assert.equal(server.buckets.get("bucket")?.uploads.size, 0);
  assert.deepEqual(server.crashes, []);
}

const PLANS: readonly [string, Quirks, string][] = [
  ["a strict server", {}, ""],
  ["a strict server, by CRC-64/NVME", {}, "&checksum=crc64nvme"],
  ["a server without checksums", { noChecksums: true }, ""],
];

for (const [name, quirks, query] of PLANS) {
  test(`an upload killed after each part in turn and resumed is the plan, on ${name}`, LONG, async () => {
    const body = pseudoRandom(4 * PART + 99);
    for (let killedAfter = 0; killedAfter <= 5; killedAfter++) {
      await withS3({ buckets: ["bucket"], quirks }, async (server) => {
        const kept: Kept = { token: undefined, receipts: [] };
        const process1 = new AbortController();
        const store = await openOn(server, {
          query,
          context: { signal: process1.signal, fetch: killing(process1, killedAfter) },
        });
        await assert.rejects(goOn(store, body, kept, 2), /killed/);
        const confirmed = kept.receipts.length;
        let sent = 0;
        const counting: typeof fetch = (input, init) => {
          if (String(input).includes("partNumber=") && init?.method === "PUT") sent++;
          return fetch(input, init);
        };
        const again = await openOn(server, { query, context: { fetch: counting } });
        await goOn(again, body, kept, 2);
        await assertWhole(server, again, body);
        assert.ok(confirmed >= Math.min(killedAfter, 5) - 1);
        assert.equal(sent, 5 - confirmed, "only missing parts are sent");
      });
    }
  });
}

/** A fetch that stops the run when so many parts have been confirmed. */
function killing(controller: AbortController, after: number): typeof fetch {
  let parts = 0;
  return async (input, init) => {
    const isPart = String(input).includes("partNumber=");
    if (!isPart && after <= parts && String(input).includes("uploadId=")) {
      controller.abort(new Error("killed"));
    }
    if (isPart && parts++ >= after) controller.abort(new Error("killed"));
    return await fetch(input, init);
  };
}

/** Numbers from 0 to 1, the same for the same seed (mulberry32). */
function randomOf(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

function randomFault(random: () => number): Fault {
  const when = random() < 0.5 ? "before" : "after";
  const faults: readonly Fault[] = [
    { kind: "error", status: 500, code: "InternalError", when },
    { kind: "error", status: 503, code: "SlowDown", when },
    { kind: "error", status: 400, code: "RequestTimeout", when },
    { kind: "error-in-200", code: "InternalError" },
    { kind: "drop", when },
    { kind: "drop", when: "before", bodyBytes: Math.floor(random() * PART) },
    { kind: "truncate", bytes: Math.floor(random() * 400) },
    { kind: "stall", when },
    { kind: "stall-body", bytes: Math.floor(random() * 400) },
    { kind: "delay", ms: Math.floor(random() * 20) },
  ];
  return faults[Math.floor(random() * faults.length)] ?? { kind: "drop", when };
}

/** Rounds by default, to keep the whole suite short; 500 are run before a release. */
const ROUNDS = Number(process.env["COLDFRAME_FAULT_ROUNDS"] ?? 40);

/** A server that often fails, or one behind a line that does. */
async function onBadLine(
  quirks: Quirks,
  random: () => number,
  body: (server: S3Server, endpoint: string) => Promise<void>,
): Promise<void> {
  const rate = random() * 0.5;
  await withS3({ buckets: ["bucket"], quirks }, async (server) => {
    if (random() < 0.6) {
      server.faults.schedule(() => random() < rate ? randomFault(random) : undefined);
      await body(server, server.url);
    } else {
      const schedule = seededSchedule(Math.floor(random() * 1e9), {
        rate,
        maxBytes: 2 * PART,
        maxLatency: 5,
        kinds: ["refuse", "latency", "cut", "reset", "stall"],
      });
      await withProxy(server.url, schedule, (proxy) => body(server, proxy.url));
    }
  });
}

async function badLine(seed: number): Promise<void> {
  const random = randomOf(seed);
  const quirks: Quirks = random() < 0.2 ? { noChecksums: true } : {};
  const query = random() < 0.2 ? "&checksum=crc64nvme" : "";
  const body = pseudoRandom(Math.floor(random() * 3 * PART) + 1, seed);
  await onBadLine(quirks, random, async (server, endpoint) => {
    const kept: Kept = { token: undefined, receipts: [] };
    for (let run = 1;; run++) {
      const stop = new AbortController();
      const context = { signal: stop.signal, warn: () => {} };
      const bare = await openOn(server, { endpoint, query, stall: 300, context });
      const store = retrying(bare, { ...AT_ONCE, attempts: 40, signal: stop.signal });
      const killed = run < 3 && random() < 0.4;
      const timer = killed ? setTimeout(() => stop.abort(new Error("killed")), random() * 60) : undefined;
      try {
        await goOn(store, body, kept, 1 + Math.floor(random() * 3));
        break;
      } catch (error) {
        if (!stop.signal.aborted) throw error;
      } finally {
        clearTimeout(timer);
      }
    }
    server.faults.clear();
    await assertWhole(server, await openOn(server, { query }), body);
  });
}

test(`${ROUNDS} uploads on bad lines, some killed and resumed, all end as planned`, LONG, async () => {
  const first = Number(process.env["COLDFRAME_FAULT_SEED"] ?? 1);
  for (let seed = first; seed < first + ROUNDS; seed++) {
    await badLine(seed).catch((error: unknown) => {
      throw new Error(`with COLDFRAME_FAULT_SEED=${seed} COLDFRAME_FAULT_ROUNDS=1: ${error}`, {
        cause: error,
      });
    });
  }
});
