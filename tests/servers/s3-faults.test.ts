/** Faults on demand of the strict server: each does what it says, and only to whom it should. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { equal, utf8 } from "../../lib/bytes.ts";
import { pseudoRandom } from "../tools.ts";
import { type S3Server, withS3 } from "./s3/server.ts";
import { element, send } from "./s3-client.ts";

const BODY = pseudoRandom(300_000);

/** Runs `body` with a server that has the bucket `b`, and expects no bug of the server's own. */
function serve(body: (server: S3Server) => Promise<void>): () => Promise<void> {
  return () =>
    withS3({ buckets: ["b"] }, async (server) => {
      await body(server);
      assert.deepEqual(server.crashes, []);
    });
}

const put = (server: S3Server, key = "k") => send(server, "PUT", `/b/${key}`, { body: BODY });
const get = (server: S3Server, signal?: AbortSignal) => send(server, "GET", "/b/k", signal ? { signal } : {});

test(
  "an error before: the client hears it, nothing is stored, the next one passes",
  serve(async (server) => {
    server.faults.add({ operation: "PutObject", fault: { kind: "error", status: 503, code: "SlowDown" } });
    const reply = await put(server);
    assert.deepEqual([reply.status, reply.code], [503, "SlowDown"]);
    assert.equal(server.object("b", "k"), undefined);
    assert.equal((await put(server)).status, 200);
    assert.equal(server.count("PutObject"), 2);
  }),
);

test(
  "an error after: the client hears it, yet the object is there",
  serve(async (server) => {
    server.faults.add({ fault: { kind: "error", status: 500, code: "InternalError", when: "after" } });
    assert.equal((await put(server)).status, 500);
    assert.ok(equal(server.bytes("b", "k"), BODY));
  }),
);

test(
  "an error in a 200: the status says yes, the body no, and nothing is stored",
  serve(async (server) => {
    const id = element((await send(server, "POST", "/b/k?uploads=")).text, "UploadId") ?? "";
    const part = await send(server, "PUT", `/b/k?partNumber=1&uploadId=${id}`, { body: BODY });
    server.faults.add({ fault: { kind: "error-in-200", code: "InternalError" }, times: 2 });
    const listed = `<Part><PartNumber>1</PartNumber><ETag>${part.headers.get("etag")}</ETag></Part>`;
    const body = `<CompleteMultipartUpload>${listed}</CompleteMultipartUpload>`;
    const reply = await send(server, "POST", `/b/k?uploadId=${id}`, { body });
    assert.deepEqual([reply.status, reply.code], [200, "InternalError"]);
    assert.equal((await put(server)).status, 500, "a PUT cannot be answered early");
    assert.equal(server.object("b", "k"), undefined);
    assert.equal((await send(server, "POST", `/b/k?uploadId=${id}`, { body })).code, "");
    assert.ok(equal(server.bytes("b", "k"), BODY));
  }),
);

for (const when of ["before", "after"] as const) {
  test(
    `a connection dropped ${when} the work: no answer, the object is ${when === "after" ? "" : "not "}there`,
    serve(async (server) => {
      server.faults.add({ fault: { kind: "drop", when } });
      await assert.rejects(put(server));
      assert.equal(server.object("b", "k") !== undefined, when === "after");
      assert.equal(server.log[0]?.status, 0);
    }),
  );
}

test(
  "a connection dropped in the middle of the body leaves nothing",
  serve(async (server) => {
    server.faults.add({ fault: { kind: "drop", when: "before", bodyBytes: 100_000 } });
    await assert.rejects(put(server));
    assert.equal(server.object("b", "k"), undefined);
  }),
);

test(
  "a truncated answer breaks off, and the client can tell",
  serve(async (server) => {
    server.addObject("b", "k", BODY);
    server.faults.add({ operation: "GetObject", fault: { kind: "truncate", bytes: 1000 } });
    await assert.rejects(get(server));
    assert.equal(server.log[0]?.sent, 1000);
  }),
);

test(
  "a stalled request gets no answer; after the work it is done all the same",
  serve(async (server) => {
    server.faults.add({ fault: { kind: "stall", when: "after" } });
    await assert.rejects(send(server, "PUT", "/b/k", { body: BODY, signal: AbortSignal.timeout(300) }));
    assert.ok(equal(server.bytes("b", "k"), BODY));
  }),
);

test(
  "an answer that stalls in its body never ends",
  serve(async (server) => {
    server.addObject("b", "k", BODY);
    server.faults.add({ fault: { kind: "stall-body", bytes: 1000 } });
    await assert.rejects(get(server, AbortSignal.timeout(300)));
  }),
);

test(
  "a delay delays",
  serve(async (server) => {
    server.faults.add({ fault: { kind: "delay", ms: 150 } });
    const start = performance.now();
    assert.equal((await put(server)).status, 200);
    assert.ok(performance.now() - start >= 145);
  }),
);

test(
  "a corrupt answer differs in one bit",
  serve(async (server) => {
    server.addObject("b", "k", BODY);
    server.faults.add({ operation: "GetObject", fault: { kind: "corrupt", at: 123_456 } });
    const { body } = await get(server);
    const wrong = [...body.keys()].filter((i) => body[i] !== BODY[i]);
    assert.deepEqual(wrong, [123_456]);
  }),
);

test(
  "rules hit their operation and key only, skip as told, and are spent",
  serve(async (server) => {
    const fault = { kind: "error", status: 500, code: "InternalError" } as const;
    server.faults.add({ operation: "PutObject", key: /^x/, skip: 1, times: 2, fault });
    const codes = [];
    for (const key of ["x1", "y", "x2", "x3", "x4"]) codes.push((await put(server, key)).status);
    assert.deepEqual(codes, [200, 200, 500, 500, 200]);
  }),
);

test(
  "a hook decides request by request, and can be taken away",
  serve(async (server) => {
    server.faults.schedule((_, number) =>
      number % 2 === 0 ? { kind: "error", status: 500, code: "X" } : undefined
    );
    const statuses = [];
    for (let i = 0; i < 4; i++) statuses.push((await put(server)).status);
    server.faults.clear();
    statuses.push((await put(server)).status, (await put(server)).status);
    assert.deepEqual(statuses, [200, 500, 200, 500, 200, 200]);
  }),
);

test(
  "the log keeps no signature and no token",
  serve(async (server) => {
    await send(server, "PUT", "/b/k", { body: utf8("x"), headers: { "x-amz-meta-note": "hello" } });
    const [entry] = server.log;
    assert.equal(entry?.headers.get("x-amz-meta-note"), "hello");
    assert.equal(entry?.headers.get("authorization"), undefined);
  }),
);
