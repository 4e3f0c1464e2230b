/** Wrong, missing and protected keys. */

import assert from "node:assert/strict";
import { chmod, readFile, rename, stat, writeFile } from "node:fs/promises";
import { test } from "node:test";
import { formatIdentityFile, generateKeyPair } from "../../lib/age/keys.ts";
import { pseudoRandom } from "../tools.ts";
import { assertFails } from "./failing.ts";
import { assertRestorable, filesBelow, put } from "./files.ts";
import { type User, withUser } from "./harness.ts";

/** A home with two photos, in a volume or in staging. */
async function protectedPhotos(user: User, ...flags: string[]): Promise<void> {
  await user.ok("init", "--classic", "--yes");
  await put(user, "Photos/a.jpg", pseudoRandom(200_000, 1));
  await put(user, "Photos/b.jpg", pseudoRandom(100, 2));
  await user.ok("sync", user.path("Photos"), ...flags);
}

/** Puts the identity of somebody else in the place of the user's. */
async function swapIdentity(user: User): Promise<void> {
  const other = formatIdentityFile(await generateKeyPair("x25519"), 0);
  await writeFile(user.path("home/keys/identity.txt"), other);
}

for (const [where, flags] of [["a volume", ["--seal"]], ["staging", []]] as const) {
  test(`a wrong key opens nothing out of ${where}, and leaves no file`, () =>
    withUser(async (user) => {
      await protectedPhotos(user, ...flags);
      await swapIdentity(user);
      await assertFails(user, ["restore", "**", "--to", user.path("out")], {
        code: "key-wrong",
        says: /none of the (given )?(keys|identities)|does not open|not encrypted to/i,
        hint: /--identity|key/,
      });
      assert.deepEqual(await filesBelow(user.path("out")), []);
    }));
}

test("a missing key is named, and the place where it is looked for", () =>
  withUser(async (user) => {
    await protectedPhotos(user, "--seal");
    await rename(user.path("home/keys/identity.txt"), user.path("away.txt"));
    await assertFails(user, ["restore", "**", "--to", user.path("out")], {
      code: "key-missing",
      says: /no secret key at .*keys\/identity\.txt/,
      hint: /--identity FILE/,
    });
    assert.deepEqual(await filesBelow(user.path("out")), []);
    await user.ok("restore", "**", "--to", user.path("out"), "--identity", user.path("away.txt"));
  }));

test("a sync needs no secret key", () =>
  withUser(async (user) => {
    await protectedPhotos(user);
    await rename(user.path("home/keys/identity.txt"), user.path("away.txt"));
    await put(user, "Photos/c.jpg", "new");
    await user.ok("sync", "--seal");
    await rename(user.path("away.txt"), user.path("home/keys/identity.txt"));
    await assertRestorable(user);
  }));

test("a mistyped key is named with its file and line, and not repeated", () =>
  withUser(async (user) => {
    await protectedPhotos(user);
    const path = user.path("home/keys/identity.txt");
    const text = await readFile(path, "utf8");
    await writeFile(
      path,
      text.replace(/(AGE-SECRET-KEY-1..)./, "$1" + (/AGE-SECRET-KEY-1..Q/.test(text) ? "P" : "Q")),
    );
    await assertFails(user, ["restore", "**", "--to", user.path("out")], {
      code: "key-invalid",
      says: /identity\.txt, line 3: .*mistyped/,
      hint: /Compare it with the original/,
    });
  }));

test("a public key in the place of the secret one is told apart", () =>
  withUser(async (user) => {
    await protectedPhotos(user);
    await assertFails(
      user,
      ["restore", "**", "--to", user.path("out"), "--identity", user.path("home/keys/recipients.txt")],
      { code: "key-invalid", says: /public key, where the secret key is wanted/, hint: /AGE-SECRET-KEY-/ },
    );
  }));

test("a home without its public keys does not make new ones", () =>
  withUser(async (user) => {
    await protectedPhotos(user);
    await rename(user.path("home/keys/recipients.txt"), user.path("away.txt"));
    await assertFails(user, ["sync"], {
      code: "key-missing",
      says: /home is incomplete: .*recipients\.txt is missing/,
      hint: /Bring that file back/,
    });
    await rename(user.path("away.txt"), user.path("home/keys/recipients.txt"));
    await assertRestorable(user);
  }));

test("a mistyped recipient stops a sync before anything is stored", () =>
  withUser(async (user) => {
    await user.ok("init", "--classic", "--yes");
    await put(user, "Photos/a.jpg", "a");
    await writeFile(user.path("home/keys/recipients.txt"), "age1mistyped\n");
    await assertFails(user, ["sync", user.path("Photos"), "--seal"], {
      code: "key-invalid",
      says: /recipient/,
      hint: /age1|public key/,
    });
    assert.deepEqual((await filesBelow(user.path("home/store"))).filter((path) => path.endsWith(".age")), []);
  }));

test("what a passphrase protects opens with it alone", { timeout: 180_000 }, () =>
  withUser(async (user) => {
    await protectedPhotos(user, "--seal");
    user.env = { COLDFRAME_PASSPHRASE: "correct horse" };
    await user.ok("key", "protect", "--work-factor", "10");
    assert.equal((await stat(user.path("home/keys/identity.txt"))).mode & 0o777, 0o600);
    await assertRestorable(user);

    user.env = { COLDFRAME_PASSPHRASE: "wrong horse" };
    await assertFails(user, ["restore", "**", "--to", user.path("out")], {
      code: "passphrase",
      says: /passphrase/,
      hint: /./,
    });
    user.env = {};
    await assertFails(user, ["restore", "**", "--to", user.path("out")], {
      code: "passphrase",
      says: /identity\.txt is protected by a passphrase/,
      hint: /COLDFRAME_PASSPHRASE/,
    });
    assert.deepEqual(await filesBelow(user.path("out")), []);
  }));

test(
  "a damaged protected key is damage, and not a wrong passphrase",
  { timeout: 180_000 },
  () =>
    withUser(async (user) => {
      await protectedPhotos(user);
      user.env = { COLDFRAME_PASSPHRASE: "correct horse" };
      await user.ok("key", "protect", "--work-factor", "10");
      const path = user.path("home/keys/identity.txt");
      const text = await readFile(path, "utf8");
      await writeFile(path, text.slice(0, -60));
      await assertFails(user, ["restore", "**", "--to", user.path("out")], {
        code: "damaged",
        says: /identity\.txt/,
        hint: /./,
      });
    }),
);

test("passphrases that differ protect nothing", () =>
  withUser(async (user) => {
    await protectedPhotos(user);
    const before = await readFile(user.path("home/keys/identity.txt"), "utf8");
    user.answers = ["one", "another"];
    const { code, err } = await user.run("key", "protect", "--work-factor", "10");
    assert.equal(code, 1);
    assert.match(err, /Error: the two passphrases differ\n→ Try again\./);
    assert.equal(await readFile(user.path("home/keys/identity.txt"), "utf8"), before);
  }));

test("a key that may not be read is not taken for a missing one", () =>
  withUser(async (user) => {
    await protectedPhotos(user);
    await chmod(user.path("home/keys/identity.txt"), 0);
    await assertFails(
      user,
      ["restore", "**", "--to", user.path("out"), "--identity", user.path("home/keys")],
      {
        code: "key-missing",
        says: /cannot read the secret key/,
        hint: /--identity FILE/,
      },
    );
  }));

test("a second recipient opens what is stored from then on", () =>
  withUser(async (user) => {
    await user.ok("init", "--classic", "--yes");
    const spouse = await generateKeyPair("x25519");
    assert.match(await user.ok("key", "add", spouse.recipient), /can open what is stored from now on/);
    assert.match(await user.ok("key", "add", spouse.recipient), /could open new objects already/);
    await put(user, "Photos/a.jpg", pseudoRandom(1000, 1));
    await user.ok("sync", user.path("Photos"), "--seal");
    await writeFile(user.path("spouse.txt"), formatIdentityFile(spouse, 0), { mode: 0o600 });
    await user.ok("restore", "**", "--to", user.path("out"), "--identity", user.path("spouse.txt"));
    assert.deepEqual(await filesBelow(user.path("out")), ["Photos/a.jpg"]);
  }));

test("a recipient of the other kind is refused when it is added, not at the next sync", () =>
  withUser(async (user) => {
    await user.ok("init", "--yes");
    const classic = await generateKeyPair("x25519");
    const before = await readFile(user.path("home/keys/recipients.txt"), "utf8");
    await assertFails(user, ["key", "add", classic.recipient], {
      code: "key-invalid",
      says: /post-quantum \(age1pq1…\) and classic \(age1…\) recipients are mixed/,
      hint: /Use one kind/,
    });
    assert.equal(await readFile(user.path("home/keys/recipients.txt"), "utf8"), before);
  }));

test("a home with recipients of both kinds is not made", () =>
  withUser(async (user) => {
    const classic = await generateKeyPair("x25519");
    await assertFails(user, ["init", "--yes", "--recipient", classic.recipient], {
      code: "key-invalid",
      says: /are mixed/,
      hint: /Use one kind/,
    });
    assert.match((await user.run("status")).err, /there is no coldframe home/);
  }));

test("a home without any key is not made", () =>
  withUser(async (user) => {
    await assertFails(user, ["init", "--yes", "--no-identity"], {
      code: "key-missing",
      says: /at least one public key/,
      hint: /--recipient/,
    });
  }));

for (const text of ["age1notakey", "AGE-SECRET-KEY-1QQQQ", "ssh-ed25519 AAAA", ""]) {
  test(`"${text}" cannot be added as a recipient`, () =>
    withUser(async (user) => {
      await user.ok("init", "--classic", "--yes");
      const { code, err } = await user.run("key", "add", text);
      assert.equal(code, 1);
      assert.match(err, /^Error: .*\n→ .*\n$/);
    }));
}
