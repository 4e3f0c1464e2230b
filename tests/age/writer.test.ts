import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import { webCryptoCipher } from "../../lib/age/chacha.ts";
import type { Envelope } from "../../lib/age/header.ts";
import { CHUNK_SIZE, PayloadKey, SEALED_CHUNK_SIZE } from "../../lib/age/payload.ts";
import { decryptBytes, encryptStream } from "../../lib/age/stream.ts";
import { AgeWriter } from "../../lib/age/writer.ts";
import { type Bytes, collect, concat, equal } from "../../lib/bytes.ts";
import { hasCode } from "../../lib/errors.ts";
import { pseudoRandom } from "../tools.ts";
import { classic, classicEnvelope, flip, MemoryAccess, pieces, WatchedCipher } from "./tools.ts";

const envelope = await classicEnvelope();

async function writerOf(plain: Uint8Array): Promise<AgeWriter> {
  return await AgeWriter.open(envelope, new MemoryAccess(plain));
}

/** The whole file, made by the other way through. */
function streamed(plain: Uint8Array): Promise<Bytes> {
  return collect(encryptStream(pieces(plain, () => 70_000), envelope));
}

/** All parts of `partSize` bytes, in order. */
async function parts(writer: AgeWriter, partSize: number): Promise<Bytes[]> {
  const made: Bytes[] = [];
  for (let at = 0; at < writer.size; at += partSize) {
    made.push(await writer.part(at, Math.min(partSize, writer.size - at)));
  }
  return made;
}

for (const size of [0, 1, 65535, 65536, 65537, 131071, 131072, 131073]) {
  test(`${size} bytes: the whole in one part is the stream's file, and decrypts`, async () => {
    const plain = pseudoRandom(size);
    const writer = await writerOf(plain);
    const file = await writer.part(0, writer.size);
    assert.deepEqual(file, await streamed(plain));
    assert.deepEqual(await decryptBytes(file, { identities: [classic.identity] }), plain);
  });
}

test("parts of any size, made in order, are the whole", async () => {
  const plain = pseudoRandom(3 * CHUNK_SIZE + 1000);
  const file = await streamed(plain);
  await fc.assert(
    fc.asyncProperty(fc.integer({ min: 5000, max: file.length + 10 }), async (partSize) => {
      assert.ok(equal(concat(...await parts(await writerOf(plain), partSize)), file));
    }),
    { numRuns: 40 },
  );
});

test("any ranges, made in any order by one writer, are those of the whole", async () => {
  const plain = pseudoRandom(5 * CHUNK_SIZE);
  const file = await streamed(plain);
  const writer = await writerOf(plain);
  await fc.assert(
    fc.asyncProperty(fc.nat(file.length), fc.nat(file.length), async (a, b) => {
      const [from, to] = [Math.min(a, b), Math.max(a, b)];
      assert.ok(equal(await writer.part(from, to - from), file.subarray(from, to)));
    }),
    { numRuns: 100 },
  );
});

test("a file made byte by byte through header, nonce and first chunk is the same", async () => {
  const plain = pseudoRandom(50);
  const writer = await writerOf(plain);
  assert.deepEqual(concat(...await parts(writer, 1)), await streamed(plain));
});

test("parts that are made side by side are those made in order", async () => {
  const plain = pseudoRandom(9 * CHUNK_SIZE + 3);
  const writer = await writerOf(plain);
  const offsets = [0, 100_000, 200_000, 300_000, 400_000, 500_000];
  const made = await Promise.all(offsets.map((at) => writer.part(at, Math.min(100_000, writer.size - at))));
  assert.ok(equal(concat(...made), (await streamed(plain)).subarray(0, writer.size)));
});

test("a new process that goes on at a later part makes the same bytes", async () => {
  const plain = pseudoRandom(4 * CHUNK_SIZE);
  const first = await parts(await writerOf(plain), 100_000);
  const resumed = await writerOf(plain);
  assert.deepEqual(await resumed.part(200_000, first[2]?.length ?? 0), first[2]);
});

test("in order, every byte is read once, ascending, and every chunk sealed once", async () => {
  const plain = new MemoryAccess(pseudoRandom(200 * CHUNK_SIZE + 9));
  const cipher = new WatchedCipher(await webCryptoCipher(pseudoRandom(32)));
  const writer = new AgeWriter(envelope, new PayloadKey(cipher), plain);
  const made = await parts(writer, 5_000_000);
  assert.equal(made.length, 3);
  assert.equal(cipher.seals, 201);
  let expected = 0;
  for (const [offset, length] of plain.reads) {
    assert.equal(offset, expected);
    expected += length;
  }
  assert.equal(expected, plain.size);
});

test("a part in the middle reads its own chunks and no others", async () => {
  const plain = new MemoryAccess(pseudoRandom(20 * CHUNK_SIZE));
  const writer = await AgeWriter.open(envelope, plain);
  await writer.part(10 * SEALED_CHUNK_SIZE, 2 * SEALED_CHUNK_SIZE);
  assert.deepEqual(plain.reads, [[9 * CHUNK_SIZE, 3 * CHUNK_SIZE]]);
});

test("header and nonce alone take no plaintext", async () => {
  const plain = new MemoryAccess(pseudoRandom(100));
  const writer = await AgeWriter.open(envelope, plain);
  const start = await writer.part(0, envelope.header.length + 16);
  assert.deepEqual(start, concat(envelope.header, envelope.nonce));
  assert.deepEqual(plain.reads, []);
});

test("one buffer serves any part of its size, and nothing of the part before stays in it", async () => {
  const plain = pseudoRandom(6 * CHUNK_SIZE + 11);
  const writer = await writerOf(plain);
  const file = await streamed(plain);
  const buffer = new Uint8Array(writer.bufferSize(90_000)).fill(0xee);
  await fc.assert(
    fc.asyncProperty(fc.nat(file.length - 90_000), async (at) => {
      const part = await writer.part(at, 90_000, buffer);
      assert.equal(part.buffer, buffer.buffer);
      assert.ok(equal(part, file.subarray(at, at + 90_000)));
    }),
    { numRuns: 40 },
  );
});

test("a buffer that is too small is refused", async () => {
  const writer = await writerOf(pseudoRandom(200_000));
  await assert.rejects(writer.part(0, 200_000, new Uint8Array(200_000)), RangeError);
});

for (const [offset, length] of [[-1, 1], [0, 1e9], [1e9, 0], [0, -1], [NaN, 1]] as const) {
  test(`${length} bytes from ${offset} are refused`, async () => {
    const writer = await writerOf(pseudoRandom(100));
    await assert.rejects(writer.part(offset, length), RangeError);
  });
}

test("a header that is not of this file key is refused before a byte is encrypted", async () => {
  const foreign: Envelope = { ...envelope, fileKey: flip(envelope.fileKey, 3) };
  const plain = new MemoryAccess(pseudoRandom(100));
  await assert.rejects(AgeWriter.open(foreign, plain, "v.iso.age"), (e) => hasCode(e, "damaged"));
  const damaged: Envelope = { ...envelope, header: flip(envelope.header, 60) };
  await assert.rejects(AgeWriter.open(damaged, plain, "v.iso.age"), (e) => hasCode(e, "damaged"));
  assert.deepEqual(plain.reads, []);
});

test("a part with a bit flipped in sealing is not returned", async () => {
  const cipher = new WatchedCipher(await webCryptoCipher(pseudoRandom(32)), { seal: 70 });
  const writer = new AgeWriter(
    envelope,
    new PayloadKey(cipher, "v"),
    new MemoryAccess(pseudoRandom(80 * CHUNK_SIZE)),
  );
  await assert.rejects(writer.part(0, writer.size), /chunk \d+ does not decrypt to what was encrypted/);
});

test("a chunk kept for the next part is compared once more", async () => {
  // Chunks 0 and 1 are opened for the first part; the third opening is that of chunk 1, carried over.
  const cipher = new WatchedCipher(await webCryptoCipher(pseudoRandom(32)), { open: 3 });
  const writer = new AgeWriter(
    envelope,
    new PayloadKey(cipher, "v"),
    new MemoryAccess(pseudoRandom(3 * CHUNK_SIZE)),
  );
  await writer.part(0, 100_000);
  await assert.rejects(writer.part(100_000, 50_000), /v: chunk 1 does not decrypt/);
});

test("what the source throws comes through, and the writer can try again", async () => {
  const plain = pseudoRandom(100 * CHUNK_SIZE);
  let fails = true;
  const source = {
    size: plain.length,
    readAt: (offset: number, length: number) =>
      fails && offset > 0
        ? Promise.reject(new Error("disk gone"))
        : new MemoryAccess(plain).readAt(offset, length),
  };
  const writer = await AgeWriter.open(envelope, source);
  await assert.rejects(writer.part(0, writer.size), /disk gone/);
  fails = false;
  assert.deepEqual(await writer.part(0, writer.size), await streamed(plain));
});

test("a source that gives too few bytes is found out", async () => {
  const source = { size: 1000, readAt: () => Promise.resolve(pseudoRandom(999)) };
  const writer = await AgeWriter.open(envelope, source);
  await assert.rejects(writer.part(0, writer.size), RangeError);
});
