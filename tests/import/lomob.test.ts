/** lomo-backup's encryption: its published vectors, ranges against Node's cipher, and its only proof. */

import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { test } from "node:test";
import fc from "fast-check";
import { type Bytes, concat, fromHex, toHex, utf8 } from "../../lib/bytes.ts";
import { hasCode } from "../../lib/errors.ts";
import { counterAt, deriveKey, isProven, openLomob } from "../../lib/import/lomob.ts";
import { pseudoRandom } from "../tools.ts";
import { bytesAccess, sealLomob } from "./lomob-writer.ts";

const sha256 = (bytes: Uint8Array) => createHash("sha256").update(bytes).digest("hex");

async function opened(object: Bytes, masterKey: string): Promise<Bytes> {
  const access = await openLomob(bytesAccess(object), masterKey, "object");
  return await access.readAt(0, access.size);
}

// Made with the published program (DESIGN §9).
const VECTORS = [
  ["a", "ca978112ca1bbdcafac231b39a23dc4d36"],
  ["hello lomo-backup\n", "b546b7c9bdb373144ce75da623570cd671523b4e74bedeca629392bb90e56ba690e8"],
] as const;

for (const [text, object] of VECTORS) {
  test(`the published object of ${JSON.stringify(text)} opens with its master key`, async () => {
    assert.deepEqual(await opened(fromHex(object), "1234"), utf8(text));
  });

  test(`the writer of these tests makes the published object of ${JSON.stringify(text)}`, async () => {
    assert.equal(toHex(await sealLomob(utf8(text), "1234")), object);
  });
}

test("the key is Argon2id with one pass, 64 MiB and four lanes", async () => {
  const key = await deriveKey("1234", fromHex("ca978112ca1bbdcafac231b39a23dc4d"));
  assert.equal(key.length, 32);
  const other = await deriveKey("1235", fromHex("ca978112ca1bbdcafac231b39a23dc4d"));
  assert.notDeepEqual(key, other);
});

test("any range of an object is the same range of its plaintext", async () => {
  const plain = pseudoRandom(5000);
  const access = await openLomob(bytesAccess(await sealLomob(plain, "key")), "key", "object");
  assert.equal(access.size, plain.length);
  await fc.assert(
    fc.asyncProperty(fc.nat(5000), fc.nat(5000), async (from, to) => {
      const [start, end] = [Math.min(from, to), Math.max(from, to)];
      const got = await access.readAt(start, end - start);
      assert.deepEqual(toHex(got), toHex(plain.subarray(start, end)));
    }),
  );
});

// Blocks of 16 bytes: the offsets where a counter that is carried wrongly shows.
const COUNTERS = [
  ["00000000000000000000000000000000", 0, "00000000000000000000000000000000"],
  ["00000000000000000000000000000000", 1, "00000000000000000000000000000001"],
  ["000000000000000000000000000000ff", 1, "00000000000000000000000000000100"],
  ["0000000000000000ffffffffffffffff", 1, "00000000000000010000000000000000"],
  ["ffffffffffffffffffffffffffffffff", 1, "00000000000000000000000000000000"],
  ["ffffffffffffffffffffffffffffffff", 2, "00000000000000000000000000000001"],
  ["000000000000000000000000fffffffe", 0x1_0000_0003, "00000000000000000000000200000001"],
] as const;

for (const [iv, block, counter] of COUNTERS) {
  test(`the counter of block ${block} after ${iv} is ${counter}`, () => {
    assert.equal(toHex(counterAt(fromHex(iv), block)), counter);
  });
}

test("the salt proves the right plaintext and no other", async () => {
  const plain = pseudoRandom(100);
  const object = await sealLomob(plain, "key");
  const salt = object.subarray(0, 16);
  assert.ok(isProven(salt, sha256(await opened(object, "key"))));
  assert.ok(!isProven(salt, sha256(await opened(object, "Key"))), "a wrong master key");
  object[50] = (object[50] ?? 0) ^ 1;
  assert.ok(!isProven(salt, sha256(await opened(object, "key"))), "a flipped bit");
  assert.ok(!isProven(salt, sha256(await opened(object.subarray(0, 99), "key"))), "a cut end");
});

test("an object whose cipher began anew in its midst, as a resumed upload left it, is not proven", async () => {
  const plain = pseudoRandom(4096);
  const whole = await sealLomob(plain, "key");
  // The second part was encrypted as if it were the first: the bug of lomo-backup's resumed uploads.
  const key = await crypto.subtle.importKey(
    "raw",
    await deriveKey("key", whole.subarray(0, 16)),
    "AES-CTR",
    false,
    ["encrypt"],
  );
  const second = await crypto.subtle.encrypt(
    { name: "AES-CTR", counter: whole.slice(0, 16), length: 128 },
    key,
    plain.subarray(2048),
  );
  const resumed = concat(whole.subarray(0, 16 + 2048), new Uint8Array(second));
  const got = await opened(resumed, "key");
  assert.deepEqual(toHex(got.subarray(0, 2048)), toHex(plain.subarray(0, 2048)), "it begins as it should");
  assert.ok(!isProven(resumed.subarray(0, 16), sha256(got)));
});

test("an object of an empty file is its salt alone", async () => {
  const object = await sealLomob(new Uint8Array(0), "key");
  assert.equal(toHex(object), "e3b0c44298fc1c149afbf4c8996fb924");
  assert.equal((await opened(object, "key")).length, 0);
});

for (const size of [0, 15]) {
  test(`an object of ${size} bytes is refused as too short`, async () => {
    await assert.rejects(
      () => openLomob(bytesAccess(new Uint8Array(size)), "key", "IMG_1.jpg"),
      (error) => hasCode(error, "damaged") && error.message.startsWith(`IMG_1.jpg has ${size} bytes`),
    );
  });
}
