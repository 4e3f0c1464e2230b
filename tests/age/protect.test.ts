import assert from "node:assert/strict";
import { test } from "node:test";
import { formatIdentityFile, generateKeyPair } from "../../lib/age/keys.ts";
import { isProtected, protectIdentity, removeArmor, unprotectIdentity } from "../../lib/age/protect.ts";
import { encryptBytes } from "../../lib/age/stream.ts";
import { utf8 } from "../../lib/bytes.ts";
import { type ErrorCode, hasCode } from "../../lib/errors.ts";
import { classic } from "./tools.ts";

/** The least work factor there is, so that tests are quick. */
const QUICK = 10;
const TEXT = formatIdentityFile(await generateKeyPair(), 0);

/** Work factor 18 takes a second alone, and several on a busy machine; Bun gives a test five. */
const SLOW = { timeout: 180_000 };

const withCode = (code: ErrorCode) => (error: unknown) => hasCode(error, code);

test("a protected identity is text armor that the passphrase opens", async () => {
  const file = await protectIdentity(TEXT, "päss wörd", QUICK);
  assert.match(
    file,
    /^-----BEGIN AGE ENCRYPTED FILE-----\n([A-Za-z0-9+/=]{1,64}\n)+-----END AGE ENCRYPTED FILE-----\n$/,
  );
  assert.equal(await unprotectIdentity(utf8(file), "päss wörd"), TEXT);
});

test("the work factor is 18 unless another is given", SLOW, async () => {
  const header = (file: string) => new TextDecoder("latin1").decode(removeArmor(utf8(file)));
  assert.match(header(await protectIdentity(TEXT, "x")), /^-> scrypt \S+ 18$/m);
  assert.match(header(await protectIdentity(TEXT, "x", 11)), /^-> scrypt \S+ 11$/m);
});

for (const workFactor of [9, 21, 10.5, NaN]) {
  test(`a work factor of ${workFactor} is refused`, async () => {
    await assert.rejects(protectIdentity(TEXT, "x", workFactor), withCode("usage"));
  });
}

test("an empty passphrase is refused", async () => {
  await assert.rejects(protectIdentity(TEXT, "", QUICK), withCode("passphrase"));
});

test("a wrong passphrase is told apart from a damaged file", async () => {
  const file = await protectIdentity(TEXT, "right", QUICK);
  await assert.rejects(unprotectIdentity(utf8(file), "wrong", "k.age"), (error) => {
    assert.ok(hasCode(error, "passphrase"));
    assert.equal(error.message, "k.age: wrong passphrase");
    return true;
  });
  const cut = file.replace(/\n[^\n]+\n-----END/, "\n-----END");
  await assert.rejects(unprotectIdentity(utf8(cut), "right"), withCode("damaged"));
  await assert.rejects(unprotectIdentity(utf8(file.slice(0, -40)), "right"), withCode("damaged"));
});

test("the binary form is read as well, and armor with CRLF and blank lines around it", async () => {
  const file = await protectIdentity(TEXT, "x", QUICK);
  assert.equal(await unprotectIdentity(removeArmor(utf8(file)), "x"), TEXT);
  assert.equal(await unprotectIdentity(utf8(`\uFEFF\r\n${file.replaceAll("\n", "\r\n")}\r\n`), "x"), TEXT);
});

test("a file that is encrypted to a key instead is named as such", async () => {
  const file = await encryptBytes(utf8(TEXT), [classic.recipient]);
  await assert.rejects(unprotectIdentity(file, "x"), withCode("key-wrong"));
});

test("a plain identity file is not an age file", async () => {
  await assert.rejects(unprotectIdentity(utf8(TEXT), "x"), withCode("not-age"));
});

test("a protected identity file is told from a plain one by its first bytes", async () => {
  const file = await protectIdentity(TEXT, "x", QUICK);
  assert.ok(isProtected(utf8(file)));
  assert.ok(isProtected(utf8(`\n\n${file}`)));
  assert.ok(isProtected(removeArmor(utf8(file))));
  assert.ok(!isProtected(utf8(TEXT)));
  assert.ok(!isProtected(utf8("")));
});
