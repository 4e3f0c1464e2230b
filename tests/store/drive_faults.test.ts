/**
 * Drive in bad weather: whatever goes wrong, and wherever, in the end there is one whole object and nothing
 * else. The store runs under `retrying`, as it does in life; the tests do what a job does with `upload-gone`.
 */

import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import process from "node:process";
import { test } from "node:test";
import fc from "fast-check";
import { type Bytes, collect, equal, utf8 } from "../../lib/bytes.ts";
import { ColdframeError, hasCode, StoreError } from "../../lib/errors.ts";
import { openDrive } from "../../lib/store/drive/drive.ts";
import { retrying } from "../../lib/store/retry.ts";
import { partCount, partRange, type PartReceipt, type Store, type Upload } from "../../lib/store/store.ts";
import { BACKEND, type Fault, FRONTEND, TOO_FAST, TOO_MANY } from "../servers/drive/faults.ts";
import { apiError, type Exchange } from "../servers/drive/http.ts";
import type { DriveServer } from "../servers/drive/server.ts";
import { pseudoRandom } from "../tools.ts";
import { rejectsWith } from "./conformance.ts";
import { type Setting, withSetting } from "./drive_world.ts";

const QUANTUM = 256 * 1024;
const STAGED = { kind: "staged" } as const;
const KEY = "staged/long.age";
/** Two parts of two quanta, and one that is short. */
const PART = 2 * QUANTUM;
const BODY = pseudoRandom(2 * PART + 12_345);
const TIMEOUT = { timeout: 180_000 };
const WEEK = 7 * 86_400_000;

function patient(store: Store): Store {
  return retrying(store, {
    attempts: 8,
    baseMs: 1,
    capMs: 1,
    sleep: () => Promise.resolve(),
    random: () => 0,
    warn: () => {},
  });
}

/** Without connections that live on: Deno sends a request again by itself when it loses one of those. */
function inStorm(body: (setting: Setting) => Promise<void>): Promise<void> {
  return withSetting((setting) => {
    setting.server.keepAlive = false;
    return body(setting);
  });
}

function stormy(name: string, body: (setting: Setting) => Promise<void>): void {
  test(name, TIMEOUT, () => inStorm(body));
}

async function open(setting: Setting): Promise<Store> {
  return patient(await setting.open(undefined, { partSize: PART }));
}

function sha256(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}

function part(index: number): Bytes {
  const { offset, length } = partRange(BODY.length, PART, index);
  return BODY.slice(offset, offset + length);
}

/** Sends what is not confirmed, and completes. */
async function finish(upload: Upload): Promise<void> {
  const receipts: PartReceipt[] = [...upload.confirmed];
  for (let index = receipts.length; index < partCount(BODY.length, PART); index++) {
    receipts.push(await upload.send(index, part(index)));
  }
  await upload.complete(receipts, sha256(BODY));
}

/** What a job does: begins again when Drive has forgotten the upload, or got other bytes. */
async function store(target: Store): Promise<void> {
  for (let attempt = 0;; attempt++) {
    const upload = await target.beginUpload(KEY, BODY.length, STAGED);
    try {
      return await finish(upload);
    } catch (error) {
      if (attempt === 5 || !(hasCode(error, "upload-gone") || hasCode(error, "damaged"))) throw error;
      await upload.abort();
    }
  }
}

/** One whole object, no second copy, nothing unfinished. */
async function assertOnlyObject(
  server: DriveServer,
  target: Store,
  key: string,
  body: Uint8Array,
): Promise<void> {
  server.faults.clear();
  const files = [...server.world.files.values()].filter(({ content }) => content !== undefined);
  assert.deepEqual(files.map(({ name }) => name), [key]);
  assert.deepEqual((await Array.fromAsync(target.list(""))).map((info) => info.key), [key]);
  assert.deepEqual(await Array.fromAsync(target.listUploads()), []);
  assert.ok(equal(await collect(target.read(key)), body));
}

const isSession = ({ url, method }: Exchange) => url.searchParams.has("upload_id") && method === "PUT";
const isPart = (exchange: Exchange) => isSession(exchange) && exchange.body.length > 0;
const isPublish = ({ method, body }: Exchange) =>
  method === "PATCH" && new TextDecoder().decode(body).includes('"coldframe":"object"');
const isUpload = ({ method, url }: Exchange) =>
  method === "POST" && url.pathname === "/upload/drive/v3/files";

// Uploads: one fault, at each part

const GONE = apiError(410, "gone", "Gone");

const PART_FAULTS: [string, Fault][] = [
  ["is cut off before it is sent", { kind: "drop" }],
  ["is cut off after a quantum", { kind: "cut", bytes: QUANTUM + 100 }],
  ["is cut off before a quantum", { kind: "cut", bytes: 100 }],
  ["arrives, and the answer is lost", { kind: "drop-after" }],
  ["is kept but for its end (308)", { kind: "keep", bytes: QUANTUM }],
  ["is answered with 500", { kind: "refuse", reply: BACKEND }],
  ["arrives, and is answered with 500", { kind: "refuse-after", reply: BACKEND }],
  ["is answered with 502 without JSON", { kind: "refuse", reply: FRONTEND }],
  ["comes too fast (403)", { kind: "refuse", reply: TOO_FAST }],
  ["comes too fast (429)", { kind: "refuse", reply: TOO_MANY }],
  ["finds its session forgotten (404)", { kind: "forget" }],
  ["finds its session gone (410)", { kind: "refuse", reply: GONE }],
  ["arrives changed", { kind: "corrupt" }],
];

for (const [what, fault] of PART_FAULTS) {
  test(`an upload survives that a part ${what}, whichever part it is`, TIMEOUT, async () => {
    for (let skip = 0; skip < 3; skip++) {
      await inStorm(async (setting) => {
        const target = await open(setting);
        setting.server.faults.add(isPart, fault, { skip });
        await store(target);
        assert.equal(setting.server.faults.waiting, 0, "it did not happen");
        await assertOnlyObject(setting.server, target, KEY, BODY);
      });
    }
  });
}

stormy("a session that keeps nothing at all is trouble that may pass, not a loop", async (setting) => {
  const bare = await setting.open(undefined, { partSize: PART });
  setting.server.faults.add(isPart, { kind: "keep", bytes: 0 });
  const upload = await bare.beginUpload(KEY, BODY.length, STAGED);
  await assert.rejects(
    upload.send(0, part(0)),
    (error) => error instanceof StoreError && error.transient,
  );
  await finish(upload);
  await assertOnlyObject(setting.server, bare, KEY, BODY);
});

// Uploads: any one request fails, in any way that may pass

const PASSING: Fault[] = [
  { kind: "drop" },
  { kind: "drop-after" },
  { kind: "refuse", reply: BACKEND },
  { kind: "refuse-after", reply: BACKEND },
  { kind: "refuse", reply: TOO_FAST },
];

for (const fault of PASSING) {
  const name = "reply" in fault ? `${fault.kind} ${fault.reply.status}` : fault.kind;
  test(`an upload survives ${name} at each of its requests, one after the other`, TIMEOUT, async () => {
    let skip = 0;
    for (let struck = true; struck; skip++) {
      await inStorm(async (setting) => {
        const target = await open(setting);
        setting.server.faults.add(() => true, fault, { skip });
        await store(target);
        struck = setting.server.faults.waiting === 0;
        await assertOnlyObject(setting.server, target, KEY, BODY);
      });
    }
    assert.ok(skip >= 11, `only ${skip} requests`);
  });

  test(`a put survives ${name} at each of its requests, one after the other`, TIMEOUT, async () => {
    let skip = 0;
    for (let struck = true; struck; skip++) {
      await inStorm(async (setting) => {
        const target = await open(setting);
        setting.server.faults.add(() => true, fault, { skip });
        await target.put("staged/a", utf8("small"), STAGED);
        struck = setting.server.faults.waiting === 0;
        await assertOnlyObject(setting.server, target, "staged/a", utf8("small"));
      });
    }
    assert.ok(skip >= 4, `only ${skip} requests`);
  });
}

stormy(
  "a put whose answer was lost makes no second file, even while the search does not find the first",
  async (setting) => {
    setting.server.world.searchLag = 0;
    const target = await open(setting);
    setting.server.world.searchLag = 60_000;
    setting.server.faults.add(isUpload, { kind: "refuse-after", reply: BACKEND }, { times: 3 });
    await target.put("staged/a", utf8("small"), STAGED);
    setting.server.world.now += 60_000;
    await assertOnlyObject(setting.server, target, "staged/a", utf8("small"));
  },
);

stormy("a put that arrives changed is removed and sent again", async (setting) => {
  const target = await open(setting);
  const body = pseudoRandom(10_000);
  setting.server.faults.add(isUpload, { kind: "corrupt" });
  await target.put("staged/a", body, STAGED);
  await assertOnlyObject(setting.server, target, "staged/a", body);
});

stormy("an upload that arrived changed is never seen, not even for a moment", async (setting) => {
  const bare = await setting.open(undefined, { partSize: PART });
  setting.server.faults.add(isPart, { kind: "corrupt" }, { skip: 1 });
  const upload = await bare.beginUpload(KEY, BODY.length, STAGED);
  await rejectsWith("damaged", finish(upload));
  assert.equal(
    setting.server.log.filter((line) => line.startsWith("PATCH /drive/")).length,
    1,
    "the session's note",
  );
  assert.equal(await bare.head(KEY), undefined);
  assert.deepEqual(await Array.fromAsync(bare.listUploads()), []);
});

// Uploads: killed and gone on with

stormy("a killed upload goes on from the session, and sends no byte twice", async (setting) => {
  const first = await (await open(setting)).beginUpload(KEY, BODY.length, STAGED);
  const receipts = [await first.send(0, part(0))];
  let sent = 0;
  const spy: typeof fetch = (input, init) => {
    if (init?.method === "PUT" && init.body instanceof Uint8Array) sent += init.body.length;
    return fetch(input, init);
  };
  const later = await openDrive("gdrive:Coldframe", { ...setting.context, fetch: spy }, {
    partSize: PART,
  });
  const upload = await later.resumeUpload(KEY, BODY.length, first.token, receipts);
  assert.ok(upload !== undefined);
  assert.deepEqual(upload.confirmed, receipts);
  await finish(upload);
  assert.equal(sent, BODY.length - PART);
  await assertOnlyObject(setting.server, later, KEY, BODY);
});

/** The Content-Range of each part from now on. */
function watchParts(server: DriveServer): string[] {
  const ranges: string[] = [];
  server.faults.add((exchange) => {
    if (isPart(exchange)) ranges.push(exchange.headers["content-range"] ?? "");
    return false;
  }, { kind: "drop" });
  return ranges;
}

stormy("an upload killed in the middle of a part sends only the rest of that part", async (setting) => {
  const bare = await setting.open(undefined, { partSize: PART });
  const first = await bare.beginUpload(KEY, BODY.length, STAGED);
  setting.server.faults.add(isPart, { kind: "cut", bytes: QUANTUM + 5 });
  await assert.rejects(first.send(0, part(0)));
  const upload = await bare.resumeUpload(KEY, BODY.length, first.token, []);
  assert.deepEqual(upload?.confirmed, []);
  const ranges = watchParts(setting.server);
  assert.ok(upload !== undefined);
  await finish(upload);
  assert.equal(ranges[0], `bytes ${QUANTUM}-${PART - 1}/${BODY.length}`);
  await assertOnlyObject(setting.server, bare, KEY, BODY);
});

stormy("after trouble the session is asked how much it has, and only the rest is sent", async (setting) => {
  const target = await open(setting);
  const upload = await target.beginUpload(KEY, BODY.length, STAGED);
  const ranges = watchParts(setting.server);
  setting.server.faults.add(isPart, { kind: "cut", bytes: QUANTUM + 5 });
  await upload.send(0, part(0));
  const wanted = [`bytes 0-${PART - 1}/${BODY.length}`, `bytes ${QUANTUM}-${PART - 1}/${BODY.length}`];
  assert.deepEqual(ranges, wanted);
  await upload.abort();
});

stormy(
  "an upload killed between its last byte and its completion is completed without sending anything",
  async (setting) => {
    const target = await open(setting);
    const first = await target.beginUpload(KEY, BODY.length, STAGED);
    const receipts = [
      await first.send(0, part(0)),
      await first.send(1, part(1)),
      await first.send(2, part(2)),
    ];
    // Google may have dropped the session by then.
    setting.server.uploads.sessions.clear();
    setting.server.log.length = 0;
    const upload = await target.resumeUpload(KEY, BODY.length, first.token, receipts);
    assert.deepEqual(upload?.confirmed, receipts);
    await upload?.complete(receipts, sha256(BODY));
    assert.equal(setting.server.count(/^PUT /), 0);
    await assertOnlyObject(setting.server, target, KEY, BODY);
  },
);

stormy("an upload older than a week is forgotten, and nothing of it is left", async (setting) => {
  const target = await open(setting);
  const first = await target.beginUpload(KEY, BODY.length, STAGED);
  const receipts = [await first.send(0, part(0))];
  setting.server.world.now += WEEK;
  assert.equal(await target.resumeUpload(KEY, BODY.length, first.token, receipts), undefined);
  assert.deepEqual(await Array.fromAsync(target.listUploads()), []);
  await rejectsWith("upload-gone", first.send(1, part(1)));
  await store(target);
  await assertOnlyObject(setting.server, target, KEY, BODY);
});

stormy(
  "a completion whose answer was lost, and whose process was killed, is success the next time",
  async (setting) => {
    const bare = await setting.open(undefined, { partSize: PART });
    const first = await bare.beginUpload(KEY, BODY.length, STAGED);
    setting.server.faults.add(isPublish, { kind: "refuse-after", reply: BACKEND });
    await assert.rejects(finish(first));
    const again = await bare.resumeUpload(KEY, BODY.length, first.token, []);
    await again?.complete([], sha256(BODY));
    await assertOnlyObject(setting.server, bare, KEY, BODY);
  },
);

stormy("forgetting an upload by a stale list never removes the object it became", async (setting) => {
  const target = await open(setting);
  const upload = await target.beginUpload(KEY, BODY.length, STAGED);
  const listed = await Array.fromAsync(target.listUploads());
  await finish(upload);
  for (const info of listed) await target.abortUpload(info);
  await upload.abort();
  await assertOnlyObject(setting.server, target, KEY, BODY);
});

stormy("a token cannot lead the access token to another server", async (setting) => {
  const asked: string[] = [];
  const spy: typeof fetch = (input, init) => {
    asked.push(new URL(input instanceof Request ? input.url : input).origin);
    return fetch(input, init);
  };
  const target = await openDrive("gdrive:C", { ...setting.context, fetch: spy }, { create: true });
  const { token } = await target.beginUpload(KEY, 10, STAGED);
  const [id] = token.split(" ");
  for (
    const session of [
      "https://example.com/upload/drive/",
      "//example.com/upload/drive/",
      "@example.com/upload/drive/x",
    ]
  ) {
    assert.equal(await target.resumeUpload(KEY, 10, `${id} ${session}`, []), undefined);
    await target.abortUpload({ key: KEY, token: `${id} ${session}`, started: undefined });
  }
  assert.deepEqual([...new Set(asked)], [setting.server.origin]);
});

// Reading

stormy("a download that breaks off is not a short answer", async (setting) => {
  const bare = await setting.open();
  const body = pseudoRandom(500_000);
  await bare.put("staged/a", body, STAGED);
  const isDownload = ({ url }: Exchange) => url.searchParams.get("alt") === "media";
  setting.server.faults.add(isDownload, { kind: "truncate", bytes: 100_000 });
  await assert.rejects(
    collect(bare.read("staged/a")),
    (error) => error instanceof StoreError && error.transient,
  );
  setting.server.faults.add(isDownload, { kind: "truncate", bytes: 100_000 }, { times: 3 });
  assert.ok(equal(await collect(patient(bare).read("staged/a")), body));
});

stormy("an object that is replaced under its id is not read as the one that was found", async (setting) => {
  const bare = await setting.open();
  await bare.put("staged/a", pseudoRandom(1000), STAGED);
  const [file] = [...setting.server.world.files.values()].filter(({ name }) => name === "staged/a");
  assert.ok(file !== undefined);
  setting.server.world.fill(file, pseudoRandom(500));
  await rejectsWith("damaged", collect(bare.read("staged/a")));
});

stormy("a list that breaks off in the middle is an error, not a short list", async (setting) => {
  const bare = await setting.open();
  for (let i = 0; i < 3; i++) await bare.put(`staged/${i}`, utf8(`${i}`), STAGED);
  const isList = ({ method, url }: Exchange) => method === "GET" && url.pathname === "/drive/v3/files";
  setting.server.faults.add(isList, { kind: "truncate", bytes: 300 });
  await assert.rejects(
    Array.fromAsync(bare.list("")),
    (error) => error instanceof StoreError && error.transient,
  );
  const incomplete = { status: 200, body: JSON.stringify({ incompleteSearch: true, files: [] }) };
  setting.server.faults.add(isList, { kind: "refuse", reply: incomplete });
  await assert.rejects(Array.fromAsync(bare.list("")), /the list is not complete/);
});

stormy(
  "a Drive that falls silent is trouble that may pass: before an answer, in it, and in a download",
  async (setting) => {
    const bare = await setting.open(undefined, { patience: 100 });
    await bare.put("staged/a", pseudoRandom(100_000), STAGED);
    const passes = (error: unknown) => error instanceof StoreError && error.transient;
    setting.server.faults.add(() => true, { kind: "stall", bytes: undefined });
    await assert.rejects(bare.head("staged/a"), passes);
    setting.server.faults.add(() => true, { kind: "stall", bytes: 10 });
    await assert.rejects(bare.head("staged/a"), passes);
    setting.server.faults.add(() => true, { kind: "stall", bytes: 70_000 });
    await assert.rejects(collect(bare.read("staged/a")), passes);
    assert.equal((await collect(bare.read("staged/a"))).length, 100_000);
  },
);

stormy("Ctrl-C ends a request under way, as what it is", async (setting) => {
  await setting.open();
  const stop = new AbortController();
  const store = await openDrive("gdrive:Coldframe", { ...setting.context, signal: stop.signal });
  setting.server.faults.add(() => true, { kind: "stall", bytes: undefined });
  const reason = new ColdframeError("interrupted", "stopped");
  setTimeout(() => stop.abort(reason), 20);
  await assert.rejects(store.head("staged/a"), (error) => error === reason);
});

// All of it together

test("no schedule of faults leaves a second copy, a half object or a secret in an error", {
  timeout: 120_000,
}, async () => {
  const fault = fc.record({
    skip: fc.integer({ min: 0, max: 14 }),
    which: fc.constantFrom(...PART_FAULTS.map(([, one]) => one), ...PASSING),
  });
  const runs = Number(process.env["COLDFRAME_TEST_RUNS"] ?? 40);
  await fc.assert(
    fc.asyncProperty(fc.array(fault, { maxLength: 5 }), async (schedule) => {
      await inStorm(async (setting) => {
        const target = await open(setting);
        for (const { skip, which } of schedule) {
          const onlyParts = ["cut", "keep", "forget", "corrupt"].includes(which.kind) ||
            which === PART_FAULTS[11]?.[1];
          setting.server.faults.add(onlyParts ? isPart : () => true, which, {
            skip: onlyParts ? skip % 4 : skip,
          });
        }
        try {
          await store(target);
        } catch (error) {
          assertNoSecret(error);
          setting.server.faults.clear();
          await store(target);
        }
        await assertOnlyObject(setting.server, target, KEY, BODY);
      });
    }),
    { numRuns: runs },
  );
});

function assertNoSecret(error: unknown): void {
  assert.ok(error instanceof ColdframeError, `${error}`);
  assert.doesNotMatch(`${error.message} ${error.hint} ${error.stack}`, /upload_id|ya29|1\/\//);
}
