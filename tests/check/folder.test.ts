/** Checks as a user with a folder for a store meets them: what is due, sources, mending, drills, the page. */

import assert from "node:assert/strict";
import { chmod, readdir, readFile, rm, stat, truncate, utimes, writeFile } from "node:fs/promises";
import { test } from "node:test";
import { filesBelow, onlyFile, put } from "../cli/files.ts";
import { type User, withUser } from "../cli/harness.ts";
import { pseudoRandom } from "../tools.ts";
import { check } from "./tools.ts";

const DAY = 86_400_000;

/** A home with photos; those of the first list sealed, the others staged. */
async function home(user: User, sealed: readonly string[], staged: readonly string[] = []): Promise<void> {
  user.clock ??= Date.parse("2026-11-22T10:00:00Z");
  await user.ok("init", "--classic", "--yes");
  for (const name of sealed) await photo(user, name);
  if (sealed.length > 0) await user.ok("sync", user.path("Photos"), "--seal");
  for (const name of staged) await photo(user, name);
  if (staged.length > 0) await user.ok("sync", user.path("Photos"));
  user.clock += DAY;
}

const seedOf = (name: string) => [...name].reduce((sum, letter) => sum * 31 + letter.charCodeAt(0) | 0, 7);

function jpeg(name: string, size = 100_000, seed = seedOf(name)): Uint8Array {
  const bytes = pseudoRandom(size, seed);
  bytes.set([0xff, 0xd8, 0xff, 0xe0]);
  return bytes;
}

const photo = (user: User, name: string) => put(user, `Photos/${name}`, jpeg(name));

async function damage(path: string, at: number): Promise<void> {
  await chmod(path, 0o600);
  const bytes = await readFile(path);
  const index = at < 0 ? bytes.length + at : at;
  bytes.writeUInt8(bytes.readUInt8(index) ^ 1, index);
  await writeFile(path, bytes);
}

/** Other bytes under the same size and times, as a failing disk leaves them; only a disk leaves the ctime. */
async function rot(user: User, name: string): Promise<void> {
  const path = user.path("Photos", name);
  const { mtime } = await stat(path);
  const bytes = await readFile(path);
  await writeFile(path, bytes.map((byte, i) => i === 50_000 ? byte ^ 1 : byte));
  await utimes(path, mtime, mtime);
  const { ctimeMs, ino } = await stat(path);
  const { createClient } = await import("@libsql/client");
  const db = createClient({ url: `file:${user.path("home/catalog.db")}` });
  await db.execute({
    sql: "UPDATE versions SET ctime = ?, inode = ? WHERE path = ?",
    args: [Math.floor(ctimeMs / 1000), String(ino), name],
  });
  db.close();
}

test("without a subject, what is due is checked, and then nothing is due until the next day", () =>
  withUser(async (user) => {
    await home(user, ["a.jpg"], ["b.jpg"]);
    const checks = async () =>
      (((await user.json("check"))["checks"]) as { check: string }[]).map((one) => one.check);
    assert.deepEqual(await checks(), ["staging", "volumes", "sources"]);
    assert.deepEqual(await checks(), []);
    assert.match(await user.ok("check"), /^No check is due; the next is `check staging`, on 2026-11-24\./);
    user.clock = (user.clock ?? 0) + DAY;
    assert.deepEqual(await checks(), ["staging", "sources"]);
    user.clock += 29 * DAY;
    assert.deepEqual(await checks(), ["staging", "volumes", "sources"]);
  }));

test("a folder keeps no checksums, and a check of it does not say otherwise", () =>
  withUser(async (user) => {
    await home(user, ["a.jpg"], ["b.jpg"]);
    for (const [subject, what] of [["volumes", "volumes"], ["staging", "staged files"]] as const) {
      const looked = await check(user, subject);
      assert.deepEqual([looked.proven(what, "listed"), looked.proven(what, "checksummed")], [1, 0]);
      assert.match(looked.remarks.join(), /a folder keeps no checksums: add --deep to read the bytes/);
    }
  }));

test("a check that could not look says nothing of what is there, and leaves what is known alone", () =>
  withUser(async (user) => {
    await home(user, ["a.jpg"], ["b.jpg"]);
    await rm(user.path("home/store"), { recursive: true });
    const { code, err } = await user.run("check", "volumes");
    assert.equal(code, 1);
    assert.match(err, /^Error: .*store/);
    const findings = (await user.json("status"))["findings"] as { scope: string }[];
    assert.deepEqual(findings.filter(({ scope }) => scope === "check volumes"), []);
    const runs = (await user.json("status"))["runs"] as { job: string; outcome: string }[];
    assert.equal(runs.find(({ job }) => job === "check volumes")?.outcome, "failed");
  }));

test("samples remember what was read, so that runs of two files cover twelve in six", () =>
  withUser(async (user) => {
    const names = Array.from({ length: 6 }, (_, i) => `${i}.jpg`);
    const waiting = Array.from({ length: 6 }, (_, i) => `w${i}.jpg`);
    await home(user, names, waiting);
    for (let run = 0; run < 3; run++) {
      for (const subject of ["volumes", "staging"]) {
        assert.equal((await check(user, subject, "--deep", "--sample", "2")).code, 0);
        user.clock = (user.clock ?? 0) + 1000;
      }
    }
    await user.ok("check", "--report", user.path("page.html"));
    const page = await readFile(user.path("page.html"), "utf8");
    assert.match(page, /aria-label="restored: 6 of 6, [^"]*"/, "staged files");
    assert.match(page, /files in volumes: 6 [\s\S]*aria-label="restored: 6 of 6/);
  }));

test("a volume that is gone is sealed again from the folders, after --mend", () =>
  withUser(async (user) => {
    await home(user, ["a.jpg", "b.jpg"]);
    await rm(await onlyFile(user, "home/store/volumes"));
    const looked = await check(user, "volumes");
    assert.deepEqual(looked.findings.map(({ kind, files }) => [kind, files]), [
      ["object-missing", ["Photos/a.jpg", "Photos/b.jpg"]],
    ]);
    assert.match(looked.findings[0]?.message ?? "", /of its 2 files 2 still in their folders/);
    assert.match(looked.findings[0]?.hint ?? "", /coldframe check volumes --mend, then coldframe sync/);
    user.clock = (user.clock ?? 0) + 1000;
    assert.deepEqual((await check(user, "volumes", "--mend")).kinds, []);
    await user.ok("sync", "--seal");
    await rm(user.path("Photos"), { recursive: true });
    await user.ok("restore", "**", "--to", user.path("out"));
    assert.deepEqual(await filesBelow(user.path("out")), ["Photos/a.jpg", "Photos/b.jpg"]);
    assert.deepEqual((await check(user, "volumes", "--deep", "--all")).kinds, []);
  }));

test("what was only in a lost volume stays named until it is given up", () =>
  withUser(async (user) => {
    await home(user, ["a.jpg", "b.jpg"]);
    await rm(user.path("Photos/a.jpg"));
    await user.ok("sync");
    await rm(await onlyFile(user, "home/store/volumes"));
    const looked = await check(user, "volumes");
    assert.match(looked.findings[0]?.message ?? "", /1 still in their folders, 1 NOWHERE ELSE/);
    user.clock = (user.clock ?? 0) + 1000;
    const mended = await check(user, "volumes", "--mend");
    assert.deepEqual(mended.findings.map(({ kind, files }) => [kind, files]), [["content-lost", [
      "Photos/a.jpg",
    ]]]);
    await user.ok("sync", "--seal");
    assert.deepEqual((await check(user, "volumes")).kinds, ["content-lost damage"]);
    assert.deepEqual((await check(user, "volumes", "--accept-lost")).kinds, []);
    assert.deepEqual((await check(user, "volumes")).kinds, []);
  }));

test("what can still be read of a damaged volume is restored, when nothing else has it", () =>
  withUser(async (user) => {
    await home(user, ["a.jpg", "b.jpg"]);
    const [volume] = (await user.ok("ls", "volumes", "--json")).trim().split("\n").map((row) =>
      JSON.parse(row)
    );
    const rows = (await user.ok("tree", volume.name, "--json")).trim().split("\n").map((row) =>
      JSON.parse(row)
    );
    const offset = rows.find(({ path }) => path === "Photos/b.jpg").offset;
    await damage(await onlyFile(user, "home/store/volumes"), volume.headerSize + offset + 90_000);
    await rm(user.path("Photos/a.jpg"));
    await user.ok("sync");
    const looked = await check(user, "volumes", "--deep", "--all");
    assert.deepEqual(looked.findings.map(({ files }) => files), [["Photos/b.jpg"]]);
    user.clock = (user.clock ?? 0) + 1000;
    await check(user, "volumes", "--mend");
    await user.ok("restore", "a.jpg", "--deleted", "--to", user.path("out"));
    assert.deepEqual(await filesBelow(user.path("out")), ["Photos/a.jpg"]);
  }));

test("nothing is mended while a volume is unfinished, or of which the folder has other bytes", () =>
  withUser(async (user) => {
    await home(user, [], ["a.jpg"]);
    const staged = await onlyFile(user, "home/store/staged");
    await truncate(staged, 100).catch(async () => {
      await chmod(staged, 0o600);
      await truncate(staged, 100);
    });
    await put(user, "Photos/a.jpg", jpeg("a.jpg", 100_000, 99));
    const { kinds, mended } = await check(user, "staging", "--mend");
    assert.deepEqual([kinds, mended], [["object-size damage"], []]);
    assert.deepEqual(
      (await readdir(user.path("home/store/staged"))).length,
      1,
      "the rest of it is still there",
    );
  }));

test("a file that rots on its disk is found, and the good copy put beside it", () =>
  withUser(async (user) => {
    await home(user, ["a.jpg", "b.jpg"]);
    const good = await readFile(user.path("Photos/a.jpg"));
    assert.deepEqual((await check(user, "sources", "--all")).kinds, []);
    await rot(user, "a.jpg");
    user.clock = (user.clock ?? 0) + 1000;
    const bad = await readFile(user.path("Photos/a.jpg"));
    assert.match(await user.ok("sync"), /^Photos: 2 files \(200 kB\)\n/);
    const looked = await check(user, "sources", "--all");
    assert.deepEqual(looked.findings.map(({ kind, files }) => [kind, files]), [["source-corrupt", [
      "Photos/a.jpg",
    ]]]);
    assert.match(looked.findings[0]?.message ?? "", /a good copy is in volume \d{4}-/);
    const mended = await check(user, "sources", "--mend");
    assert.deepEqual(mended.mended, [
      "the good copy of Photos/a.jpg is beside it: a.restored-2026-11-23.jpg",
    ]);
    assert.deepEqual(await readFile(user.path("Photos/a.jpg")), bad, "never over it");
    assert.deepEqual(await readFile(user.path("Photos/a.restored-2026-11-23.jpg")), good);
    assert.equal(
      (await check(user, "sources", "--mend")).code,
      4,
      "and it stays named until its owner has chosen",
    );
    await rm(user.path("Photos/a.jpg"));
    await writeFile(user.path("Photos/a.jpg"), good);
    assert.deepEqual((await check(user, "sources")).kinds, []);
  }));

test("an edited file is no corruption: the next sync takes it", () =>
  withUser(async (user) => {
    await home(user, ["a.jpg"]);
    await put(user, "Photos/a.jpg", jpeg("a.jpg", 100_000, 5), "2026-11-22T12:00:00Z");
    const looked = await check(user, "sources", "--all");
    assert.deepEqual(looked.kinds, []);
    assert.match(looked.remarks.join(), /1 have changed since the last scan/);
  }));

test("every file is read again in the time that the settings say, and none much more often", () =>
  withUser(async (user) => {
    const names = Array.from({ length: 40 }, (_, i) => `${i}.jpg`);
    user.clock = Date.parse("2026-01-01T03:00:00Z");
    await user.ok("init", "--classic", "--yes");
    await writeFile(user.path("home/config.toml"), '[checks]\nreread = "10d"\n');
    for (const [i, name] of names.entries()) await put(user, `Photos/${name}`, jpeg(name, 2000 + i * 100));
    await user.ok("sync", user.path("Photos"), "--seal");
    let read = 0;
    for (let day = 1; day <= 30; day++) {
      user.clock += DAY;
      const looked = await check(user, "sources");
      read += looked.proven("files", "read back");
      const [, days = "1"] = /within the last (\d+) days/.exec(looked.remarks.join()) ?? [];
      assert.ok(Number(days) <= 10, `day ${day}: ${days} days`);
    }
    assert.ok(read >= 3 * 40 - 10 && read <= 4.5 * 40, `${read} files read`);
  }));

test("a drill brings files back and compares them with their folders", () =>
  withUser(async (user) => {
    await home(user, ["a.jpg", "b.jpg"], ["c.jpg"]);
    const good = await user.json("check", "--drill", "3");
    const files = good["drill"] as { path: string; outcome: string }[];
    assert.deepEqual(files.map(({ path, outcome }) => `${path} ${outcome}`).sort(), [
      "Photos/a.jpg same",
      "Photos/b.jpg same",
      "Photos/c.jpg same",
    ]);
    await put(user, "Photos/a.jpg", jpeg("a.jpg", 100_000, 5));
    await damage(await onlyFile(user, "home/store/staged"), -5);
    const { code, err, out } = await user.run("check", "--drill", "3");
    assert.equal(code, 4);
    assert.match(out, /FAILED +Photos\/c\.jpg/);
    assert.match(out, /restored, right by its SHA-256 +Photos\/a\.jpg: .*changed/);
    assert.match(err, /Photos\/c\.jpg could not be restored/);
  }));

test("a wave of files that become random bytes is not taken, and the good ones stay what is current", () =>
  withUser(async (user) => {
    const names = Array.from({ length: 30 }, (_, i) => `${i}.jpg`);
    await home(user, names);
    for (const [i, name] of names.slice(0, 20).entries()) {
      await put(user, `Photos/${name}`, pseudoRandom(100_000, i + 1), "2026-11-23T01:00:00Z");
    }
    for (const name of names.slice(20, 25)) { // renamed, as most of it does
      await rm(user.path("Photos", name));
      await put(user, `Photos/${name}.locked`, pseudoRandom(100_000, 77), "2026-11-23T01:00:00Z");
    }
    const { code, err } = await user.run("sync", "--seal");
    assert.equal(code, 3);
    assert.match(
      err,
      /Error: 25 known files in Photos have become random bytes at once, as ransomware makes them/,
    );
    assert.match(err, /→ .*coldframe sync --accept-changes/);
    await user.ok("restore", "**", "--to", user.path("out"));
    assert.deepEqual(await filesBelow(user.path("out/Photos")), [...names].sort());
    for (const name of names) {
      assert.deepEqual(
        await readFile(user.path("out/Photos", name)).then((b) => new Uint8Array(b)),
        jpeg(name),
      );
    }
    assert.match((await user.run("status")).out, /random bytes/, "it stays in status");
    assert.equal((await user.run("sync")).code, 3, "and is told of again");
    await user.ok("sync", "--seal", "--accept-changes");
    assert.doesNotMatch((await user.run("status")).out, /random bytes/);
    await user.ok("restore", "**", "--to", user.path("now"));
    assert.equal(
      (await filesBelow(user.path("now/Photos"))).filter((name) => name.endsWith(".locked")).length,
      5,
    );
  }));

test("thirty edited photos are no wave, nor are ten that were encrypted on purpose", () =>
  withUser(async (user) => {
    const names = Array.from({ length: 30 }, (_, i) => `${i}.jpg`);
    await home(user, names);
    for (const name of names) await put(user, `Photos/${name}`, jpeg(name, 100_001), "2026-11-23T01:00:00Z");
    assert.match(await user.ok("sync"), /30 changed/);
    for (const [i, name] of names.slice(0, 10).entries()) {
      await put(user, `Photos/${name}`, pseudoRandom(100_000, i + 1), "2026-11-23T02:00:00Z");
    }
    assert.match(await user.ok("sync"), /10 changed/);
  }));

test("the page is one file without anything from elsewhere, and names cannot write HTML into it", () =>
  withUser(async (user) => {
    const hostile = `"><img src=x onerror=alert(1)>&'.jpg`;
    await home(user, [hostile]);
    await rm(await onlyFile(user, "home/store/volumes"));
    assert.equal((await user.run("check", "volumes", "--report", user.path("page.html"))).code, 4);
    const page = await readFile(user.path("page.html"), "utf8");
    assert.match(page, /^<!doctype html>\n<html lang="en">/);
    assert.doesNotMatch(page, /<(script|img|link|iframe|object|embed)\b/i);
    const markup = [...page.matchAll(/<style>[^]*?<\/style>|<[^>]*>/g)].join("\n");
    assert.doesNotMatch(markup, /(src|href|onerror)\s*=|url\(|@import|https?:/i);
    assert.match(page, /<li>Photos\/&quot;&gt;&lt;img src=x onerror=alert\(1\)&gt;&amp;&#39;\.jpg<\/li>/);
    assert.match(page, /name="viewport" content="width=device-width/);
    assert.match(page, /<td class="damage" title="2026-11-23: damage found"><\/td>/);
    assertBalanced(page);
    assert.equal((await stat(user.path("page.html"))).mode & 0o777, 0o600);
  }));

/** Every element that is opened is closed, in order (but those that have no end). */
function assertBalanced(page: string): void {
  const open: string[] = [];
  for (
    const [, slash, name = ""] of page.replace(/<style>[^]*?<\/style>/, "").matchAll(
      /<(\/?)([a-z][a-z0-9]*)[^>]*>/g,
    )
  ) {
    if (["meta"].includes(name)) continue;
    if (slash === "") open.push(name);
    else assert.equal(open.pop(), name);
  }
  assert.deepEqual(open, []);
}

for (
  const args of [
    ["--mend"],
    ["--sample", "5"],
    ["volumes", "--all"],
    ["volumes", "--thaw", "bulk"],
    ["staging", "--accept-lost"],
    ["staging", "--drill"],
    ["mirror"],
    ["staging", "home"],
    ["everything"],
    ["volumes", "--deep", "--thaw", "quickly"],
    ["volumes", "--deep", "--sample", "5", "--all"],
    ["--drill", "0"],
  ]
) {
  test(`check ${args.join(" ")} is wrong usage`, () =>
    withUser(async (user) => {
      await user.ok("init", "--classic", "--yes");
      assert.equal((await user.run("check", ...args)).code, 2);
    }));
}
