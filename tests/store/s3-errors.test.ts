/** What S3's refusals become: code, whether to try again, and what the user reads. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { utf8 } from "../../lib/bytes.ts";
import { StoreError } from "../../lib/errors.ts";
import { bare, headed, NOW, refused, scripted, xml } from "./s3-scripted.ts";

/** Status, code, what it becomes, whether it passes, and what its message has. */
const REFUSALS: readonly [number, string, string, boolean, RegExp][] = [
  [500, "InternalError", "store-unreachable", true, /HTTP 500, InternalError/],
  [503, "SlowDown", "store-unreachable", true, /SlowDown/],
  [503, "ServiceUnavailable", "store-unreachable", true, /ServiceUnavailable/],
  [400, "RequestTimeout", "store-unreachable", true, /RequestTimeout/],
  [409, "OperationAborted", "store-unreachable", true, /OperationAborted/],
  [409, "ConditionalRequestConflict", "store-unreachable", true, /Conflict/],
  [429, "TooManyRequests", "store-unreachable", true, /429/],
  [502, "", "store-unreachable", true, /HTTP 502/],
  [307, "TemporaryRedirect", "store-unreachable", true, /307/],
  [400, "BadDigest", "damaged", true, /changed on the way/],
  [400, "XAmzContentSHA256Mismatch", "damaged", true, /changed on the way/],
  [403, "AccessDenied", "store-denied", false, /the permission s3:PutObject is missing/],
  [403, "InvalidAccessKeyId", "store-denied", false, /does not know this access key/],
  [403, "SignatureDoesNotMatch", "store-denied", false, /secret access key .* is wrong/],
  [400, "ExpiredToken", "store-denied", false, /session token .* no longer good/],
  [404, "NoSuchBucket", "store-missing", false, /there is no bucket photos/],
  [301, "PermanentRedirect", "store-url", false, /bucket photos is in another region/],
  [400, "InvalidStorageClass", "store-url", false, /cannot do what its URL asks for/],
  [507, "", "store-full", false, /no space/],
  [400, "QuotaExceeded", "store-full", false, /no space or quota/],
  [400, "EntityTooLarge", "store-protocol", false, /EntityTooLarge/],
  [400, "MalformedXML", "store-protocol", false, /MalformedXML/],
];

for (const [status, reason, code, transient, message] of REFUSALS) {
  test(`HTTP ${status} ${reason} is ${code}, ${transient ? "to be tried again" : "and final"}`, async () => {
    const { store } = await scripted([refused(status, reason)]);
    await assert.rejects(store.put("staged/a", utf8("x"), { kind: "staged" }), (error) => {
      assert.ok(error instanceof StoreError);
      assert.equal(error.code, code);
      assert.equal(error.transient, transient);
      assert.match(error.message, message);
      assert.doesNotMatch(error.message, /\n/);
      return true;
    });
  });
}

test("a page of a proxy instead of S3's words is judged by its status", async () => {
  const page = (status: number) => new Response("<html><body>Oh no", { status });
  const { store } = await scripted([page(504), page(403), page(418)]);
  const put = () => store.put("staged/a", utf8("x"), { kind: "staged" });
  await assert.rejects(put(), { code: "store-unreachable", transient: true });
  await assert.rejects(put(), { code: "store-denied", transient: false });
  await assert.rejects(put(), { code: "store-protocol", transient: false });
});

test("a missing permission is named for each operation", async () => {
  const denied = () => refused(403, "AccessDenied");
  const { store } = await scripted([denied(), denied(), denied(), denied(), denied(), denied()]);
  const upload = { key: "a", token: "t", started: undefined };
  await assert.rejects(Array.fromAsync(store.list("")), /permission s3:ListBucket is missing/);
  await assert.rejects(Array.fromAsync(store.read("a")), /permission s3:GetObject \(and s3:ListBucket\)/);
  await assert.rejects(store.remove("staged/a"), /permission s3:DeleteObject is missing/);
  await assert.rejects(Array.fromAsync(store.listUploads()), /s3:ListBucketMultipartUploads is missing/);
  await assert.rejects(store.abortUpload(upload), /s3:AbortMultipartUpload is missing/);
  await assert.rejects(store.resumeUpload("a", 1, "t", []), /s3:ListMultipartUploadParts is missing/);
});

test("with a lock the permission for it is named too", async () => {
  const { store } = await scripted([refused(403, "AccessDenied")], "s3://photos?region=eu-central-1&lock=1d");
  const put = store.put("volumes/v", utf8("x"), { kind: "volume" });
  await assert.rejects(put, /s3:PutObject and s3:PutObjectRetention is missing/);
});

test("another region is named, from the header or from the words, for a HEAD too", async () => {
  const header = { "x-amz-bucket-region": "eu-west-3" };
  const { store } = await scripted([
    refused(301, "PermanentRedirect", "", header),
    refused(400, "AuthorizationHeaderMalformed", "<Region>eu-west-3</Region>"),
    bare(301, header),
    refused(301, "PermanentRedirect", "", header),
  ]);
  const wanted = {
    code: "store-url",
    message: "bucket photos is in another region: eu-west-3",
    hint: "put region=eu-west-3 into the store URL",
  };
  const put = () => store.put("staged/a", utf8("x"), { kind: "staged" });
  await assert.rejects(put(), wanted);
  await assert.rejects(put(), wanted);
  await assert.rejects(store.head("a"), wanted);
});

test("a HEAD that is refused without words is explained by a listing", async () => {
  const { store } = await scripted([bare(403), refused(403, "InvalidAccessKeyId")]);
  await assert.rejects(store.head("a"), /does not know this access key/);
});

test("a HEAD that alone is refused lacks the permission to read", async () => {
  const empty = xml("<ListBucketResult><IsTruncated>false</IsTruncated></ListBucketResult>");
  const { store } = await scripted([bare(403), empty]);
  await assert.rejects(store.head("a"), /the permission s3:GetObject/);
});

test("a HEAD refused as wrong where a listing is right is tried again", async () => {
  const empty = xml("<ListBucketResult><IsTruncated>false</IsTruncated></ListBucketResult>");
  const { store } = await scripted([bare(400), empty]);
  await assert.rejects(store.head("a"), { code: "store-unreachable", transient: true });
});

test("a missing bucket is not a missing object", async () => {
  const { store } = await scripted([bare(404), refused(404, "NoSuchBucket")]);
  await assert.rejects(store.head("a"), { code: "store-missing" });
});

test("once the bucket has shown itself, a 404 is believed at once", async () => {
  const empty = xml("<ListBucketResult><IsTruncated>false</IsTruncated></ListBucketResult>");
  const { store, sent } = await scripted([bare(404), empty, bare(404)]);
  assert.equal(await store.head("a"), undefined);
  assert.equal(await store.head("b"), undefined);
  assert.equal(sent.length, 3);
});

test("Retry-After is handed on, in seconds", async () => {
  const { store } = await scripted([refused(503, "SlowDown", "", { "retry-after": "17" })]);
  await assert.rejects(store.put("staged/a", utf8("x"), { kind: "staged" }), { retryAfter: 17 });
});

test("trouble on the line is to be tried again, and its message names the server", async () => {
  const { store } = await scripted([new TypeError("connection refused")]);
  await assert.rejects(store.head("a"), {
    code: "store-unreachable",
    transient: true,
    message: "HeadObject: no connection to s3.eu-central-1.amazonaws.com: connection refused",
  });
});

test("a clock that is wrong is put right by the server's, and said once", async () => {
  const date = new Date(NOW + 3_600_000).toUTCString();
  const skewed = () => refused(403, "RequestTimeTooSkewed", "", { date });
  const ok = () => bare(204);
  const { store, sent, warnings } = await scripted([skewed(), ok(), skewed(), ok()]);
  for (const _ of [1, 2]) {
    await assert.rejects(store.remove("staged/a"), { code: "store-unreachable", transient: true });
    await store.remove("staged/a");
  }
  assert.deepEqual(sent.map(({ headers }) => headers.get("x-amz-date")), [
    "20130524T000000Z",
    "20130524T010000Z",
    "20130524T010000Z",
    "20130524T010000Z",
  ]);
  assert.deepEqual(warnings, [
    "the clock of this machine is 60 minutes slow; going on with the time of s3.eu-central-1.amazonaws.com",
  ]);
});

test("a HEAD refused without words by a server with another time of day is a wrong clock", async () => {
  const date = new Date(NOW - 86_400_000).toUTCString();
  const { store, sent, warnings } = await scripted([
    bare(403, { date }),
    headed(1),
  ]);
  await assert.rejects(store.head("a"), { transient: true });
  assert.equal((await store.head("a"))?.size, 1);
  assert.equal(sent.at(-1)?.headers.get("x-amz-date"), "20130523T000000Z");
  assert.match(warnings[0] ?? "", /1440 minutes fast/);
});

test("of HEADs side by side each is told that the clock was wrong, not that access is denied", async () => {
  const date = new Date(NOW - 86_400_000).toUTCString();
  const { store } = await scripted([bare(403, { date }), bare(403, { date }), bare(403, { date })]);
  const heads = await Promise.allSettled(["a", "b", "c"].map((key) => store.head(key)));
  for (const head of heads) {
    assert.ok(head.status === "rejected" && head.reason.transient === true, JSON.stringify(head));
  }
});

test("no refusal shows a secret", async () => {
  const leak =
    "<StringToSign>AWS4-HMAC-SHA256 hush-hush</StringToSign><AWSAccessKeyId>AKIAIOSFODNN7EXAMPLE</AWSAccessKeyId>";
  for (const code of ["SignatureDoesNotMatch", "InvalidAccessKeyId", "AccessDenied", "Whatever"]) {
    const { store } = await scripted([refused(403, code, leak)]);
    await assert.rejects(store.remove("staged/a"), (error) => {
      assert.ok(error instanceof StoreError);
      const shown = `${error.message} ${error.hint} ${error.stack} ${JSON.stringify(error)} ${error.cause}`;
      assert.doesNotMatch(shown, /hush|AKIA|Credential=/);
      return true;
    });
  }
});

test("a run that is stopped stops its requests, with the reason of the stop", async () => {
  const stop = new AbortController();
  const { store } = await scripted(
    [() => new Promise<Response>(() => stop.abort(new Error("Ctrl-C")))],
    undefined,
    {},
    { signal: stop.signal },
  );
  await assert.rejects(store.head("a"), /Ctrl-C/);
  await assert.rejects(store.head("a"), /Ctrl-C/);
});
