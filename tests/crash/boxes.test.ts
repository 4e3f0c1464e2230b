/** Several boxes that share a catalog and a bucket, and get in each other's way. */

import assert from "node:assert/strict";
import { readFile, writeFile } from "node:fs/promises";
import { test } from "node:test";
import { contents, put } from "../cli/files.ts";
import { User } from "../cli/harness.ts";
import { startHrana } from "../servers/hrana.ts";
import { type S3Server, withS3 } from "../servers/s3/server.ts";
import { pseudoRandom, withFolder } from "../tools.ts";

const TOKEN = "a-secret-token";

/** Two boxes with one key, whose catalog is on a server and whose objects are in one bucket. */
function withBoxes(body: (ada: User, ben: User, s3: S3Server) => Promise<void>): Promise<void> {
  return withFolder((folder) =>
    withS3({ buckets: ["bucket"] }, async (s3) => {
      const catalog = await startHrana(`${folder}/server.db`, TOKEN);
      try {
        const ada = await makeBox(new User(`${folder}/ada`), catalog.url, s3);
        const key = await readFile(ada.path("home/keys/recipients.txt"), "utf8");
        const recipient = /^age1\S+$/m.exec(key)?.[0] ?? "";
        const ben = await makeBox(
          new User(`${folder}/ben`),
          catalog.url,
          s3,
          "--no-identity",
          "--recipient",
          recipient,
        );
        await body(ada, ben, s3);
      } finally {
        await catalog.close();
      }
    })
  );
}

async function makeBox(user: User, catalog: string, s3: S3Server, ...key: string[]): Promise<User> {
  user.env = {
    AWS_ACCESS_KEY_ID: s3.accessKey,
    AWS_SECRET_ACCESS_KEY: s3.secretKey,
    HOME: user.folder,
    COLDFRAME_CATALOG_TOKEN: TOKEN,
  };
  const store = `s3://bucket/family?region=${s3.region}&endpoint=${s3.url}`;
  await user.ok("init", "--classic", "--yes", "--cold", store, "--staging", store, ...key);
  const config = user.path("home/config.toml");
  await writeFile(config, await readFile(config, "utf8") + `\ncatalog = "${catalog}"\n`);
  return user;
}

/** Ends the next run of a box when it has sent its first object, so that nobody hears whether it arrived. */
async function interrupt(user: User, s3: S3Server, ...args: string[]): Promise<void> {
  const controller = new AbortController();
  user.signal = controller.signal;
  s3.faults.schedule(({ operation }) => {
    if (operation !== "PutObject") return undefined;
    setTimeout(() => controller.abort(new Error("killed")), 100);
    return { kind: "stall", when: "after" };
  });
  assert.equal((await user.run("sync", ...args)).code, 1);
  s3.faults.clear();
  user.signal = new AbortController().signal;
}

/** Everything that both have is in the stores, and each path is that of the box that has it. */
async function assertAllBack(ada: User, ben: User): Promise<void> {
  await ada.ok("restore", "**", "--to", ada.path("out"));
  for (const user of [ada, ben]) {
    const name = user === ada ? "Ada" : "Ben";
    assert.deepEqual(await contents(ada.path("out", name)), await contents(user.path(name)), name);
  }
}

test(
  "a box stores a file of which another box's upload was interrupted",
  { timeout: 180_000 },
  () =>
    withBoxes(async (ada, ben, s3) => {
      const photo = pseudoRandom(1000, 1);
      await put(ada, "Ada/both.jpg", photo);
      await put(ben, "Ben/both.jpg", photo);
      await put(ben, "Ben/own.jpg", pseudoRandom(1000, 2));
      await interrupt(ada, s3, ada.path("Ada"));
      await ben.ok("sync", ben.path("Ben"));
      await ben.ok("sync", "--seal");
      await ada.ok("sync", "--seal");
      await assertAllBack(ada, ben);
    }),
);

for (const seal of [[], ["--seal"]]) {
  test(
    `two boxes may sync ${seal.join()} at the same time, with files that both have`,
    { timeout: 180_000 },
    () =>
      withBoxes(async (ada, ben, s3) => {
        for (let i = 0; i < 12; i++) {
          await put(ada, `Ada/both ${i}.jpg`, pseudoRandom(2000, i + 1));
          await put(ben, `Ben/both ${i}.jpg`, pseudoRandom(2000, i + 1));
          await put(ada, `Ada/${i}.jpg`, pseudoRandom(2000, i + 100));
          await put(ben, `Ben/${i}.jpg`, pseudoRandom(2000, i + 200));
        }
        const runs = await Promise.all([
          ada.run("sync", ada.path("Ada"), ...seal),
          ben.run("sync", ben.path("Ben"), ...seal),
        ]);
        for (const { code, err } of runs) assert.equal(code, 0, err);
        for (const user of [ada, ben]) await user.ok("sync", "--seal");
        await assertAllBack(ada, ben);
        const volumes = (await ada.ok("ls", "volumes", "--json")).trim().split("\n").map((line) =>
          JSON.parse(line).key
        );
        const stored = [...s3.buckets.get("bucket")?.objects.keys() ?? []].filter((key) =>
          key.includes("/volumes/")
        );
        assert.deepEqual(volumes.map((key) => `family/${key}`).sort(), stored.sort());
      }),
  );
}
