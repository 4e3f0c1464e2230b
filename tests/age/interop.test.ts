/**
 * Other programs as judges: age itself for what it knows, and the payload code of `age-encryption`.
 *
 * The age of Debian 12 (1.1.1) does not know the hybrid kind; `COLDFRAME_AGE13` may name an age ≥ 1.3,
 * which then judges that as well.
 */

import { Decrypter, Encrypter } from "age-encryption";
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import process from "node:process";
import { test } from "node:test";
import { makeHeader } from "../../lib/age/header.ts";
import { formatIdentityFile, generateKeyPair, type KeyKind, parseIdentityFile } from "../../lib/age/keys.ts";
import { protectIdentity, removeArmor, unprotectIdentity } from "../../lib/age/protect.ts";
import { decryptBytes, encryptBytes } from "../../lib/age/stream.ts";
import { AgeWriter } from "../../lib/age/writer.ts";
import { type Bytes, concat, utf8 } from "../../lib/bytes.ts";
import { pseudoRandom, run, testWith, withFolder } from "../tools.ts";
import { MemoryAccess, nonce } from "./tools.ts";

const SIZES = [0, 1, 65535, 65536, 65537, 131073, 5_000_000];

/** A file made in two parts, as an upload makes it. */
async function inParts(plain: Bytes, recipient: string): Promise<Bytes> {
  const writer = await AgeWriter.open({ ...await makeHeader([recipient]), nonce }, new MemoryAccess(plain));
  const half = writer.size >> 1;
  return concat(await writer.part(0, half), await writer.part(half, writer.size - half));
}

async function judgeByAge(age: string, kind: KeyKind): Promise<void> {
  const pair = await generateKeyPair(kind);
  await withFolder(async (folder) => {
    const [key, plain, sealed] = [join(folder, "key.txt"), join(folder, "plain"), join(folder, "sealed.age")];
    await writeFile(key, formatIdentityFile(pair, Date.now()), { mode: 0o600 });
    for (const size of SIZES) {
      const bytes = pseudoRandom(size, size + 1);
      await writeFile(sealed, await inParts(bytes, pair.recipient));
      // By standard output: age 1.1 makes no output file for a plaintext of nothing.
      const opened: { stdout: Uint8Array } = await run(age, ["-d", "-i", key, sealed], {
        encoding: "buffer",
        maxBuffer: 2 ** 24,
      });
      assert.deepEqual(new Uint8Array(opened.stdout), bytes);
      await writeFile(plain, bytes);
      await run(age, ["-e", "-r", pair.recipient, "-o", sealed, plain]);
      assert.deepEqual(await decryptBytes(await readFile(sealed), { identities: [pair.identity] }), bytes);
    }
  });
}

testWith(["age"], "age opens what we seal for a classic key, and we what it seals", async () => {
  await judgeByAge("age", "x25519");
});

const age13 = process.env["COLDFRAME_AGE13"];
if (age13 !== undefined) {
  test("age 1.3 opens what we seal for a hybrid key, and we what it seals", () =>
    judgeByAge(age13, "hybrid"));
}

testWith(["age-keygen"], "an identity file of age-keygen is read, and it reads ours", async () => {
  const { stdout } = await run("age-keygen", []);
  const [pair] = await parseIdentityFile(stdout);
  assert.ok(pair !== undefined);
  assert.match(stdout, new RegExp(`^# public key: ${pair.recipient}$`, "m"));
  await withFolder(async (folder) => {
    const path = join(folder, "key.txt");
    await writeFile(path, formatIdentityFile(pair, Date.now()), { mode: 0o600 });
    assert.equal((await run("age-keygen", ["-y", path])).stdout, `${pair.recipient}\n`);
  });
});

/** Runs a command on a terminal of its own (age asks nowhere else) and types `input` into it. */
async function onTerminal(command: string, input: string): Promise<number | null> {
  const child = spawn("script", ["-qec", command, "/dev/null"], { stdio: ["pipe", "ignore", "ignore"] });
  child.stdin.end(input);
  return await new Promise((resolve, reject) => child.on("error", reject).on("close", resolve));
}

// Linux alone: the `script` of other systems takes other arguments.
if (process.platform === "linux") {
  testWith(["age", "script"], "age opens an identity that we protect by a passphrase", async () => {
    const text = formatIdentityFile(await generateKeyPair("x25519"), 0);
    await withFolder(async (folder) => {
      const [ours, out] = [join(folder, "ours.age"), join(folder, "out.txt")];
      await writeFile(ours, await protectIdentity(text, "open sesame", 12), { mode: 0o600 });
      assert.equal(await onTerminal(`age -d -o ${out} ${ours}`, "open sesame\n"), 0);
      assert.equal(await readFile(out, "utf8"), text);
    });
  });

  // age always takes work factor 18 or so: a second alone, several on a busy machine.
  testWith(["age", "script"], "an identity that age protects by a passphrase is opened", async () => {
    const text = formatIdentityFile(await generateKeyPair("x25519"), 0);
    await withFolder(async (folder) => {
      const [plain, theirs] = [join(folder, "plain.txt"), join(folder, "theirs.age")];
      await writeFile(plain, text, { mode: 0o600 });
      assert.equal(await onTerminal(`age -p -a -o ${theirs} ${plain}`, "open sesame\nopen sesame\n"), 0);
      assert.equal(await unprotectIdentity(await readFile(theirs), "open sesame"), text);
    });
  }, { timeout: 180_000 });
}

for (const kind of ["hybrid", "x25519"] as const) {
  test(`age-encryption opens what we seal for a ${kind} key, and we what it seals`, async () => {
    const { identity, recipient } = await generateKeyPair(kind);
    const [encrypter, decrypter] = [new Encrypter(), new Decrypter()];
    encrypter.addRecipient(recipient);
    decrypter.addIdentity(identity);
    for (const size of SIZES.filter((size) => size < 1e6)) {
      const plain = pseudoRandom(size, size + 1);
      assert.deepEqual(await decrypter.decrypt(await inParts(plain, recipient)), plain);
      assert.deepEqual(await decrypter.decrypt(await encryptBytes(plain, [recipient])), plain);
      assert.deepEqual(await decryptBytes(await encrypter.encrypt(plain), { identities: [identity] }), plain);
    }
  });
}

test("age-encryption opens an identity that we protect by a passphrase", async () => {
  const decrypter = new Decrypter();
  decrypter.addPassphrase("open sesame");
  const file = removeArmor(utf8(await protectIdentity("# text\n", "open sesame", 10)));
  assert.equal(await decrypter.decrypt(file, "text"), "# text\n");
});
