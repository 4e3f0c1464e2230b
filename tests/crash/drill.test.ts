/**
 * The disaster drill: the house has burnt down, with the home and the photos in it. What is left are the
 * stores and the paper with the key. Everything comes back, and `diff -r` sees no difference.
 */

import assert from "node:assert/strict";
import { cp, mkdir, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { test } from "node:test";
import { put } from "../cli/files.ts";
import { type User, withUser } from "../cli/harness.ts";
import { withDrive } from "../servers/drive/server.ts";
import { withS3 } from "../servers/s3/server.ts";
import { pseudoRandom, run, testWith } from "../tools.ts";
import { DriveTier } from "./drive-tier.ts";
import { FileTier } from "./file-tier.ts";
import { S3Tier } from "./s3-tier.ts";
import { STORE_KINDS, type StoreKind, type Tier } from "./tier.ts";

/** What is lost beside home and photos, and whether files that were only staged can be named without it. */
const LOSSES = [
  { lost: [], name: "the home and the photos", staged: true },
  { lost: ["catalog/"], name: "the snapshots, too", staged: false },
  { lost: ["catalog/", "manifests/"], name: "the snapshots and the manifests, too", staged: false },
] as const;

/** Runs `body` with a user and an empty store of a kind. */
function withTier(kind: StoreKind, body: (user: User, tier: Tier) => Promise<void>): Promise<void> {
  return withUser((user) => {
    if (kind === "s3") return withS3({}, (server) => body(user, new S3Tier(server, "house")));
    if (kind === "drive") return withDrive((server) => body(user, new DriveTier(server)));
    return body(user, new FileTier(user.path("disk")));
  });
}

/** Photos in two volumes, with names and folders that break lesser tools; one more in staging if it may be. */
async function archive(user: User, tier: Tier, staged: boolean): Promise<void> {
  user.env = { ...tier.env, HOME: user.folder };
  await user.ok("init", "--yes", "--classic", "--cold", tier.url, "--staging", tier.url);
  await tier.prepare(user.home);
  await put(user, "Photos/2024/IMG_1.HEIC", pseudoRandom(300_000, 1));
  await put(
    user,
    'Photos/2023/it\'s "quoted" 😀\nline.jpg',
    pseudoRandom(65_536, 2),
    "2023-01-02T03:04:05.006Z",
  );
  await put(user, "Photos/empty.txt", "");
  await put(user, "Photos/copy of 1.HEIC", pseudoRandom(300_000, 1), "1999-12-31T23:59:59.999Z");
  await mkdir(user.path("Photos/nothing in it"));
  await user.ok("sync", user.path("Photos"), "--seal");
  await put(user, "Photos/2025/IMG_2.MOV", pseudoRandom(9_000_000, 3), "2025-02-01T00:00:00.000Z");
  await put(user, "Photos/again/IMG_1.HEIC", pseudoRandom(300_000, 1));
  await user.ok("sync", "--seal");
  if (!staged) return;
  await put(user, "Photos/2026/IMG_3.HEIC", pseudoRandom(100_000, 4), "2026-02-20T00:00:00.000Z");
  await user.ok("sync");
}

/** The secret key as the printed page shows it, typed into a file. */
async function typeKey(user: User): Promise<void> {
  await user.ok("key", "kit", "--out", user.path("kit.html"));
  const [, key = ""] = /<ol class="key">(.*?)<\/ol>/s.exec(await readFile(user.path("kit.html"), "utf8")) ??
    [];
  await writeFile(user.path("key.txt"), key.replace(/<[^>]+>|\s/g, "") + "\n");
}

/** Only what a user could compare with is kept aside. */
async function burn(user: User): Promise<void> {
  await mkdir(user.path("before"));
  await rename(user.path("Photos"), user.path("before/Photos"));
  await rm(user.home, { recursive: true });
}

for (const kind of STORE_KINDS) {
  for (const { lost, name, staged } of LOSSES) {
    testWith(
      ["diff"],
      `a ${kind} store and the printed key give everything back without ${name}`,
      () =>
        withTier(kind, async (user, tier) => {
          await archive(user, tier, staged);
          await typeKey(user);
          await burn(user);
          for (const prefix of lost) await tier.lose(prefix);
          await tier.prepare(user.home); // a new sign-in, where the store needs one
          await user.ok("recover", tier.url, "--identity", user.path("key.txt"));
          await user.ok("restore", "**", "--to", user.path("out"));
          assert.equal((await run("diff", ["-r", user.path("before"), user.path("out")])).stdout, "");
          assert.ok((await readdir(user.path("out/Photos/nothing in it"))).length === 0);
          await tier.close();
        }),
    );
  }
}

testWith(
  ["age", "xorriso", "gunzip", "sha256sum", "diff"],
  "age, xorriso and gunzip alone give everything back, as the README of a volume says",
  () =>
    withTier("file", async (user, tier) => {
      await archive(user, tier, false);
      await typeKey(user);
      await burn(user);
      const readme = await readmeOf(user);
      const [decrypt = ""] = /age -d .*/.exec(readme) ?? assert.fail("it says how to decrypt");
      const [prove = ""] = /sha256sum -c \S+/.exec(readme) ?? assert.fail("it says how to prove");
      assert.match(readme, /xorriso/);
      await mkdir(user.path("out"));
      for (const name of (await readdir(user.path("disk/volumes"))).sort()) {
        await cp(user.path("disk/volumes", name), user.path("NAME.iso.age"));
        await sh(user, decrypt.trim(), ".");
        await run("xorriso", [
          "-osirrox",
          "on",
          "-indev",
          user.path("volume.iso"),
          "-extract",
          "/",
          user.path("image"),
        ]);
        await sh(user, prove, "image");
        await cp(user.path("image/Photos"), user.path("out/Photos"), {
          recursive: true,
          preserveTimestamps: true,
        });
        for (const used of ["image", "volume.iso"]) await rm(user.path(used), { recursive: true });
      }
      await copyReferences(user);
      assert.equal((await run("diff", ["-r", user.path("before"), user.path("out")])).stdout, "");
    }),
);

async function sh(user: User, line: string, folder: string): Promise<string> {
  return (await run("sh", ["-c", line], { cwd: user.path(folder), maxBuffer: 1e8 })).stdout;
}

/** README.txt is in the image, so whoever reads it has opened one already. */
async function readmeOf(user: User): Promise<string> {
  const [name = ""] = await readdir(user.path("disk/volumes"));
  await sh(user, `age -d -i key.txt -o first.iso 'disk/volumes/${name}'`, ".");
  await run("xorriso", [
    "-osirrox",
    "on",
    "-indev",
    user.path("first.iso"),
    "-extract",
    "/README.txt",
    user.path("README.txt"),
  ]);
  return (await readFile(user.path("README.txt"), "utf8")).replaceAll("\r", "");
}

/** What the README says of lines with a volume: the file is a copy of one in that earlier volume. */
async function copyReferences(user: User): Promise<void> {
  const lines: { path: string; sha256: string; volume?: string }[] = [];
  for (const name of await readdir(user.path("disk/manifests"))) {
    const text = await sh(user, `age -d -i key.txt 'disk/manifests/${name}' | gunzip`, ".");
    lines.push(...text.trim().split("\n").slice(1).map((line) => JSON.parse(line)));
  }
  const references = lines.filter(({ volume }) => volume !== undefined);
  assert.ok(references.length > 0);
  for (const { path, sha256 } of references) {
    const held = lines.find((line) => line.sha256 === sha256 && line.volume === undefined);
    await cp(user.path("out", held?.path ?? ""), user.path("out", path), { preserveTimestamps: true });
  }
}

test("a key that was typed with a slip is refused, and no home is made of it", () =>
  withTier("file", async (user, tier) => {
    await archive(user, tier, false);
    await typeKey(user);
    await burn(user);
    const key = await readFile(user.path("key.txt"), "utf8");
    await writeFile(
      user.path("key.txt"),
      key.slice(0, -10) + (key.at(-10) === "Q" ? "P" : "Q") + key.slice(-9),
    );
    const { code, err } = await user.run("recover", tier.url, "--identity", user.path("key.txt"));
    assert.equal(code, 1);
    assert.match(err, /^Error: .*\n→ /);
    await assert.rejects(readdir(user.home), { code: "ENOENT" });
  }));
