/** The checksum of bytes read back, in every form that a store may have given. */

import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { test } from "node:test";
import fc from "fast-check";
import { utf8 } from "../../lib/bytes.ts";
import { partsChecksum, sha256Hex } from "../../lib/store/checksum.ts";
import { rehashLike } from "../../lib/store/rehash.ts";
import { checksumLike } from "../../lib/store/s3/check.ts";
import { partCount, partRange } from "../../lib/store/store.ts";

async function rehash(form: string, bytes: Uint8Array, cut = bytes.length): Promise<string | undefined> {
  const hash = rehashLike(form);
  for (let at = 0; at < bytes.length; at += Math.max(1, cut)) {
    await hash?.update(bytes.subarray(at, at + Math.max(1, cut)));
  }
  return hash?.digest();
}

const DIGITS = utf8("123456789");

for (
  const [form, value] of [
    ["sha256", "15e2b0d3c33891ebb0f1ef609ec419420c20e320ce94c65fbc8c3312448eb225"], // NIST CAVP
    ["md5", "25f9e794323b453885f5181f1b624d0b"], // RFC 1321, A.5 has its like
    ["crc64nvme", "ae8b14860a799888"], // NVM Command Set Specification 1.0
  ]
) {
  test(`${form} of 123456789 is the published one, in one piece and byte by byte`, async () => {
    assert.equal(await rehash(`${form}:`, DIGITS), `${form}:${value}`);
    assert.equal(await rehash(`${form}:`, DIGITS, 1), `${form}:${value}`);
  });
}

test("the composite of parts is what an upload in these parts gives", async () => {
  await fc.assert(fc.asyncProperty(
    fc.uint8Array({ maxLength: 200 }),
    fc.integer({ min: 1, max: 50 }),
    fc.integer({ min: 1, max: 70 }),
    async (bytes, partSize, cut) => {
      const receipts = Array.from({ length: partCount(bytes.length, partSize) }, (_, index) => {
        const { offset, length } = partRange(bytes.length, partSize, index);
        return { index, size: length, sha256: sha256Hex(bytes.subarray(offset, offset + length)), tag: "" };
      });
      if (receipts.length > 1) {
        const whole = partsChecksum(receipts, partSize);
        assert.equal(await rehash(whole, bytes, cut), whole);
      }
      for (
        const form of [
          `sha256-parts:x:${partSize}`,
          `md5-parts:x:${partSize}`,
          "sha256:x",
          "md5:x",
          "crc64nvme:x",
        ]
      ) {
        assert.equal(await rehash(form, bytes, cut), await checksumLike(form, new Uint8Array(bytes)));
      }
    },
  ));
});

test("an object of no bytes has the hash of nothing", async () => {
  const empty = createHash("sha256").digest();
  assert.equal(await rehash("sha256:", new Uint8Array(0)), `sha256:${empty.toString("hex")}`);
  assert.equal(await rehash("sha256-parts::8", new Uint8Array(0)), `sha256-parts:${sha256Hex(empty)}:8`);
});

for (
  const form of [
    "",
    "blake3:00",
    "sha256-parts:00",
    "sha256-parts:00:0",
    "sha256-parts:00:-1",
    "md5-parts:00:x",
  ]
) {
  test(`nothing can be compared with ${JSON.stringify(form)}`, () =>
    assert.equal(rehashLike(form), undefined));
}
