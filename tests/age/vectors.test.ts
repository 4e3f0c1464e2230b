/** The published vectors of the age format (C2SP/CCTV), each through our own payload code in four ways. */

import * as vectors from "cctv-age";
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { test } from "node:test";
import { inflateSync } from "node:zlib";
import { decryptAccess } from "../../lib/age/access.ts";
import type { Unlock } from "../../lib/age/header.ts";
import { removeArmor } from "../../lib/age/protect.ts";
import { decryptStream } from "../../lib/age/stream.ts";
import { concat } from "../../lib/bytes.ts";
import { ColdframeError } from "../../lib/errors.ts";
import { MemoryAccess, pieces, sizes } from "./tools.ts";

interface Vector {
  readonly expect: string;
  readonly payload: string | undefined;
  readonly unlocks: readonly Unlock[];
  readonly armored: boolean;
  readonly file: Uint8Array;
}

/** Which of our codes each expectation of the vectors may come out as. */
const CODES: Readonly<Record<string, readonly string[]>> = {
  "no match": ["key-wrong", "passphrase"],
  "HMAC failure": ["damaged"],
  "header failure": ["damaged", "not-age"],
  "payload failure": ["damaged"],
  "armor failure": ["damaged", "not-age"],
};

function parse(bytes: Uint8Array): Vector {
  const text = new TextDecoder("latin1").decode(bytes);
  const end = text.indexOf("\n\n");
  const fields = text.slice(0, end).split("\n").map((line) => line.split(": "));
  const all = (key: string) =>
    fields.flatMap(([k, value]) => k === key && value !== undefined ? [value] : []);
  const body = bytes.subarray(end + 2);
  const identities = all("identity");
  return {
    expect: all("expect")[0] ?? "",
    payload: all("payload")[0],
    unlocks: [
      ...(identities.length > 0 ? [{ identities }] : []),
      ...all("passphrase").map((passphrase) => ({ passphrase })),
    ],
    armored: all("armored")[0] === "yes",
    file: all("compressed")[0] === "zlib" ? new Uint8Array(inflateSync(body)) : body,
  };
}

const sha256 = (bytes: Uint8Array) => createHash("sha256").update(bytes).digest("hex");

/** What a stream gave until it ended, and how it ended. */
async function drain(make: () => AsyncIterable<Uint8Array>): Promise<{ plain: Uint8Array; code: string }> {
  const parts: Uint8Array[] = [];
  try {
    for await (const part of make()) parts.push(part);
    return { plain: concat(...parts), code: "success" };
  } catch (error) {
    assert.ok(error instanceof ColdframeError, String(error));
    return { plain: concat(...parts), code: error.code };
  }
}

const unwrap = (vector: Vector) => vector.armored ? removeArmor(vector.file) : vector.file;

/** Judges one way of reading; `next` gives the sizes of the pieces. */
async function judgeStream(vector: Vector, unlock: Unlock, next: () => number): Promise<void> {
  const { plain, code } = await drain(async function* () {
    yield* decryptStream(pieces(unwrap(vector), next), unlock);
  });
  assert.ok(vector.expect === "success" ? code === "success" : CODES[vector.expect]?.includes(code), code);
  // The vectors also say how much plaintext must come out before a failure.
  if (vector.payload !== undefined) assert.equal(sha256(plain), vector.payload);
  else assert.equal(plain.length, 0);
}

async function judgeRanges(vector: Vector, unlock: Unlock): Promise<void> {
  const { plain, code } = await drain(async function* () {
    const access = await decryptAccess(new MemoryAccess(unwrap(vector)), unlock);
    const next = sizes(Math.max(1000, access.size / 8), 7);
    for (let at = 0; at < access.size;) {
      const size = Math.min(next() + 1, access.size - at);
      yield await access.readAt(at, size);
      at += size;
    }
  });
  assert.ok(vector.expect === "success" ? code === "success" : CODES[vector.expect]?.includes(code), code);
  if (vector.expect === "success") assert.equal(sha256(plain), vector.payload);
}

const parsed = Object.entries(vectors).filter(([, bytes]) => bytes instanceof Uint8Array);

test("there are 143 vectors", () => assert.equal(parsed.length, 143));

for (const [name, bytes] of parsed) {
  const vector = parse(bytes);
  test(`vector ${name}: ${vector.expect}, whole, in random pieces, byte by byte and by range`, async () => {
    assert.ok(vector.expect === "success" || vector.expect in CODES);
    const unlocks = vector.unlocks.length > 0 ? vector.unlocks : [{ passphrase: "none given" }];
    for (const unlock of unlocks) {
      await judgeStream(vector, unlock, () => vector.file.length);
      await judgeStream(vector, unlock, sizes(100_000, vector.file.length));
      if (vector.file.length < 300_000) await judgeStream(vector, unlock, () => 1);
      await judgeRanges(vector, unlock);
    }
  });
}
