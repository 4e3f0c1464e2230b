/**
 * Checks against the S3 servers of others: a clean archive is checksummed, and what is gone, cut short or
 * replaced is found. Runs only with COLDFRAME_REAL_SERVERS=1; a missing program is then a failure.
 */

import assert from "node:assert/strict";
import process from "node:process";
import { test } from "node:test";
import { collect } from "../../lib/bytes.ts";
import { openS3 } from "../../lib/store/s3/s3.ts";
import { put } from "../cli/files.ts";
import { withUser } from "../cli/harness.ts";
import { type RealServer, withMoto, withVersity } from "../servers/real.ts";
import { testContext } from "../store/context.ts";
import { pseudoRandom } from "../tools.ts";
import { check } from "./tools.ts";

const REAL = process.env["COLDFRAME_REAL_SERVERS"] === "1";

type With = (body: (server: RealServer) => Promise<void>) => Promise<void>;

function realCheck(name: string, start: With): void {
  if (!REAL) {
    test(`checks on ${name} (left out: COLDFRAME_REAL_SERVERS is not 1)`, () => {});
    return;
  }
  test(
    `checks on ${name} find what is gone, cut short and replaced`,
    { timeout: 120_000 },
    () =>
      start((server) =>
        withUser(async (user) => {
          const { endpoint, region, bucket, accessKey, secretKey } = server;
          const url = `s3://${bucket}/checks?region=${region}&endpoint=${endpoint}`;
          user.env = { AWS_ACCESS_KEY_ID: accessKey, AWS_SECRET_ACCESS_KEY: secretKey, HOME: user.folder };
          await user.ok("init", "--classic", "--yes", "--cold", url, "--staging", url);
          await put(user, "Photos/old.jpg", pseudoRandom(300_000, 1));
          await user.ok("sync", user.path("Photos"), "--seal");
          for (let i = 0; i < 4; i++) await put(user, `Photos/${i}.jpg`, pseudoRandom(5_000, i + 2));
          await user.ok("sync");

          const volumes = await check(user, "volumes", "--deep", "--all");
          assert.deepEqual([volumes.kinds, volumes.proven("volumes", "checksummed")], [[], 1]);
          assert.equal(volumes.proven("volumes", "restored"), 1);
          const staged = await check(user, "staging", "--deep", "--all");
          assert.deepEqual([staged.kinds, staged.proven("staged files", "checksummed")], [[], 4]);
          assert.equal(staged.proven("staged files", "restored"), 4);

          const store = await openS3(url, testContext({ env: user.env }), {});
          const keys = (await Array.fromAsync(store.list("staged/"))).map(({ key }) => key).sort();
          const [gone = "", cut = "", other = ""] = keys;
          for (const [key, length] of [[cut, -1], [other, undefined]] as const) {
            const bytes = (await collect(store.read(key))).slice(0, length);
            bytes[bytes.length - 1] = (bytes[bytes.length - 1] ?? 0) ^ 1;
            await store.remove(key);
            await store.put(key, bytes, { kind: "staged" });
          }
          await store.remove(gone);
          await store.put("staged/foreign.age", new Uint8Array(5), { kind: "staged" });
          const looked = await check(user, "staging");
          assert.deepEqual(looked.kinds, [
            "checksum-mismatch damage",
            "foreign-object warning",
            "object-missing damage",
            "object-size damage",
          ]);
          assert.equal(looked.proven("staged files", "checksummed"), 1);
          const mended = await check(user, "staging", "--mend");
          assert.deepEqual(mended.kinds, ["foreign-object warning"]);
          const whole = await check(user, "staging", "--deep", "--all");
          assert.equal(whole.proven("staged files", "restored"), 4);
        })
      ),
  );
}

realCheck("moto", (body) => withMoto(body));
realCheck("versitygw", (body) => withVersity(body));
