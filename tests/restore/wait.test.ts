/** Waiting for a thaw: how often the store is asked, by a clock that only the waiting moves. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { openSession } from "../../lib/jobs/open.ts";
import { SILENT } from "../../lib/jobs/report.ts";
import { continueRestores } from "../../lib/jobs/restore/continue.ts";
import { unlockWith } from "../../lib/jobs/unlock.ts";
import { filesBelow } from "../cli/files.ts";
import { START, withCold } from "./cold-archive.ts";

for (
  const [tier, storageClass, looks] of [["bulk", "DEEP_ARCHIVE", 48 * 4], [
    "expedited",
    "GLACIER",
    5,
  ]] as const
) {
  test(`--wait by ${tier}: ${looks} looks until it is there, and one request`, () =>
    withCold(async (archive) => {
      const { user } = archive;
      await user.ok("restore", "w*", "--to", user.path("out"), "--yes", "--tier", tier);
      const { session, close } = await openSession({
        root: user.home,
        create: false,
        lockFor: undefined,
        staging: undefined,
        cold: undefined,
        env: user.env,
        signal: new AbortController().signal,
        report: SILENT,
        now: () => user.clock ?? START,
      });
      let slept = 0;
      try {
        const [report] = await continueRestores(session, {
          maxCost: undefined,
          wait: true,
          sleep: (ms) => {
            slept++;
            archive.pass(ms);
            return Promise.resolve();
          },
          unlock: unlockWith(user.path("home/keys/identity.txt"), () => Promise.resolve(undefined)),
          approve: () => Promise.reject(new Error("nobody need be asked again")),
        });
        assert.equal(report?.restored, 3);
        assert.equal(report?.waiting, undefined);
      } finally {
        await close();
      }
      assert.equal(slept, looks);
      assert.equal(archive.asked("RestoreObject").length, 1);
      assert.equal((await filesBelow(user.path("out"))).length, 3);
    }, { volumes: 1, storageClass }));
}
