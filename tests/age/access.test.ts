import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import { decryptAccess } from "../../lib/age/access.ts";
import { CHUNK_SIZE, SEALED_CHUNK_SIZE } from "../../lib/age/payload.ts";
import { generateKeyPair } from "../../lib/age/keys.ts";
import { encryptBytes } from "../../lib/age/stream.ts";
import { concat, equal } from "../../lib/bytes.ts";
import { hasCode } from "../../lib/errors.ts";
import { pseudoRandom } from "../tools.ts";
import { classic, flip, MemoryAccess } from "./tools.ts";

const unlock = { identities: [classic.identity] };

async function fileOf(size: number): Promise<{ plain: Uint8Array; file: Uint8Array }> {
  const plain = pseudoRandom(size);
  return { plain, file: await encryptBytes(plain, [classic.recipient]) };
}

for (const size of [0, 1, 65535, 65536, 65537, 131072, 131073]) {
  test(`${size} bytes: the size is known, and all, the first and the last of them can be read`, async () => {
    const { plain, file } = await fileOf(size);
    const access = await decryptAccess(new MemoryAccess(file), unlock);
    assert.equal(access.size, size);
    assert.deepEqual(await access.readAt(0, size), plain);
    const few = Math.min(size, 3);
    assert.deepEqual(await access.readAt(0, few), plain.slice(0, few));
    assert.deepEqual(await access.readAt(size - few, few), plain.slice(size - few));
  });
}

test("any ranges in any order are those of the plaintext", async () => {
  const { plain, file } = await fileOf(4 * CHUNK_SIZE + 99);
  const access = await decryptAccess(new MemoryAccess(file), unlock);
  await fc.assert(
    fc.asyncProperty(fc.nat(plain.length), fc.nat(plain.length), async (a, b) => {
      const [from, to] = [Math.min(a, b), Math.max(a, b)];
      assert.ok(equal(await access.readAt(from, to - from), plain.subarray(from, to)));
    }),
    { numRuns: 150 },
  );
});

test("a range beyond the end is refused", async () => {
  const { file } = await fileOf(100);
  const access = await decryptAccess(new MemoryAccess(file), unlock);
  await assert.rejects(access.readAt(90, 11), RangeError);
  await assert.rejects(access.readAt(-1, 1), RangeError);
});

test("one photo of 3 MB costs itself and less than 300 KiB, in three reads", async () => {
  const { plain, file } = await fileOf(200 * CHUNK_SIZE);
  const source = new MemoryAccess(file);
  const access = await decryptAccess(source, unlock);
  assert.ok(equal(await access.readAt(1_234_567, 3e6), plain.subarray(1_234_567, 4_234_567)));
  assert.equal(source.reads.length, 3);
  assert.ok(source.bytesRead < 3e6 + 300 * 1024, `${source.bytesRead}`);
});

for (const count of [4, 5, 6]) {
  test(`a header for ${count} hybrid recipients, and the nonce behind it, is read, however long`, async () => {
    const keys = await Promise.all(Array.from({ length: count }, () => generateKeyPair("hybrid")));
    const file = await encryptBytes(pseudoRandom(100_000), keys.map(({ recipient }) => recipient));
    const access = await decryptAccess(new MemoryAccess(file), { identities: [keys[0]?.identity ?? ""] });
    assert.ok(equal(await access.readAt(0, 100_000), pseudoRandom(100_000)));
  });
}

test("who can use what is left of a file without its end is told of that, and reads the plaintext", async () => {
  const { plain, file } = await fileOf(5 * CHUNK_SIZE);
  const { size } = new MemoryAccess(file);
  const cut = file.slice(0, file.length - 2 * SEALED_CHUNK_SIZE);
  const damaged = flip(file, file.length - 3);
  for (const bytes of [cut, damaged]) {
    const told: string[] = [];
    const source = { size, readAt: (at: number, n: number) => Promise.resolve(bytes.slice(at, at + n)) };
    const access = await decryptAccess(source, unlock, "v", ({ message }) => told.push(message));
    assert.equal(told.length, 1);
    assert.ok(equal(await access.readAt(70_000, 100_000), plain.subarray(70_000, 170_000)));
    await assert.rejects(access.readAt(5 * CHUNK_SIZE - 1, 1), (e) => hasCode(e, "damaged"));
  }
});

for (const [whole, beyond] of [[3, 0], [3, 1], [3, 16], [3, 17], [3, 40_000], [1, 0], [1, 16]] as const) {
  test(`cut ${beyond} bytes behind its chunk ${whole}, a file still gives every chunk before`, async () => {
    const { plain, file } = await fileOf(5 * CHUNK_SIZE);
    const end = file.length - (5 - whole) * SEALED_CHUNK_SIZE;
    const told: string[] = [];
    const cut = new MemoryAccess(file.slice(0, end + beyond));
    const access = await decryptAccess(cut, unlock, "v", ({ message }) => told.push(message));
    assert.match(told.join(), /^v: .*cut short[^,]*$/);
    assert.ok(equal(await access.readAt(0, whole * CHUNK_SIZE), plain.subarray(0, whole * CHUNK_SIZE)));
    await assert.rejects(access.readAt(whole * CHUNK_SIZE, 1), (e) => hasCode(e, "damaged"));
  });
}

test("a file cut before the end of its first chunk's tag has nothing to give", async () => {
  const { file } = await fileOf(0);
  for (const lost of [1, 15, 16, 17]) {
    const cut = new MemoryAccess(file.slice(0, file.length - lost));
    await assert.rejects(decryptAccess(cut, unlock, "v", () => {}), (e) => hasCode(e, "damaged"), `${lost}`);
  }
});

test("small reads that follow each other fetch a chunk once", async () => {
  const { plain, file } = await fileOf(10 * CHUNK_SIZE);
  const source = new MemoryAccess(file);
  const access = await decryptAccess(source, unlock);
  const before = source.reads.length;
  for (let at = 0; at < 3 * CHUNK_SIZE; at += 2048) {
    assert.ok(equal(await access.readAt(at, 2048), plain.subarray(at, at + 2048)));
  }
  assert.equal(source.reads.length - before, 3);
});

test("what a reader does to the bytes it got does not change the next read", async () => {
  const { plain, file } = await fileOf(100);
  const access = await decryptAccess(new MemoryAccess(file), unlock);
  (await access.readAt(0, 100)).fill(0);
  (await access.readAt(0, 50)).fill(0);
  assert.deepEqual(await access.readAt(0, 100), plain);
});

test("a file cut at the seam of two chunks does not open", async () => {
  const { file } = await fileOf(3 * CHUNK_SIZE);
  const cut = file.slice(0, file.length - SEALED_CHUNK_SIZE);
  await assert.rejects(decryptAccess(new MemoryAccess(cut), unlock, "v"), (error) => {
    assert.ok(hasCode(error, "damaged"));
    assert.equal(error.message, "v: it was cut short after chunk 1");
    return true;
  });
});

test("a file with anything added does not open", async () => {
  const { file } = await fileOf(3 * CHUNK_SIZE);
  for (const added of [1, 16, 17, 1000, SEALED_CHUNK_SIZE]) {
    const longer = new MemoryAccess(concat(file, pseudoRandom(added)));
    await assert.rejects(decryptAccess(longer, unlock), (e) => hasCode(e, "damaged"), `${added}`);
  }
});

test("a changed chunk is an error for those who read it, and for no others", async () => {
  const { plain, file } = await fileOf(5 * CHUNK_SIZE);
  const bad = flip(file, file.length - 3 * SEALED_CHUNK_SIZE + 7);
  const access = await decryptAccess(new MemoryAccess(bad), unlock, "v");
  await assert.rejects(access.readAt(2 * CHUNK_SIZE + 500, 1), /^ColdframeError: v: chunk 2 /);
  await assert.rejects(access.readAt(0, plain.length), /chunk 2/);
  assert.deepEqual(await access.readAt(3 * CHUNK_SIZE, 10), plain.slice(3 * CHUNK_SIZE, 3 * CHUNK_SIZE + 10));
});

test("a source that gives too few bytes is found out", async () => {
  const { file } = await fileOf(5 * CHUNK_SIZE);
  const whole = new MemoryAccess(file);
  const short = {
    size: file.length,
    readAt: async (offset: number, length: number) =>
      (await whole.readAt(offset, length)).slice(0, length - 1),
  };
  await assert.rejects(decryptAccess(short, unlock), (e) => hasCode(e, "damaged"));
});
