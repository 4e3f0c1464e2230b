/** How often which job should end well. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { parseConfig } from "../../lib/home/config.ts";
import { rhythmsOf } from "../../lib/jobs/rhythms.ts";

const DAY = 86_400_000;

const MIRROR = (name: string) => `[mirrors.${name}]\nstore = "file:/mnt/${name}"\n`;

function days(text: string): Record<string, number> {
  return Object.fromEntries(
    rhythmsOf(parseConfig(text, "c")).map(({ job, every }) => [job, every / DAY]),
  );
}

test("without settings sync, staging, sources and each mirror have their turn daily, checks of volumes and mirrors monthly", () => {
  assert.deepEqual(days(MIRROR("stick")), {
    "sync": 1,
    "check staging": 1,
    "check volumes": 30,
    "check sources": 1,
    "mirror stick": 1,
    "check mirror stick": 30,
  });
});

test("the settings change a rhythm, or switch it off", () => {
  const text =
    `[checks]\nstaging = "12h"\nvolumes = "2w"\nsources = "never"\nsync = "never"\nmirrors = "90d"\n`;
  assert.deepEqual(days(text + MIRROR("stick") + MIRROR("nas")), {
    "check staging": 0.5,
    "check volumes": 14,
    "mirror stick": 1,
    "mirror nas": 1,
    "check mirror stick": 90,
    "check mirror nas": 90,
  });
});
