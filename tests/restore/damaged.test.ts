/** What a volume that lost some of its bytes still gives: every file that the loss does not touch. */

import assert from "node:assert/strict";
import { chmod, readFile, rm, truncate, writeFile } from "node:fs/promises";
import { basename } from "node:path";
import { test } from "node:test";
import { filesBelow, put } from "../cli/files.ts";
import { headerEnd } from "../../lib/age/header.ts";
import { NONCE_SIZE, SEALED_CHUNK_SIZE } from "../../lib/age/payload.ts";
import { EXIT } from "../../lib/cli/command.ts";
import { type User, withUser } from "../cli/harness.ts";
import { pseudoRandom } from "../tools.ts";

const NAMES = ["a.jpg", "b.jpg", "c.jpg", "d.jpg"];
const SIZE = 300_000;

/** Four photos in one volume; gives the path of its object. */
async function sealed(user: User): Promise<string> {
  for (const [i, name] of NAMES.entries()) await put(user, `Photos/${name}`, pseudoRandom(SIZE, i + 1));
  await user.ok("init", "--yes", "--classic", "--cold", `file:${user.path("cold")}`);
  await user.ok("sync", user.path("Photos"), "--seal");
  const [volume = ""] = (await filesBelow(user.path("cold"))).filter((path) => path.endsWith(".iso.age"));
  const path = user.path("cold", volume);
  await chmod(path, 0o644);
  return path;
}

/** Restores all; the names that came back, each with the right bytes. */
async function restored(user: User, expected: number, ...from: string[]): Promise<string[]> {
  const { code, err } = await user.run("restore", "**", "--to", user.path("out"), ...from);
  assert.equal(code, expected, err);
  const names = (await filesBelow(user.path("out"))).map((path) => basename(path));
  for (const name of names) {
    const bytes = new Uint8Array(await readFile(user.path("out/Photos", name)));
    assert.deepEqual(bytes, pseudoRandom(SIZE, NAMES.indexOf(name) + 1));
  }
  return names;
}

test("a volume whose last byte was changed gives every file, and is said to be damaged", () =>
  withUser(async (user) => {
    const path = await sealed(user);
    const bytes = await readFile(path);
    bytes[bytes.length - 1] = (bytes.at(-1) ?? 0) ^ 1;
    await writeFile(path, bytes);
    assert.deepEqual(await restored(user, EXIT.damage), NAMES);
    await rm(user.path("out"), { recursive: true });
    assert.deepEqual(await restored(user, EXIT.damage, "--image", path), NAMES);
  }));

test("a volume of which only the first part is left gives the files that stand there", () =>
  withUser(async (user) => {
    const path = await sealed(user);
    await truncate(path, 1_400_000); // the tables and two of the photos
    assert.deepEqual(await restored(user, EXIT.partly), ["a.jpg", "b.jpg"]);
  }));

test("a volume with a damaged spot gives every file but the one that stands there", () =>
  withUser(async (user) => {
    const path = await sealed(user);
    const bytes = await readFile(path);
    bytes.fill(0, 1_050_000, 1_050_100); // in the middle of b.jpg
    await writeFile(path, bytes);
    assert.deepEqual(await restored(user, EXIT.partly), ["a.jpg", "c.jpg", "d.jpg"]);
  }));

/** Up to here an image file is whole: the last of these chunks holds the end of b.jpg. */
const CHUNKS = 18;

for (const beyond of [0, 1, 16, 17]) {
  test(`an image file that ends ${beyond} bytes behind a chunk gives all that stands before`, () =>
    withUser(async (user) => {
      const path = await sealed(user);
      const header = headerEnd(await readFile(path)) ?? 0;
      await truncate(path, header + NONCE_SIZE + CHUNKS * SEALED_CHUNK_SIZE + beyond);
      const image = ["--image", path];
      assert.deepEqual(await restored(user, EXIT.partly, ...image), ["a.jpg", "b.jpg"]);
      const found = await user.run("restore", "Photos/b.jpg", "--to", user.path("b"), ...image);
      assert.equal(found.code, EXIT.damage, found.err);
      assert.match(found.err, /cut short/);
    }));
}
