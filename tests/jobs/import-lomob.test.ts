/** `import lomob`, on images that genisoimage made and objects encrypted by the published algorithm. */

import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { mkdir, readdir, readFile, stat, writeFile } from "node:fs/promises";
import { dirname } from "node:path";
import { test } from "node:test";
import { concat, fromHex, utf8 } from "../../lib/bytes.ts";
import { filesBelow } from "../cli/files.ts";
import { type User, withUser } from "../cli/harness.ts";
import { pseudoRandom, testWith } from "../tools.ts";
import { makeDatabase, makeImage, MASTER_KEY, seal, TAKEN } from "./lomob-world.ts";

const TREE = {
  "2024/04/IMG_1.jpg": pseudoRandom(200_000, 1),
  "2024/04/IMG_2.jpg": pseudoRandom(3000, 2),
  "2024/a name with  spaces, which is longer than the eight letters of old.jpeg": pseudoRandom(10, 3),
  "2024/empty.txt": new Uint8Array(0),
  "a/b/c/d/e/f/g/h/i/j/k/deep.jpg": pseudoRandom(5000, 4), // moved by mkisofs into rr_moved
  "top.mp4": pseudoRandom(1_000_000, 5),
};
const NAME = "2024-04-13--2024-04-20.iso";

/** A user who knows the master key, with a folder of objects. */
async function bucket(user: User, objects: Readonly<Record<string, Uint8Array>>): Promise<string> {
  user.env = { ...user.env, LOMOB_MASTER_KEY: MASTER_KEY };
  for (const [key, bytes] of Object.entries(objects)) {
    await mkdir(dirname(user.path("bucket", key)), { recursive: true });
    await writeFile(user.path("bucket", key), bytes);
  }
  return user.path("bucket");
}

async function restoredTree(user: User, to = "out"): Promise<Record<string, Uint8Array>> {
  const found: Record<string, Uint8Array> = {};
  for (const path of await filesBelow(user.path(to)).catch(() => [])) {
    found[path] = new Uint8Array(await readFile(user.path(to, path)));
  }
  return found;
}

function assertTree(found: Record<string, Uint8Array>, wanted: Readonly<Record<string, Uint8Array>>): void {
  assert.deepEqual(Object.keys(found).sort(), Object.keys(wanted).sort());
  for (const [path, bytes] of Object.entries(wanted)) {
    assert.ok(Buffer.from(bytes).equals(found[path] ?? utf8("!")), path);
  }
}

/** Kinds, keys and paths of what a report complains about. */
function problems(report: Record<string, unknown>): unknown[][] {
  const list: unknown = report["problems"];
  if (!Array.isArray(list)) throw new Error("no problems in the report");
  return list.map((one: Record<string, unknown>) => [one["kind"], one["key"], one["path"]]);
}

testWith(
  ["genisoimage"],
  "an encrypted image comes back file by file, with times, proven by its salt",
  () =>
    withUser(async (user) => {
      const image = await makeImage(user.folder, NAME, TREE);
      const from = await bucket(user, {
        [NAME]: await seal(image),
        [`${NAME}.meta.txt`]: await seal(utf8("/\n└── top.mp4\n")),
      });
      const report = await user.json("import", "lomob", from, "--to", user.path("out"));
      assert.deepEqual(report["problems"], []);
      assert.deepEqual(report["images"], [{ key: NAME, proof: "salt", files: 6 }]);
      assert.equal(report["restored"], 6);
      assertTree(await restoredTree(user), TREE);
      assert.equal((await stat(user.path("out", "top.mp4"))).mtimeMs, TAKEN);
      const again = await user.json("import", "lomob", from, "--to", user.path("out"));
      assert.deepEqual([again["restored"], again["existing"]], [0, 6]);
    }),
);

testWith(
  ["genisoimage"],
  "patterns choose files, an image by its name, or its listing",
  () =>
    withUser(async (user) => {
      const other = { "2023/x.jpg": pseudoRandom(100, 9) };
      const from = await bucket(user, {
        [NAME]: await seal(await makeImage(user.folder, NAME, TREE)),
        "old.iso": await makeImage(user.folder, "old.iso", other),
        "old.iso.meta.txt": await seal(utf8("/\n")),
      });
      const only = async (to: string, ...patterns: string[]) => {
        await user.ok("import", "lomob", from, "--to", user.path(to), "--only", ...patterns);
        return Object.keys(await restoredTree(user, to)).sort();
      };
      assert.deepEqual(await only("1", "2024/04"), ["2024/04/IMG_1.jpg", "2024/04/IMG_2.jpg"]);
      assert.deepEqual(await only("2", "old.iso"), ["2023/x.jpg"]);
      assert.deepEqual(await only("3", "*.meta.txt"), ["old.iso.meta.txt"]);
      assert.equal(await readFile(user.path("3", "old.iso.meta.txt"), "utf8"), "/\n");
      const dry = await user.json("import", "lomob", from, "--to", user.path("4"), "--dry-run");
      assert.deepEqual([dry["files"], dry["restored"]], [7, 0]);
      assert.deepEqual(await restoredTree(user, "4"), {});
      assert.match(
        (await user.run("import", "lomob", from, "--check", "--only", "nothing")).err,
        /nothing of lomo-backup's/,
      );
    }),
);

testWith(
  ["genisoimage"],
  "an image as a resumed upload left it is told by its hash and delivers nothing",
  () =>
    withUser(async (user) => {
      const image = await makeImage(user.folder, NAME, TREE);
      const good = await seal(image);
      // Part two encrypted with the cipher's beginning: what lomo-backup sent after an interruption.
      const { createCipheriv } = await import("node:crypto");
      const { deriveKey } = await import("../../lib/import/lomob.ts");
      const salt = good.subarray(0, 16);
      const cipher = createCipheriv("aes-256-ctr", await deriveKey(MASTER_KEY, salt), salt);
      const half = Math.floor(image.length / 2);
      const resumed = concat(good.subarray(0, 16 + half), cipher.update(image.subarray(half)));
      assert.equal(resumed.length, good.length);
      const from = await bucket(user, { [NAME]: resumed });
      const report = await user.json("import", "lomob", from, "--to", user.path("out"));
      assert.deepEqual(problems(report)[0], ["damaged", NAME, null]);
      assert.deepEqual(await restoredTree(user), {}, "no file of it counts as good");
      assert.equal((await user.run("import", "lomob", from, "--check")).code, 4);

      const files = Object.entries(TREE).map(([path, bytes]) => ({ root: "/p", path, bytes, image: NAME }));
      await makeDatabase(user.path("lomob.db"), { [NAME]: image }, files);
      const saved = await user.json(
        "import",
        "lomob",
        from,
        "--to",
        user.path("out"),
        "--db",
        user.path("lomob.db"),
      );
      assert.match(JSON.stringify(saved["problems"]), /files in it still hash to what lomo-backup noted/);
      const found = await restoredTree(user);
      assert.ok(Object.keys(found).length > 0 && Object.keys(found).length < 6, "those before the break");
      for (const [path, bytes] of Object.entries(found)) {
        assert.ok(
          Buffer.from(bytes).equals(Object.entries(TREE).find(([name]) => name === path)?.[1] ?? utf8("")),
          path,
        );
      }
    }),
);

testWith(
  ["genisoimage"],
  "cut images, encrypted or plain, deliver nothing that is not whole",
  () =>
    withUser(async (user) => {
      const image = await makeImage(user.folder, NAME, TREE);
      const cut = Math.floor(image.length * 0.6);
      const from = await bucket(user, {
        "cut.iso": (await seal(image)).subarray(0, 16 + cut),
        "empty.iso": new Uint8Array(0),
        "plain.iso": image.subarray(0, cut),
      });
      const report = await user.json("import", "lomob", from, "--to", user.path("out"));
      const kinds = problems(report);
      assert.ok(kinds.some(([kind, key, path]) => kind === "damaged" && key === "cut.iso" && path === null));
      assert.ok(kinds.some(([kind, key]) => kind === "empty" && key === "empty.iso"));
      assert.ok(
        kinds.some(([kind, key, path]) => kind === "damaged" && key === "plain.iso" && path !== null),
      );
      const wanted = new Map(Object.entries(TREE));
      const found = Object.entries(await restoredTree(user));
      assert.ok(found.length > 0 && found.length < wanted.size);
      for (const [path, bytes] of found) {
        assert.ok(Buffer.from(bytes).equals(wanted.get(path) ?? utf8("!")), path);
      }
    }),
);

testWith(
  ["genisoimage"],
  "a wrong master key is told at once, and is nowhere in what is said",
  () =>
    withUser(async (user) => {
      const from = await bucket(user, { [NAME]: await seal(await makeImage(user.folder, NAME, TREE)) });
      user.env = { LOMOB_MASTER_KEY: "wr0ng" };
      const { code, out, err } = await user.run("import", "lomob", from, "--to", user.path("out"), "--debug");
      assert.equal(code, 1);
      assert.match(err, /does not decrypt to an image with this master key/);
      assert.doesNotMatch(out + err, /wr0ng/);
      assert.deepEqual(await restoredTree(user), {});
      user.env = {};
      assert.match((await user.run("import", "lomob", from, "--check")).err, /LOMOB_MASTER_KEY/);
      user.answers = [MASTER_KEY];
      assert.equal((await user.run("import", "lomob", from, "--check")).code, 0, "asked for on a terminal");
    }),
);

for (const old of [false, true]) {
  testWith(
    ["genisoimage"],
    `lomo-backup's own mistakes are named by its database${old ? ", in its older form, too" : ""}`,
    () =>
      withUser(async (user) => {
        const packed = { ...TREE, "2024/04/IMG_2.jpg": pseudoRandom(3000, 2).subarray(0, 1000) };
        const image = await makeImage(user.folder, NAME, packed);
        const from = await bucket(user, { [NAME]: await seal(image) });
        const files = Object.entries(TREE).map(([path, bytes]) => ({
          root: "/home/a",
          path,
          bytes,
          image: NAME,
        }));
        await makeDatabase(user.path("lomob.db"), { [NAME]: image }, [
          ...files,
          { root: "/home/b", path: "top.mp4", bytes: pseudoRandom(10, 77), image: NAME },
          { root: "/home/b", path: "failed.jpg", bytes: pseudoRandom(10, 78), image: NAME },
        ], old);
        const args = ["import", "lomob", from, "--to", user.path("out"), "--db", user.path("lomob.db")];
        const report = await user.json(...args);
        assert.deepEqual(problems(report).sort(), [
          ["collided", NAME, "top.mp4"],
          ["differs", NAME, "2024/04/IMG_2.jpg"],
          ["missing", NAME, "failed.jpg"],
        ]);
        assertTree(await restoredTree(user), packed); // what is there is still given, under its name
        const { code, err } = await user.run(...args);
        assert.equal(code, 3);
        assert.match(err, /IMG_2\.jpg in .*: 1000 bytes, where lomo-backup had hashed 3000/);
        assert.match(err, /the file of that path in \/home\/b was overwritten by another folder's/);
        assert.deepEqual((await readdir(user.folder)).filter((name) => name.startsWith("lomob.db")), [
          "lomob.db",
        ]);
        const list = await user.ok("import", "lomob", from, "--db", user.path("lomob.db"), "--list");
        assert.match(list, /image .* 2024-04-13--2024-04-20\.iso {2}\(8 files in lomob\.db\)/);
      }),
  );
}

testWith(
  ["genisoimage"],
  "two images with one path and other bytes both come back, one beside the other",
  () =>
    withUser(async (user) => {
      const [first, second] = [pseudoRandom(10, 1), pseudoRandom(10, 2)];
      const from = await bucket(user, {
        "2023.iso": await seal(await makeImage(user.folder, "2023.iso", { "a/IMG_1.jpg": first })),
        "2024.iso": await seal(await makeImage(user.folder, "2024.iso", { "a/IMG_1.jpg": second })),
      });
      const report = await user.json("import", "lomob", from, "--to", user.path("out"));
      assert.deepEqual(report["renamed"], [{ path: "a/IMG_1.jpg", to: "a/IMG_1~2024.jpg" }]);
      const wanted = { "a/IMG_1.jpg": first, "a/IMG_1~2024.jpg": second };
      assertTree(await restoredTree(user), wanted);
      await user.ok("import", "lomob", from, "--to", user.path("out"));
      assertTree(await restoredTree(user), wanted);
    }),
);

test("files that were uploaded alone come back by their salt; the published vectors among them", () =>
  withUser(async (user) => {
    const from = await bucket(user, {
      "home_me/a.txt": fromHex("ca978112ca1bbdcafac231b39a23dc4d36"),
      "home_me/b.txt": fromHex("b546b7c9bdb373144ce75da623570cd671523b4e74bedeca629392bb90e56ba690e8"),
      "home_me/cut.txt": fromHex("b546b7c9bdb373144ce75da623570cd671523b4e74bedeca629392bb90e56ba690"),
      "home_me/lost.txt": new Uint8Array(0),
      "home_me/short.txt": new Uint8Array(7),
    });
    user.env = { LOMOB_MASTER_KEY: "1234" };
    const report = await user.json("import", "lomob", from, "--to", user.path("out"));
    assertTree(await restoredTree(user), {
      "home_me/a.txt": utf8("a"),
      "home_me/b.txt": utf8("hello lomo-backup\n"),
    });
    assert.deepEqual(problems(report), [
      ["damaged", "home_me/cut.txt", null],
      ["empty", "home_me/lost.txt", null],
      ["damaged", "home_me/short.txt", null],
    ]);
  }));

test("files alone are compared with the database by their path on Drive", () =>
  withUser(async (user) => {
    const from = await bucket(user, {
      "home_ada_Pictures/2019/changed.jpg": await seal(utf8("newer")),
      "home_ada_Pictures/2019/same.jpg": await seal(utf8("same")),
    });
    const file = (name: string, text: string) => ({
      root: "/home/ada/Pictures",
      path: `2019/${name}`,
      bytes: utf8(text),
      image: undefined,
    });
    await makeDatabase(user.path("lomob.db"), {}, [file("changed.jpg", "older"), file("same.jpg", "same")]);
    const report = await user.json("import", "lomob", from, "--db", user.path("lomob.db"), "--check");
    assert.deepEqual(problems(report), [["differs", "home_ada_Pictures/2019/changed.jpg", null]]);
  }));

for (const flags of [[], ["--list", "--check"], ["--to", "x", "--adopt"]]) {
  test(`import lomob with ${flags.join(" ") || "nothing to do"} is wrong usage`, () =>
    withUser(async (user) => {
      const { code } = await user.run("import", "lomob", user.folder, ...flags);
      assert.equal(code, 2);
    }));
}

test("a place that is not there is an error, not an empty one", () =>
  withUser(async (user) => {
    for (const from of [user.path("nowhere"), `file:${user.path("nowhere")}`]) {
      const { code, err } = await user.run("import", "lomob", from, "--list");
      assert.equal(code, 1);
      assert.match(err, /there is nothing at .*nowhere/);
    }
  }));
