/** `coldframe schedule` as a script of its own; see lib/cli/commands/schedule.ts. */

import process from "node:process";
import { main } from "../lib/cli/main.ts";

await main(["schedule", ...process.argv.slice(2)]);
