/**
 * The servers of others come up, behave as our own strict server does, and leave nothing behind.
 * Runs only with COLDFRAME_REAL_SERVERS=1: Ceph alone takes 20 s to start.
 */

import assert from "node:assert/strict";
import process from "node:process";
import { test } from "node:test";
import { hasTool } from "../tools.ts";
import { boto } from "./boto.ts";
import { GLACIER, ONE_WINNER, REFUSALS, ROUND_TRIP, UNKNOWN_KEY } from "./scripts.ts";
import {
  CEPH_TOOLS,
  MOTO_TOOLS,
  type RealServer,
  VERSITY_TOOLS,
  withCeph,
  withMoto,
  withVersity,
} from "./real.ts";

/** A test that runs on demand; a missing program is then a failure, never an excuse. */
function realTest(tools: readonly string[], name: string, body: () => Promise<void>): void {
  if (process.env["COLDFRAME_REAL_SERVERS"] !== "1") {
    test(`${name} (left out: COLDFRAME_REAL_SERVERS is not 1)`, () => {});
    return;
  }
  test(name, { timeout: 180_000 }, async () => {
    const missing = tools.filter((tool) => !hasTool(tool));
    assert.deepEqual(missing, [], "programs that are not installed");
    await body();
  });
}

async function isGone(server: RealServer): Promise<boolean> {
  return await fetch(server.endpoint).then(() => false, () => true);
}

realTest(["python3", ...CEPH_TOOLS], "Ceph comes up, keeps the rules, and is gone afterwards", async () => {
  const used = await withCeph(async (server) => {
    for (const script of [ROUND_TRIP, ONE_WINNER, REFUSALS, UNKNOWN_KEY]) await boto(server, script);
    return server;
  });
  assert.ok(await isGone(used));
});

realTest(
  ["python3", ...VERSITY_TOOLS],
  "versitygw comes up, keeps the rules, and is gone afterwards",
  async () => {
    const used = await withVersity(async (server) => {
      for (const script of [ROUND_TRIP, ONE_WINNER, REFUSALS]) await boto(server, script);
      return server;
    });
    assert.ok(await isGone(used));
  },
);

realTest(
  ["python3", ...MOTO_TOOLS],
  "moto comes up, archives and thaws, and is gone afterwards",
  async () => {
    const used = await withMoto(async (server) => {
      for (const script of [ROUND_TRIP, GLACIER]) await boto(server, script);
      return server;
    });
    assert.ok(await isGone(used));
  },
);
