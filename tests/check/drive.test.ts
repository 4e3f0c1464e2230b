/** Checks of files that wait on Google Drive. */

import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { rm } from "node:fs/promises";
import { test } from "node:test";
import { put } from "../cli/files.ts";
import { DAY, type DriveUser, recordRequests, stagedFiles, withDriveUser } from "../jobs/drive.ts";
import type { StoredFile } from "../servers/drive/world.ts";
import { pseudoRandom } from "../tools.ts";
import { check } from "./tools.ts";

/** Three photos that wait on Drive. */
function waiting(body: (setting: DriveUser) => Promise<void>): Promise<void> {
  return withDriveUser(async (setting) => {
    for (const name of ["a", "b", "c"]) {
      await put(setting.user, `Photos/${name}.jpg`, pseudoRandom(5_000, name.charCodeAt(0)));
    }
    await setting.user.ok("sync", setting.user.path("Photos"));
    setting.pass(DAY);
    await body(setting);
  });
}

/** What Drive's web page, another program, or a failing disk of Google's could do to a file. */
const DAMAGES: Readonly<
  Record<string, { do(setting: DriveUser, file: StoredFile): void; plain: string[]; deep: string[] }>
> = {
  "put into the bin": {
    do: (_, file) => void (file.explicitlyTrashed = true),
    plain: ["object-missing damage"],
    deep: ["object-missing damage"],
  },
  "removed": {
    do: ({ server }, file) => void server.world.files.delete(file.id),
    plain: ["object-missing damage"],
    deep: ["object-missing damage"],
  },
  "truncated": {
    do: (_, file) => change(file, (bytes) => bytes.slice(0, -1)),
    plain: ["object-size damage"],
    deep: ["object-size damage"],
  },
  "replaced by a new version of the same size": {
    do: (_, file) => change(file, flipped),
    plain: ["checksum-mismatch damage"],
    deep: ["checksum-mismatch damage"],
  },
  "flipped behind Drive's back": {
    do: (_, file) => void (file.content = flipped(file.content ?? new Uint8Array(0))),
    plain: [],
    deep: ["object-damaged damage"],
  },
  "without a checksum": {
    do: (_, file) => {
      file.sha256 = undefined;
      file.md5 = undefined;
    },
    plain: ["checksum-missing warning"],
    deep: ["checksum-missing warning"],
  },
};

function change(file: StoredFile, how: (bytes: Uint8Array) => Uint8Array): void {
  const bytes = how(file.content ?? new Uint8Array(0));
  file.content = bytes;
  file.sha256 = createHash("sha256").update(bytes).digest("hex");
  file.md5 = createHash("md5").update(bytes).digest("hex");
}

function flipped(bytes: Uint8Array): Uint8Array {
  const other = bytes.slice();
  other[other.length - 1] = (other[other.length - 1] ?? 0) ^ 1;
  return other;
}

for (const [what, { do: damage, plain, deep }] of Object.entries(DAMAGES)) {
  test(`a staged file ${what} is found, and staged again by --mend`, () =>
    waiting(async (setting) => {
      const { user, server, pass } = setting;
      const [file] = stagedFiles(server);
      if (file === undefined) throw new Error("nothing on Drive");
      assert.deepEqual((await check(user, "staging")).kinds, []);
      damage(setting, file);
      assert.deepEqual((await check(user, "staging")).kinds, plain);
      const read = await check(user, "staging", "--deep", "--all");
      assert.deepEqual(read.kinds, deep);
      pass(DAY);
      if (deep.some((kind) => kind.endsWith("damage"))) {
        const mended = await check(user, "staging", "--mend");
        assert.deepEqual([mended.kinds, mended.mended.length], [[], 1]);
      }
      pass(DAY);
      assert.equal(stagedFiles(server).length, 3);
      if (!what.includes("checksum")) {
        const whole = await check(user, "staging", "--deep", "--all");
        assert.deepEqual([whole.kinds, whole.proven("staged files", "restored")], [[], 3]);
      }
    }));
}

test("of a staged file whose folder has it no more, the bin is the hint, and mending leaves it alone", () =>
  waiting(async ({ user, server }) => {
    await rm(user.path("Photos/a.jpg"));
    await user.run("sync");
    for (const file of stagedFiles(server)) file.explicitlyTrashed = true;
    const { findings } = await check(user, "staging");
    const lost = findings.filter(({ files }) => files.includes("Photos/a.jpg"));
    assert.equal(lost.length, 1);
    assert.match(lost[0]?.message ?? "", /it was the only copy of Photos\/a\.jpg/);
    assert.match(lost[0]?.hint ?? "", /Drive's bin/);
    const after = await check(user, "staging", "--mend");
    assert.deepEqual(after.findings.map(({ files }) => files), [["Photos/a.jpg"]]);
  }));

test("a daily check of Drive takes its listings and no request for each file", () =>
  waiting(async ({ user, server }) => {
    const seen = recordRequests(server);
    const looked = await check(user, "staging");
    assert.equal(looked.proven("staged files", "checksummed"), 3);
    assert.deepEqual([looked.requests["lists"], looked.requests["heads"]], [1, 0]);
    assert.ok(seen.length <= 6, `${seen.length} requests: the folder, the listing`);
  }));
