/** `coldframe status` as a script of its own; see lib/cli/commands/status.ts. */

import process from "node:process";
import { main } from "../lib/cli/main.ts";

await main(["status", ...process.argv.slice(2)]);
