/** One round of the crash harness on each kind of store; `deno task crash` plays as many as one likes. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { withDrive } from "../servers/drive/server.ts";
import { withS3 } from "../servers/s3/server.ts";
import { playRounds } from "./rounds.ts";
import { STORE_KINDS } from "./tier.ts";

/** Its round aims at a volume that is complete, and that no catalog knows yet. */
const SEED = 7;

for (const store of STORE_KINDS) {
  test(
    `runs that are killed lose nothing in a ${store} store`,
    { timeout: 180_000 },
    () =>
      withS3({}, (s3) =>
        withDrive(async (drive) => {
          const told: string[] = [];
          const runtime = "Deno" in globalThis ? "deno" : "bun";
          const options = { rounds: 1, seed: SEED, stores: [store], runtime, verbose: true } as const;
          const { violations } = await playRounds({ s3, drive }, {
            ...options,
            say: (line) => told.push(line),
          });
          assert.equal(violations, 0, told.join("\n"));
        })),
  );
}
