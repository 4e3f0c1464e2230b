/** The recovery kit: what is on the paper, who can read the file, and what a copy of the key is told. */

import assert from "node:assert/strict";
import { readFile, rm, stat, writeFile } from "node:fs/promises";
import { test } from "node:test";
import { formatIdentityFile, generateKeyPair } from "../../lib/age/keys.ts";
import { renderKit } from "../../lib/cli/kit.ts";
import { run, testWith } from "../tools.ts";
import { assertFails, assertNoSecret } from "./failing.ts";
import { filesBelow, put } from "./files.ts";
import { type User, withUser } from "./harness.ts";

const KIT = "home/recovery-kit.html";

/** The secret key of the home. */
async function secretOf(user: User): Promise<string> {
  const text = await readFile(user.path("home/keys/identity.txt"), "utf8");
  return /^AGE-SECRET-KEY-\S+$/m.exec(text)?.[0] ?? assert.fail("there is a secret key");
}

/** The text of the key as the page shows it: a line of the paper, a line here. */
function typedFrom(html: string): string {
  const [, key = ""] = /<ol class="key">(.*?)<\/ol>/s.exec(html) ?? [];
  return key.replaceAll("</span>", " ").replace(/<[^>]+>/g, "");
}

/** Whether two files' worth of output give the key away. */
function assertQuiet(secret: string, result: { out: string; err: string }): void {
  assert.ok(!(result.out + result.err).includes(secret.slice(-40)), "the key is in the file only");
}

for (const kind of ["hybrid", "classic"] as const) {
  testWith(
    ["rsvg-convert", "zbarimg"],
    `the text and the QR code of a ${kind} kit are the key`,
    () =>
      withUser(async (user) => {
        await user.ok("init", "--yes", ...(kind === "classic" ? ["--classic"] : []));
        await user.ok("key", "kit");
        const html = await readFile(user.path(KIT), "utf8");
        const secret = await secretOf(user);
        assert.equal(typedFrom(html).replace(/\s/g, ""), secret);

        const [svg = ""] = /<svg.*?<\/svg>/s.exec(html) ?? [];
        await writeFile(user.path("qr.svg"), svg);
        await run("rsvg-convert", ["-w", "400", user.path("qr.svg"), "-o", user.path("qr.png")]);
        const { stdout } = await run("zbarimg", ["--raw", "-q", user.path("qr.png")]);
        assert.equal(stdout.trim(), secret);
      }),
  );
}

test("the kit is for its owner only, and its key is not in any output", () =>
  withUser(async (user) => {
    await user.ok("init", "--classic", "--yes");
    const text = await user.run("key", "kit");
    assert.equal(text.code, 0, text.err);
    assert.match(text.out, /Recovery kit: .*recovery-kit\.html\n.*secret key.*\n.*key kit --verify.*delete/s);
    assert.equal((await stat(user.path(KIT))).mode & 0o777, 0o600);
    const out = user.path("kit.html");
    const json = await user.run("key", "kit", "--out", out, "--json");
    const { file, fingerprints, stores, private: isPrivate } = JSON.parse(json.out);
    assert.deepEqual({ file, stores, isPrivate }, {
      file: out,
      stores: [`file:${user.path("home/store")}`],
      isPrivate: true,
    });
    assert.match(fingerprints[0], /^[0-9a-f]{4} [0-9a-f]{4}$/);
    for (const result of [text, json]) {
      await assertNoSecret(user, result);
      assertQuiet(await secretOf(user), result);
    }
  }));

test("a kit is never replaced", () =>
  withUser(async (user) => {
    await user.ok("init", "--classic", "--yes");
    await put(user, KIT, "an older kit");
    await assertFails(user, ["key", "kit"], { code: "exists", says: /is there already/, hint: /--out FILE/ });
    assert.equal(await readFile(user.path(KIT), "utf8"), "an older kit");
  }));

test("a place that cannot be written is named", () =>
  withUser(async (user) => {
    await user.ok("init", "--classic", "--yes");
    await assertFails(user, ["key", "kit", "--out", user.path("nowhere/kit.html")], {
      code: "home",
      says: /cannot write .*nowhere/,
      hint: /--out FILE/,
    });
  }));

test("the page names every store in use, where the settings are and where they were", () =>
  withUser(async (user) => {
    await user.ok("init", "--classic", "--yes", "--cold", "s3://photos/house?class=DEEP_ARCHIVE");
    await put(user, "Photos/a.jpg", "a");
    const elsewhere = `file:${user.path("disk")}`;
    await user.ok("sync", user.path("Photos"), "--seal", "--cold", elsewhere, "--staging", elsewhere);
    user.env = { AWS_REGION: "eu-north-1", AWS_ACCESS_KEY_ID: "AKIDKIT", AWS_SECRET_ACCESS_KEY: "hush-hush" };
    await user.ok("key", "kit");
    const html = await readFile(user.path(KIT), "utf8");
    assert.match(html, /bucket “photos”, folder “house\/”, region eu-north-1.*cold archive/);
    assert.ok(html.includes(`<code>${elsewhere}</code>`));
    assert.match(
      html,
      /coldframe recover &#39;s3:\/\/photos\/house\?class=DEEP_ARCHIVE&#39; .*--identity key\.txt/,
    );
    assert.match(html, /Initiate restore/);
    assert.doesNotMatch(html, /AKIDKIT|hush-hush/);
  }));

test("a kit is made though the catalog is gone, and says what it could not name", () =>
  withUser(async (user) => {
    await user.ok("init", "--classic", "--yes", "--cold", "gdrive:Family/Backup");
    await rm(user.path("home/catalog.db"));
    const { code, err } = await user.run("key", "kit");
    assert.equal(code, 0);
    assert.match(err, /Warning: stores that only the catalog knows are not named: .*catalog\.db is missing/);
    const html = await readFile(user.path(KIT), "utf8");
    assert.match(html, /Google Drive, in “My Drive” of the owner’s account, folder “Family\/Backup”/);
    assert.match(html, /coldframe auth google/);
  }));

test("everything that comes from outside is escaped", async () => {
  const pair = await generateKeyPair("x25519");
  const evil = `<script>alert("x")</script>'&\u202e\u0007`;
  const html = renderKit(
    {
      keys: [pair],
      others: [evil],
      stores: [
        { url: evil, kind: "folder", path: evil },
        { url: evil, kind: "drive", folder: evil, driveId: evil },
        { url: evil, kind: "s3", bucket: evil, prefix: evil, region: evil, endpoint: evil, archived: true },
        { url: evil, kind: "other" },
      ],
    },
    { made: 0, host: evil, version: evil },
  );
  assert.doesNotMatch(html, /<script|alert\("|\u202e/);
  assert.ok(!html.includes("\u0007"));
  assert.doesNotMatch(html, /&(?!(amp|lt|gt|quot|#39);)/);
  const tags = new Set([...html.matchAll(/<\/?([a-z0-9!]+)/gi)].map(([, name]) => name));
  assert.ok(!tags.has("script") && !tags.has("img") && !tags.has("link"), [...tags].join(" "));
});

test("the page loads nothing and forbids loading", () =>
  withUser(async (user) => {
    await user.ok("init", "--classic", "--yes");
    await user.ok("key", "kit");
    const html = await readFile(user.path(KIT), "utf8");
    assert.match(html, /Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'"/);
    assert.doesNotMatch(html, /\b(src|href|action|onload)\s*=|url\(|@import/i);
  }));

test("shell words of the page stay one word, whatever is in them", async () => {
  const html = renderKit(
    {
      keys: [await generateKeyPair("x25519")],
      others: [],
      stores: [{ url: "gdrive:Mum's $(x)", kind: "other" }],
    },
    { made: 0, host: "box", version: "1" },
  );
  const [, shown = ""] = /<code class="command">(coldframe recover .*?)<\/code>/.exec(html) ?? [];
  const words = shown.replaceAll("&#39;", "'").replace("coldframe recover", "printf '%s\\n'");
  const { stdout } = await run("sh", ["-c", words]);
  assert.deepEqual(stdout.trim().split("\n"), ["gdrive:Mum's $(x)", "--identity", "key.txt"]);
});

testWith(
  ["age", "gunzip", "bsdtar"],
  "the steps of the page without coldframe give the photo back",
  () =>
    withUser(async (user) => {
      await user.ok("init", "--classic", "--yes");
      await put(user, "Photos/birthday.jpg", "cake");
      await user.ok("sync", user.path("Photos"), "--seal");
      await put(user, "Photos/new.jpg", "too new for an image");
      await user.ok("sync");
      await user.ok("key", "kit");
      const html = await readFile(user.path(KIT), "utf8");
      await writeFile(user.path("key.txt"), typedFrom(html).replace(/\s/g, "") + "\n");

      // The commands as printed, with the names of the files that were downloaded.
      const steps = [...html.matchAll(/<code class="command">(age .*?)<\/code>/g)].map(([, step]) =>
        step ?? ""
      );
      const step = async (index: number, folder: string) => {
        const [name = ""] = await filesBelow(user.path("home/store", folder));
        const object = user.path("home/store", folder, name);
        const line = steps[index]?.replace(/NAME(\.\w+)*\.age/, `'${object}'`) ??
          assert.fail("a step is missing");
        return (await run("sh", ["-c", line], { cwd: user.folder })).stdout;
      };
      assert.equal(steps.length, 3);
      assert.match(await step(0, "manifests"), /"path":"Photos\/birthday\.jpg"/);
      await step(1, "volumes");
      const image = user.path("volume.iso");
      assert.equal((await run("bsdtar", ["-xOf", image, "Photos/birthday.jpg"])).stdout, "cake");
      await step(2, "staged");
      assert.equal(await readFile(user.path("photo.jpg"), "utf8"), "too new for an image");
    }),
);

test(
  "a protected key asks for its passphrase, and no kit is written without",
  { timeout: 180_000 },
  () =>
    withUser(async (user) => {
      await user.ok("init", "--classic", "--yes");
      const secret = await secretOf(user);
      user.env = { COLDFRAME_PASSPHRASE: "correct horse" };
      await user.ok("key", "protect", "--work-factor", "10");
      user.env = {};
      await assertFails(user, ["key", "kit"], {
        code: "passphrase",
        says: /protected/,
        hint: /COLDFRAME_PASSPHRASE/,
      });
      await assert.rejects(stat(user.path(KIT)), { code: "ENOENT" });
      user.answers = ["correct horse"];
      const result = await user.run("key", "kit");
      assert.equal(result.code, 0, result.err);
      assertQuiet(secret, result);
      assert.equal(typedFrom(await readFile(user.path(KIT), "utf8")).replace(/\s/g, ""), secret);
    }),
);

test("a key that opens nothing of the home gets no paper", () =>
  withUser(async (user) => {
    await user.ok("init", "--classic", "--yes");
    const other = formatIdentityFile(await generateKeyPair("x25519"), 0);
    await put(user, "other.txt", other);
    await assertFails(user, ["key", "kit", "--identity", user.path("other.txt")], {
      code: "key-wrong",
      says: /key \w{4} \w{4} is sound, but this home encrypts to \w{4} \w{4}/,
      hint: /fingerprint/,
    });
    await assert.rejects(stat(user.path(KIT)), { code: "ENOENT" });
  }));

test("other keys of the home are named by their fingerprints", () =>
  withUser(async (user) => {
    await user.ok("init", "--classic", "--yes");
    await user.ok("key", "add", (await generateKeyPair("x25519")).recipient);
    await user.ok("key", "kit");
    assert.match(
      await readFile(user.path(KIT), "utf8"),
      /Other keys that open .*<strong>\w{4} \w{4}<\/strong>/,
    );
  }));

/** A home whose secret key is on paper only; the key. */
async function paperOnly(user: User): Promise<string> {
  await user.ok("init", "--yes");
  const secret = await secretOf(user);
  await user.ok("key", "kit");
  await rm(user.path("home/keys/identity.txt"));
  return secret;
}

test("a copy typed from the page is right, in lower case and without the key in the home", () =>
  withUser(async (user) => {
    const secret = await paperOnly(user);
    user.input = typedFrom(await readFile(user.path(KIT), "utf8")).toLowerCase();
    const text = await user.run("key", "kit", "--verify");
    assert.match(text.out, /^This copy is right: key \w{4} \w{4} opens what this home stores\.\n$/);
    user.input = `${secret}\n`;
    const json = await user.run("key", "kit", "--verify", "--json");
    assert.deepEqual(Object.keys(JSON.parse(json.out)), ["fingerprint", "compared"]);
    for (const result of [text, json]) assertQuiet(secret, result);
  }));

test("on a terminal a copy is typed unseen, line by line, until an empty one", () =>
  withUser(async (user) => {
    const secret = await paperOnly(user);
    user.answers = [...typedFrom(await readFile(user.path(KIT), "utf8")).trim().split("\n"), ""];
    const result = await user.run("key", "kit", "--verify");
    assert.match(result.out, /This copy is right/);
    assert.equal(result.err.match(/^Line \d: $/gm)?.length, 5);
    assertQuiet(secret, result);
  }));

test("a wrong character of a copy is named, and not the rest of the key", () =>
  withUser(async (user) => {
    const secret = await paperOnly(user);
    const at = "AGE-SECRET-KEY-PQ-1".length + 27;
    const right = secret[at] ?? "";
    const wrong = right === "Z" ? "R" : "Z";
    user.input = secret.slice(0, at) + wrong + secret.slice(at + 1);
    for (const flags of [[], ["--json"], ["--debug"]]) {
      const result = await user.run("key", "kit", "--verify", ...flags);
      assert.equal(result.code, 1);
      assert.ok(
        result.err.includes(
          `Error: this copy is not right: line 3, group 2, character 4: "${wrong}" should be "${right}"\n`,
        ),
        result.err,
      );
      assert.ok(!(result.out + result.err).includes(secret.slice(19, 30)));
      assert.ok(!(result.out + result.err).includes(secret.slice(-20)));
    }
  }));

test("a copy with three wrong characters is not explained away", () =>
  withUser(async (user) => {
    const secret = await paperOnly(user);
    const wrong = [...secret.slice(-3)].map((character) => character === "Q" ? "P" : "Q").join("");
    user.input = secret.slice(0, -3) + wrong;
    await assertFails(user, ["key", "kit", "--verify"], {
      code: "key-invalid",
      says: /more than two characters are wrong/,
      hint: /Compare/,
    });
  }));

test("a sound copy of another key is refused", () =>
  withUser(async (user) => {
    await paperOnly(user);
    user.input = (await generateKeyPair("hybrid")).identity;
    await assertFails(user, ["key", "kit", "--verify"], {
      code: "key-wrong",
      says: /is sound, but this home encrypts to/,
      hint: /--home DIR/,
    });
  }));

test("an empty copy, and a public key, are told from a mistyped one", () =>
  withUser(async (user) => {
    await paperOnly(user);
    await assertFails(user, ["key", "kit", "--verify"], {
      code: "key-missing",
      says: /nothing was typed/,
      hint: /standard input/,
    });
    user.input = (await generateKeyPair("x25519")).recipient;
    await assertFails(user, ["key", "kit", "--verify"], {
      code: "key-invalid",
      says: /public key/,
      hint: /AGE-SECRET-KEY-/,
    });
  }));

test("on a machine without a home a copy is checked for mistakes, and says that it was not compared", () =>
  withUser(async (user) => {
    const { identity } = await generateKeyPair("x25519");
    user.input = identity;
    assert.match(await user.ok("key", "kit", "--verify"), /no typing mistake.*fingerprint.*\n.*no home at/);
    assert.equal((await user.json("key", "kit", "--verify"))["compared"], false);
    const last = identity.at(-1) === "Q" ? "P" : "Q";
    user.input = identity.slice(0, -1) + last;
    assert.match((await user.run("key", "kit", "--verify")).err, /perhaps line 4, group 5, character 2/);
    assert.match(
      (await user.run("key", "kit", "--verify", "--home", user.path("gone"))).err,
      /no coldframe home at .*gone/,
    );
  }));

test("a key is never taken from the command line", () =>
  withUser(async (user) => {
    await user.ok("init", "--classic", "--yes");
    await assertFails(user, ["key", "kit", "--verify", "AGE-SECRET-KEY-1QQQ"], {
      code: "usage",
      says: /no key on the command line/,
      hint: /standard input/,
      exit: 2,
    });
    assert.equal((await user.run("key", "kit", "--verify", "--out", "x.html")).code, 2);
  }));
