/** Objects and uploads of the strict server: what it takes, what it refuses, and what stays afterwards. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { type Bytes, concat, equal, fromHex, toBase64, utf8 } from "../../lib/bytes.ts";
import { pseudoRandom } from "../tools.ts";
import { type S3Options, type S3Server, withS3 } from "./s3/server.ts";
import { element, elements, type Reply, send, sha256Base64 } from "./s3-client.ts";

const MIB = 1024 * 1024;

/** Runs `body` with a server that has the bucket `b`, and expects no bug of the server's own. */
function serve(body: (server: S3Server) => Promise<void>, options: S3Options = {}): () => Promise<void> {
  return () =>
    withS3({ buckets: ["b"], ...options }, async (server) => {
      await body(server);
      assert.deepEqual(server.crashes, []);
    });
}

async function begin(server: S3Server, headers: Record<string, string> = {}): Promise<string> {
  const reply = await send(server, "POST", "/b/k?uploads=", { headers });
  assert.equal(reply.status, 200, reply.text);
  return element(reply.text, "UploadId") ?? "";
}

async function sendPart(
  server: S3Server,
  id: string,
  number: number,
  body: Bytes,
  headers = {},
): Promise<string> {
  const reply = await send(server, "PUT", `/b/k?partNumber=${number}&uploadId=${id}`, { body, headers });
  assert.equal(reply.status, 200, reply.text);
  return reply.headers.get("etag") ?? "";
}

function complete(
  server: S3Server,
  id: string,
  parts: readonly (readonly [number, string, string?])[],
  headers: Record<string, string> = {},
): Promise<Reply> {
  const listed = parts.map(([number, etag, more = ""]) =>
    `<Part><PartNumber>${number}</PartNumber><ETag>${etag}</ETag>${more}</Part>`
  );
  const body = `<CompleteMultipartUpload>${listed.join("")}</CompleteMultipartUpload>`;
  return send(server, "POST", `/b/k?uploadId=${id}`, { body, headers });
}

test(
  "of twelve conditional writers one wins and eleven get 412",
  serve(async (server) => {
    const replies = await Promise.all(
      Array.from(
        { length: 12 },
        (_, i) => send(server, "PUT", "/b/k", { body: `${i}`, headers: { "if-none-match": "*" } }),
      ),
    );
    const winner = replies.findIndex((reply) => reply.status === 200);
    assert.deepEqual(replies.map((reply) => reply.code).sort(), [
      "",
      ...Array(11).fill("PreconditionFailed"),
    ]);
    assert.deepEqual(server.bytes("b", "k"), utf8(`${winner}`));
  }),
);

test(
  "a server with the quirk answers a crossing conditional write with 409",
  serve(async (server) => {
    const body = pseudoRandom(2 * MIB);
    const replies = await Promise.all(
      Array.from(
        { length: 6 },
        () => send(server, "PUT", "/b/k", { body, headers: { "if-none-match": "*" } }),
      ),
    );
    const codes = new Set(replies.map((reply) => reply.code));
    assert.equal(replies.filter((reply) => reply.status === 200).length, 1);
    assert.ok(codes.has("ConditionalRequestConflict"), [...codes].join());
  }, { quirks: { conflictInFlight: true } }),
);

test(
  "a server without conditional writes overwrites",
  serve(async (server) => {
    for (const body of ["1", "2"]) {
      await send(server, "PUT", "/b/k", { body, headers: { "if-none-match": "*" } });
    }
    assert.deepEqual(server.bytes("b", "k"), utf8("2"));
  }, { quirks: { noConditionalWrites: true } }),
);

test(
  "a conditional completion does not replace what appeared meanwhile, and keeps the upload",
  serve(async (server) => {
    const id = await begin(server);
    const etag = await sendPart(server, id, 1, utf8("parts"));
    await send(server, "PUT", "/b/k", { body: "first" });
    const reply = await complete(server, id, [[1, etag]], { "if-none-match": "*" });
    assert.deepEqual([reply.status, reply.code], [412, "PreconditionFailed"]);
    assert.deepEqual(server.bytes("b", "k"), utf8("first"));
    assert.equal(server.buckets.get("b")?.uploads.size, 1);
  }),
);

const HELLO = utf8("hello");
const refusedPuts = [
  ["a checksum of other bytes", { "x-amz-checksum-sha256": sha256Base64(utf8("x")) }, "BadDigest"],
  ["a checksum that is none", { "x-amz-checksum-sha256": "short" }, "InvalidRequest"],
  [
    "two checksums",
    { "x-amz-checksum-sha256": sha256Base64(HELLO), "x-amz-checksum-crc32": "NhCmhg==" },
    "InvalidRequest",
  ],
  ["an MD5 of other bytes", { "content-md5": "1B2M2Y8AsgTpgAmY7PhCfg==" }, "BadDigest"],
  ["an MD5 that is none", { "content-md5": "abc" }, "InvalidDigest"],
  ["an announced checksum that is missing", { "x-amz-sdk-checksum-algorithm": "SHA256" }, "InvalidRequest"],
  ["an unknown storage class", { "x-amz-storage-class": "FROZEN" }, "InvalidStorageClass"],
  ["a lock on a bucket without", {
    "x-amz-object-lock-mode": "COMPLIANCE",
    "x-amz-object-lock-retain-until-date": "2099-01-01T00:00:00Z",
  }, "InvalidRequest"],
] as const;

for (const [name, headers, code] of refusedPuts) {
  test(
    `a PUT with ${name} is ${code} and leaves nothing`,
    serve(async (server) => {
      const reply = await send(server, "PUT", "/b/k", { body: HELLO, headers });
      assert.deepEqual([reply.status, reply.code], [400, code]);
      assert.equal(server.object("b", "k"), undefined);
    }),
  );
}

test(
  "the checksums of the check string come out as their standards say",
  serve(async (server) => {
    const body = "123456789";
    // CRC catalogue (reveng): CRC-32/ISO-HDLC, CRC-32/ISCSI, CRC-64/NVME.
    const checks = { crc32: "cbf43926", crc32c: "e3069283", crc64nvme: "ae8b14860a799888" };
    for (const [name, hex] of Object.entries(checks)) {
      const value = toBase64(fromHex(hex));
      const reply = await send(server, "PUT", "/b/k", {
        body,
        headers: { [`x-amz-checksum-${name}`]: value },
      });
      assert.equal(reply.status, 200, reply.text);
      const head = await send(server, "HEAD", "/b/k", { headers: { "x-amz-checksum-mode": "ENABLED" } });
      assert.equal(head.headers.get(`x-amz-checksum-${name}`), value);
    }
  }),
);

test(
  "an object without a checksum of the client's gets CRC-64/NVME",
  serve(async (server) => {
    await send(server, "PUT", "/b/k", { body: "123456789" });
    const head = await send(server, "HEAD", "/b/k", { headers: { "x-amz-checksum-mode": "ENABLED" } });
    assert.equal(head.headers.get("x-amz-checksum-crc64nvme"), toBase64(fromHex("ae8b14860a799888")));
    assert.equal(head.headers.get("x-amz-checksum-type"), "FULL_OBJECT");
  }),
);

test(
  "a server without checksums takes wrong ones and tells none",
  serve(async (server) => {
    const headers = { "x-amz-checksum-sha256": sha256Base64(utf8("x")) };
    assert.equal((await send(server, "PUT", "/b/k", { body: HELLO, headers })).status, 200);
    const head = await send(server, "HEAD", "/b/k", { headers: { "x-amz-checksum-mode": "ENABLED" } });
    assert.deepEqual([...head.headers.keys()].filter((name) => name.includes("checksum")), []);
  }, { quirks: { noChecksums: true } }),
);

test(
  "a server that refuses checksums says 501 and which header",
  serve(async (server) => {
    const headers = { "x-amz-checksum-sha256": sha256Base64(HELLO) };
    const reply = await send(server, "PUT", "/b/k", { body: HELLO, headers });
    assert.deepEqual([reply.status, reply.code], [501, "NotImplemented"]);
  }, { quirks: { refuseChecksums: true } }),
);

test(
  "parts become one object with md5-N and a composite SHA-256",
  serve(async (server) => {
    const id = await begin(server, {
      "x-amz-checksum-algorithm": "SHA256",
      "x-amz-storage-class": "DEEP_ARCHIVE",
    });
    const bodies = [pseudoRandom(5 * MIB, 1), pseudoRandom(123, 2)];
    const listed: [number, string, string][] = [];
    // Out of order and with a part sent twice: the last one counts.
    await sendPart(server, id, 2, utf8("wrong"), { "x-amz-checksum-sha256": sha256Base64(utf8("wrong")) });
    for (const [i, body] of [...bodies.entries()].reverse()) {
      const checksum = sha256Base64(body);
      const etag = await sendPart(server, id, i + 1, body, { "x-amz-checksum-sha256": checksum });
      listed.unshift([i + 1, etag, `<ChecksumSHA256>${checksum}</ChecksumSHA256>`]);
    }
    const parts = await send(server, "GET", `/b/k?uploadId=${id}`);
    assert.deepEqual(elements(parts.text, "PartNumber"), ["1", "2"]);
    assert.deepEqual(elements(parts.text, "Size"), [String(5 * MIB), "123"]);
    const reply = await complete(server, id, listed, { "if-none-match": "*" });
    assert.match(element(reply.text, "ETag") ?? "", /^&quot;[0-9a-f]{32}-2&quot;$/);
    assert.match(element(reply.text, "ChecksumSHA256") ?? "", /-2$/);
    assert.ok(equal(server.bytes("b", "k"), concat(...bodies)));
    assert.equal(server.object("b", "k")?.storageClass, "DEEP_ARCHIVE");
    assert.equal(server.buckets.get("b")?.uploads.size, 0);
  }),
);

const badCompletions = [
  ["parts in descending order", (a: string, b: string) => [[2, b], [1, a]], "InvalidPartOrder"],
  ["a part twice", (a: string) => [[1, a], [1, a]], "InvalidPartOrder"],
  ["another part's etag", (_: string, b: string) => [[1, b], [2, b]], "InvalidPart"],
  ["a part that was never sent", (a: string, b: string) => [[1, a], [2, b], [3, b]], "InvalidPart"],
  [
    "a small part that is not the last",
    (a: string, b: string, c: string) => [[1, a], [2, b], [4, c]],
    "EntityTooSmall",
  ],
  ["no parts", () => [], "MalformedXML"],
] as const satisfies readonly (readonly [
  string,
  (a: string, b: string, c: string) => [number, string][],
  string,
])[];

for (const [name, parts, code] of badCompletions) {
  test(
    `completing with ${name} is ${code} and makes no object`,
    serve(async (server) => {
      const id = await begin(server);
      const a = await sendPart(server, id, 1, pseudoRandom(5 * MIB));
      const b = await sendPart(server, id, 2, utf8("small"));
      const c = await sendPart(server, id, 4, utf8("last"));
      assert.equal((await complete(server, id, parts(a, b, c))).code, code);
      assert.equal(server.object("b", "k"), undefined);
    }),
  );
}

test(
  "part numbers go from 1 to 10,000",
  serve(async (server) => {
    const id = await begin(server);
    const codes = [];
    for (const number of [0, 1, 10_000, 10_001]) {
      codes.push((await send(server, "PUT", `/b/k?partNumber=${number}&uploadId=${id}`, { body: "x" })).code);
    }
    assert.deepEqual(codes, ["InvalidArgument", "", "", "InvalidArgument"]);
  }),
);

test(
  "an upload begun with SHA-256 refuses a part without it",
  serve(async (server) => {
    const id = await begin(server, { "x-amz-checksum-algorithm": "SHA256" });
    const reply = await send(server, "PUT", `/b/k?partNumber=1&uploadId=${id}`, { body: "x" });
    assert.deepEqual([reply.status, reply.code], [400, "InvalidRequest"]);
  }),
);

test(
  "a forgotten, aborted or finished upload is NoSuchUpload",
  serve(async (server) => {
    const id = await begin(server);
    assert.equal((await send(server, "DELETE", `/b/k?uploadId=${id}`)).status, 204);
    for (const [method, query] of [["PUT", "partNumber=1&"], ["GET", ""], ["DELETE", ""]] as const) {
      const body = method === "PUT" ? { body: "x" } : {};
      assert.equal((await send(server, method, `/b/k?${query}uploadId=${id}`, body)).code, "NoSuchUpload");
    }
  }),
);

test(
  "uploads are listed page by page, all of them once",
  serve(async (server) => {
    const ids: string[] = [];
    for (let i = 0; i < 7; i++) ids.push(await begin(server));
    const found: string[] = [];
    let [key, id, more] = ["", "", "true"];
    while (more === "true") {
      const reply = await send(
        server,
        "GET",
        `/b?uploads=&max-uploads=3&key-marker=${key}&upload-id-marker=${id}`,
      );
      found.push(...elements(reply.text, "UploadId"));
      more = element(reply.text, "IsTruncated") ?? "";
      [key, id] = [
        element(reply.text, "NextKeyMarker") ?? "",
        element(reply.text, "NextUploadIdMarker") ?? "",
      ];
    }
    assert.deepEqual(found, ids);
  }),
);

test(
  "a server that only hashes keeps size and digest of what it got, and no bytes",
  serve(async (server) => {
    await send(server, "PUT", "/b/k", { body: pseudoRandom(MIB) });
    const version = server.object("b", "k");
    assert.equal(version?.size, MIB);
    const [part] = version?.parts ?? [];
    assert.ok(part !== undefined);
    assert.equal(part.chunks, undefined);
    assert.equal(toBase64(fromHex(part.sha256)), sha256Base64(pseudoRandom(MIB)));
  }, { bodies: "hash" }),
);

test(
  "a denied action is AccessDenied, names the permission and leaves nothing",
  serve(async (server) => {
    server.deny.push({ action: "s3:PutObject", prefix: "volumes/" });
    const reply = await send(server, "PUT", "/b/volumes/k", { body: "x" });
    assert.deepEqual([reply.status, reply.code], [403, "AccessDenied"]);
    assert.match(reply.text, /not authorized to perform: s3:PutObject/);
    assert.equal((await send(server, "PUT", "/b/staged/k", { body: "x" })).status, 200);
  }),
);

test(
  "who may not list is not told that a key is missing",
  serve(async (server) => {
    assert.equal((await send(server, "GET", "/b/k")).code, "NoSuchKey");
    server.deny.push({ action: "s3:ListBucket" });
    assert.equal((await send(server, "GET", "/b/k")).code, "AccessDenied");
  }),
);

test(
  "a lock wants a checksum or MD5 with the PUT, as AWS does",
  serve(async (server) => {
    const bucket = server.addBucket("l");
    bucket.versioning = "Enabled";
    bucket.objectLock = true;
    const lock = {
      "x-amz-object-lock-mode": "COMPLIANCE",
      "x-amz-object-lock-retain-until-date": "2099-01-01T00:00:00Z",
    };
    assert.equal((await send(server, "PUT", "/l/k", { body: HELLO, headers: lock })).code, "InvalidRequest");
    const headers = { ...lock, "x-amz-checksum-sha256": sha256Base64(HELLO) };
    assert.equal((await send(server, "PUT", "/l/k", { body: HELLO, headers })).status, 200);
    const id = server.object("l", "k")?.versionId;
    assert.equal((await send(server, "DELETE", `/l/k?versionId=${id}`)).code, "AccessDenied");
  }),
);
