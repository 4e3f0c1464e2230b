/**
 * `deno task crash --rounds N [--seed S] [--store file|s3|drive]`: kills the real program over and over, and
 * says whether anything was ever lost. Ends with 1 when a round found a violation; the line that tells it
 * names the seed that repeats the round: `--rounds 1 --seed S --store KIND`.
 */

import process from "node:process";
import { parseArgs } from "node:util";
import { startS3 } from "../servers/s3/server.ts";
import { startDrive } from "../servers/drive/server.ts";
import { playRounds } from "./rounds.ts";
import { STORE_KINDS } from "./tier.ts";
import { hasTool } from "../tools.ts";

const { values } = parseArgs({
  options: {
    rounds: { type: "string", default: "60" },
    seed: { type: "string", default: String(Math.floor(Math.random() * 1e9)) },
    store: { type: "string" },
    verbose: { type: "boolean", default: false },
  },
});
const rounds = Number(values.rounds);
const seed = Number(values.seed);
const stores = STORE_KINDS.filter((kind) => values.store === undefined || kind === values.store);
if (!Number.isSafeInteger(rounds) || !Number.isSafeInteger(seed) || stores.length === 0) {
  console.error("usage: deno task crash --rounds N [--seed S] [--store file|s3|drive] [--verbose]");
  process.exit(2);
}

const s3 = await startS3();
const drive = await startDrive();
try {
  const { violations, missed, summary } = await playRounds({ s3, drive: drive.server }, {
    rounds,
    seed,
    stores,
    runtime: hasTool("bun") ? "bun" : "deno",
    verbose: values.verbose,
    say: (line) => console.log(line),
  });
  console.log(summary);
  // So many rounds come to every step; one that they do not come to would pass for safe.
  const gaps = rounds >= 60 ? missed : [];
  for (const place of gaps) console.log(`no run died ${place}`);
  process.exitCode = violations + gaps.length === 0 ? 0 : 1;
} finally {
  await s3.stop();
  await drive.close();
}
