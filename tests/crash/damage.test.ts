/**
 * Random damage to every kind of stored object: always found, and never a wrong byte delivered. Two
 * dozen here; `COLDFRAME_DAMAGES=500` and `COLDFRAME_SEED` for more.
 */

import assert from "node:assert/strict";
import process from "node:process";
import { rm, stat } from "node:fs/promises";
import { test } from "node:test";
import { EXIT } from "../../lib/cli/command.ts";
import { withUser } from "../cli/harness.ts";
import {
  type Damage,
  type DamagedArchive,
  damageOne,
  KINDS,
  makeArchive,
  type ObjectKind,
  PASSPHRASE,
  wrongFiles,
} from "./damage.ts";
import { Random } from "./random.ts";

const DAMAGES = Number(process.env["COLDFRAME_DAMAGES"] ?? 24);
const SEED = Number(process.env["COLDFRAME_SEED"] ?? 1);

for (const [i, kind] of KINDS.entries()) {
  const times = Math.ceil(DAMAGES / KINDS.length);
  test(
    `damage to objects of the kind ${kind} is found ${times} times of ${times}`,
    { timeout: 1_800_000 },
    () =>
      withUser(async (user) => {
        const archive = await makeArchive(user);
        const random = new Random(SEED * 100 + i);
        for (let left = times; left > 0; left--) {
          const damage = await damageOne(archive, kind, random);
          const where = `seed ${SEED}: ${damage.key} ${damage.what}`;
          await assertRestoreIsRight(archive, damage, where);
          await assertCheckFinds(archive, kind, where);
          if (kind === "keys") await assertPassphraseRefused(archive, where);
          else await assertRecoverGoesRound(archive, damage, where);
          await damage.undo();
        }
      }),
  );
}

/** A restore gives right files only, and says so when it does not give all, or went round the damage. */
async function assertRestoreIsRight({ user, photos }: DamagedArchive, damage: Damage, where: string) {
  const { code, err } = await user.run("restore", "**", "--to", user.path("out"));
  const { wrong, missing } = await wrongFiles(photos, user.path("out/Photos"));
  assert.deepEqual(wrong, [], where);
  const codes: readonly number[] = missing.length === 0
    ? [EXIT.done, EXIT.damage]
    : [EXIT.failed, EXIT.partly];
  assert.ok(codes.includes(code), `${where}: ended with ${code}\n${err}`);
  if (damage.mustShow) assert.notEqual(code, 0, where);
}

/** What looks at the objects of a kind; of a protected key, only who knows the passphrase can tell. */
const CHECKS: Readonly<Partial<Record<ObjectKind, string>>> = {
  staged: "staging",
  volumes: "volumes",
  plain: "volumes",
  manifests: "volumes",
  catalog: "volumes",
};

/** A check that reads everything back finds each changed byte, whether or not a file stands there. */
async function assertCheckFinds({ user }: DamagedArchive, kind: ObjectKind, where: string) {
  const subject = CHECKS[kind];
  if (subject === undefined) return;
  const { code, err } = await user.run("check", subject, "--deep", "--all");
  assert.equal(code, 4, `${where}: check ended with ${code}\n${err}`);
}

/** A recovery names what it found damaged, or did not need it; and what it recovers is right. */
async function assertRecoverGoesRound({ user, photos, keys }: DamagedArchive, damage: Damage, where: string) {
  const home = ["--home", user.path("again")];
  const disk = `file:${user.path("disk")}`;
  const recovered = await user.run("recover", disk, "--identity", user.path("key.txt"), "--json", ...home);
  assert.ok(
    [0, 3, 4].includes(recovered.code),
    `${where}: recover ended with ${recovered.code}\n${recovered.err}`,
  );
  const restored = await user.run("restore", "**", "--to", user.path("out"), ...home);
  const { wrong, missing } = await wrongFiles(photos, user.path("out/Photos"));
  await rm(user.path("again"), { recursive: true, force: true }); // SQLite's own files may go meanwhile
  assert.deepEqual(wrong, [], where);
  if (missing.length > 0) assert.notEqual(recovered.code + restored.code, 0, where);
  // Snapshots and manifests hold no photo, and each knows what another knows, but for the newest snapshot.
  const newest = [...keys.catalog].sort().at(-1) ?? "";
  const isAll = damage.key.startsWith("manifests/") ||
    damage.key.startsWith("catalog/") && !`${damage.key} ${damage.what}`.includes(newest);
  if (isAll) assert.deepEqual(missing, [], where);
}

/** The key itself is never taken when it is not what was protected, and no home is made of it. */
async function assertPassphraseRefused({ user }: DamagedArchive, where: string) {
  user.env = { COLDFRAME_PASSPHRASE: PASSPHRASE };
  const flags = ["--passphrase", "--home", user.path("again")];
  const { code, err } = await user.run("recover", `file:${user.path("disk")}`, ...flags);
  user.env = {};
  assert.equal(code, 1, `${where}\n${err}`);
  await assert.rejects(stat(user.path("again")), { code: "ENOENT" }, where);
}
