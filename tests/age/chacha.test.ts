import assert from "node:assert/strict";
import { test } from "node:test";
import { chunkCipher, nobleCipher, webCryptoCipher } from "../../lib/age/chacha.ts";
import { chunkNonce } from "../../lib/age/payload.ts";
import { type Bytes, fromHex, toHex } from "../../lib/bytes.ts";
import { pseudoRandom } from "../tools.ts";
import { flip } from "./tools.ts";

const key = fromHex("808182838485868788898a8b8c8d8e8f 909192939495969798999a9b9c9d9e9f");
const nonce = fromHex("070000004041424344454647");
// Made with Python's `cryptography` (OpenSSL): ChaCha20Poly1305(key).encrypt(nonce, b"coldframe", None).
const SEALED = fromHex("fc148539678f21d770 df137926ff477490ac296f2688204b31");

test("a chunk is sealed as OpenSSL seals it", async () => {
  const cipher = await chunkCipher(key);
  assert.equal(toHex(await cipher.seal(nonce, new TextEncoder().encode("coldframe"))), toHex(SEALED));
});

test("this runtime's WebCrypto has ChaCha20-Poly1305", async () => {
  assert.equal(toHex(await (await webCryptoCipher(key)).seal(nonce, fromHex(""))).length, 32);
});

test("the fallback makes the same bytes as WebCrypto for every size around a block and a chunk", async () => {
  const [web, noble] = [await webCryptoCipher(key), nobleCipher(key)];
  for (const size of [0, 1, 15, 16, 17, 63, 64, 65, 4096, 65535, 65536]) {
    const plain = pseudoRandom(size, size + 1);
    const sealed = await web.seal(nonce, plain);
    assert.deepEqual(await noble.seal(nonce, plain), sealed);
    assert.deepEqual(await noble.open(nonce, sealed), plain);
    assert.deepEqual(await web.open(nonce, sealed), plain);
  }
});

for (const [name, make] of [["WebCrypto", webCryptoCipher], ["the fallback", nobleCipher]] as const) {
  test(`${name} opens nothing that differs in any one bit`, async () => {
    const cipher = await make(key);
    for (let bit = 0; bit < SEALED.length * 8; bit++) {
      assert.equal(await cipher.open(nonce, flip(SEALED, bit >> 3, bit & 7)), undefined);
    }
  });

  test(`${name} opens nothing that is shorter than a tag`, async () => {
    const cipher = await make(key);
    for (const size of [0, 1, 15]) assert.equal(await cipher.open(nonce, SEALED.slice(0, size)), undefined);
  });

  test(`${name} opens nothing under another nonce`, async () => {
    const cipher = await make(key);
    assert.equal(await cipher.open(flip(nonce, 11), SEALED), undefined);
  });
}

test("a chunk's nonce is its number in 11 big-endian bytes and a flag on the last", () => {
  const rows: [number, boolean, string][] = [
    [0, false, "00 00 00 00 00 00 00 00 00 00 00 00"],
    [0, true, "00 00 00 00 00 00 00 00 00 00 00 01"],
    [1, false, "00 00 00 00 00 00 00 00 00 00 01 00"],
    [255, true, "00 00 00 00 00 00 00 00 00 00 ff 01"],
    [256, false, "00 00 00 00 00 00 00 00 00 01 00 00"],
    [2 ** 32, false, "00 00 00 00 00 00 01 00 00 00 00 00"],
    [2 ** 37 - 1, true, "00 00 00 00 00 00 1f ff ff ff ff 01"],
  ];
  const spaced = (bytes: Bytes) => toHex(bytes).replace(/..(?=.)/g, "$& ");
  for (const [chunk, last, hex] of rows) assert.equal(spaced(chunkNonce(chunk, last)), hex);
});
