/** Checksums of bodies and of objects in parts. */

import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { concat, utf8 } from "../../lib/bytes.ts";
import { partsChecksum, sha256Hex } from "../../lib/store/checksum.ts";
import { checkBody, checksumLike, joinedCrc, partsChecksumLike, tagOf } from "../../lib/store/s3/check.ts";
import { crc64Hex, crc64nvme, joinCrc64 } from "../../lib/store/s3/crc64.ts";
import { bytesAgree, expectBody } from "../../lib/store/s3/settle.ts";
import { Pace } from "../../lib/store/s3/stall.ts";
import { partSizeFor, partSizeOf } from "../../lib/store/s3/upload.ts";
import { partCount, partRange, type PartReceipt } from "../../lib/store/store.ts";
import { pseudoRandom } from "../tools.ts";

test("CRC-64/NVME has its published check value", async () => {
  assert.equal(crc64Hex(await crc64nvme(utf8("123456789"))), "ae8b14860a799888");
  assert.equal(crc64Hex(await crc64nvme(new Uint8Array(0))), "0000000000000000");
});

const bytes = fc.uint8Array({ maxLength: 300 });

test("the CRC of two stretches is that of both together", async () => {
  await fc.assert(fc.asyncProperty(bytes, bytes, async (a, b) => {
    const joined = joinCrc64(await crc64nvme(a), await crc64nvme(b), b.length);
    assert.equal(joined, await crc64nvme(concat(a, b)));
  }));
});

test("a body is sent with the checksum asked for, in base64", async () => {
  const header = async (kind: "sha256" | "crc64nvme" | "md5") =>
    (await checkBody(kind, utf8("hello"))).headers;
  assert.deepEqual(await header("sha256"), {
    "x-amz-checksum-sha256": "LPJNul+wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ=",
  });
  assert.deepEqual(await header("md5"), { "content-md5": "XUFAKrxLKna5cZ2REBfFkg==" });
  assert.deepEqual(Object.keys(await header("crc64nvme")), ["x-amz-checksum-crc64nvme"]);
});

/** Receipts of a body in parts, with the tags that a checksum makes. */
async function receiptsOf(
  body: Uint8Array<ArrayBuffer>,
  partSize: number,
  kind: "crc64nvme" | "md5",
): Promise<PartReceipt[]> {
  return await Promise.all(
    Array.from({ length: partCount(body.length, partSize) }, async (_, index) => {
      const { offset, length } = partRange(body.length, partSize, index);
      const part = body.slice(offset, offset + length);
      const check = await checkBody(kind, part);
      const tag = tagOf(check, kind === "md5" ? check.hex : "etag", partSize);
      return { index, size: length, sha256: sha256Hex(part), tag };
    }),
  );
}

test("from bytes and from receipts the checksum of an object in parts is the same, in every form", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 0, max: 500 }),
      fc.integer({ min: 1, max: 200 }),
      async (size, partSize) => {
        const body = pseudoRandom(size);
        const crc = await receiptsOf(body, partSize, "crc64nvme");
        const md5 = await receiptsOf(body, partSize, "md5");
        for (
          const [form, receipts] of [["sha256-parts", crc], ["md5-parts", md5], ["crc64nvme", crc]] as const
        ) {
          const theirs = `${form}:00:${partSize}`;
          const fromBody = await checksumLike(theirs, body);
          assert.ok(fromBody !== undefined);
          assert.equal(partsChecksumLike(theirs, receipts, partSize), fromBody);
        }
        assert.equal(joinedCrc(crc), await checksumLike("crc64nvme:", body));
        if (crc.length > 1) {
          assert.equal(
            await checksumLike(`sha256-parts::${partSize}`, body),
            partsChecksum(crc, partSize),
          );
        }
      },
    ),
    { numRuns: 60 },
  );
});

test("a form that cannot be made is not guessed", async () => {
  const receipts = [{ index: 0, size: 1, sha256: "00", tag: "opaque" }, {
    index: 1,
    size: 1,
    sha256: "00",
    tag: "x",
  }];
  for (const theirs of ["md5-parts:00:1", "crc64nvme:00", "sha256:00", "sha1:00"]) {
    assert.equal(partsChecksumLike(theirs, receipts, 1), undefined, theirs);
  }
  assert.equal(await checksumLike("sha256-parts:00:", utf8("x")), undefined);
});

test("bytes read back agree only when they are all there, in any pieces", async () => {
  const body = pseudoRandom(1000);
  async function* inPieces(of: Uint8Array, size: number) {
    for (let at = 0; at < of.length; at += size) yield of.subarray(at, at + size);
  }
  const halves = {
    ...expectBody(body),
    pieces: [body.subarray(0, 600), body.subarray(600)].map((part) => ({
      size: part.length,
      sha256: sha256Hex(part),
    })),
  };
  for (const expected of [expectBody(body), halves]) {
    for (const size of [1, 7, 600, 1000]) {
      assert.equal(await bytesAgree(inPieces(body, size), expected), true);
    }
    assert.equal(await bytesAgree(inPieces(body.subarray(0, 999), 7), expected), false);
    assert.equal(await bytesAgree(inPieces(concat(body, utf8("x")), 7), expected), false);
    assert.equal(await bytesAgree(inPieces(pseudoRandom(1000, 2), 7), expected), false);
  }
  const empty = expectBody(new Uint8Array(0));
  assert.equal(await bytesAgree(inPieces(new Uint8Array(0), 1), empty), true);
  assert.equal(await bytesAgree(inPieces(utf8("x"), 1), empty), false);
});

const MIB = 1024 * 1024;
const GIB = 1024 * MIB;

/** Sizes and their part sizes in MiB. */
const PART_SIZES: readonly [number, number][] = [
  [0, 8],
  [1, 8],
  [5 * GIB, 8],
  [80_000 * MIB, 8],
  [80_000 * MIB + 1, 9],
  [1024 * GIB, 105],
  [5 * 1024 * GIB, 525],
];

for (const [size, parts] of PART_SIZES) {
  test(`an object of ${size} bytes has parts of ${parts} MiB, at most 10,000`, () => {
    assert.equal(partSizeFor(size), parts * MIB);
    assert.ok(partCount(size, partSizeFor(size)) <= 10_000);
  });
}

test("an object larger than 10,000 parts of 5 GiB is refused", () => {
  assert.throws(() => partSizeFor(50_001 * GIB), { code: "store-full" });
});

test("the part size an upload was begun with is that of its receipts, else the usual one", () => {
  const receipt = (tag: string) => ({ index: 1, size: 5, sha256: "", tag });
  assert.equal(partSizeOf([], 100 * MIB), 8 * MIB);
  assert.equal(partSizeOf([receipt("etag")], 100 * MIB), 8 * MIB);
  assert.equal(partSizeOf([receipt("odd"), receipt("e part=16777216")], 100 * MIB), 16 * MIB);
  assert.equal(partSizeOf([receipt("e part=16777216 crc=ae8b14860a799888")], 100 * MIB), 16 * MIB);
});

test("a line that was measured gets four times as long, and twice that after each failure", () => {
  const pace = new Pace(16 * 1024);
  assert.equal(pace.allowance(16 * 1024), 1000);
  pace.sent(MIB, 1000);
  assert.equal(pace.allowance(MIB), 4000);
  pace.failed();
  assert.equal(pace.allowance(MIB), 8000);
  pace.sent(1000, 1);
  assert.equal(pace.allowance(MIB), 8000);
});
