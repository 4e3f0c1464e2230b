/** What `doctor` says of the machine, from files as Linux writes them. */

import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { memory, watches } from "../../lib/jobs/doctor/machine.ts";
import { openSession } from "../../lib/jobs/open.ts";
import { SILENT } from "../../lib/jobs/report.ts";
import type { Session } from "../../lib/jobs/session.ts";
import { withUser } from "../cli/harness.ts";
import { withFolder } from "../tools.ts";

const MEMORY: readonly [kib: number, severity: string][] = [[244_140, "warning"], [244_141, "good"]];

for (const [kib, severity] of MEMORY) {
  test(`${kib} KiB of memory to use are ${severity}`, () =>
    withFolder(async (folder) => {
      const file = join(folder, "meminfo");
      await writeFile(file, `MemTotal:  999999 kB\nMemAvailable:   ${kib} kB\n`);
      assert.deepEqual((await memory(file)).map((found) => found.severity), [severity]);
    }));
}

test("where the system does not say what is available, all memory counts", async () => {
  assert.equal((await memory("/not/there"))[0]?.severity, "good");
});

/** A session of a home with two folders known. */
async function withTwoFolders(body: (session: Session, folder: string) => Promise<void>): Promise<void> {
  await withUser(async (user) => {
    await user.ok("init", "--yes");
    await writeFile(user.path("a.jpg"), "a");
    await user.ok("scan", user.folder);
    const { session, close } = await openSession({
      ...{ root: user.home, create: false, lockFor: undefined, staging: undefined, cold: undefined, env: {} },
      signal: user.signal,
      report: SILENT,
      now: () => Date.now(),
    });
    try {
      await body(session, user.folder);
    } finally {
      await close();
    }
  });
}

test("with too few watches for the folders, doctor says the line that raises the limit", () =>
  withTwoFolders(async (session, folder) => {
    const file = join(folder, "limit");
    await writeFile(file, "1\n");
    const [found] = await watches(session, file);
    assert.equal(found?.severity, "warning");
    assert.match(found?.hint ?? "", /fs\.inotify\.max_user_watches=524288.*sysctl --system/);
    await writeFile(file, "8192\n");
    assert.equal((await watches(session, file))[0]?.severity, "good");
    assert.deepEqual(await watches(session, "/not/there"), []);
  }));
