import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { test } from "node:test";
import { ThreadHash } from "../../lib/hash-thread.ts";
import { pseudoRandom } from "../tools.ts";

function sha256(...pieces: readonly Uint8Array[]): string {
  const hash = createHash("sha256");
  for (const piece of pieces) hash.update(piece);
  return hash.digest("hex");
}

test("nothing hashes to the value of the empty string", async () => {
  assert.equal(
    await new ThreadHash().digest(),
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
  );
});

test("pieces hash to what they are together, and only what a view shows counts", async () => {
  const bytes = pseudoRandom(3_000_000);
  const hash = new ThreadHash();
  const expected = sha256(bytes, bytes.subarray(7, 1007));
  const back = await hash.update(bytes);
  await hash.update(back.subarray(7, 1007));
  assert.equal(await hash.digest(), expected);
});

test("the bytes come back as they were, in the same place of a buffer of the same size", async () => {
  const bytes = pseudoRandom(1000);
  const copy = bytes.slice();
  const hash = new ThreadHash();
  const asked = hash.update(bytes.subarray(100, 200));
  assert.equal(bytes.length, 0, "they are away meanwhile");
  const back = await asked;
  assert.deepEqual([back.byteOffset, back.length], [100, 100]);
  assert.deepEqual(new Uint8Array(back.buffer), copy);
  await hash.digest();
});

test("hashes that are made side by side do not mix", async () => {
  const pieces = Array.from({ length: 20 }, (_, i) => pseudoRandom(50_000, i + 1));
  const expected = pieces.map((piece) => sha256(piece));
  const hashes = await Promise.all(pieces.map(async (piece) => {
    const hash = new ThreadHash();
    await hash.update(piece);
    return await hash.digest();
  }));
  assert.deepEqual(hashes, expected);
});
