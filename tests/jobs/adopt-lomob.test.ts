/** `import lomob --adopt`: images of lomo-backup as volumes, and what the other commands make of them. */

import assert from "node:assert/strict";
import { mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { filesBelow } from "../cli/files.ts";
import { type User, withUser } from "../cli/harness.ts";
import { type S3Server, withS3 } from "../servers/s3/server.ts";
import { pseudoRandom, testWith } from "../tools.ts";
import { makeImage, MASTER_KEY, seal, sha256, writeFiles } from "./lomob-world.ts";

const TREE = {
  "2024/IMG_1.jpg": pseudoRandom(400_000, 1),
  "2024/IMG_2.jpg": pseudoRandom(300_000, 2),
  "old/deleted.jpg": pseudoRandom(50_000, 3),
};
const NAME = "2024-04-13--2024-04-20.iso";
const DAY = 86_400_000;

function inBucket(user: User, server: S3Server): string {
  user.env = {
    AWS_ACCESS_KEY_ID: server.accessKey,
    AWS_SECRET_ACCESS_KEY: server.secretKey,
    HOME: user.folder,
    LOMOB_MASTER_KEY: MASTER_KEY,
  };
  server.addBucket("lomorage");
  return `s3://lomorage?region=${server.region}&endpoint=${server.url}`;
}

/** What the family still has: one file of the image is gone, one is new. */
async function family(user: User): Promise<string> {
  await writeFiles(user.path("Pictures"), {
    "2024/IMG_1.jpg": TREE["2024/IMG_1.jpg"],
    "2024/IMG_2.jpg": TREE["2024/IMG_2.jpg"],
    "2025/IMG_3.jpg": pseudoRandom(20_000, 4),
  });
  return user.path("Pictures");
}

async function assertRestored(
  user: User,
  to: string,
  wanted: Readonly<Record<string, Uint8Array>>,
): Promise<void> {
  assert.deepEqual((await filesBelow(user.path(to))).sort(), Object.keys(wanted).sort());
  for (const [path, bytes] of Object.entries(wanted)) {
    assert.equal(sha256(await readFile(user.path(to, path))), sha256(bytes), path);
  }
}

testWith(
  ["genisoimage"],
  "an adopted image spares its uploads, and find, restore and tree work on it",
  () =>
    withS3({}, (server) =>
      withUser(async (user) => {
        const url = inBucket(user, server);
        const image = await makeImage(user.folder, NAME, TREE);
        const object = await seal(image);
        server.addObject("lomorage", NAME, object);
        await user.ok("init", "--yes", "--classic");
        await user.ok("scan", await family(user));

        const report = await user.json("import", "lomob", url, "--adopt");
        const volume = `2024-04-13--2024-04-20--${sha256(image).slice(0, 8)}`;
        assert.deepEqual(report["adopted"], [{ key: NAME, volume, files: 3 }]);
        assert.deepEqual(report["spared"], { contents: 2, bytes: 700_000 });
        assert.deepEqual(report["problems"], []);

        await user.ok("sync", "--seal");
        const store = user.path("home/store");
        const volumes = await readdir(`${store}/volumes`);
        assert.equal(volumes.length, 1, "only the new photo made a volume");
        const sizes = JSON.stringify(await user.json("tree", volumes[0]?.replace(".iso.age", "") ?? ""));
        assert.match(sizes, /IMG_3/);

        const find = await user.ok("find", "IMG_1.jpg");
        assert.match(find, new RegExp(`volume ${volume}.*Pictures/2024/IMG_1\\.jpg`));
        assert.match(await user.ok("find", "deleted.jpg"), /lomo-backup\/old\/deleted\.jpg/);
        assert.match(await user.ok("tree", volume), /deleted\.jpg/);
        await rm(user.path("Pictures"), { recursive: true });
        await user.ok("restore", "Pictures", "deleted.jpg", "--to", user.path("out"));
        await assertRestored(user, "out", {
          "Pictures/2024/IMG_1.jpg": TREE["2024/IMG_1.jpg"],
          "Pictures/2024/IMG_2.jpg": TREE["2024/IMG_2.jpg"],
          "Pictures/2025/IMG_3.jpg": pseudoRandom(20_000, 4),
          "lomo-backup/old/deleted.jpg": TREE["old/deleted.jpg"],
        });
        assert.equal(sha256(server.bytes("lomorage", NAME)), sha256(object), "the object is as it was");

        for (const deep of [[], ["--deep", "--all"]]) {
          const { checks } = await user.json("check", "volumes", ...deep);
          const [check] = checks as { findings: unknown[] }[];
          assert.deepEqual(check?.findings, [], "adopted volumes are checked like others");
        }
        const again = await user.json("import", "lomob", url, "--adopt");
        assert.deepEqual([again["adopted"], again["known"]], [[], 1]);

        user.env["LOMOB_MASTER_KEY"] = "wrong";
        const wrong = await user.run("restore", "IMG_1.jpg", "--to", user.path("out2"));
        assert.equal(wrong.code, 1);
        assert.match(wrong.err, /does not decrypt to an image with this master key/);
        assert.deepEqual(server.crashes, []);
      })),
);

testWith(
  ["genisoimage"],
  "a recovered home still knows its adopted volumes",
  () =>
    withS3({}, (server) =>
      withUser(async (user) => {
        const url = inBucket(user, server);
        server.addObject("lomorage", NAME, await seal(await makeImage(user.folder, NAME, TREE)));
        await user.ok("init", "--yes", "--classic");
        await user.ok("scan", await family(user));
        await user.ok("import", "lomob", url, "--adopt");
        await user.ok("sync", "--seal");
        const store = `file:${user.path("home/store")}`;
        const key = user.path("home/keys/identity.txt");
        const stores = [store, url];
        const report = await user.json("recover", ...stores, "--identity", key, "--home", user.path("new"));
        assert.deepEqual([report["missing"], report["lost"]], [[], []]);
        await user.ok("restore", "2024", "--to", user.path("out"), "--home", user.path("new"));
        const found = await filesBelow(user.path("out"));
        assert.ok(found.includes("Pictures/2024/IMG_1.jpg"), found.join());
        server.buckets.get("lomorage")?.objects.delete(NAME);
        const lost = await user.json("recover", ...stores, "--identity", key, "--home", user.path("newer"));
        assert.match(JSON.stringify(lost["missing"]), /2024-04-13--2024-04-20\.iso/, "gone is gone");
      })),
);

testWith(
  ["genisoimage"],
  "an image that its hash does not prove is not adopted",
  () =>
    withUser(async (user) => {
      user.env = { LOMOB_MASTER_KEY: MASTER_KEY };
      const object = await seal(await makeImage(user.folder, NAME, TREE));
      const last = object.length - 1000;
      object[last] = (object[last] ?? 0) ^ 1; // in the padding: no file is touched, and still
      await mkdir(user.path("discs"));
      await writeFile(user.path("discs", NAME), object);
      await user.ok("init", "--yes", "--classic");
      const { code, err } = await user.run("import", "lomob", user.path("discs"), "--adopt");
      assert.equal(code, 1);
      assert.match(err, /does not hash to what was stored/);
      assert.deepEqual(await readdir(user.path("discs")), [NAME], "and its folder is left alone");
    }),
);

testWith(
  ["genisoimage"],
  "images in a folder here are adopted where they are, plain ones as well",
  () =>
    withUser(async (user) => {
      user.env = { LOMOB_MASTER_KEY: MASTER_KEY };
      await mkdir(user.path("discs"));
      await writeFile(
        user.path("discs/a.iso"),
        await seal(await makeImage(user.folder, "a.iso", { "x.jpg": pseudoRandom(10, 1) })),
      );
      await writeFile(
        user.path("discs/b.iso"),
        await makeImage(user.folder, "b.iso", { "x.jpg": pseudoRandom(10, 2) }),
      );
      await user.ok("init", "--yes", "--classic");
      const dry = await user.json("import", "lomob", user.path("discs"), "--adopt", "--dry-run");
      assert.equal(dry["files"], 2);
      assert.deepEqual((await readdir(user.path("discs"))).sort(), ["a.iso", "b.iso"]);
      await user.ok("import", "lomob", user.path("discs"), "--adopt");
      await user.ok("restore", "**", "--to", user.path("out"));
      await assertRestored(user, "out", {
        "lomo-backup/x.jpg": pseudoRandom(10, 1),
        "lomo-backup/x~b.jpg": pseudoRandom(10, 2),
      });
      await user.ok("sync", await family(user), "--seal"); // nothing of them is taken for a folder of this machine
    }),
);

testWith(
  ["genisoimage"],
  "archived images are named, and adopted once they are thawed",
  () =>
    withS3({}, (server) =>
      withUser(async (user) => {
        const url = inBucket(user, server);
        server.addObject(
          "lomorage",
          NAME,
          await seal(await makeImage(user.folder, NAME, TREE)),
          "DEEP_ARCHIVE",
        );
        await user.ok("init", "--yes", "--classic");
        const list = await user.ok("import", "lomob", url, "--list");
        assert.match(list, /\(archived\)/);
        const first = await user.run("import", "lomob", url, "--adopt");
        assert.deepEqual([first.code, /must be thawed first/.test(first.err)], [1, true]);
        await user.ok("import", "lomob", url, "--adopt", "--thaw", "Bulk");
        server.advance(3 * DAY);
        user.clock = server.now();
        const last = await user.json("import", "lomob", url, "--adopt");
        assert.match(JSON.stringify(last["adopted"]), /"files":3/);
      })),
);
