import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import { newEnvelope } from "../../lib/age/header.ts";
import { CHUNK_SIZE, payloadSize, SEALED_CHUNK_SIZE } from "../../lib/age/payload.ts";
import { decryptBytes, decryptStream, encryptBytes, encryptStream } from "../../lib/age/stream.ts";
import { collect, concat, equal } from "../../lib/bytes.ts";
import { hasCode } from "../../lib/errors.ts";
import { pseudoRandom } from "../tools.ts";
import { classic, classicEnvelope, flip, pieces, sizes } from "./tools.ts";

const envelope = await classicEnvelope();
const unlock = { identities: [classic.identity] };

for (
  const size of [0, 1, 65535, 65536, 65537, 131071, 131072, 131073, 64 * CHUNK_SIZE, 64 * CHUNK_SIZE + 1]
) {
  test(`a stream of ${size} bytes comes back, whatever its pieces`, async () => {
    const plain = pseudoRandom(size);
    const file = await collect(encryptStream(pieces(plain, sizes(200_000, size + 1)), envelope));
    assert.equal(file.length, envelope.header.length + payloadSize(size));
    assert.ok(equal(await collect(decryptStream(pieces(file, sizes(90_000, size + 2)), unlock)), plain));
  });
}

test("the bytes of a file do not depend on the pieces it came in", async () => {
  const plain = pseudoRandom(2 * CHUNK_SIZE + 500);
  const file = await collect(encryptStream(pieces(plain, () => plain.length), envelope));
  await fc.assert(
    fc.asyncProperty(fc.integer({ min: 500, max: 200_000 }), fc.nat(1000), async (most, seed) => {
      assert.ok(equal(await collect(encryptStream(pieces(plain, sizes(most, seed)), envelope)), file));
      assert.ok(equal(await collect(decryptStream(pieces(file, sizes(most, seed)), unlock)), plain));
    }),
    { numRuns: 25 },
  );
});

test("two encryptions of the same bytes share neither file key nor nonce", async () => {
  const a = await newEnvelope([classic.recipient]);
  const b = await newEnvelope([classic.recipient]);
  assert.ok(!equal(a.fileKey, b.fileKey) && !equal(a.nonce, b.nonce));
  const plain = pseudoRandom(10);
  const file = await encryptBytes(plain, [classic.recipient]);
  assert.notDeepEqual((await encryptBytes(plain, [classic.recipient])).slice(-26), file.slice(-26));
});

test("what authenticates is handed on before a later chunk fails, and nothing else is", async () => {
  const plain = pseudoRandom(70 * CHUNK_SIZE);
  const file = await collect(encryptStream(pieces(plain, () => 1e6), envelope));
  const bad = flip(file, envelope.header.length + 16 + 67 * SEALED_CHUNK_SIZE + 9);
  const got: Uint8Array[] = [];
  await assert.rejects(
    async () => {
      for await (const piece of decryptStream(pieces(bad, () => 123_456), unlock, "v")) got.push(piece);
    },
    (error) => hasCode(error, "damaged") && /^v: chunk 67 /.test(error.message),
  );
  assert.ok(equal(concat(...got), plain.subarray(0, 67 * CHUNK_SIZE)));
});

test("a file cut anywhere is an error, never a shorter file", async () => {
  const plain = pseudoRandom(CHUNK_SIZE + 30);
  const file = await encryptBytes(plain, [classic.recipient]);
  const start = file.length - payloadSize(plain.length);
  const ends = [0, 1, 21, 22, 100, start - 1, start, start + 15, start + 16, start + 31, start + 32];
  const seams = [
    start + 16 + SEALED_CHUNK_SIZE - 1,
    start + 16 + SEALED_CHUNK_SIZE,
    file.length - 17,
    file.length - 1,
  ];
  for (const end of [...ends, ...seams]) {
    await assert.rejects(
      decryptBytes(file.subarray(0, end), unlock),
      (e) => hasCode(e, "damaged"),
      `cut at ${end}`,
    );
  }
});

test("a file with anything added is an error", async () => {
  for (const size of [0, 10, CHUNK_SIZE]) {
    const file = await encryptBytes(pseudoRandom(size), [classic.recipient]);
    for (const added of [1, 16, 17, SEALED_CHUNK_SIZE]) {
      const longer = concat(file, pseudoRandom(added));
      await assert.rejects(decryptBytes(longer, unlock), (e) => hasCode(e, "damaged"));
    }
  }
});

test("every single bit of a file counts", async () => {
  const file = await encryptBytes(pseudoRandom(30), [classic.recipient]);
  for (let at = 0; at < file.length; at++) {
    await assert.rejects(decryptBytes(flip(file, at, at & 7), unlock), `byte ${at}`);
  }
});

test("a source is told when its reader stops early, fails, or is done", async () => {
  const file = await encryptBytes(pseudoRandom(70 * CHUNK_SIZE), [classic.recipient]);
  const closed: string[] = [];
  const source = async function* (name: string, bytes: Uint8Array) {
    try {
      yield* pieces(bytes, () => 65_000);
    } finally {
      closed.push(name);
    }
  };
  for await (const _ of decryptStream(source("stopped", file), unlock)) break;
  await assert.rejects(collect(decryptStream(source("failed", flip(file, file.length - 4e6)), unlock)));
  await assert.rejects(collect(decryptStream(source("not age", pseudoRandom(1e6)), unlock)));
  await collect(decryptStream(source("done", file), unlock));
  let pieceCount = 0;
  for await (const _ of encryptStream(source("writing", pseudoRandom(5e6)), envelope)) {
    if (++pieceCount === 2) break;
  }
  assert.deepEqual(closed, ["stopped", "failed", "not age", "done", "writing"]);
});

test("a stream that fails in the middle fails the file, it does not end it", async () => {
  const failing = async function* () {
    yield* pieces(pseudoRandom(100_000), () => 50_000);
    throw new Error("cable pulled");
  };
  await assert.rejects(collect(encryptStream(failing(), envelope)), /cable pulled/);
});
