/** A restore of more files than are looked at together. */

import assert from "node:assert/strict";
import { mkdir, writeFile } from "node:fs/promises";
import { test } from "node:test";
import { within } from "../../lib/json.ts";
import { contents } from "../cli/files.ts";
import { type User, withUser } from "../cli/harness.ts";
import { S3Archive } from "../jobs/s3-archive.ts";
import { withS3 } from "../servers/s3/server.ts";

/** More than a thousand, which is a slice; every fourth file is a copy of another, mostly in another slice. */
const FILES = 1_400;

async function photos(user: User, folder: string): Promise<void> {
  await mkdir(user.path("Photos", folder), { recursive: true });
  await Promise.all(Array.from({ length: FILES }, (_, i) => {
    const name = `IMG_${String(i).padStart(4, "0")}.jpg`;
    return writeFile(user.path("Photos", folder, name), `${folder} ${i % 4 === 3 ? FILES - i : i}`);
  }));
}

for (const [where, init, sync] of [["a volume", [], ["--seal"]], ["staging", ["--classic"], []]] as const) {
  test(`${FILES} files with copies among them come back from ${where}`, () =>
    withUser(async (user) => {
      await photos(user, "2024");
      await user.ok("init", "--yes", ...init);
      await user.ok("sync", user.path("Photos"), ...sync);
      const { restored, failed } = await user.json("restore", "**", "--to", user.path("out"));
      assert.deepEqual({ restored, failed }, { restored: FILES, failed: [] });
      assert.deepEqual(await contents(user.path("out/Photos")), await contents(user.path("Photos")));
    }));
}

test("the plan of more than one slice counts the requests that a server sees, and looks at a volume once", () =>
  withUser((user) =>
    withS3({ buckets: ["bucket"] }, async (server) => {
      const archive = new S3Archive(user, server);
      await photos(user, "2025");
      await user.ok("sync", user.path("Photos"), ...archive.stores, "--seal");
      const from = server.log.length;
      const { plan } = await user.json("restore", "**", "--to", user.path("out"), "--yes");
      const seen = (name: string) => server.log.slice(from).filter(({ operation }) => operation === name);
      assert.equal(seen("GetObject").length, within(plan, "fetch", "requests"));
      assert.equal(seen("HeadObject").length, 1);
    })
  ));
