/**
 * A clean archive gives no finding: archives made by chance, of files, folders, edits and removals, sealed and
 * staged, in one store or two, are looked at and read whole. Ten of them; COLDFRAME_CLEAN_ARCHIVES sets how many.
 */

import assert from "node:assert/strict";
import { rm } from "node:fs/promises";
import process from "node:process";
import { test } from "node:test";
import fc from "fast-check";
import { put } from "../cli/files.ts";
import { type User, withUser } from "../cli/harness.ts";
import { withS3 } from "../servers/s3/server.ts";
import { pseudoRandom } from "../tools.ts";
import { check } from "./tools.ts";

const ARCHIVES = Number(process.env["COLDFRAME_CLEAN_ARCHIVES"] ?? 10);

const DAY = 86_400_000;

/** What happens on a day. */
type Act =
  | { readonly kind: "write"; readonly name: string; readonly size: number; readonly seed: number }
  | { readonly kind: "remove"; readonly name: string };

const NAME = fc.constantFrom(
  "a.jpg",
  "b.jpg",
  "2024/c.mov",
  "2024/Größe.txt",
  "2024/05/d 'quoted'.heic",
  "e",
);

const ACT: fc.Arbitrary<Act> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant("write" as const),
      name: NAME,
      size: fc.oneof(fc.constantFrom(0, 1, 65_536, 65_537), fc.integer({ min: 0, max: 200_000 })),
      seed: fc.integer({ min: 1, max: 4 }), // so that contents come twice
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("remove" as const), name: NAME }) },
);

const DAYS = fc.array(
  fc.record({ acts: fc.array(ACT, { minLength: 1, maxLength: 4 }), seal: fc.boolean() }),
  { minLength: 1, maxLength: 3 },
);

async function live(
  user: User,
  days: readonly { readonly acts: readonly Act[]; readonly seal: boolean }[],
  pass: (ms: number) => void,
): Promise<void> {
  const sleep = () => {
    user.clock = (user.clock ?? 0) + DAY;
    pass(DAY);
  };
  await put(user, "Photos/always.jpg", pseudoRandom(1000, 77));
  let second = 0;
  for (const { acts, seal } of days) {
    for (const act of acts) {
      const path = `Photos/${act.name}`;
      if (act.kind === "remove") await rm(user.path(path), { force: true });
      else {
        const mtime = new Date(Date.UTC(2024, 4, 1, 0, 0, second++)).toISOString();
        await put(user, path, pseudoRandom(act.size, act.seed), mtime);
      }
    }
    sleep();
    const { code, err } = await user.run(
      "sync",
      user.path("Photos"),
      ...(seal ? ["--seal"] : []),
      "--accept-gone",
    );
    assert.equal(code, 0, err);
  }
  sleep();
}

async function assertClean(user: User): Promise<void> {
  for (const [subject, what] of [["staging", "staged files"], ["volumes", "volumes"]] as const) {
    for (const flags of [[], ["--deep", "--sample", "30%"], ["--deep", "--all"]]) {
      const looked = await check(user, subject, ...flags);
      assert.deepEqual([looked.code, looked.findings], [0, []], `check ${subject} ${flags.join(" ")}`);
      assert.equal(looked.proven(what, "listed"), looked.objects(what));
      if (flags.includes("--all")) assert.equal(looked.proven(what, "restored"), looked.objects(what));
    }
  }
  const sources = await check(user, "sources", "--all");
  assert.deepEqual([sources.code, sources.findings], [0, []]);
}

test(
  `${ARCHIVES} archives made by chance are clean at every level, in folders and in S3`,
  { timeout: 180_000 + ARCHIVES * 5_000 },
  () =>
    withS3({ buckets: ["bucket"] }, async (server) => {
      let run = 0;
      await fc.assert(
        fc.asyncProperty(DAYS, fc.constantFrom("one folder", "two folders", "s3", "both"), (days, where) =>
          withUser(async (user) => {
            const s3 = `s3://bucket/run${run++}?region=${server.region}&endpoint=${server.url}`;
            user.env = {
              AWS_ACCESS_KEY_ID: server.accessKey,
              AWS_SECRET_ACCESS_KEY: server.secretKey,
              HOME: user.folder,
            };
            user.clock = server.now();
            const folder = (name: string) =>
              `file:${user.path(name)}`;
            const stores = {
              "one folder": [folder("store"), folder("store")],
              "two folders": [folder("staging"), folder("cold")],
              "s3": [s3, s3],
              "both": [folder("staging"), s3],
            }[where];
            const [staging = "", cold = ""] = stores ?? [];
            await user.ok("init", "--classic", "--yes", "--staging", staging, "--cold", cold);
            await live(user, days, (ms) =>
              server.advance(ms));
            await assertClean(user);
          })),
        { numRuns: ARCHIVES },
      );
      assert.deepEqual(server.crashes, []);
    }),
);
