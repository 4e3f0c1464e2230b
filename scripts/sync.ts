/** `coldframe sync` as a script of its own; see lib/cli/commands/sync.ts. */

import process from "node:process";
import { main } from "../lib/cli/main.ts";

await main(["sync", ...process.argv.slice(2)]);
