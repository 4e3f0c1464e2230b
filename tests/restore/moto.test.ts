/** Thawing at a server that somebody else wrote. Runs only with COLDFRAME_REAL_SERVERS=1. */

import assert from "node:assert/strict";
import process from "node:process";
import { test } from "node:test";
import { contents, put } from "../cli/files.ts";
import { withUser } from "../cli/harness.ts";
import { MOTO_TOOLS, withMoto } from "../servers/real.ts";
import { hasTool, pseudoRandom } from "../tools.ts";

for (const storageClass of ["GLACIER", "DEEP_ARCHIVE"]) {
  const name = `moto, ${storageClass}: what is archived is asked for, waited for and fetched`;
  if (process.env["COLDFRAME_REAL_SERVERS"] !== "1") {
    test(`${name} (left out: COLDFRAME_REAL_SERVERS is not 1)`, () => {});
    continue;
  }
  test(name, { timeout: 180_000 }, () =>
    withMoto((server) =>
      withUser(async (user) => {
        assert.deepEqual(MOTO_TOOLS.filter((tool) => !hasTool(tool)), []);
        const { endpoint, region, bucket, accessKey, secretKey } = server;
        const url = `s3://${bucket}/family?region=${region}&endpoint=${endpoint}&class=${storageClass}`;
        user.env = { AWS_ACCESS_KEY_ID: accessKey, AWS_SECRET_ACCESS_KEY: secretKey, HOME: user.folder };
        for (let i = 0; i < 3; i++) await put(user, `Photos/${i}.jpg`, pseudoRandom(200_000, i + 1));
        await user.ok("sync", user.path("Photos"), "--cold", url, "--staging", url, "--seal");
        const asked = await user.run("restore", "**", "--to", user.path("out"));
        assert.match(asked.err, /nobody was asked: Thaw 1 volume/);
        const begun = await user.ok("restore", "**", "--to", user.path("out"), "--yes");
        assert.match(begun, /^Restore 1 waits for 1 volume with 3 files/);
        for (let tries = 0; /waits for/.test(await user.ok("restore", "--continue")); tries++) {
          assert.ok(tries < 60, "moto thaws within a minute");
          await new Promise((resolve) => setTimeout(resolve, 1000));
        }
        assert.deepEqual(await contents(user.path("out/Photos")), await contents(user.path("Photos")));
      })
    ));
}
