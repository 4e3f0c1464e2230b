/**
 * One photo out of a large volume in an archive class. COLDFRAME_VOLUME_BYTES=5000000000 makes the volume as large
 * as a real one: the test's server then takes as much memory.
 */

import assert from "node:assert/strict";
import { mkdir, truncate, writeFile } from "node:fs/promises";
import process from "node:process";
import { test } from "node:test";
import { put } from "../cli/files.ts";
import { withArchive } from "../jobs/s3-archive.ts";
import { pseudoRandom } from "../tools.ts";
import { HOUR, START } from "./cold-archive.ts";

const SIZE = Number(process.env["COLDFRAME_VOLUME_BYTES"] ?? 60_000_000);
const PHOTO = 3_000_000;
/** Milliseconds; a busy machine may be given more by COLDFRAME_PATIENCE. */
const SOON = 1000 * Number(process.env["COLDFRAME_PATIENCE"] ?? 4);

test(`a photo of 3 MB out of ${SIZE / 1e6} MB: its own bytes and 256 KiB, one thaw, at once when ready`, {
  timeout: 600_000,
}, async () => {
  let clock = START;
  await withArchive(async (archive) => {
    const { user, server } = archive;
    user.clock = clock;
    await mkdir(user.path("Photos"));
    for (const [i, name] of ["a.mov", "z.mov"].entries()) {
      await writeFile(user.path("Photos", name), String(i));
      await truncate(user.path("Photos", name), SIZE / 2); // of zeros, so that it takes no room
    }
    await put(user, "Photos/m.jpg", pseudoRandom(PHOTO, 1), "2024-05-01T10:00:00Z");
    await user.ok("sync", user.path("Photos"), ...archive.stores, "--seal", "--volume-size", "100G");
    const from = server.log.length;
    await user.ok("restore", "m.jpg", "--to", user.path("out"), "--yes", "--tier", "standard");
    user.clock = clock = START + 12 * HOUR;
    const started = performance.now();
    assert.match(await user.ok("restore", "--continue"), /^Restored 1 file/);
    const took = performance.now() - started;
    const asked = server.log.slice(from);
    const sent = asked.filter(({ operation }) => operation === "GetObject").reduce(
      (sum, one) => sum + one.sent,
      0,
    );
    assert.equal(asked.filter(({ operation }) => operation === "RestoreObject").length, 1);
    assert.ok(sent >= PHOTO && sent <= PHOTO + 256 * 1024, `${sent} bytes`);
    assert.ok(took < SOON, `${took} ms`);
  }, { query: "&class=DEEP_ARCHIVE", now: () => clock });
});
