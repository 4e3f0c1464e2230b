/** Google Drive as staging: the main job through it, and what goes wrong there. */

import assert from "node:assert/strict";
import { appendFile, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { Buffer } from "node:buffer";
import { createHash } from "node:crypto";
import { assertRestorable, contents, filesBelow, put } from "../cli/files.ts";
import type { User } from "../cli/harness.ts";
import { serviceAccountKey } from "../servers/drive/keys.ts";
import { withS3 } from "../servers/s3/server.ts";
import { pseudoRandom } from "../tools.ts";
import {
  DAY,
  type DriveUser,
  FORBIDDEN,
  isListing,
  isWrite,
  keyOf,
  onlyGrant,
  QUOTA,
  recordRequests,
  stagedFiles,
  withDriveUser,
} from "./drive.ts";

/** Photos of one size, one for each day of May 2024 from `from` on. */
async function photos(user: User, count: number, size: number, from = 1): Promise<void> {
  for (let day = from; day < from + count; day++) {
    const name = `Photos/IMG_${String(day).padStart(3, "0")}.jpg`;
    await put(user, name, pseudoRandom(size, day), new Date(Date.UTC(2024, 4, day)).toISOString());
  }
}

/** Contents by their place. */
async function places(user: User): Promise<{ volumes: number; staged: number; nowhere: number }> {
  const status = await user.json("status");
  const of = (name: string): number => JSON.parse(JSON.stringify(status[name])).contents;
  return { volumes: of("inVolumes"), staged: of("onlyStaged"), nowhere: of("unprotected") };
}

test("new files go to Drive, and come back from it", () =>
  withDriveUser(async ({ user, server }) => {
    await photos(user, 3, 20_000);
    await put(user, "Photos/big.mov", pseudoRandom(9_000_000, 99));
    await put(user, "Photos/empty.txt", "");
    await user.ok("sync", user.path("Photos"));
    assert.equal(stagedFiles(server).length, 5);
    const cold = (await filesBelow(user.path("cold"))).filter((path) => path.includes("/"));
    assert.deepEqual(cold.filter((path) => !path.startsWith("catalog/")), []);
    await assertRestorable(user);
  }));

test("what is sealed leaves Drive, and comes back from the volume", () =>
  withDriveUser(async ({ user, server }) => {
    await photos(user, 3, 20_000);
    await user.ok("sync", user.path("Photos"));
    await user.ok("sync", "--seal");
    assert.deepEqual(stagedFiles(server), []);
    await assertRestorable(user);
  }));

test("a volume in S3 replaces what waited on Drive, and half of each comes back together", () =>
  withDriveUser(({ user, server }) =>
    withS3({ buckets: ["bucket"] }, async (s3) => {
      user.env = {
        ...user.env,
        AWS_ACCESS_KEY_ID: s3.accessKey,
        AWS_SECRET_ACCESS_KEY: s3.secretKey,
        HOME: "/nowhere",
      };
      const cold = `s3://bucket/photos?region=${s3.region}&endpoint=${encodeURIComponent(s3.url)}`;
      await photos(user, 4, 400_000);
      await user.ok("sync", user.path("Photos"), "--cold", cold);
      assert.equal(stagedFiles(server).length, 4);
      await photos(user, 4, 400_000, 5);
      await user.ok("sync", "--cold", cold, "--volume-size", "2M");
      const { volumes, staged, nowhere } = await places(user);
      assert.ok(volumes > 0 && staged > 0);
      assert.deepEqual([volumes + staged, nowhere], [8, 0]);
      assert.equal(stagedFiles(server).length, staged);
      assert.deepEqual(s3.crashes, []);
      await assertRestorable(user);
    })
  ));

test("`ls staged` shows the tree of the files with size, date and both hashes; Drive shows none of it", () =>
  withDriveUser(async ({ user, server }) => {
    const bytes = pseudoRandom(20_000, 7);
    await put(user, "Photos/2024/Holiday/IMG_1.HEIC", bytes, "2024-07-14T12:00:00Z");
    await user.ok("sync", user.path("Photos"));
    const [object] = stagedFiles(server);
    const content = createHash("sha256").update(bytes).digest("hex").slice(0, 6);
    assert.equal(
      await user.ok("ls", "staged"),
      `└── Photos/\n    └── 2024/\n        └── Holiday/\n            └── [ 20.0 kB 2024-07-14 ${content} ${
        object?.sha256?.slice(0, 6)
      }] IMG_1.HEIC\n`,
    );
    assert.match(object?.name ?? "", /^staged\/[0-9a-f]{40}\.age$/);
  }));

test("no request of a whole sync tells Google a path, a date or a hash of a photo", () =>
  withDriveUser(async ({ user, server }) => {
    const seen = recordRequests(server);
    const taken = "2019-07-14T12:34:56.789Z";
    const plain = Buffer.from("Exif: somebody's kitchen, 14 July. ".repeat(2000));
    await put(user, "Photos/Norway/IMG_4711.HEIC", plain, taken);
    await put(user, "Photos/Norway/film.mov", pseudoRandom(9_000_000, 5), taken);
    await user.ok("sync", user.path("Photos"));
    await user.ok("sync", "--seal");
    const digests = (["sha256", "md5", "sha1"] as const).map((name) =>
      createHash(name).update(plain).digest()
    );
    const secrets = [
      "Norway",
      "IMG_4711",
      "film.mov",
      "Photos",
      "HEIC",
      "2019-07-14",
      "20190714",
      String(Date.parse(taken)).slice(0, 8),
      "somebody's kitchen",
      ...digests.flatMap((
        digest,
      ) => [digest.toString("hex"), digest.toString("base64"), digest.toString("base64url")]),
    ];
    assert.ok(seen.length > 10);
    for (const { method, url, headers, body } of seen) {
      const said = [
        method,
        url.href,
        decodeURIComponent(url.href),
        JSON.stringify(headers),
        Buffer.from(body).toString("latin1"),
      ].join("\n");
      for (const secret of secrets) assert.ok(!said.includes(secret), `${method} ${url.pathname}: ${secret}`);
    }
  }));

test("when what waits does not fit, the oldest is sealed early, the newest waits, and all is protected", () =>
  withDriveUser(async ({ user, server, account, pass }) => {
    account.limit = 1_000_000;
    await photos(user, 6, 120_000);
    const first = await user.run("sync", user.path("Photos"));
    assert.equal(first.code, 0, first.err);
    assert.deepEqual(await places(user), { volumes: 0, staged: 6, nowhere: 0 });
    pass(DAY);
    await photos(user, 4, 120_000, 7);
    const second = await user.run("sync");
    assert.equal(second.code, 0, second.err);
    assert.match(second.out, /The last volume is not full: staging had no room/);
    const { volumes, staged, nowhere } = await places(user);
    assert.deepEqual([volumes, staged, nowhere], [9, 1, 0]);
    const waiting = (await user.ok("ls", "staged")).match(/IMG_\d+/g);
    assert.deepEqual(waiting, ["IMG_010"]);
    assert.equal(stagedFiles(server).length, 1);
    await assertRestorable(user);
  }));

test("a file larger than what Drive can hold goes straight to a volume", () =>
  withDriveUser(async ({ user, server, account }) => {
    account.limit = 1_000_000;
    await photos(user, 2, 50_000);
    await put(user, "Photos/wedding.mov", pseudoRandom(2_000_000, 77), "2024-05-02T12:00:00Z");
    await photos(user, 1, 50_000, 9);
    const before = recordRequests(server);
    await user.ok("sync", user.path("Photos"));
    assert.ok(before.every(({ body }) => body.length < 1_000_000), "no byte of it was sent to Drive");
    assert.deepEqual(await places(user), { volumes: 3, staged: 1, nowhere: 0 });
    await assertRestorable(user);
  }));

test("Drive leaves a twentieth of its space to mail", () =>
  withDriveUser(async ({ user, server, account }) => {
    account.limit = 1_000_000;
    account.usedElsewhere = 700_000;
    await photos(user, 5, 50_000);
    await user.ok("sync", user.path("Photos"));
    assert.ok(
      server.world.usage(account) + account.usedElsewhere <= 950_000 + 20_000,
      "but for the snapshot",
    );
    assert.deepEqual((await places(user)).nowhere, 0);
  }));

test("mail that takes the space of what waits gets it back by a volume", () =>
  withDriveUser(async ({ user, server, account, pass }) => {
    account.limit = 1_000_000;
    await photos(user, 5, 100_000);
    await user.ok("sync", user.path("Photos"));
    account.usedElsewhere = 480_000;
    pass(DAY);
    await user.ok("sync");
    const { volumes, nowhere } = await places(user);
    assert.ok(volumes > 0 && nowhere === 0);
    assert.ok(server.world.usage(account) + account.usedElsewhere < 950_000);
  }));

test("`staging-limit` keeps what waits below it, and 0 seals everything at once", () =>
  withDriveUser(async ({ user, server, account, pass }) => {
    await appendFile(join(user.home, "config.toml"), '\nstaging-limit = "400k"\n');
    await photos(user, 3, 100_000);
    await user.ok("sync", user.path("Photos"));
    assert.equal(stagedFiles(server).length, 3);
    pass(DAY);
    await photos(user, 2, 100_000, 4);
    await user.ok("sync");
    assert.ok(stagedFiles(server).reduce((sum, file) => sum + (file.content?.length ?? 0), 0) <= 400_000);
    assert.equal((await places(user)).nowhere, 0);
    const config = await readFile(join(user.home, "config.toml"), "utf8");
    await writeFile(join(user.home, "config.toml"), config.replace('"400k"', "0"));
    await photos(user, 1, 100_000, 9);
    pass(DAY);
    await user.ok("sync");
    assert.deepEqual(await places(user), { volumes: 6, staged: 0, nowhere: 0 });
    assert.ok(server.world.usage(account) < 100_000, "only snapshots are left");
  }));

test("a Drive that turns out to be full in the middle is relieved the same way", () =>
  withDriveUser(async ({ user, server, account }) => {
    await photos(user, 6, 100_000);
    server.faults.add(isWrite, { kind: "refuse", reply: QUOTA }, { skip: 3, times: 100 });
    account.limit = undefined; // it says nothing of a limit
    const { code, out, err } = await user.run("sync", user.path("Photos"));
    assert.equal(code, 0, err);
    assert.match(out, /The last volume is not full/);
    assert.match(err, /Warning: staging was full, so more was sealed than usual: .*quota has been exceeded/);
    assert.equal((await places(user)).nowhere, 0);
    assert.deepEqual(
      (await filesBelow(user.path("cold"))).filter((path) => path.startsWith("catalog")).length,
      1,
    );
    await assertRestorable(user);
  }));

test("a full Drive and a cold store without room: as much as fits is staged, and the run says what waits", () =>
  withDriveUser(async ({ user, account }) => {
    account.limit = 1_000_000;
    const other = `gdrive:Archive`;
    await photos(user, 12, 100_000);
    const { code, err } = await user.run("sync", user.path("Photos"), "--cold", other);
    assert.equal(code, 3);
    assert.match(
      err,
      /Error: staging is full: gdrive:Coldframe has no room for all that waits\n→ Free some space/,
    );
    assert.match(err, /Error: not protected yet, since staging did not take them: 3 files/);
    assert.deepEqual(await places(user), { volumes: 0, staged: 9, nowhere: 3 });
  }));

test("a service account without a shared drive is told why it has no space, and its files are sealed", () =>
  withDriveUser(async ({ user, server }) => {
    const email = "box@example.iam.gserviceaccount.com";
    const { publicKey, file } = await serviceAccountKey(email);
    server.world.addServiceAccount(email, publicKey);
    await writeFile(user.path("key.json"), JSON.stringify(file), { mode: 0o600 });
    user.env = { ...user.env, GOOGLE_APPLICATION_CREDENTIALS: user.path("key.json") };
    await photos(user, 3, 10_000);
    const { code, err } = await user.run("sync", user.path("Photos"));
    assert.equal(code, 0, err);
    assert.match(
      err,
      /staging was full.*Service Accounts do not have storage quota.*shared drive \(gdrive:\/\/DRIVE_ID\/Folder\)/,
    );
    assert.deepEqual(await places(user), { volumes: 3, staged: 0, nowhere: 0 });
  }));

test("objects that the user put into Drive's bin or deleted are staged again", () =>
  withDriveUser(async ({ user, server, pass }) => {
    await photos(user, 4, 20_000);
    await user.ok("sync", user.path("Photos"));
    pass(DAY);
    const [first, second] = stagedFiles(server);
    if (first !== undefined) first.explicitlyTrashed = true;
    if (second !== undefined) server.world.remove(second);
    const { code, err, out } = await user.run("sync");
    assert.equal(code, 0);
    assert.match(err, /2 staged files had been removed from the store/);
    assert.match(out, /Staged 2 files/);
    assert.equal(stagedFiles(server).length, 4);
    await assertRestorable(user);
  }));

test("an object that came back out of the bin after it was staged again does no harm", () =>
  withDriveUser(async ({ user, server, pass }) => {
    await photos(user, 2, 20_000);
    await user.ok("sync", user.path("Photos"));
    pass(DAY);
    const [binned] = stagedFiles(server);
    if (binned !== undefined) binned.explicitlyTrashed = true;
    await user.ok("sync");
    if (binned !== undefined) binned.explicitlyTrashed = false;
    pass(DAY);
    await user.ok("sync");
    await assertRestorable(user);
    await user.ok("sync", "--seal");
    assert.deepEqual(stagedFiles(server), [], "both are gone");
  }));

test("an object of another size under the same key is written anew", () =>
  withDriveUser(async ({ user, server, pass }) => {
    await photos(user, 1, 20_000);
    await user.ok("sync", user.path("Photos"));
    pass(DAY);
    const [object] = stagedFiles(server);
    if (object !== undefined) server.world.fill(object, new Uint8Array(17));
    await user.ok("sync");
    await assertRestorable(user);
  }));

test("what Drive's search does not find yet is not taken for gone", () =>
  withDriveUser(async ({ user, server, pass }) => {
    server.world.searchLag = 60_000;
    await photos(user, 3, 20_000);
    await user.ok("sync", user.path("Photos"));
    pass(1000);
    assert.equal((await user.json("sync"))["missing"], 0);
  }));

test("a listing that fails is not an empty listing", () =>
  withDriveUser(async ({ user, server, pass }) => {
    await photos(user, 3, 20_000);
    await user.ok("sync", user.path("Photos"));
    pass(DAY);
    server.faults.add(isListing, { kind: "refuse", reply: FORBIDDEN }, { times: 100 });
    const { code, err } = await user.run("sync");
    assert.equal(code, 3);
    assert.match(err, /Error: staging does not work: /);
    server.faults.clear();
    assert.equal((await user.json("sync"))["missing"], 0);
    assert.equal(stagedFiles(server).length, 3);
  }));

test("a folder in Drive's bin is not an empty folder", () =>
  withDriveUser(async ({ user, server, pass }) => {
    await photos(user, 3, 20_000);
    await user.ok("sync", user.path("Photos"));
    pass(DAY);
    const folder = [...server.world.files.values()].find(({ name }) => name === "Coldframe");
    if (folder !== undefined) folder.explicitlyTrashed = true;
    const { code, err } = await user.run("sync");
    assert.equal(code, 3);
    assert.match(
      err,
      /staging does not work: .*no folder “Coldframe”.*\n→ If it was put into Drive's bin, restore it/,
    );
    if (folder !== undefined) folder.explicitlyTrashed = false;
    await user.ok("sync");
    assert.equal(stagedFiles(server).length, 3);
  }));

test("an only copy that is gone is named in every run, until it is back or given up", () =>
  withDriveUser(async ({ user, server, pass }) => {
    await photos(user, 2, 20_000);
    await user.ok("sync", user.path("Photos"));
    await rm(user.path("Photos/IMG_001.jpg"));
    const [lost] = stagedFiles(server);
    const staged = stagedFiles(server);
    for (const object of staged) object.explicitlyTrashed = true;
    for (let run = 0; run < 2; run++) {
      pass(DAY);
      const { code, err } = await user.run("sync");
      assert.equal(code, 3);
      assert.match(
        err,
        /Photos\/IMG_001\.jpg is lost: its only copy, staged\/[0-9a-f]{40}\.age, is gone from gdrive:/,
      );
      assert.doesNotMatch(err, /IMG_002/);
    }
    assert.ok(lost !== undefined);
    for (const object of staged) object.explicitlyTrashed = false;
    pass(DAY);
    assert.equal((await user.run("sync")).code, 0, "it is back");
    for (const object of staged) server.world.remove(object);
    pass(DAY);
    assert.equal((await user.run("sync", "--accept-gone")).code, 0, "it is given up");
    assert.equal((await user.run("sync")).code, 0);
  }));

test("files removed from a folder that serves as staging are stored again", () =>
  withDriveUser(async ({ user, pass }) => {
    const staging = `file:${user.path("stick")}`;
    await photos(user, 3, 20_000);
    await user.ok("sync", user.path("Photos"), "--staging", staging);
    pass(DAY);
    const [name = ""] = await readdir(user.path("stick/staged"));
    await rm(user.path("stick/staged", name));
    assert.equal((await user.json("sync", "--staging", staging))["missing"], 1);
    assert.ok((await stat(user.path("stick/staged", name))).size > 20_000);
  }));

/** A run after the sign-in came to its end, with a full volume and a little more waiting. */
async function afterTheSignIn({ user, server, pass }: DriveUser, end: () => void): Promise<void> {
  await photos(user, 2, 300_000);
  await user.ok("sync", user.path("Photos"));
  pass(DAY);
  end();
  await photos(user, 4, 300_000, 3);
  const { code, out, err } = await user.run("sync", "--volume-size", "1.2M");
  assert.equal(code, 3);
  assert.match(out, /^Sealed /m);
  assert.match(err, /Error: staging does not work: Google ended the sign-in .*\n→ /);
  assert.match(err, /Error: not protected yet, since staging did not take them: 1 file/);
  const { volumes, staged, nowhere } = await places(user);
  assert.ok(volumes > 0 && nowhere > 0 && volumes + staged + nowhere === 6);
  const cold = await filesBelow(user.path("cold"));
  assert.equal(
    cold.filter((path) => path.startsWith("catalog/")).length,
    2,
    "the snapshot went to the cold store, beside the one of the day before",
  );
  assert.equal(stagedFiles(server).length, 2, "nothing was removed, nothing lost");
}

test("a revoked sign-in: full volumes are sealed, the catalog is kept, the rest is named, nothing is lost", () =>
  withDriveUser(async (setting) => {
    await afterTheSignIn(setting, () => {
      onlyGrant(setting.server).revoked = true;
    });
    const { user, server } = setting;
    onlyGrant(server).revoked = false;
    await user.ok("sync", "--volume-size", "1.2M");
    assert.equal((await places(user)).nowhere, 0);
    await assertRestorable(user);
  }));

test("a sign-in of a Testing project is warned of from the first day, alarming near its end, explained after", () =>
  withDriveUser(async ({ user, server, client, pass }) => {
    client.testing = true;
    server.oauth.browserUser = "ada@example.com";
    user.answers = [async (shown) => {
      const address = /https?:\/\/\S+\/auth\?\S+/.exec(shown)?.[0] ?? "";
      return (await fetch(address, { redirect: "manual" })).headers.get("location") ?? "";
    }];
    await user.ok("auth", "google", "--no-browser");
    await photos(user, 1, 10_000);
    const first = await user.run("sync", user.path("Photos"));
    assert.equal(first.code, 0);
    assert.match(first.err, /Warning: Google Drive: the sign-in ends on 2026-03-08: .*“In production”/);
    pass(5 * DAY);
    assert.equal((await user.run("sync")).code, 3, "two days are left");
    pass(3 * DAY);
    await photos(user, 1, 10_000, 2);
    const after = await user.run("sync");
    assert.equal(after.code, 3);
    assert.match(
      after.err,
      /Google ended the sign-in of 8 days ago[^]*→ Projects whose publishing status is Testing/,
    );
  }));

test("nobody signed in: volumes are sealed, and the way to sign in is told", () =>
  withDriveUser(async ({ user }) => {
    await user.ok("auth", "google", "--sign-out");
    await photos(user, 1, 10_000);
    const { code, err } = await user.run("sync", user.path("Photos"));
    assert.equal(code, 3);
    assert.match(err, /nobody is signed in to Google\n→ Sign in with: coldframe auth google/);
    assert.equal((await user.run("sync", "--seal")).code, 3);
    assert.deepEqual(await places(user), { volumes: 1, staged: 0, nowhere: 0 });
  }));

test("an upload to Drive whose content got into a volume meanwhile leaves nothing there", () =>
  withDriveUser(async ({ user, server }) => {
    await put(user, "Photos/film.mov", pseudoRandom(9_000_000, 5));
    await put(user, "Photos/a.jpg", pseudoRandom(9_000, 6));
    // Both arrive, and nobody hears of it: one in part, one whole.
    server.faults.add(isWrite, { kind: "refuse-after", reply: FORBIDDEN }, { times: 100 });
    assert.equal((await user.run("sync", user.path("Photos"))).code, 3);
    server.faults.clear();
    assert.ok(server.world.usage([...server.world.accounts.values()][0] ?? assert.fail()) > 0);
    await user.ok("sync", "--seal");
    assert.deepEqual(
      [...server.world.files.values()].filter((file) =>
        !keyOf(file).startsWith("catalog/") && file.content !== undefined && file.content.length > 0
      ),
      [],
    );
    assert.deepEqual(Object.keys(await contents(user.path("Photos"))).length, 2);
    await assertRestorable(user);
  }));
