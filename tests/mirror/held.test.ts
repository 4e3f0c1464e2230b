/** Memory: what a mirror holds must not grow with what is in it. */

import { test } from "node:test";
import { assertHolds } from "../held.ts";

/** A set of their names takes 100 bytes for each, and more. */
test(
  "looking at a mirror holds less than 25 bytes for each further object",
  { timeout: 120_000 },
  () => assertHolds(new URL("held-memory.ts", import.meta.url), 25),
);
