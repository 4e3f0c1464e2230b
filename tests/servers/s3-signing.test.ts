/** Signatures, against the published examples of AWS and against requests that break one rule each. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { concat, utf8 } from "../../lib/bytes.ts";
import { ChunkDecoder } from "./s3/chunked.ts";
import { S3Error } from "./s3/errors.ts";
import { parseHead } from "./s3/http.ts";
import { type Authentic, authenticate } from "./s3/sigv4.ts";
import { withS3 } from "./s3/server.ts";
import { element, send, sha256 } from "./s3-client.ts";

const DOC_RULES = {
  credentials: [{ accessKey: "AKIAIOSFODNN7EXAMPLE", secretKey: "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY" }],
  region: "us-east-1",
  now: Date.UTC(2013, 4, 24),
};
const EMPTY = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
const HOST = "examplebucket.s3.amazonaws.com";

/** Amazon S3 API Reference, "Authenticating Requests (AWS Signature Version 4)", the examples with a header. */
const EXAMPLES = [
  {
    name: "GET an object's range",
    line: "GET /test.txt",
    headers: {
      host: HOST,
      range: "bytes=0-9",
      "x-amz-content-sha256": EMPTY,
      "x-amz-date": "20130524T000000Z",
    },
    signature: "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41",
  },
  {
    name: "PUT an object",
    line: "PUT /test%24file.text",
    headers: {
      date: "Fri, 24 May 2013 00:00:00 GMT",
      host: HOST,
      "x-amz-content-sha256": "44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8b072",
      "x-amz-date": "20130524T000000Z",
      "x-amz-storage-class": "REDUCED_REDUNDANCY",
    },
    signature: "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd",
  },
  {
    name: "GET a bucket's lifecycle",
    line: "GET /?lifecycle",
    headers: { host: HOST, "x-amz-content-sha256": EMPTY, "x-amz-date": "20130524T000000Z" },
    signature: "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543",
  },
  {
    name: "list objects",
    line: "GET /?max-keys=2&prefix=J",
    headers: { host: HOST, "x-amz-content-sha256": EMPTY, "x-amz-date": "20130524T000000Z" },
    signature: "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7",
  },
] as const;

function example(line: string, headers: Readonly<Record<string, string>>, signature: string): Authentic {
  const [method = "", url = ""] = line.split(" ");
  const authorization =
    "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request," +
    `SignedHeaders=${Object.keys(headers).join(";")},Signature=${signature}`;
  const raw = Object.entries({ ...headers, authorization }).flat();
  return authenticate(parseHead(method, url, raw), DOC_RULES);
}

for (const { name, line, headers, signature } of EXAMPLES) {
  test(`AWS's example "${name}" is accepted`, () => void example(line, headers, signature));
  test(`AWS's example "${name}" is refused with one digit changed`, () => {
    const wrong = signature.replace(/^./, (digit) => digit === "0" ? "1" : "0");
    assert.throws(() => example(line, headers, wrong), { code: "SignatureDoesNotMatch" });
  });
}

const PRESIGNED = "/test.txt?X-Amz-Algorithm=AWS4-HMAC-SHA256" +
  "&X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20130524%2Fus-east-1%2Fs3%2Faws4_request&X-Amz-Date=20130524T000000Z" +
  "&X-Amz-Expires=86400&X-Amz-SignedHeaders=host" +
  "&X-Amz-Signature=aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404";

test("AWS's presigned example is accepted until its last second, not after", () => {
  const head = parseHead("GET", PRESIGNED, ["host", HOST]);
  const at = (seconds: number) => authenticate(head, { ...DOC_RULES, now: DOC_RULES.now + seconds * 1000 });
  at(0);
  at(86400);
  assert.throws(() => at(86401), { code: "AccessDenied", message: "Request has expired" });
});

const CHUNKED_HEADERS = {
  "content-encoding": "aws-chunked",
  "content-length": "66824",
  host: "s3.amazonaws.com",
  "x-amz-content-sha256": "STREAMING-AWS4-HMAC-SHA256-PAYLOAD",
  "x-amz-date": "20130524T000000Z",
  "x-amz-decoded-content-length": "66560",
  "x-amz-storage-class": "REDUCED_REDUNDANCY",
};
const CHUNKED_SEED = "4f232c4386841ef735655705268965c44a0e4690baa4adea153f7db9fa80a0a9";
const CHUNK_SIGNATURES = [
  "ad80c730a21e5b8d04586a2213dd63b9a0e99e0e2307b0ade35a65485a288648",
  "0055627c9e194cb4542bae2aa5492e3c1575bbb81b612b7d234b86a503ef5497",
  "b6c6ea8a5354eaf15b3cb7646744f4275b71ea724fed81ceb9323e279d449df9",
];

/** The example's body: 65,536 and 1,024 times "a". */
function chunkedBody(signatures: readonly string[], filler = "a"): Uint8Array {
  return utf8(
    [65536, 1024, 0].map((size, i) =>
      `${size.toString(16)};chunk-signature=${signatures[i]}\r\n${filler.repeat(size)}\r\n`
    ).join(""),
  );
}

function decodeChunks(body: Uint8Array, pieceSize: number): Uint8Array {
  const { signer } = example("PUT /examplebucket/chunkObject.txt", CHUNKED_HEADERS, CHUNKED_SEED);
  const out: Uint8Array[] = [];
  const decoder = new ChunkDecoder({ signed: true, trailer: false, signer }, (bytes) => out.push(bytes));
  for (let at = 0; at < body.length; at += pieceSize) decoder.write(body.subarray(at, at + pieceSize));
  decoder.finish();
  return concat(...out);
}

for (const pieceSize of [1, 7, 65_536, 1_000_000]) {
  test(`AWS's chunked example decodes when it comes in pieces of ${pieceSize} bytes`, () => {
    assert.deepEqual(decodeChunks(chunkedBody(CHUNK_SIGNATURES), pieceSize), utf8("a".repeat(66560)));
  });
}

test("a chunk with other bytes than signed is refused", () => {
  assert.throws(() => decodeChunks(chunkedBody(CHUNK_SIGNATURES, "b"), 1000), {
    code: "SignatureDoesNotMatch",
  });
});

test("a chunked body that ends early is refused", () => {
  const body = chunkedBody(CHUNK_SIGNATURES);
  assert.throws(() => decodeChunks(body.subarray(0, body.length - 90), 1000), { code: "IncompleteBody" });
});

const TRAILER_HEADERS = {
  "content-encoding": "aws-chunked",
  host: "s3.amazonaws.com",
  "x-amz-content-sha256": "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER",
  "x-amz-date": "20130524T000000Z",
  "x-amz-decoded-content-length": "66560",
  "x-amz-storage-class": "REDUCED_REDUNDANCY",
  "x-amz-trailer": "x-amz-checksum-crc32c",
};

test("AWS's example with a signed trailer is accepted, and gives the trailer", () => {
  const seed = "106e2a8a18243abcf37539882f36619c00e2dfc72633413f02d3b74544bfeb8e";
  const { signer } = example("PUT /examplebucket/chunkObject.txt", TRAILER_HEADERS, seed);
  const signatures = [
    "b474d8862b1487a5145d686f57f013e54db672cee1c953b3010fb58501ef5aa2",
    "1c1344b170168f8e65b41376b44b20fe354e373826ccbbe2c1d40a8cae51e5c7",
    "2ca2aba2005185cf7159c6277faf83795951dd77a3a99e6e65d5c9f85863f992",
  ];
  const coded = new TextDecoder().decode(chunkedBody(signatures)).slice(0, -2) +
    "x-amz-checksum-crc32c:sOO8/Q==\r\n" +
    "x-amz-trailer-signature:d81f82fc3505edab99d459891051a732e8730629a2e4a59689829ca17fe2e435\r\n\r\n";
  const decoder = new ChunkDecoder({ signed: true, trailer: true, signer }, () => {});
  decoder.write(utf8(coded));
  decoder.finish();
  assert.equal(decoder.trailers.get("x-amz-checksum-crc32c"), "sOO8/Q==");
});

test("nobody without a signature gets in", async () => {
  await withS3({ buckets: ["b"] }, async (server) => {
    const response = await fetch(`${server.url}/b/k`);
    assert.deepEqual([response.status, element(await response.text(), "Code")], [403, "AccessDenied"]);
  });
});

const wrong = [
  ["a wrong secret", { secretKey: "wrong" }, 403, "SignatureDoesNotMatch"],
  ["an unknown key", { accessKey: "AKIANOBODY" }, 403, "InvalidAccessKeyId"],
  [
    "the hash of other bytes",
    { headers: { "x-amz-content-sha256": sha256(utf8("x")) } },
    400,
    "XAmzContentSHA256Mismatch",
  ],
  ["a hash that is none", { headers: { "x-amz-content-sha256": "nonsense" } }, 400, "InvalidArgument"],
] as const;

for (const [name, request, status, code] of wrong) {
  test(`a PUT with ${name} is refused with ${code} and leaves nothing`, async () => {
    await withS3({ buckets: ["b"] }, async (server) => {
      const reply = await send(server, "PUT", "/b/k", { body: "hello", ...request });
      assert.deepEqual([reply.status, reply.code], [status, code]);
      assert.equal(server.object("b", "k"), undefined);
    });
  });
}

for (
  const [seconds, code] of [[-901, "RequestTimeTooSkewed"], [-899, ""], [899, ""], [
    901,
    "RequestTimeTooSkewed",
  ]] as const
) {
  test(`a clock that is ${seconds} s off is ${code === "" ? "borne" : "refused, and told the server's time"}`, async () => {
    const now = Date.UTC(2031, 0, 2, 3, 4, 5);
    await withS3({ buckets: ["b"], now: () => now }, async (server) => {
      const reply = await send(server, "PUT", "/b/k", { body: "x", at: now + seconds * 1000 });
      assert.equal(reply.code, code);
      assert.equal(reply.headers.get("date"), "Thu, 02 Jan 2031 03:04:05 GMT");
    });
  });
}

test("a region other than the server's is refused, and told which is right", async () => {
  await withS3({ buckets: ["b"], region: "eu-west-3" }, async (server) => {
    const reply = await send({ ...server, region: "us-east-1" }, "GET", "/b?list-type=2");
    assert.deepEqual([reply.status, reply.code, element(reply.text, "Region")], [
      400,
      "AuthorizationHeaderMalformed",
      "eu-west-3",
    ]);
  });
});

test("an x-amz header that the signature does not cover is refused", () => {
  const { line, headers, signature } = EXAMPLES[0];
  const [method = "", url = ""] = line.split(" ");
  const authorization =
    "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request," +
    `SignedHeaders=${Object.keys(headers).join(";")},Signature=${signature}`;
  const raw = Object.entries({ ...headers, authorization, "x-amz-storage-class": "GLACIER" }).flat();
  assert.throws(
    () => authenticate(parseHead(method, url, raw), DOC_RULES),
    (error) =>
      error instanceof S3Error && error.code === "AccessDenied" &&
      error.fields["HeadersNotSigned"] === "x-amz-storage-class",
  );
});
