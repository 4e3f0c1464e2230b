/** `import gpg`, on objects that Debian's gpg made as savethepictures called it. */

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { mkdir, readdir, readFile, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { filesBelow } from "../cli/files.ts";
import { type User, withUser } from "../cli/harness.ts";
import { withS3 } from "../servers/s3/server.ts";
import { pseudoRandom, testWith } from "../tools.ts";

const PASSPHRASE = "some very secret $tring";

/** `cat FILE | gpg -c …`, as the script did. */
async function sealGpg(plain: Uint8Array, home: string, passphrase = PASSPHRASE): Promise<Uint8Array> {
  await mkdir(home, { recursive: true, mode: 0o700 });
  const args = "-c --batch --no-autostart --pinentry-mode loopback --cipher-algo AES256 --passphrase".split(
    " ",
  );
  const gpg = spawn("gpg", [...args, passphrase], { env: { PATH: "/usr/bin:/bin", GNUPGHOME: home } });
  gpg.stdin.end(plain);
  const out: Uint8Array[] = [];
  for await (const piece of gpg.stdout) if (piece instanceof Uint8Array) out.push(piece);
  return new Uint8Array(await new Blob(out.map((piece) => new Uint8Array(piece))).arrayBuffer());
}

/** A user with a folder of objects. */
async function store(user: User, objects: Readonly<Record<string, Uint8Array>>): Promise<string> {
  for (const [key, bytes] of Object.entries(objects)) {
    await mkdir(dirname(user.path("bucket", key)), { recursive: true });
    await writeFile(user.path("bucket", key), bytes);
  }
  return user.path("bucket");
}

async function leftovers(): Promise<string[]> {
  return (await readdir(tmpdir())).filter((name) => name.startsWith("coldframe-gpg-"));
}

const PHOTO = pseudoRandom(300_000, 7);

testWith(
  ["gpg"],
  "objects made by gpg come back byte by byte, whatever their names",
  () =>
    withUser(async (user) => {
      user.env = { COLDFRAME_GPG_PASSPHRASE: PASSPHRASE };
      const gpg = (bytes: Uint8Array) => sealGpg(bytes, user.path("gpg"));
      const text = new TextEncoder().encode("compressible ".repeat(5000));
      const from = await store(user, {
        "IMG_1.jpg.gpg": await gpg(PHOTO),
        "2019/IMG_1.jpg.gpg": await gpg(pseudoRandom(70_000, 8)),
        "two  spaces\nand a line.txt.gpg": await gpg(text),
        "empty file.txt.gpg": await gpg(new Uint8Array(0)),
        "readme.txt": text,
      });
      const report = await user.json("import", "gpg", from, "--to", user.path("out"));
      assert.deepEqual(report["problems"], []);
      assert.deepEqual([report["files"], report["restored"], report["existing"]], [4, 4, 0]);
      assert.deepEqual(await filesBelow(user.path("out")), [
        "2019/IMG_1.jpg",
        "IMG_1.jpg",
        "empty file.txt",
        "two  spaces\nand a line.txt",
      ]);
      assert.deepEqual(new Uint8Array(await readFile(user.path("out", "IMG_1.jpg"))), PHOTO);
      assert.deepEqual(
        new Uint8Array(await readFile(user.path("out", "2019/IMG_1.jpg"))),
        pseudoRandom(70_000, 8),
      );
      assert.deepEqual(
        new Uint8Array(await readFile(user.path("out", "two  spaces\nand a line.txt"))),
        text,
      );
      assert.equal((await stat(user.path("out", "empty file.txt"))).size, 0);
      assert.deepEqual(await leftovers(), [], "the key ring is gone");

      const again = await user.json("import", "gpg", from, "--to", user.path("out"));
      assert.deepEqual(
        [again["restored"], again["existing"]],
        [0, 4],
        "compared by its bytes, not by its name",
      );
      await writeFile(user.path("out", "IMG_1.jpg"), PHOTO.subarray(0, 1000));
      const third = await user.run("import", "gpg", from, "--to", user.path("out"), "--only", "IMG_1.jpg");
      assert.equal(third.code, 3);
      assert.match(third.err, /IMG_1\.jpg is already there with other contents/);
      assert.equal((await stat(user.path("out", "IMG_1.jpg"))).size, 1000, "what is there stays");
    }),
);

testWith(
  ["gpg"],
  "a file gets the time at which it was encrypted: nothing else was kept",
  () =>
    withUser(async (user) => {
      user.env = { COLDFRAME_GPG_PASSPHRASE: PASSPHRASE };
      const before = Math.floor(Date.now() / 1000) * 1000;
      const from = await store(user, { "a.gpg": await sealGpg(PHOTO, user.path("gpg")) });
      await user.ok("import", "gpg", from, "--to", user.path("out"));
      const { mtimeMs } = await stat(user.path("out", "a"));
      assert.ok(mtimeMs >= before && mtimeMs <= Date.now(), String(mtimeMs));
    }),
);

testWith(
  ["gpg"],
  "cut, changed and empty objects are named, leave nothing, and stop no other",
  () =>
    withUser(async (user) => {
      user.env = { COLDFRAME_GPG_PASSPHRASE: PASSPHRASE };
      const whole = await sealGpg(PHOTO, user.path("gpg"));
      const flipped = whole.slice();
      flipped[200_000] = (flipped[200_000] ?? 0) ^ 1;
      const from = await store(user, {
        "cut.jpg.gpg": whole.subarray(0, 200_000),
        "flipped.jpg.gpg": flipped,
        "good.jpg.gpg": whole,
        "last byte.jpg.gpg": whole.subarray(0, whole.length - 1),
        "lost.jpg.gpg": new Uint8Array(0),
        "not gpg.jpg.gpg": PHOTO,
        "other.jpg.gpg": await sealGpg(PHOTO, user.path("gpg"), "another passphrase"),
      });
      const report = await user.json("import", "gpg", from, "--to", user.path("out"));
      assert.deepEqual(problems(report), [
        ["cut.jpg.gpg", "damaged"],
        ["flipped.jpg.gpg", "damaged"],
        ["last byte.jpg.gpg", "damaged"],
        ["lost.jpg.gpg", "empty"],
        ["not gpg.jpg.gpg", "damaged"],
        ["other.jpg.gpg", "wrong-key"],
      ]);
      assert.deepEqual(await filesBelow(user.path("out")), ["good.jpg"], "and no part of another");
      assert.equal((await user.run("import", "gpg", from, "--to", user.path("out2"))).code, 3);
      const check = await user.run("import", "gpg", from, "--check");
      assert.equal(check.code, 4);
      assert.match(
        check.err,
        /lost\.jpg\.gpg is empty: encrypting it failed, and the file is not in the store/,
      );
      const list = await user.run("import", "gpg", from, "--list");
      assert.match(list.err, /lost\.jpg\.gpg is empty/, "known without the passphrase");
    }),
);

testWith(
  ["gpg"],
  "a wrong passphrase is told, restores nothing, and is nowhere in what is said",
  () =>
    withUser(async (user) => {
      user.env = { COLDFRAME_GPG_PASSPHRASE: "wr0ng-passphrase" };
      const whole = await sealGpg(PHOTO, user.path("gpg"));
      const from = await store(user, { "a.gpg": whole, "b.gpg": whole, "c.gpg": whole, "d.gpg": whole });
      const { code, out, err } = await user.run("import", "gpg", from, "--to", user.path("out"), "--debug");
      assert.equal(code, 1);
      assert.match(err, /Error: .*the passphrase is another one/);
      assert.doesNotMatch(out + err, /wr0ng/);
      assert.deepEqual(await filesBelow(user.path("out")).catch(() => []), []);
      assert.deepEqual(await leftovers(), []);
    }),
);

testWith(
  ["gpg"],
  "the passphrase is asked for where there is a terminal, and needed where there is none",
  () =>
    withUser(async (user) => {
      const from = await store(user, { "a.gpg": await sealGpg(PHOTO, user.path("gpg")) });
      const without = await user.run("import", "gpg", from, "--check");
      assert.equal(without.code, 1);
      assert.match(without.err, /COLDFRAME_GPG_PASSPHRASE/);
      user.answers = [PASSPHRASE];
      assert.equal((await user.run("import", "gpg", from, "--check")).code, 0);
    }),
);

testWith(
  ["gpg"],
  "objects come from a bucket; archived ones are named, and thawed when asked",
  () =>
    withS3({}, (server) =>
      withUser(async (user) => {
        user.env = {
          AWS_ACCESS_KEY_ID: server.accessKey,
          AWS_SECRET_ACCESS_KEY: server.secretKey,
          HOME: user.folder,
          COLDFRAME_GPG_PASSPHRASE: PASSPHRASE,
        };
        const bytes = await sealGpg(PHOTO, user.path("gpg"));
        server.addBucket("pictures");
        server.addObject("pictures", "IMG_1.jpg.gpg", bytes);
        server.addObject("pictures", "a  b\nc.jpg.gpg", bytes);
        server.addObject("pictures", "cold.jpg.gpg", bytes, "DEEP_ARCHIVE");
        const url = `s3://pictures?region=${server.region}&endpoint=${server.url}`;
        const report = await user.json("import", "gpg", url, "--to", user.path("out"));
        assert.deepEqual(problems(report), [["cold.jpg.gpg", "archived"]]);
        assert.deepEqual(await filesBelow(user.path("out")), ["IMG_1.jpg", "a  b\nc.jpg"]);
        const thaw = await user.json("import", "gpg", url, "--to", user.path("out"), "--thaw", "bulk");
        assert.deepEqual([thaw["thawing"], thaw["problems"]], [["cold.jpg.gpg"], []]);
        server.advance(3 * 86_400_000);
        user.clock = server.now();
        await user.ok("import", "gpg", url, "--to", user.path("out"));
        assert.deepEqual(new Uint8Array(await readFile(join(user.path("out"), "cold.jpg"))), PHOTO);
        assert.deepEqual(server.crashes, []);
      })),
);

testWith(
  ["gpg"],
  "objects go into a mirror, encrypted anew, and a disk is filled from there",
  () =>
    withUser(async (user) => {
      user.env = { COLDFRAME_GPG_PASSPHRASE: PASSPHRASE };
      const other = pseudoRandom(70_000, 8);
      const whole = await sealGpg(PHOTO, user.path("gpg"));
      const from = await store(user, {
        "IMG_1.jpg.gpg": whole,
        "2019/IMG_1.jpg.gpg": await sealGpg(other, user.path("gpg")),
        "cut.jpg.gpg": whole.subarray(0, 1000),
        "lost.jpg.gpg": new Uint8Array(0),
      });
      await user.ok("init", "--yes", "--classic");
      const into = `file:${user.path("mirror")}`;
      const report = await user.json("import", "gpg", from, "--into", into);
      assert.deepEqual([report["restored"], report["existing"]], [2, 0]);
      assert.deepEqual(problems(report), [["cut.jpg.gpg", "damaged"], ["lost.jpg.gpg", "empty"]]);
      const objects = (await filesBelow(user.path("mirror"))).filter((path) => path.startsWith("mirror/"));
      assert.deepEqual(objects.sort(), ["mirror/2019/IMG_1.jpg.age", "mirror/IMG_1.jpg.age"]);
      assert.deepEqual(
        (await readdir(user.home)).filter((name) => name.startsWith("import-")),
        [],
        "no plain file stays",
      );

      await mkdir(user.path("stick"));
      await user.ok("mirror", into, user.path("stick"));
      assert.deepEqual(new Uint8Array(await readFile(user.path("stick/IMG_1.jpg"))), PHOTO);
      assert.deepEqual(new Uint8Array(await readFile(user.path("stick/2019/IMG_1.jpg"))), other);

      const again = await user.json("import", "gpg", from, "--into", into);
      assert.deepEqual([again["restored"], again["existing"]], [0, 2], "nothing is sent twice");
      const missing = await user.run("import", "gpg", from, "--into", "nowhere");
      assert.match(missing.err, /no mirror called nowhere/);
    }),
);

/** Keys and kinds of what a report complains about. */
function problems(report: Record<string, unknown>): [unknown, unknown][] {
  const list: unknown = report["problems"];
  if (!Array.isArray(list)) throw new Error("no problems in the report");
  return list.map((one: Record<string, unknown>) => [one["key"], one["kind"]]);
}
