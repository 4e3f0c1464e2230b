import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import { webCryptoCipher } from "../../lib/age/chacha.ts";
import {
  CHUNK_SIZE,
  cipherRange,
  NONCE_SIZE,
  PayloadKey,
  payloadSize,
  plainSize,
  SEALED_CHUNK_SIZE,
} from "../../lib/age/payload.ts";
import { concat, equal, fromHex, toHex } from "../../lib/bytes.ts";
import { hasCode } from "../../lib/errors.ts";
import { pseudoRandom } from "../tools.ts";
import { fileKey, flip, nonce, WatchedCipher } from "./tools.ts";

/** Sizes of plaintext and payload: 16 bytes of nonce, 16 for each chunk begun, one chunk for nothing. */
const SIZES: readonly [plain: number, payload: number][] = [
  [0, 32],
  [1, 33],
  [65535, 65567],
  [65536, 65568],
  [65537, 65585],
  [131071, 131119],
  [131072, 131120],
  [131073, 131137],
  [5 * 2 ** 30, 5370019856],
];

for (const [plain, payload] of SIZES) {
  test(`${plain} bytes make a payload of ${payload}`, () => {
    assert.equal(payloadSize(plain), payload);
    assert.equal(plainSize(payload), plain);
  });
}

for (const size of [-1, 0, 15, 16, 31, 65569, 65584, 131121, 131136, 1.5, NaN, 2 ** 53]) {
  test(`no payload has ${size} bytes`, () => {
    assert.throws(() => plainSize(size), (error) => hasCode(error, "damaged"));
  });
}

test("sizes of plaintext and payload turn into each other for any size", () => {
  fc.assert(fc.property(fc.nat(2 ** 45), (size) => assert.equal(plainSize(payloadSize(size)), size)));
});

test("every size of payload is either that of one plaintext or refused", () => {
  fc.assert(fc.property(fc.nat(2 ** 22), (size) => {
    try {
      assert.equal(payloadSize(plainSize(size)), size);
    } catch (error) {
      assert.ok(hasCode(error, "damaged"));
    }
  }));
});

test("a range inside a chunk takes that chunk, and none of the nonce", () => {
  const range = { offset: 16, length: 65552, firstChunk: 0, last: false, skip: 10 };
  assert.deepEqual(cipherRange(10, 20, 200_000), range);
});

test("a range over the seam of two chunks takes both", () => {
  const range = { offset: 65568, length: 131104, firstChunk: 1, last: false, skip: 65535 };
  assert.deepEqual(cipherRange(131071, 2, 300_000), range);
});

test("a range that ends at a seam does not take the chunk after it", () => {
  assert.deepEqual(cipherRange(0, 65536, 65537), {
    offset: 16,
    length: 65552,
    firstChunk: 0,
    last: false,
    skip: 0,
  });
});

test("a range in the last chunk ends where the payload ends", () => {
  assert.deepEqual(cipherRange(65536, 1, 65537), {
    offset: 65568,
    length: 17,
    firstChunk: 1,
    last: true,
    skip: 0,
  });
});

test("an empty range takes the chunk it stands in, at the end the last", () => {
  assert.deepEqual(cipherRange(0, 0, 0), { offset: 16, length: 16, firstChunk: 0, last: true, skip: 0 });
  assert.deepEqual(cipherRange(131072, 0, 131072), {
    offset: 65568,
    length: 65552,
    firstChunk: 1,
    last: true,
    skip: 65536,
  });
});

for (const [offset, length] of [[-1, 1], [0, -1], [0, 101], [101, 0], [NaN, 1]] as const) {
  test(`${length} bytes from ${offset} are not inside 100`, () => {
    assert.throws(() => cipherRange(offset, length, 100), RangeError);
  });
}

// HKDF-SHA256(000102…0f, salt 101112…1f, "payload") and ChaCha20-Poly1305 as OpenSSL computes them (node 20).
test("the payload of known keys is, byte for byte, that of another implementation", async () => {
  const key = await PayloadKey.derive(fileKey, nonce);
  const sealed = await key.encryptChunks(0, new TextEncoder().encode("coldframe"), true);
  assert.equal(toHex(sealed), "e6d653ba54ac749df942bd270c83a0f78e25912e1a2fef5389");
});

test("the payload of nothing is one sealed empty chunk", async () => {
  const key = await PayloadKey.derive(fileKey, nonce);
  assert.equal(toHex(await key.encryptChunks(0, fromHex(""), true)), "5015096552fe30356648708554cb9c28");
});

test("chunks sealed in any runs are the chunks sealed in one", async () => {
  const key = await PayloadKey.derive(fileKey, nonce);
  const plain = pseudoRandom(5 * CHUNK_SIZE + 77);
  const whole = await key.encryptChunks(0, plain, true);
  await fc.assert(
    fc.asyncProperty(fc.integer({ min: 0, max: 5 }), async (at) => {
      const head = await key.encryptChunks(0, plain.subarray(0, at * CHUNK_SIZE), false);
      const tail = await key.encryptChunks(at, plain.subarray(at * CHUNK_SIZE), true);
      assert.ok(equal(concat(head, tail), whole));
    }),
    { numRuns: 12 },
  );
});

test("any range is read out of the chunks that cipherRange names", async () => {
  const key = await PayloadKey.derive(fileKey, nonce);
  const plain = pseudoRandom(3 * CHUNK_SIZE + 5);
  const payload = concat(nonce, await key.encryptChunks(0, plain, true));
  await fc.assert(
    fc.asyncProperty(fc.nat(plain.length), fc.nat(plain.length), async (a, b) => {
      const [from, to] = [Math.min(a, b), Math.max(a, b)];
      const range = cipherRange(from, to - from, plain.length);
      assert.ok(range.offset >= NONCE_SIZE && range.offset + range.length <= payload.length);
      const sealed = payload.slice(range.offset, range.offset + range.length);
      const opened = await key.decryptChunks(range.firstChunk, sealed, range.last);
      assert.ok(equal(opened.subarray(range.skip, range.skip + to - from), plain.subarray(from, to)));
    }),
    { numRuns: 60 },
  );
});

test("a short chunk before the last, and an empty one after others, are never made", async () => {
  const key = await PayloadKey.derive(fileKey, nonce);
  await assert.rejects(key.encryptChunks(0, pseudoRandom(65535), false), RangeError);
  await assert.rejects(key.encryptChunks(1, fromHex(""), true), RangeError);
});

test("an empty last chunk after others is refused though its tag is right", async () => {
  const cipher = await webCryptoCipher(pseudoRandom(32));
  const nonceOf1Last = fromHex("00 00 00 00 00 00 00 00 00 00 01 01");
  const empty = await cipher.seal(nonceOf1Last, fromHex(""));
  await assert.rejects(new PayloadKey(cipher).decryptChunks(1, empty, true), (e) => hasCode(e, "damaged"));
});

/** What was done to four sealed chunks (the last of 100 bytes), and what the error says of it. */
const whole = SEALED_CHUNK_SIZE;
const TAMPERED: readonly [name: string, change: (sealed: Uint8Array) => Uint8Array, says: RegExp][] = [
  ["a bit flipped in the second chunk", (s) => flip(s, whole + 5), /chunk 1 \(plaintext from byte 65536\)/],
  ["a bit flipped in the last tag", (s) => flip(s, s.length - 1), /chunk 3/],
  ["the last byte cut", (s) => s.slice(0, -1), /chunk 3/],
  ["the last chunk cut to less than a tag", (s) => s.slice(0, 3 * whole + 15), /chunk 3/],
  ["the last chunk gone", (s) => s.slice(0, 3 * whole), /cut short after chunk 2/],
  ["all gone", () => fromHex(""), /chunk 0/],
  ["a byte added", (s) => concat(s, fromHex("00")), /chunk 3/],
  ["a chunk added", (s) => concat(s, s.slice(0, whole)), /chunk 3/],
  ["the middle chunks swapped", (s) => swap(s), /chunk 1/],
  ["a chunk left out", (s) => concat(s.slice(0, whole), s.slice(2 * whole)), /chunk 1/],
];

function swap(sealed: Uint8Array): Uint8Array {
  const chunk = (i: number) => sealed.slice(i * whole, (i + 1) * whole);
  return concat(chunk(0), chunk(2), chunk(1), chunk(3));
}

for (const [name, change, says] of TAMPERED) {
  test(`found: ${name}`, async () => {
    const key = await PayloadKey.derive(fileKey, nonce, "photo.age");
    const sealed = await key.encryptChunks(0, pseudoRandom(3 * CHUNK_SIZE + 100), true);
    const changed = new Uint8Array(change(sealed));
    await assert.rejects(key.decryptChunks(0, changed, true), (error) => {
      assert.ok(hasCode(error, "damaged"));
      assert.match(error.message, /^photo\.age: /);
      assert.match(error.message, says);
      return true;
    });
  });
}

test("every single bit of a payload counts", async () => {
  const key = await PayloadKey.derive(fileKey, nonce);
  const sealed = await key.encryptChunks(0, pseudoRandom(40), true);
  for (let bit = 0; bit < sealed.length * 8; bit++) {
    await assert.rejects(key.decryptChunks(0, flip(sealed, bit >> 3, bit & 7), true));
  }
});

test("a bit that flips while a chunk is sealed is found before anything is handed on", async () => {
  // Chunks are sealed in order; which of them is opened second is a matter of threads.
  for (
    const [faulty, chunk] of [[{ seal: 2 }, /chunk 1 does not decrypt/], [
      { open: 2 },
      /chunk [012] does/,
    ]] as const
  ) {
    const cipher = new WatchedCipher(await webCryptoCipher(pseudoRandom(32)), faulty);
    const out = new Uint8Array(payloadSize(3 * CHUNK_SIZE) - NONCE_SIZE);
    const sealing = new PayloadKey(cipher, "v.iso.age").sealInto(
      out,
      0,
      pseudoRandom(3 * CHUNK_SIZE),
      true,
      true,
    );
    await assert.rejects(sealing, (error) => {
      assert.ok(hasCode(error, "damaged"));
      assert.match(error.message, chunk);
      assert.match(error.message, /^v\.iso\.age: /);
      assert.match(error.hint ?? "", /memory/);
      return true;
    });
  }
});
