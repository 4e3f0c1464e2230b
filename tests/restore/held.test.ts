/** Memory: a restore of everything must fit where the archive was made. */

import { test } from "node:test";
import { assertHolds } from "../held.ts";

/** A row, a place and a path of each took 700. */
test(
  "the plan of a restore holds less than 300 bytes for each further file",
  { timeout: 120_000 },
  () => assertHolds(new URL("held-memory.ts", import.meta.url), 300),
);
