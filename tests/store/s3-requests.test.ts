/** The requests of the `s3:` store, to the letter, and how it takes the answers. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { collect, utf8 } from "../../lib/bytes.ts";
import { addressOf } from "../../lib/store/s3/address.ts";
import { S3Client } from "../../lib/store/s3/client.ts";
import type { PartReceipt } from "../../lib/store/store.ts";
import { rejectsWith } from "./conformance.ts";
import { testContext } from "./context.ts";
import { bare, headed, NOW, refused, scripted, xml } from "./s3-scripted.ts";

/** SHA-256 of "hello" and of nothing. */
const HELLO = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824";
const HELLO64 = "LPJNul+wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ=";
const EMPTY = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

/** The examples of "Signature Calculations for the Authorization Header", Amazon S3 API Reference. */
const SIGNED: readonly [string, Record<string, string>, string][] = [
  [
    "GET Bucket Lifecycle",
    { lifecycle: "" },
    "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543",
  ],
  [
    "List Objects",
    { "max-keys": "2", prefix: "J" },
    "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7",
  ],
];

for (const [name, query, signature] of SIGNED) {
  test(`AWS's example "${name}" gets AWS's signature`, async () => {
    let authorization = "";
    const client = new S3Client({
      address: addressOf("examplebucket", "us-east-1", "https://s3.amazonaws.com", "virtual"),
      region: "us-east-1",
      credentials: {
        accessKeyId: "AKIAIOSFODNN7EXAMPLE",
        secretAccessKey: "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
        sessionToken: undefined,
      },
      context: testContext({
        now: () => NOW,
        fetch: (_, init) => {
          authorization = new Headers(init?.headers).get("authorization") ?? "";
          return Promise.resolve(bare(200));
        },
      }),
      stall: 1000,
      slowest: 1000,
    });
    await client.call({ operation: "ListObjectsV2", method: "GET", query });
    assert.equal(
      authorization,
      "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request, " +
        `SignedHeaders=host;x-amz-content-sha256;x-amz-date, Signature=${signature}`,
    );
  });
}

test("a PUT is signed with its body's hash, carries its checksum, and never overwrites", async () => {
  const { store, sent } = await scripted([bare(200, { "x-amz-checksum-sha256": HELLO64, etag: '"x"' })]);
  const info = await store.put("staged/a b", utf8("hello"), { kind: "staged" });
  const [put] = sent;
  assert.equal(put?.method, "PUT");
  assert.equal(put?.url, "https://photos.s3.eu-central-1.amazonaws.com/home/staged/a%20b");
  assert.equal(put?.body, "hello");
  const headers = Object.fromEntries(put?.headers ?? []);
  assert.match(
    headers["authorization"] ?? "",
    /^AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE\/20130524\//,
  );
  delete headers["authorization"];
  assert.deepEqual(headers, {
    "accept-encoding": "identity",
    "content-type": "application/octet-stream",
    "if-none-match": "*",
    "x-amz-checksum-sha256": HELLO64,
    "x-amz-content-sha256": HELLO,
    "x-amz-date": "20130524T000000Z",
  });
  assert.deepEqual(info, {
    key: "staged/a b",
    size: 5,
    checksum: `sha256:${HELLO}`,
    modified: undefined,
    availability: { state: "ready" },
  });
});

test("every header of a PUT but the negotiable ones is covered by the signature", async () => {
  const { store, sent } = await scripted(
    [bare(200, { etag: '"e"', "x-amz-checksum-sha256": HELLO64 })],
    "s3://photos?region=eu-central-1&class=DEEP_ARCHIVE&lock=2d",
  );
  await store.put("volumes/v", utf8("hello"), { kind: "volume" });
  assert.match(
    sent[0]?.headers.get("authorization") ?? "",
    /SignedHeaders=host;if-none-match;x-amz-checksum-sha256;x-amz-content-sha256;x-amz-date;x-amz-object-lock-mode;x-amz-object-lock-retain-until-date;x-amz-storage-class,/,
  );
});

const KINDS = ["volume", "manifest", "snapshot", "key", "staged", "mirror", "text"] as const;

for (const kind of KINDS) {
  const cold = kind === "volume";
  const locked = ["volume", "manifest", "key", "mirror"].includes(kind);
  test(`of kind ${kind} an object is ${cold ? "" : "not "}cold and ${locked ? "" : "not "}locked`, async () => {
    const { store, sent } = await scripted(
      [bare(200, { etag: '"e"', "x-amz-checksum-sha256": HELLO64 })],
      "s3://photos?region=eu-central-1&class=DEEP_ARCHIVE&lock=2d&lock-mode=compliance",
    );
    const info = await store.put("k", utf8("hello"), { kind });
    const headers = sent[0]?.headers;
    assert.equal(headers?.get("x-amz-storage-class") ?? undefined, cold ? "DEEP_ARCHIVE" : undefined);
    assert.equal(headers?.get("x-amz-object-lock-mode") ?? undefined, locked ? "COMPLIANCE" : undefined);
    const until = locked ? "2013-05-26T00:00:00.000Z" : undefined;
    assert.equal(headers?.get("x-amz-object-lock-retain-until-date") ?? undefined, until);
    assert.equal(info.availability.state, cold ? "archived" : "ready");
  });
}

test("a session token is sent and signed", async () => {
  const env = {
    AWS_ACCESS_KEY_ID: "A",
    AWS_SECRET_ACCESS_KEY: "S",
    AWS_SESSION_TOKEN: "T",
    HOME: "/nowhere",
  };
  const { store, sent } = await scripted([bare(404), xml("<ListBucketResult/>")], undefined, {}, { env });
  await store.head("a");
  assert.equal(sent[0]?.headers.get("x-amz-security-token"), "T");
  assert.match(sent[0]?.headers.get("authorization") ?? "", /x-amz-date;x-amz-security-token/);
});

test("an upload is begun, sent, completed and confirmed by these requests", async () => {
  const MIB5 = 5 * 1024 * 1024;
  const first = new Uint8Array(MIB5);
  const hex = "c036cbb7553a909f8b8877d4461924307f27ecb66cff928eeeafd569c3887e29"; // of 5 MiB of zeros
  const base64 = "wDbLt1U6kJ+LiHfURhkkMH8n7LZs/5KO7q/VacOIfik=";
  // SHA-256 over both binary hashes
  const composite = "BvAbbg5MurpCMrVFaBO55WUNjpKOV++D3zl8x/rcQxE=";
  const info = { "x-amz-checksum-sha256": `${composite}-2` };
  const { store, sent } = await scripted(
    [
      xml(
        "<InitiateMultipartUploadResult><UploadId>id/1+2</UploadId></InitiateMultipartUploadResult>",
        200,
        { "x-amz-checksum-algorithm": "SHA256" },
      ),
      bare(200, { etag: '"e1"', "x-amz-checksum-sha256": base64 }),
      bare(200, { etag: '"e2"', "x-amz-checksum-sha256": HELLO64 }),
      xml('<CompleteMultipartUploadResult><ETag>"e-2"</ETag></CompleteMultipartUploadResult>'),
      headed(MIB5 + 5, { ...info, "x-amz-meta-coldframe-part-size": String(MIB5) }),
    ],
    "s3://photos/home?region=eu-central-1&class=DEEP_ARCHIVE",
    { partSize: MIB5 },
  );
  const upload = await store.beginUpload("volumes/v", MIB5 + 5, { kind: "volume" });
  assert.equal(upload.token, "id/1+2");
  const receipts: PartReceipt[] = [await upload.send(0, first), await upload.send(1, utf8("hello"))];
  assert.deepEqual(receipts, [
    { index: 0, size: MIB5, sha256: hex, tag: "e1 part=5242880" },
    { index: 1, size: 5, sha256: HELLO, tag: "e2 part=5242880" },
  ]);
  const object = await upload.complete(receipts);
  const base = "https://photos.s3.eu-central-1.amazonaws.com/home/volumes/v";
  assert.deepEqual(sent.map(({ method, url }) => `${method} ${url}`), [
    `POST ${base}?uploads=`,
    `PUT ${base}?partNumber=1&uploadId=id%2F1%2B2`,
    `PUT ${base}?partNumber=2&uploadId=id%2F1%2B2`,
    `POST ${base}?uploadId=id%2F1%2B2`,
    `HEAD ${base}`,
  ]);
  assert.equal(sent[0]?.headers.get("x-amz-checksum-algorithm"), "SHA256");
  assert.equal(sent[0]?.headers.get("x-amz-storage-class"), "DEEP_ARCHIVE");
  assert.equal(sent[1]?.headers.get("x-amz-checksum-sha256"), base64);
  assert.equal(sent[1]?.headers.get("x-amz-content-sha256"), hex);
  assert.equal(sent[3]?.headers.get("if-none-match"), "*");
  assert.equal(
    sent[3]?.body,
    '<?xml version="1.0" encoding="UTF-8"?>' +
      '<CompleteMultipartUpload xmlns="http://s3.amazonaws.com/doc/2006-03-01/">' +
      "<Part><PartNumber>1</PartNumber><ETag>&#34;e1&#34;</ETag>" +
      `<ChecksumSHA256>${base64}</ChecksumSHA256></Part>` +
      "<Part><PartNumber>2</PartNumber><ETag>&#34;e2&#34;</ETag>" +
      `<ChecksumSHA256>${HELLO64}</ChecksumSHA256></Part></CompleteMultipartUpload>`,
  );
  assert.equal(sent[4]?.headers.get("x-amz-checksum-mode"), "ENABLED");
  assert.equal(object.size, MIB5 + 5);
  assert.equal(
    object.checksum,
    `sha256-parts:06f01b6e0e4cbaba4232b5456813b9e5650d8e928e57ef83df397cc7fadc4311:${MIB5}`,
  );
});

test("a composite checksum that is not of the parts sent is damage", async () => {
  const wrong = { "x-amz-checksum-sha256": `${HELLO64}-1` };
  const { store } = await scripted([
    xml("<InitiateMultipartUploadResult><UploadId>id</UploadId></InitiateMultipartUploadResult>"),
    bare(200, { etag: '"e1"', "x-amz-checksum-sha256": HELLO64 }),
    xml('<CompleteMultipartUploadResult><ETag>"e-1"</ETag></CompleteMultipartUploadResult>'),
    headed(5, { ...wrong, "x-amz-meta-coldframe-part-size": String(8 * 1024 * 1024) }),
  ]);
  const upload = await store.beginUpload("volumes/v", 5, { kind: "volume" });
  await rejectsWith("damaged", upload.complete([await upload.send(0, utf8("hello"))]));
});

test("a part whose checksum comes back wrong is sent again", async () => {
  const { store } = await scripted([
    xml("<InitiateMultipartUploadResult><UploadId>id</UploadId></InitiateMultipartUploadResult>"),
    bare(200, { etag: '"e1"', "x-amz-checksum-sha256": "A".repeat(43) + "=" }),
  ]);
  const upload = await store.beginUpload("volumes/v", 5, { kind: "volume" });
  await assert.rejects(upload.send(0, utf8("hello")), { code: "damaged", transient: true });
});

test("a refusal inside a 200 to Complete is a refusal", async () => {
  const { store } = await scripted([
    xml("<InitiateMultipartUploadResult><UploadId>id</UploadId></InitiateMultipartUploadResult>"),
    bare(200, { etag: '"e1"', "x-amz-checksum-sha256": HELLO64 }),
    xml("\n  \n<Error><Code>InternalError</Code><Message>Again</Message></Error>"),
    xml("<Error><Code>AccessDenied</Code></Error>"),
    xml("<CompleteMultipartUploadResult><ETag>x</ETag>"),
  ]);
  const upload = await store.beginUpload("volumes/v", 5, { kind: "volume" });
  const receipts = [await upload.send(0, utf8("hello"))];
  await assert.rejects(upload.complete(receipts), { code: "store-unreachable", transient: true });
  await assert.rejects(upload.complete(receipts), { code: "store-denied", transient: false });
  await assert.rejects(upload.complete(receipts), { code: "store-protocol", transient: true });
});

test("RestoreObject asks for days and tier", async () => {
  const { store, sent } = await scripted([
    headed(5, { "x-amz-storage-class": "DEEP_ARCHIVE" }),
    bare(202),
    headed(5, {
      "x-amz-storage-class": "DEEP_ARCHIVE",
      "x-amz-restore": 'ongoing-request="true"',
    }),
  ]);
  assert.deepEqual(await store.thaw("volumes/v", { tier: "Bulk", days: 7 }), { state: "thawing" });
  assert.equal(sent[1]?.url, "https://photos.s3.eu-central-1.amazonaws.com/home/volumes/v?restore=");
  assert.equal(
    sent[1]?.body,
    '<RestoreRequest xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Days>7</Days>' +
      "<GlacierJobParameters><Tier>Bulk</Tier></GlacierJobParameters></RestoreRequest>",
  );
});

test("a restore already under way, and one not needed, are no errors", async () => {
  const archived = { "x-amz-storage-class": "GLACIER" };
  const { store } = await scripted([
    headed(5, archived),
    refused(409, "RestoreAlreadyInProgress"),
    headed(5),
    headed(5, archived),
    refused(503, "GlacierExpeditedRetrievalNotAvailable"),
  ]);
  assert.deepEqual(await store.thaw("v", { tier: "Standard", days: 1 }), { state: "thawing" });
  assert.deepEqual(await store.thaw("v", { tier: "Standard", days: 1 }), { state: "ready" });
  await assert.rejects(store.thaw("v", { tier: "Expedited", days: 1 }), /no expedited thawing/);
});

const STATES: readonly [Record<string, string>, unknown][] = [
  [{}, { state: "ready" }],
  [{ "x-amz-storage-class": "GLACIER_IR" }, { state: "ready" }],
  [{ "x-amz-storage-class": "GLACIER" }, { state: "archived" }],
  [{ "x-amz-storage-class": "DEEP_ARCHIVE" }, { state: "archived" }],
  [{ "x-amz-storage-class": "INTELLIGENT_TIERING" }, { state: "ready" }],
  [
    { "x-amz-storage-class": "INTELLIGENT_TIERING", "x-amz-archive-status": "DEEP_ARCHIVE_ACCESS" },
    { state: "archived" },
  ],
  [{ "x-amz-storage-class": "GLACIER", "x-amz-restore": 'ongoing-request="true"' }, { state: "thawing" }],
  [
    {
      "x-amz-storage-class": "GLACIER",
      "x-amz-restore": 'ongoing-request="false", expiry-date="Fri, 21 Dec 2012 00:00:00 GMT"',
    },
    { state: "ready", until: Date.UTC(2012, 11, 21) },
  ],
];

for (const [headers, availability] of STATES) {
  test(`an object with ${JSON.stringify(headers)} is ${JSON.stringify(availability)}`, async () => {
    const { store } = await scripted([headed(0, { ...headers })]);
    assert.deepEqual((await store.head("v"))?.availability, availability);
  });
}

const MD5 = "5d41402abc4b2a76b9719d911017c592";

/** What a HEAD says, and the checksum that is. */
const CHECKSUMS: readonly [Record<string, string>, string | undefined][] = [
  [{ "x-amz-checksum-sha256": HELLO64 }, `sha256:${HELLO}`],
  [
    { "x-amz-checksum-sha256": `${HELLO64}-7`, "x-amz-meta-coldframe-part-size": "16777216" },
    `sha256-parts:${HELLO}:16777216`,
  ],
  [{ "x-amz-checksum-crc64nvme": "rosUhgp5mIg=" }, "crc64nvme:ae8b14860a799888"],
  [{ etag: `"${MD5}"` }, `md5:${MD5}`],
  [{ etag: `"${MD5}-2"`, "x-amz-meta-coldframe-part-size": "5242880" }, `md5-parts:${MD5}:5242880`],
  [{ etag: `"${MD5}"`, "x-amz-server-side-encryption": "aws:kms" }, undefined],
  [{ etag: `"${MD5}"`, "x-amz-server-side-encryption": "AES256" }, `md5:${MD5}`],
  [{ etag: '"opaque"' }, undefined],
];

for (const [headers, checksum] of CHECKSUMS) {
  test(`a HEAD with ${JSON.stringify(headers)} says ${checksum}`, async () => {
    const { store } = await scripted([headed(5, { ...headers })]);
    assert.equal((await store.head("v"))?.checksum, checksum);
  });
}

test("the part size of an object that other software sent is asked for", async () => {
  const { store, sent } = await scripted([
    headed(20000000, { "x-amz-checksum-sha256": `${HELLO64}-3` }),
    bare(206, { "content-length": "8388608" }),
  ]);
  assert.equal((await store.head("v"))?.checksum, `sha256-parts:${HELLO}:8388608`);
  assert.match(sent[1]?.url ?? "", /\?partNumber=1$/);
});

test("a HEAD without a size is an error, not an empty object", async () => {
  const { store } = await scripted([bare(200, { etag: '"e"' })]);
  await assert.rejects(store.head("v"), { code: "store-protocol" });
});

test("the sign-in page of a hotel is neither an object nor its bytes", async () => {
  const page = () => new Response("<html>Welcome!</html>", { headers: { "content-length": "21" } });
  const { store } = await scripted([page(), page(), page(), page()]);
  const wanted = { code: "store-protocol", transient: true };
  await assert.rejects(store.head("v"), wanted);
  await assert.rejects(collect(store.read("v")), wanted);
  await assert.rejects(store.put("staged/a", utf8("x"), { kind: "staged" }), wanted);
});

test("a range is asked for and its place in the answer checked", async () => {
  const part = (range: string, body = "ell") => () =>
    new Response(body, {
      status: 206,
      headers: { etag: '"e"', "content-range": range, "content-length": String(body.length) },
    });
  const { store, sent } = await scripted([
    part("bytes 1-3/5"),
    part("bytes 0-2/5"),
    part("bytes 1-2/3", "el"),
    new Response("hello", { status: 200, headers: { etag: '"e"', "content-length": "5" } }),
    refused(416, "InvalidRange"),
  ]);
  const range = { offset: 1, length: 3 };
  assert.deepEqual(await collect(store.read("v", range)), utf8("ell"));
  assert.equal(sent[0]?.headers.get("range"), "bytes=1-3");
  await rejectsWith("store-protocol", collect(store.read("v", range)));
  await rejectsWith("damaged", collect(store.read("v", range)));
  await rejectsWith("store-protocol", collect(store.read("v", range)));
  await rejectsWith("damaged", collect(store.read("v", range)));
});

test("a body that is longer or shorter than announced is noticed", async () => {
  const sized = (size: number) =>
    new Response("hello", { headers: { etag: '"e"', "content-length": String(size) } });
  const { store } = await scripted([sized(4), sized(6)]);
  await assert.rejects(collect(store.read("v")), { code: "damaged" });
  await assert.rejects(collect(store.read("v")), { code: "store-unreachable", transient: true });
});

test("the hash of an empty body is signed where there is none", async () => {
  const { store, sent } = await scripted([bare(204)]);
  await store.remove("staged/a");
  assert.equal(sent[0]?.method, "DELETE");
  assert.equal(sent[0]?.headers.get("x-amz-content-sha256"), EMPTY);
});

test("an upload that Ceph calls a missing key is a forgotten upload", async () => {
  const gone = () => refused(404, "NoSuchKey");
  const { store } = await scripted([gone(), gone()]);
  assert.equal(await store.resumeUpload("volumes/v", 5, "id", []), undefined);
  await store.abortUpload({ key: "volumes/v", token: "id", started: undefined });
});
