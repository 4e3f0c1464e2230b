/** Reads, listings and restores of the strict server. */

import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { utf8 } from "../../lib/bytes.ts";
import { parseHead } from "./s3/http.ts";
import { route } from "./s3/routes.ts";
import { type S3Options, type S3Server, withS3 } from "./s3/server.ts";
import { element, elements, type Reply, send } from "./s3-client.ts";

const HOUR = 3600 * 1000;
const TEXT = "0123456789";

/** Runs `body` with a server that has the bucket `b`, and expects no bug of the server's own. */
function serve(body: (server: S3Server) => Promise<void>, options: S3Options = {}): () => Promise<void> {
  return () =>
    withS3({ buckets: ["b"], ...options }, async (server) => {
      await body(server);
      assert.deepEqual(server.crashes, []);
    });
}

const ranges = [
  ["bytes=0-0", 206, "0", "bytes 0-0/10"],
  ["bytes=3-5", 206, "345", "bytes 3-5/10"],
  ["bytes=7-", 206, "789", "bytes 7-9/10"],
  ["bytes=7-999", 206, "789", "bytes 7-9/10"],
  ["bytes=-4", 206, "6789", "bytes 6-9/10"],
  ["bytes=-99", 206, TEXT, "bytes 0-9/10"],
  ["bytes=0-9", 206, TEXT, "bytes 0-9/10"],
  ["bytes=5-3", 200, TEXT, null],
  ["bytes=0-1,4-5", 200, TEXT, null],
  ["lines=0-1", 200, TEXT, null],
] as const;

test(
  "a range gives those bytes, and one that makes no sense the whole",
  serve(async (server) => {
    server.addObject("b", "k", utf8(TEXT));
    for (const [range, status, body, contentRange] of ranges) {
      const reply = await send(server, "GET", "/b/k", { headers: { range } });
      assert.deepEqual([reply.status, reply.text, reply.headers.get("content-range")], [
        status,
        body,
        contentRange,
      ], range);
    }
  }),
);

test(
  "a range that begins at or after the end is 416",
  serve(async (server) => {
    server.addObject("b", "k", utf8(TEXT));
    server.addObject("b", "empty", utf8(""));
    for (
      const [key, range] of [["k", "bytes=10-"], ["k", "bytes=10-20"], ["k", "bytes=-0"], [
        "empty",
        "bytes=0-0",
      ]] as const
    ) {
      const reply = await send(server, "GET", `/b/${key}`, { headers: { range } });
      assert.deepEqual([reply.status, reply.code], [416, "InvalidRange"], `${key} ${range}`);
    }
  }),
);

test(
  "HEAD tells the size and no body, and of a missing key only 404",
  serve(async (server) => {
    server.addObject("b", "k", utf8(TEXT));
    const head = await send(server, "HEAD", "/b/k");
    assert.deepEqual([head.status, head.headers.get("content-length"), head.text], [200, "10", ""]);
    const missing = await send(server, "HEAD", "/b/none");
    assert.deepEqual([missing.status, missing.text], [404, ""]);
  }),
);

test(
  "a missing bucket is NoSuchBucket for every call",
  serve(async (server) => {
    for (
      const [method, path] of [["GET", "/x?list-type=2"], ["GET", "/x/k"], ["DELETE", "/x/k"], [
        "GET",
        "/x?uploads",
      ]] as const
    ) {
      const reply = await send(server, method, path);
      assert.deepEqual([reply.status, reply.code], [404, "NoSuchBucket"], `${method} ${path}`);
    }
  }),
);

for (const host of ["b.localhost:9000", "b.s3.example.com"]) {
  test(`the bucket may stand in the host: ${host}`, () => {
    const head = parseHead("GET", "/dir/k%20k", ["Host", host]);
    const target = route(head, { listV1Only: false, domain: "s3.example.com" });
    assert.deepEqual(target, { operation: "GetObject", bucket: "b", key: "dir/k k", part: undefined });
  });
}

/** All pages of a listing. */
async function listAll(server: S3Server, query: string): Promise<Reply[]> {
  const pages: Reply[] = [];
  let token = "";
  do {
    const page = await send(server, "GET", `/b?list-type=2${query}${token}`);
    assert.equal(page.status, 200, page.text);
    pages.push(page);
    const next = element(page.text, "NextContinuationToken");
    token = next === undefined ? "" : `&continuation-token=${encodeURIComponent(next)}`;
  } while (token !== "");
  return pages;
}

test("pages of any size put together are the sorted keys, each once; so with a delimiter", async () => {
  const key = fc.string({
    unit: fc.constantFrom("a", "b", "/", "é", "\u{1f418}", "\uffee"),
    minLength: 1,
    maxLength: 6,
  });
  await fc.assert(
    fc.asyncProperty(
      fc.uniqueArray(key, { maxLength: 15 }),
      fc.integer({ min: 1, max: 5 }),
      async (keys, size) => {
        await withS3({ buckets: ["b"] }, async (server) => {
          for (const name of keys) server.addObject("b", name, utf8(""));
          const plain = await listAll(server, `&max-keys=${size}&encoding-type=url`);
          const found = plain.flatMap((page) => elements(page.text, "Key").map(decodeURIComponent));
          const sorted = [...keys].sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
          assert.deepEqual(found, sorted);
          assert.equal(plain.length, Math.max(1, Math.ceil(keys.length / size)));

          const rolled = await listAll(server, `&max-keys=${size}&encoding-type=url&delimiter=%2F`);
          const names = rolled.flatMap((page) => {
            const prefixes = page.text.slice(page.text.indexOf("<CommonPrefixes>"));
            return page.text.includes("<CommonPrefixes>")
              ? elements(prefixes, "Prefix").map(decodeURIComponent)
              : [];
          });
          const expected = sorted.filter((name) => name.includes("/")).map((name) =>
            name.slice(0, name.indexOf("/") + 1)
          );
          assert.deepEqual(names, [...new Set(expected)]);
          assert.deepEqual(
            rolled.flatMap((page) => elements(page.text, "Key").map(decodeURIComponent)),
            sorted.filter((name) => !name.includes("/")),
          );
        });
      },
    ),
    { numRuns: 40 },
  );
});

test(
  "a page never has more than 1,000 keys, whatever is asked",
  serve(async (server) => {
    for (let i = 0; i < 1001; i++) server.addObject("b", `k${i}`, utf8(""));
    const reply = await send(server, "GET", "/b?list-type=2&max-keys=5000");
    assert.equal(elements(reply.text, "Key").length, 1000);
    assert.equal(element(reply.text, "IsTruncated"), "true");
  }),
);

test(
  "a made-up continuation token is refused",
  serve(async (server) => {
    const reply = await send(server, "GET", "/b?list-type=2&continuation-token=made-up");
    assert.deepEqual([reply.status, reply.code], [400, "InvalidArgument"]);
  }),
);

const restores = [
  ["DEEP_ARCHIVE", "Standard", 12 * HOUR],
  ["DEEP_ARCHIVE", "Bulk", 48 * HOUR],
  ["GLACIER", "Expedited", HOUR / 12],
  ["GLACIER", "Standard", 5 * HOUR],
  ["GLACIER", "Bulk", 12 * HOUR],
] as const;

function restore(server: S3Server, tier: string, days = 1): Promise<Reply> {
  const body =
    `<RestoreRequest><Days>${days}</Days><GlacierJobParameters><Tier>${tier}</Tier></GlacierJobParameters></RestoreRequest>`;
  return send(server, "POST", "/b/k?restore=", { body });
}

for (const [storageClass, tier, takes] of restores) {
  test(
    `${storageClass} is readable ${
      takes / HOUR * 60
    } minutes after a restore of tier ${tier}, and not a second before`,
    serve(async (server) => {
      server.addObject("b", "k", utf8("cold"), storageClass);
      assert.equal((await send(server, "GET", "/b/k")).code, "InvalidObjectState");
      assert.equal((await restore(server, tier)).status, 202);
      server.advance(takes - 1000);
      assert.equal((await send(server, "GET", "/b/k")).code, "InvalidObjectState");
      assert.equal((await restore(server, tier)).code, "RestoreAlreadyInProgress");
      assert.equal(
        (await send(server, "HEAD", "/b/k")).headers.get("x-amz-restore"),
        'ongoing-request="true"',
      );
      server.advance(1000);
      assert.equal((await send(server, "GET", "/b/k")).text, "cold");
    }, { now: () => Date.UTC(2030, 5, 1) }),
  );
}

test(
  "a thawed copy lives until the midnight after its days, and a further request moves that",
  serve(async (server) => {
    server.addObject("b", "k", utf8("cold"), "DEEP_ARCHIVE");
    await restore(server, "Standard", 2);
    server.advance(12 * HOUR);
    const head = async () => (await send(server, "HEAD", "/b/k")).headers.get("x-amz-restore");
    assert.equal(await head(), 'ongoing-request="false", expiry-date="Tue, 04 Jun 2030 00:00:00 GMT"');
    assert.equal((await restore(server, "Standard", 5)).status, 200);
    assert.equal(await head(), 'ongoing-request="false", expiry-date="Fri, 07 Jun 2030 00:00:00 GMT"');
    server.advance(6 * 24 * HOUR);
    assert.equal((await send(server, "GET", "/b/k")).code, "InvalidObjectState");
    assert.equal(await head(), null);
  }, { now: () => Date.UTC(2030, 5, 1) }),
);

test(
  "what is not archived cannot be restored, and DEEP_ARCHIVE not expedited",
  serve(async (server) => {
    server.addObject("b", "k", utf8("warm"));
    assert.equal((await restore(server, "Standard")).code, "InvalidObjectState");
    server.addObject("b", "k", utf8("cold"), "DEEP_ARCHIVE");
    assert.equal((await restore(server, "Expedited")).code, "InvalidArgument");
  }),
);
