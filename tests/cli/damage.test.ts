/** Stored objects that are not what was stored: nothing wrong is restored, and what is whole still is. */

import assert from "node:assert/strict";
import { copyFile, readFile, rename, rm, truncate, writeFile } from "node:fs/promises";
import { test } from "node:test";
import type { ErrorCode } from "../../lib/errors.ts";
import { pseudoRandom } from "../tools.ts";
import { assertFails, assertNoSecret } from "./failing.ts";
import { assertRestorable, filesBelow, onlyFile, put } from "./files.ts";
import { type User, withUser } from "./harness.ts";

/** What can happen to an object, and the code of the error that it must be. */
const DAMAGES: Readonly<Record<string, { code: ErrorCode; do: Damage }>> = {
  "cut short by a byte": {
    code: "damaged",
    do: async (path) => truncate(path, (await readFile(path)).length - 1),
  },
  "cut in half": { code: "damaged", do: async (path) => truncate(path, (await readFile(path)).length >> 1) },
  "emptied": { code: "damaged", do: (path) => truncate(path, 0) },
  "with a flipped bit at its end": { code: "damaged", do: (path) => flip(path, -5) },
  "with a flipped bit in its header": {
    code: "damaged",
    do: async (path) => flip(path, (await readFile(path)).indexOf("\n--- ") + 10),
  },
  // which cannot be told from an object that is encrypted to somebody else: the hint names both
  "with a flipped bit in its wrapped key": { code: "key-wrong", do: retype },
  "replaced by other bytes": {
    code: "not-age",
    do: async (path) => writeFile(path, pseudoRandom((await readFile(path)).length, 9)),
  },
  "removed": { code: "object-missing", do: (path) => rm(path) },
};
type Damage = (path: string) => Promise<void>;

async function flip(path: string, at: number): Promise<void> {
  const bytes = await readFile(path);
  const index = at < 0 ? bytes.length + at : at;
  bytes.writeUInt8(bytes.readUInt8(index) ^ 1, index);
  await writeFile(path, bytes);
}

/** Changes the first letter of the first wrapped key, so that it still is base64. */
async function retype(path: string): Promise<void> {
  const bytes = await readFile(path);
  const at = bytes.indexOf("\n", bytes.indexOf("\n-> ") + 1) + 1;
  bytes.write(bytes.readUInt8(at) === 0x41 ? "B" : "A", at);
  await writeFile(path, bytes);
}

/** A home with one photo. */
async function onePhoto(user: User, ...flags: string[]): Promise<void> {
  await user.ok("init", "--classic", "--yes");
  await put(user, "Photos/a.jpg", pseudoRandom(150_000, 1));
  await user.ok("sync", user.path("Photos"), ...flags);
}

for (const [what, damage] of Object.entries(DAMAGES)) {
  test(`a staged object ${what} restores nothing and says so`, () =>
    withUser(async (user) => {
      await onePhoto(user);
      await damage.do(await onlyFile(user, "home/store/staged"));
      await assertFails(user, ["restore", "**", "--to", user.path("out")], {
        code: damage.code,
        says: /staged\/[0-9a-f]{40}\.age|a\.jpg/,
        hint: /./,
      });
      assert.deepEqual(await filesBelow(user.path("out")), []);
    }));
}

test("a photo in a volume whose chunk has a flipped bit is not restored, and its neighbours are", () =>
  withUser(async (user) => {
    await user.ok("init", "--classic", "--yes");
    for (const name of ["a", "b", "c"]) {
      await put(user, `Photos/${name}.jpg`, pseudoRandom(300_000, name.charCodeAt(0)));
    }
    await user.ok("sync", user.path("Photos"), "--seal");
    const [volume] = (await user.ok("ls", "volumes", "--json")).trim().split("\n").map((row) =>
      JSON.parse(row)
    );
    const rows = (await user.ok("tree", volume.name, "--json")).trim().split("\n").map((row) =>
      JSON.parse(row)
    );
    const row = rows.find(({ path }) => path === "Photos/b.jpg");
    await flip(await onlyFile(user, "home/store/volumes"), volume.headerSize + row.offset + 150_000);

    const result = await user.run("restore", "**", "--to", user.path("out"));
    assert.equal(result.code, 3, "some files were restored, not all");
    assert.match(result.out, /^Restored 2 files to /);
    assert.match(result.err, /^Warning: not restored: .*b\.jpg.*\nError: 1 file could not be restored\n→ /);
    assert.deepEqual(await filesBelow(user.path("out")), ["Photos/a.jpg", "Photos/c.jpg"]);
    await assertNoSecret(user, result);

    const report = await user.json("restore", "**", "--to", user.path("other"));
    const [failed] = report["failed"] as { path: string; code: string }[];
    assert.deepEqual({ path: failed?.path, code: failed?.code }, { path: "Photos/b.jpg", code: "damaged" });
  }));

for (const [what, damage] of Object.entries(DAMAGES)) {
  if (what.includes("flipped bit at its end")) continue; // the end of an image is padding
  test(`a volume ${what} restores no wrong byte and says so`, () =>
    withUser(async (user) => {
      await onePhoto(user, "--seal");
      await damage.do(await onlyFile(user, "home/store/volumes"));
      const { code } = await user.run("restore", "**", "--to", user.path("out"));
      assert.notEqual(code, 0);
      if (code === 4) await assertRestorable(user, "out"); // the photo stands before the damage
      else {
        await assertFails(user, ["restore", "**", "--to", user.path("out")], {
          code: damage.code,
          says: /volumes\/.*\.iso\.age/,
          hint: /./,
        });
        assert.deepEqual(await filesBelow(user.path("out")), []);
      }
    }));
}

test("two staged objects that were swapped restore nothing under the wrong name", () =>
  withUser(async (user) => {
    await user.ok("init", "--classic", "--yes");
    await put(user, "Photos/a.jpg", pseudoRandom(1000, 1));
    await put(user, "Photos/b.jpg", pseudoRandom(1000, 2));
    await user.ok("sync", user.path("Photos"));
    const [one = "", two = ""] = await filesBelow(user.path("home/store/staged"));
    const store = user.path("home/store/staged");
    await copyFile(`${store}/${one}`, user.path("kept"));
    await rename(`${store}/${two}`, `${store}/${one}`);
    await copyFile(user.path("kept"), `${store}/${two}`);
    const { code, err } = await user.run("restore", "**", "--to", user.path("out"));
    assert.equal(code, 1);
    assert.match(err, /Error: 2 files could not be restored\n→ /);
    assert.deepEqual(await filesBelow(user.path("out")), []);
  }));

test("one object encrypted to a stranger does not keep the others from coming back", () =>
  withUser(async (user) => {
    await user.ok("init", "--classic", "--yes");
    for (const name of ["a", "b", "c"]) {
      await put(user, `Photos/${name}.jpg`, pseudoRandom(1000, name.charCodeAt(0)));
    }
    await user.ok("sync", user.path("Photos"));
    await withUser(async (stranger) => {
      await stranger.ok("init", "--classic", "--yes");
      await put(stranger, "Photos/x.jpg", pseudoRandom(1000, 7));
      await stranger.ok("sync", stranger.path("Photos"));
      const [first = ""] = await filesBelow(user.path("home/store/staged"));
      await copyFile(await onlyFile(stranger, "home/store/staged"), user.path("home/store/staged", first));
    });
    const { code, out } = await user.run("restore", "**", "--to", user.path("out"));
    assert.equal(code, 3);
    assert.match(out, /^Restored 2 files/);
    assert.equal((await filesBelow(user.path("out"))).length, 2);
  }));

test("where the staged object is damaged, the photo comes out of its volume", () =>
  withUser(async (user) => {
    await onePhoto(user);
    const staged = await onlyFile(user, "home/store/staged");
    await copyFile(staged, user.path("kept"));
    await user.ok("sync", "--seal");
    await assertRestorable(user);
  }));

test("a second sync does not believe a staged object that was replaced", () =>
  withUser(async (user) => {
    await onePhoto(user);
    await writeFile(await onlyFile(user, "home/store/staged"), pseudoRandom(10, 1));
    await user.ok("sync", "--seal"); // built from the source, not from staging
    await assertRestorable(user);
  }));

test("a damaged manifest beside a volume does not matter to a restore", () =>
  withUser(async (user) => {
    await onePhoto(user, "--seal");
    await truncate(await onlyFile(user, "home/store/manifests"), 10);
    await assertRestorable(user);
  }));
