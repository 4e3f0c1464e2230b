import assert from "node:assert/strict";
import { test } from "node:test";
import {
  fingerprint,
  formatIdentityFile,
  generateKeyPair,
  parseIdentity,
  parseIdentityFile,
  parseRecipient,
} from "../../lib/age/keys.ts";
import { type ErrorCode, hasCode } from "../../lib/errors.ts";
import { classic, hybridIdentity } from "./tools.ts";

const withCode = (code: ErrorCode, says: RegExp) => (error: unknown) => {
  assert.ok(hasCode(error, code), String(error));
  assert.match(error.message, says);
  return true;
};

test("a new key pair is post-quantum unless the classic kind is asked for", async () => {
  const hybrid = await generateKeyPair();
  assert.equal(hybrid.kind, "hybrid");
  assert.match(hybrid.identity, /^AGE-SECRET-KEY-PQ-1[A-Z0-9]{58}$/);
  assert.match(hybrid.recipient, /^age1pq1[a-z0-9]{1952}$/);
  const pair = await generateKeyPair("x25519");
  assert.match(pair.identity, /^AGE-SECRET-KEY-1[A-Z0-9]{58}$/);
  assert.match(pair.recipient, /^age1[a-z0-9]{58}$/);
});

test("no two key pairs are the same", async () => {
  assert.notEqual((await generateKeyPair()).identity, (await generateKeyPair()).identity);
});

test("an identity gives the recipient that the specification gives for it", async () => {
  assert.deepEqual(await parseIdentity(classic.identity), { kind: "x25519", ...classic });
  const pair = await parseIdentity(hybridIdentity);
  assert.equal(pair.kind, "hybrid");
  assert.match(pair.recipient, /^age1pq1x34nzsvr0rxjsgdn8zgyhfe8j7ceq5r9rdelkjuh3y235.*3fzv49zc0k$/);
});

test("an identity typed from paper may be in small letters and have spaces and line breaks", async () => {
  const typed = ` ${hybridIdentity.toLowerCase().replace(/(.{8})/g, "$1 ")}\r\n`;
  assert.equal((await parseIdentity(typed)).identity, hybridIdentity);
});

const BAD_IDENTITIES: readonly [name: string, text: string, says: RegExp][] = [
  ["one letter is wrong", classic.identity.replace("PYYS", "PYYT"), /mistyped or incomplete/],
  ["two letters are swapped", hybridIdentity.replace("DMEW", "DMWE"), /mistyped or incomplete/],
  ["the end is missing", classic.identity.slice(0, -4), /mistyped or incomplete/],
  [
    "a letter is none of Bech32",
    classic.identity.replace("PYYS", "PYBS"),
    /not an age identity, or it is mistyped/,
  ],
  ["it is a public key", classic.recipient, /public key, where the secret key/],
  ["it belongs to a plugin", "AGE-PLUGIN-YUBIKEY-1QQQQ", /plugins are not supported/],
  ["it is empty", "", /not an age identity/],
  ["it is something else", "-----BEGIN OPENSSH PRIVATE KEY-----", /not an age identity/],
];

for (const [name, text, says] of BAD_IDENTITIES) {
  test(`an identity is refused, and not repeated, when ${name}`, async () => {
    await assert.rejects(parseIdentity(text), (error) => {
      withCode("key-invalid", says)(error);
      assert.ok(error instanceof Error);
      if (text.length > 20) assert.ok(!`${error.stack} ${String(error.cause)}`.includes(text.slice(16, 30)));
      return true;
    });
  });
}

test("a recipient loses the spaces around it", () => {
  assert.deepEqual(parseRecipient(`\t${classic.recipient} \n`), {
    kind: "x25519",
    recipient: classic.recipient,
  });
});

const BAD_RECIPIENTS: readonly [name: string, text: string, says: RegExp][] = [
  [
    "one letter is wrong",
    classic.recipient.replace("lqzr", "lqzq"),
    /^the age recipient "age1zvkyg2lqzqaa…ujwj" is mistyped/,
  ],
  ["the end is missing", classic.recipient.slice(0, -1), /is mistyped or incomplete/],
  ["it is in capitals", classic.recipient.toUpperCase(), /is not an age recipient/],
  ["it is a secret key", classic.identity, /^this is a secret key, where a recipient is wanted$/],
  ["it is a secret key in small letters", classic.identity.toLowerCase(), /^this is a secret key/],
  ["it belongs to a plugin", "age1yubikey1qwertyuiop", /such as "age1yubikey1qwertyuiop" are not supported/],
  ["it is a hardware tag", "age1tag1qwertyuiop", /are not supported/],
  ["it is an SSH key", "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ", /is not an age recipient/],
  ["it is empty", "", /is not an age recipient/],
];

for (const [name, text, says] of BAD_RECIPIENTS) {
  test(`a recipient is refused when ${name}`, () => {
    assert.throws(() => parseRecipient(text), withCode("key-invalid", says));
  });
}

test("a secret key given as a recipient is not repeated", () => {
  assert.throws(() => parseRecipient(hybridIdentity), (error) => {
    assert.ok(hasCode(error, "key-invalid"));
    assert.doesNotMatch(`${error.message} ${error.hint}`, /XX76JRA/i);
    return true;
  });
});

test("a mistyped post-quantum recipient is shown in short", async () => {
  const { recipient } = await parseIdentity(hybridIdentity);
  assert.throws(() => parseRecipient(recipient.slice(0, -1) + "q"), (error) => {
    assert.ok(hasCode(error, "key-invalid"));
    assert.ok(error.message.length < 100);
    return true;
  });
});

test("an identity file is written as age-keygen writes it", async () => {
  const pair = await parseIdentity(classic.identity);
  assert.equal(
    formatIdentityFile(pair, Date.UTC(2026, 0, 2, 3, 4, 5, 678)),
    "# created: 2026-01-02T03:04:05Z\n" +
      "# public key: age1zvkyg2lqzraa2lnjvqej32nkuu0ues2s82hzrye869xeexvn73equnujwj\n" +
      "AGE-SECRET-KEY-1GFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPQ4EGAEX\n",
  );
});

test("an identity file may have a byte order mark, CRLF, comments, empty lines and several identities", async () => {
  const text = `\uFEFF# Anna\r\n\r\n  ${classic.identity}  \r\n#AGE-SECRET-KEY-1OLD\r\n${hybridIdentity}`;
  assert.deepEqual((await parseIdentityFile(text)).map(({ kind }) => kind), ["x25519", "hybrid"]);
});

test("an identity file that was written is read back", async () => {
  const pair = await generateKeyPair();
  assert.deepEqual(await parseIdentityFile(formatIdentityFile(pair, 0)), [pair]);
});

test("a mistyped line of an identity file is named by its number", async () => {
  const text = `# ours\n${classic.identity}\n\n${hybridIdentity.slice(0, -1)}\n`;
  await assert.rejects(
    parseIdentityFile(text, "keys.txt"),
    withCode("key-invalid", /^keys\.txt, line 4: .*mistyped/),
  );
});

test("an identity file without an identity is an error", async () => {
  await assert.rejects(
    parseIdentityFile("# nothing here\n", "keys.txt"),
    withCode("key-missing", /^keys\.txt holds no/),
  );
});

test("a fingerprint is the first 32 bits of the recipient's SHA-256, in two groups", () => {
  assert.equal(fingerprint(classic.recipient), "6a80 4773");
  assert.equal(fingerprint(`${classic.recipient}\n`), "6a80 4773");
});
