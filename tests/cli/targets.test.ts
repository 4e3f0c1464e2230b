/** Where files are restored to: nothing there is lost, and nothing half-made appears. */

import assert from "node:assert/strict";
import { mkdir, readFile, symlink, writeFile } from "node:fs/promises";
import { test } from "node:test";
import { pseudoRandom } from "../tools.ts";
import { testOnDisk } from "./disk.ts";
import { assertFails } from "./failing.ts";
import { contents, filesBelow, put } from "./files.ts";
import { type User, withUser } from "./harness.ts";

async function twoPhotos(user: User): Promise<void> {
  await put(user, "Photos/a.jpg", pseudoRandom(50_000, 1));
  await put(user, "Photos/b.jpg", pseudoRandom(50_000, 2));
  await user.ok("sync", user.path("Photos"), "--seal");
}

test("a different file in the target is kept, and replaced with --overwrite", () =>
  withUser(async (user) => {
    await twoPhotos(user);
    await put(user, "out/Photos/a.jpg", "mine");
    const first = await user.run("restore", "**", "--to", user.path("out"));
    assert.equal(first.code, 3);
    assert.match(
      first.err,
      /^Warning: not restored: .*Photos\/a\.jpg is already there with other contents\nError: 1 file could not be restored\n→ .*--overwrite/,
    );
    assert.equal(await readFile(user.path("out/Photos/a.jpg"), "utf8"), "mine");
    await user.ok("restore", "**", "--to", user.path("out"), "--overwrite");
    assert.deepEqual(await contents(user.path("out/Photos")), await contents(user.path("Photos")));
  }));

test("the only file asked for, where another stands, is an error", () =>
  withUser(async (user) => {
    await twoPhotos(user);
    await put(user, "out/Photos/a.jpg", "mine");
    await assertFails(user, ["restore", "a.jpg", "--to", user.path("out")], {
      code: "exists",
      says: /Photos\/a\.jpg is already there with other contents/,
      hint: /--overwrite/,
    });
    assert.deepEqual(await filesBelow(user.path("out")), ["Photos/a.jpg"]);
  }));

test("a file of the same size with other bytes is a different file", () =>
  withUser(async (user) => {
    await twoPhotos(user);
    await put(user, "out/Photos/a.jpg", pseudoRandom(50_000, 3));
    assert.equal((await user.run("restore", "a.jpg", "--to", user.path("out"))).code, 1);
  }));

test("what is there already with the right bytes is left as it is", () =>
  withUser(async (user) => {
    await twoPhotos(user);
    await user.ok("restore", "a.jpg", "--to", user.path("out"));
    assert.match(
      await user.ok("restore", "**", "--to", user.path("out")),
      /^Restored 1 file to .*\n1 file was there already, with the right contents\.\n$/,
    );
    assert.match(
      await user.ok("restore", "**", "--to", user.path("out")),
      /^2 files were there already, with the right contents\.\n$/,
    );
  }));

test("a folder where the file should stand is kept, with --overwrite, too", () =>
  withUser(async (user) => {
    await twoPhotos(user);
    await put(user, "out/Photos/a.jpg/keep.txt", "mine");
    for (const flags of [[], ["--overwrite"]]) {
      const { code } = await user.run("restore", "a.jpg", "--to", user.path("out"), ...flags);
      assert.equal(code, 1);
    }
    assert.deepEqual(await filesBelow(user.path("out")), ["Photos/a.jpg/keep.txt"]);
  }));

test("a file where a folder should stand is kept", () =>
  withUser(async (user) => {
    await twoPhotos(user);
    await put(user, "out/Photos", "mine");
    await assertFails(user, ["restore", "a.jpg", "--to", user.path("out")], {
      code: "exists",
      says: /out\/Photos cannot be made a folder: a file is in the way/,
      hint: /Move that file away/,
    });
    assert.equal(await readFile(user.path("out/Photos"), "utf8"), "mine");
  }));

test("a target that is a file is an error", () =>
  withUser(async (user) => {
    await twoPhotos(user);
    await writeFile(user.path("out"), "mine");
    await assertFails(user, ["restore", "a.jpg", "--to", user.path("out")], {
      code: "exists",
      says: /a file is in the way/,
      hint: /--to/,
    });
    assert.equal(await readFile(user.path("out"), "utf8"), "mine");
  }));

test("a symlink in the target is not written through", () =>
  withUser(async (user) => {
    await twoPhotos(user);
    await writeFile(user.path("elsewhere.txt"), "mine");
    await mkdir(user.path("out/Photos"), { recursive: true });
    await symlink(user.path("elsewhere.txt"), user.path("out/Photos/a.jpg"));
    await user.run("restore", "a.jpg", "--to", user.path("out"), "--overwrite");
    assert.equal(await readFile(user.path("elsewhere.txt"), "utf8"), "mine");
  }));

test("--dry-run writes nothing", () =>
  withUser(async (user) => {
    await twoPhotos(user);
    const out = await user.ok("restore", "**", "--to", user.path("out"), "--dry-run");
    assert.match(out, /^Would restore 2 files \(100 kB\) to /);
    assert.deepEqual(await filesBelow(user.path("out")), []);
  }));

test("a pattern that matches nothing is an error", () =>
  withUser(async (user) => {
    await twoPhotos(user);
    await assertFails(user, ["restore", "*.heic", "--to", user.path("out")], {
      code: "nothing-found",
      says: /nothing matches \*\.heic/,
      hint: /coldframe find/,
    });
  }));

testOnDisk(
  "a full target keeps what was whole, has no half file, and goes on when there is room",
  "1m",
  async (user, disk) => {
    for (let i = 0; i < 4; i++) await put(user, `Photos/${i}.jpg`, pseudoRandom(400_000, i + 1));
    await user.ok("sync", user.path("Photos"), "--seal");
    await assertFails(user, ["restore", "**", "--to", disk.path], {
      code: "store-full",
      says: /no space left for .*\.jpg/,
      hint: /goes on where it stopped/,
    });
    const found = await contents(`${disk.path}/Photos`);
    const wanted = await contents(user.path("Photos"));
    assert.ok(Object.keys(found).length < 4);
    for (const [path, bytes] of Object.entries(found)) assert.equal(bytes, wanted[path], path);
    await disk.remount("size=4m");
    await user.ok("restore", "**", "--to", disk.path);
    assert.deepEqual(await contents(`${disk.path}/Photos`), wanted);
  },
);

testOnDisk("a read-only target is an error", "1m", async (user, disk) => {
  await twoPhotos(user);
  await disk.remount("ro");
  await assertFails(user, ["restore", "**", "--to", disk.path], {
    code: "store-denied",
    says: /cannot write/,
    hint: /--to can be written/,
  });
});
