/** A mirror on Google Drive. */

import assert from "node:assert/strict";
import { mkdir } from "node:fs/promises";
import { test } from "node:test";
import { contents, put } from "../cli/files.ts";
import { DAY, isListing, isWrite, recordRequests, withDriveUser } from "../jobs/drive.ts";

const MIRROR = "gdrive:Mirror";

test("a folder goes to Drive and comes back; a run with nothing new only lists; a change stands beside", () =>
  withDriveUser(async ({ user, server, pass }) => {
    await put(user, "Photos/2019/a.jpg", "a");
    await put(user, "Photos/b's.jpg", "b");
    const args = ["mirror", user.path("Photos"), MIRROR];
    await user.ok(...args);
    const seen = recordRequests(server);
    await user.ok(...args);
    const rest = seen.filter((exchange) => !isListing(exchange));
    assert.deepEqual(rest.filter(isWrite), []);
    assert.ok(rest.every(({ url }) => url.searchParams.get("alt") !== "media"), "nothing is read");
    pass(DAY);
    await put(user, "Photos/2019/a.jpg", "changed", "2025-01-01T00:00:00.000Z");
    assert.equal((await user.json(...args))["versions"], 1);
    await mkdir(user.path("stick"));
    await user.ok("mirror", MIRROR, user.path("stick"));
    assert.deepEqual(await contents(user.path("stick")), await contents(user.path("Photos")));
  }));
