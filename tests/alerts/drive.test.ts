/** Google Drive as staging: people hear of a sign-in that ends before staging falls behind. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { put } from "../cli/files.ts";
import { DAY, type DriveUser, onlyGrant, withDriveUser } from "../jobs/drive.ts";
import { withRecorder } from "../servers/recorder.ts";
import type { Told } from "./told.ts";

/** A user of Drive with a webhook. */
function withTold(body: (drive: DriveUser, told: () => Told[]) => Promise<void>): Promise<void> {
  return withRecorder((hook) =>
    withDriveUser(async (drive) => {
      drive.user.env = { ...drive.user.env, COLDFRAME_WEBHOOK_URL: hook.url };
      await put(drive.user, "Photos/a.jpg", "a");
      await drive.user.ok("sync", drive.user.path("Photos"));
      const told = () => hook.requests.splice(0).map(({ body }): Told => JSON.parse(body));
      told();
      await body(drive, told);
    })
  );
}

test("a grant that Google revoked is told in the next run, although nothing new waits, with the way out", () =>
  withTold(async ({ user, server, pass }, told) => {
    pass(DAY);
    onlyGrant(server).revoked = true;
    assert.equal((await user.run("sync")).code, 3);
    const [message, ...more] = told();
    assert.equal(more.length, 0);
    assert.match(
      message?.subject ?? "",
      /^coldframe: warning: staging does not work: Google ended the sign-in/,
    );
    assert.match(message?.text ?? "", /→ .*coldframe auth google/);
    assert.deepEqual(message?.problems.map(({ kind }) => kind), ["store-denied"]);
    await user.run("sync");
    assert.deepEqual(told(), []);
    onlyGrant(server).revoked = false;
    await user.ok("sync");
    assert.deepEqual(told().map(({ kind }) => kind), ["closed"]);
  }));
