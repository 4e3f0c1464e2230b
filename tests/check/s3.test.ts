/** Checks of an archive in S3: each kind of damage at the level that can find it, and what a check asks. */

import assert from "node:assert/strict";
import { readFile, rename, writeFile } from "node:fs/promises";
import { test } from "node:test";
import { parsePrices } from "../../lib/cost/prices.ts";
import { type S3Archive, withArchive } from "../jobs/s3-archive.ts";
import { check, type Checked } from "./tools.ts";

/** Two volumes of one photo each, and a third photo that waits. */
async function archive(archive: S3Archive): Promise<void> {
  await archive.user.ok("init", "--classic", "--yes", "--cold", archive.url, "--staging", archive.url);
  for (const [i, name] of ["a.jpg", "b.jpg"].entries()) {
    await archive.put(name, 60_000 + i, i + 1);
    await archive.user.ok("sync", archive.user.path("Photos"), "--seal");
  }
  await archive.put("c.jpg", 50_000, 9);
  await archive.user.ok("sync", archive.user.path("Photos"));
}

function first(archive: S3Archive, folder: string): string {
  const [key] = archive.keys(folder).sort();
  if (key === undefined) throw new Error(`nothing in ${folder}`);
  return key;
}

/** Replaces the bytes of an object behind the back of the server, which goes on to report its old checksum. */
function flip({ server }: S3Archive, key: string, at: number): void {
  const chunks = server.object("bucket", `family/${key}`)?.parts.flatMap(({ chunks }) => chunks ?? []) ?? [];
  let left = at < 0 ? chunks.reduce((sum, { length }) => sum + length, 0) + at : at;
  for (const chunk of chunks) {
    if (left < chunk.length) {
      chunk[left] = (chunk[left] ?? 0) ^ 1;
      return;
    }
    left -= chunk.length;
  }
  throw new Error(`no such byte in ${key}`);
}

/** As somebody would with another tool: other bytes of the same size, with no checksum or its own. */
function replace(archive: S3Archive, key: string, storageClass?: string): void {
  const bytes = archive.server.bytes("bucket", `family/${key}`).slice();
  bytes[bytes.length - 5] = (bytes[bytes.length - 5] ?? 0) ^ 1;
  archive.server.addObject("bucket", `family/${key}`, bytes, storageClass);
}

interface Damage {
  readonly name: string;
  do(archive: S3Archive, key: string): void;
  /** What a check says that only lists and compares checksums. */
  readonly plain: readonly string[];
  /** What it says when it reads everything. */
  readonly deep: readonly string[];
}

const DAMAGES: readonly Damage[] = [
  {
    name: "removed",
    do: ({ server }, key) => void server.buckets.get("bucket")?.objects.delete(`family/${key}`),
    plain: ["object-missing damage"],
    deep: ["object-missing damage"],
  },
  {
    name: "truncated",
    do: (archive, key) => {
      const bytes = archive.server.bytes("bucket", `family/${key}`);
      archive.server.addObject("bucket", `family/${key}`, bytes.slice(0, -1));
    },
    plain: ["object-size damage"],
    deep: ["object-size damage"],
  },
  {
    name: "with a bit flipped on the store's disk",
    do: (archive, key) => flip(archive, key, -5),
    plain: [],
    deep: ["object-damaged damage"],
  },
  {
    name: "replaced by other bytes of the same size",
    do: (archive, key) => replace(archive, key),
    plain: ["checksum-missing warning"],
    deep: ["checksum-missing warning", "object-damaged damage"],
  },
  {
    name: "whose checksum is missing",
    do: (archive, key) => {
      const bytes = archive.server.bytes("bucket", `family/${key}`).slice();
      archive.server.addObject("bucket", `family/${key}`, bytes);
    },
    plain: ["checksum-missing warning"],
    deep: ["checksum-missing warning"],
  },
  {
    name: "in the wrong class",
    do: ({ server }, key) => {
      const object = server.object("bucket", `family/${key}`);
      if (object !== undefined) object.storageClass = "STANDARD_IA";
    },
    plain: ["wrong-class warning"],
    deep: ["wrong-class warning"],
  },
];

for (const { name, do: damage, plain, deep } of DAMAGES) {
  for (
    const [subject, folder, what] of [["volumes", "volumes/", "volumes"], [
      "staging",
      "staged/",
      "staged files",
    ]] as const
  ) {
    test(`a ${subject === "volumes" ? "volume" : "staged file"} ${name}: ${plain.join() || "only reading finds it"}`, () =>
      withArchive(async (one) => {
        await archive(one);
        assert.deepEqual((await check(one.user, subject)).kinds, []);
        damage(one, first(one, folder));
        const looked = await check(one.user, subject);
        assert.deepEqual(looked.kinds, plain);
        assertNoMoreThanProven(looked, what, plain);
        const read = await check(one.user, subject, "--deep", "--all");
        assert.deepEqual(read.kinds, deep);
        const bad = deep.some((kind) => kind.endsWith("damage"));
        assert.equal(read.proven(what, "restored"), read.objects(what) - (bad ? 1 : 0));
        assert.equal(one.server.crashes.length, 0);
      }));
  }
}

function assertNoMoreThanProven(looked: Checked, what: string, kinds: readonly string[]): void {
  const faults = kinds.map((kind) => kind.split(" ")[0]);
  const all = looked.objects(what);
  const unlisted = faults.some((kind) => kind === "object-missing" || kind === "object-size") ? 1 : 0;
  const unsummed = faults.some((kind) => kind?.startsWith("checksum")) ? 1 : 0;
  assert.equal(looked.proven(what, "listed"), all - unlisted);
  assert.equal(looked.proven(what, "checksummed"), all - unlisted - unsummed);
  assert.equal(looked.proven(what, "read back") + looked.proven(what, "restored"), 0);
}

test("a bit flipped in the middle of one photo names that photo and no other", () =>
  withArchive(async (one) => {
    await one.user.ok("init", "--classic", "--yes", "--cold", one.url);
    for (const [i, name] of ["a.jpg", "b.jpg", "c.jpg"].entries()) await one.put(name, 200_000, i + 1);
    await one.user.ok("sync", one.user.path("Photos"), "--seal");
    const key = first(one, "volumes/");
    const [volume] = (await one.user.ok("ls", "volumes", "--json")).trim().split("\n").map((row) =>
      JSON.parse(row)
    );
    const rows = (await one.user.ok("tree", volume.name, "--json")).trim().split("\n").map((row) =>
      JSON.parse(row)
    );
    const row = rows.find(({ path }) => path === "Photos/b.jpg");
    flip(one, key, volume.headerSize + row.offset + 100_000);
    for (const flags of [["--all"], ["--sample", "3"]]) {
      const { findings, kinds } = await check(one.user, "volumes", "--deep", ...flags);
      assert.deepEqual(kinds, ["object-damaged damage"]);
      assert.deepEqual(findings[0]?.files, ["Photos/b.jpg"]);
      assert.match(
        findings[0]?.message ?? "",
        /a file in it cannot be brought back .*b\.jpg is still in its folder/,
      );
    }
    const later = await check(one.user, "volumes");
    assert.deepEqual(later.kinds, ["object-damaged damage"], "a look that does not read cannot close it");
    one.user.clock = Date.now() + 60_000;
    const mended = await check(one.user, "volumes", "--mend");
    assert.deepEqual([mended.kinds, mended.mended.length], [[], 1]);
    await one.user.ok("sync", "--seal");
    const whole = await check(one.user, "volumes", "--deep", "--all");
    assert.deepEqual([whole.kinds, whole.proven("volumes", "restored"), one.keys("volumes/").length], [
      [],
      1,
      2,
    ]);
  }));

test("without the key a deep check says that it only read back", () =>
  withArchive(async (one) => {
    await archive(one);
    await rename(one.user.path("home/keys/identity.txt"), one.user.path("paper"));
    const read = await check(one.user, "volumes", "--deep", "--all");
    assert.deepEqual([read.proven("volumes", "read back"), read.proven("volumes", "restored")], [2, 0]);
    assert.match(read.remarks.join(), /read back only: without the secret key/);
    const staged = await check(one.user, "staging", "--deep");
    assert.deepEqual(
      [staged.proven("staged files", "read back"), staged.proven("staged files", "restored")],
      [1, 0],
    );
    const sample = await check(one.user, "volumes", "--deep");
    assert.equal(sample.proven("volumes", "read back"), 1, "one volume, where nothing else was said");
    const keyed = await check(one.user, "volumes", "--deep", "--identity", one.user.path("paper"), "--all");
    assert.equal(keyed.proven("volumes", "restored"), 2);
  }));

test("objects that the catalog does not know are told of, and left alone", () =>
  withArchive(async (one) => {
    await archive(one);
    for (const key of ["volumes/other.iso.age", "manifests/other.jsonl.gz.age", "staged/other.age"]) {
      one.server.addObject("bucket", `family/${key}`, new Uint8Array(7));
    }
    const volumes = await check(one.user, "volumes");
    assert.deepEqual(volumes.kinds, ["foreign-object warning", "foreign-object warning"]);
    assert.deepEqual((await check(one.user, "staging")).kinds, ["foreign-object warning"]);
    assert.equal(one.keys("").filter((key) => key.includes("other")).length, 3);
    one.server.buckets.get("bucket")?.objects.delete("family/staged/other.age");
    assert.deepEqual((await check(one.user, "staging")).kinds, [], "what is gone is not told of any more");
  }));

test("a manifest and a snapshot that are gone are warned of, and stored again", () =>
  withArchive(async (one) => {
    await archive(one);
    for (const folder of ["manifests/", "catalog/"]) {
      one.server.buckets.get("bucket")?.objects.delete(`family/${first(one, folder)}`);
    }
    const looked = await check(one.user, "volumes");
    assert.deepEqual(looked.kinds, ["object-missing warning", "object-missing warning"]);
    assert.equal(looked.code, 0);
    const mended = await check(one.user, "volumes", "--mend");
    assert.deepEqual([mended.kinds, mended.mended.length], [[], 2]);
    assert.equal(one.keys("manifests/").length, 2);
    await one.user.ok(
      "recover",
      one.url,
      "--home",
      one.user.path("again"),
      "--identity",
      one.user.path("home/keys/identity.txt"),
    );
  }));

test("archived volumes are listed and checksummed; to read one, its price is shown first", () =>
  withArchive(async (one) => {
    one.user.clock = one.server.now();
    await archive(one);
    const plain = await check(one.user, "volumes");
    assert.deepEqual([plain.kinds, plain.proven("volumes", "checksummed")], [[], 2]);
    const deep = await check(one.user, "volumes", "--deep");
    assert.equal(deep.proven("files out of volumes", "restored"), 0);
    assert.match(deep.remarks.join(), /2 volumes are archived and were not read: --thaw bulk/);
    const before = one.server.count("RestoreObject");

    one.user.answers = ["n"];
    const refused = await one.user.run("check", "volumes", "--deep", "--thaw", "bulk");
    assert.match(refused.err, /^To thaw 1 volume \(.*\) for 7 days.*\nThaw\? \[y\/N\] n$/m);
    assert.equal(one.server.count("RestoreObject"), before, "nothing is asked for without a yes");

    one.user.answers = undefined;
    const unattended = await one.user.run("check", "volumes", "--deep", "--thaw", "bulk");
    assert.equal(unattended.code, 2);
    assert.match(unattended.err, /Add --yes/);

    const asked = await check(one.user, "volumes", "--deep", "--thaw", "bulk", "--yes");
    assert.match(asked.remarks.join(), /asked for 1 to be thawed/);
    assert.equal(one.server.count("RestoreObject"), before + 1);
    one.server.advance(49 * 3_600_000);
    one.user.clock = one.server.now();
    const thawed = await check(one.user, "volumes", "--deep");
    assert.equal(thawed.proven("files out of volumes", "restored"), 1);
  }, { query: "&class=DEEP_ARCHIVE" }));

test("a monthly check of 50 volumes takes one listing and 50 HEADs, and says what they cost", () =>
  withArchive(async (one) => {
    const staging = `file:${one.user.path("staging")}`;
    await one.user.ok("init", "--classic", "--yes", "--cold", one.url, "--staging", staging);
    // Two do not fit one volume.
    for (let i = 0; i < 50; i++) await one.put(`${i}.mov`, 560_000, 100 + i);
    await one.user.ok("sync", one.user.path("Photos"), "--seal", "--volume-size", "1.8M");
    const volumes = one.keys("volumes/").length;
    assert.equal(volumes, 50);
    const prices = await readFile(
      new URL("../../lib/cost/prices/aws-us-east-1.json", import.meta.url),
      "utf8",
    );
    await writeFile(one.user.path("home/prices.json"), prices); // else there are none for this server
    const before = one.server.log.length;
    const looked = await check(one.user, "volumes");
    const asked = Map.groupBy(one.server.log.slice(before), ({ operation }) => operation);
    assert.deepEqual(
      [...asked].map(([operation, all]) => `${operation} ${all.length}`).sort(),
      [`HeadObject ${volumes}`, "ListObjectsV2 1"],
    );
    assert.deepEqual(looked.kinds, []);
    assert.deepEqual([looked.proven("volumes", "checksummed"), looked.proven("manifests", "listed")], [
      volumes,
      volumes,
    ]);
    assert.deepEqual([looked.requests["lists"], looked.requests["heads"], looked.requests["gets"]], [
      1,
      volumes,
      0,
    ]);
    const { standard } = parsePrices(prices, "prices");
    const price = standard.put.times(1, 1000).plus(standard.get.times(volumes, 1000));
    assert.equal(looked.cost?.total, price.toJSON());
  }));
