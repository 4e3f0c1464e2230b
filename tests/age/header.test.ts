import assert from "node:assert/strict";
import { test } from "node:test";
import {
  headerEnd,
  isHeaderOf,
  makeHeader,
  MAX_RECIPIENTS,
  newEnvelope,
  openHeader,
  readHeader,
} from "../../lib/age/header.ts";
import { generateKeyPair, type KeyPair } from "../../lib/age/keys.ts";
import { concat, utf8 } from "../../lib/bytes.ts";
import { type ErrorCode, hasCode } from "../../lib/errors.ts";
import { pseudoRandom } from "../tools.ts";
import { classic, flip, MemoryAccess, nonce } from "./tools.ts";

const pairs = async (kind: "hybrid" | "x25519", count: number): Promise<KeyPair[]> =>
  await Promise.all(Array.from({ length: count }, () => generateKeyPair(kind)));

const withCode = (code: ErrorCode, says: RegExp) => (error: unknown) => {
  assert.ok(hasCode(error, code), String(error));
  assert.match(error.message, says);
  return true;
};

for (const [kind, size] of [["hybrid", 1627], ["x25519", 168]] as const) {
  test(`the header for one ${kind} recipient has ${size} bytes and opens with its identity`, async () => {
    const { identity, recipient } = await generateKeyPair(kind);
    const { header, fileKey } = await makeHeader([recipient]);
    assert.equal(header.length, size);
    assert.equal(fileKey.length, 16);
    const opened = await openHeader(concat(header, pseudoRandom(500)), { identities: [identity] });
    assert.deepEqual(opened, { fileKey, headerSize: size });
  });

  test(`each of several ${kind} recipients opens the header alone`, async () => {
    const keys = await pairs(kind, 3);
    const { header, fileKey } = await makeHeader(keys.map(({ recipient }) => recipient));
    for (const { identity } of keys) {
      assert.deepEqual((await openHeader(header, { identities: [identity] })).fileKey, fileKey);
    }
  });
}

test("the right identity may be the last of several, of whatever kind", async () => {
  const [wrong, right] = [await generateKeyPair("hybrid"), await generateKeyPair("x25519")];
  const { header, fileKey } = await makeHeader([right.recipient]);
  const identities = [wrong.identity, classic.identity, right.identity];
  assert.deepEqual((await openHeader(header, { identities })).fileKey, fileKey);
});

test("a recipient that is named twice is written once", async () => {
  const { header } = await makeHeader([classic.recipient, ` ${classic.recipient}\n`]);
  assert.equal(header.length, 168);
});

test("the nonce of an envelope comes from the randomness it is given", async () => {
  const sizes: number[] = [];
  const envelope = await newEnvelope([classic.recipient], (size) => {
    sizes.push(size);
    return nonce;
  });
  assert.deepEqual(envelope.nonce, nonce);
  assert.deepEqual(sizes, [16]);
});

test("a header for nobody is not made", async () => {
  await assert.rejects(makeHeader([]), withCode("key-missing", /no recipient/));
});

test("post-quantum and classic recipients are not mixed", async () => {
  const { recipient } = await generateKeyPair("hybrid");
  await assert.rejects(makeHeader([recipient, classic.recipient]), withCode("key-invalid", /are mixed/));
});

test("the most recipients there may be still make a header that opens; one more is refused", async () => {
  const keys = await pairs("hybrid", MAX_RECIPIENTS + 1);
  const recipients = keys.map(({ recipient }) => recipient);
  await assert.rejects(makeHeader(recipients), withCode("key-invalid", /33 recipients/));
  const { header, fileKey } = await makeHeader(recipients.slice(0, MAX_RECIPIENTS));
  const last = keys[MAX_RECIPIENTS - 1]?.identity ?? "";
  const opened = await readHeader(new MemoryAccess(concat(header, nonce)), { identities: [last] });
  assert.deepEqual(opened, { fileKey, headerSize: header.length });
});

test("a foreign key is told apart from damage, and the error says whom the file is for", async () => {
  const keys = await pairs("x25519", 2);
  const { header } = await makeHeader(keys.map(({ recipient }) => recipient));
  const wrong = await generateKeyPair("hybrid");
  await assert.rejects(
    openHeader(header, { identities: [wrong.identity] }, "v.iso.age"),
    withCode(
      "key-wrong",
      /^v\.iso\.age: the identity does not open it; it is encrypted to 2 X25519 recipients$/,
    ),
  );
  await assert.rejects(
    openHeader(header, { identities: [wrong.identity, classic.identity] }),
    withCode("key-wrong", /none of the 2 identities opens it/),
  );
  await assert.rejects(
    openHeader(header, { passphrase: "x" }),
    withCode("key-wrong", /a passphrase does not open it/),
  );
});

test("without an identity nothing is opened, and that is what the error says", async () => {
  const { header } = await makeHeader([classic.recipient]);
  await assert.rejects(openHeader(header, { identities: [] }), withCode("key-missing", /no identity/));
});

test("a mistyped identity is named as such, without being shown", async () => {
  const { header } = await makeHeader([classic.recipient]);
  const identities = [classic.identity.replace("PYYS", "PYYT")];
  await assert.rejects(openHeader(header, { identities }), (error) => {
    assert.ok(hasCode(error, "key-invalid"));
    assert.doesNotMatch(`${error.message} ${error.hint} ${error.cause} ${error.stack}`, /GFPYYT|GFPYYSJ/i);
    return true;
  });
});

const NOT_AGE: readonly [name: string, start: Uint8Array, says: RegExp][] = [
  ["noise", pseudoRandom(1000), /^x is not an age file$/],
  ["an image", concat(new Uint8Array(32768), utf8("\x01CD001")), /is not an age file/],
  ["another version", utf8("age-encryption.org/v2\n-> X25519 a\n"), /newer age format/],
  ["text armor", utf8("-----BEGIN AGE ENCRYPTED FILE-----\nYWdl\n"), /text armor/],
  ["one wrong byte", utf8("bge"), /is not an age file/],
];

for (const [name, start, says] of NOT_AGE) {
  test(`not an age file: ${name}`, async () => {
    await assert.rejects(
      openHeader(start, { identities: [classic.identity] }, "x"),
      withCode("not-age", says),
    );
  });
}

test("a header that is cut anywhere is damaged, and a file of nothing too", async () => {
  const { header } = await makeHeader([classic.recipient]);
  for (let end = 0; end < header.length; end++) {
    await assert.rejects(
      openHeader(header.subarray(0, end), { identities: [classic.identity] }),
      withCode("damaged", /cut short/),
    );
  }
});

test("a header with any bit flipped does not open", async () => {
  const { header } = await makeHeader([classic.recipient]);
  for (let at = 0; at < header.length; at++) {
    const changed = flip(header, at, at % 8);
    await assert.rejects(openHeader(changed, { identities: [classic.identity] }), (error) => {
      const codes: readonly ErrorCode[] = ["damaged", "not-age", "key-wrong"];
      return codes.some((code) => hasCode(error, code));
    });
  }
});

test("a header that does not end within 64 KiB is given up, with no more read than that", async () => {
  const endless = concat(utf8("age-encryption.org/v1\n-> X25519 "), new Uint8Array(10e6).fill(0x41));
  const file = new MemoryAccess(endless);
  await assert.rejects(
    readHeader(file, { identities: [classic.identity] }),
    withCode("damaged", /within 64 KiB/),
  );
  assert.ok(file.bytesRead <= 72 * 1024, `${file.bytesRead}`);
});

test("a header is found to end only where it does", async () => {
  const { header } = await makeHeader([classic.recipient]);
  for (let end = 0; end < header.length; end++) assert.equal(headerEnd(header.subarray(0, end)), undefined);
  assert.equal(headerEnd(header), header.length);
  assert.equal(headerEnd(concat(header, utf8("\n--- x\n"))), header.length);
});

test("a header of a usual size takes one read", async () => {
  const { identity, recipient } = await generateKeyPair("hybrid");
  const { header } = await makeHeader([recipient]);
  const file = new MemoryAccess(concat(header, new Uint8Array(100_000)));
  await readHeader(file, { identities: [identity] });
  assert.deepEqual(file.reads, [[0, 8192]]);
});

test("a header belongs to its own file key and to no other", async () => {
  const { header, fileKey } = await makeHeader([classic.recipient]);
  assert.ok(isHeaderOf(header, fileKey));
  assert.ok(!isHeaderOf(header, flip(fileKey, 0)));
  assert.ok(!isHeaderOf(flip(header, 50), fileKey));
  assert.ok(!isHeaderOf(header.subarray(0, -1), fileKey));
  assert.ok(!isHeaderOf(utf8("x"), fileKey));
});
