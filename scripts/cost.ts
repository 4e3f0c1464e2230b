/** `coldframe cost` as a script of its own; see lib/cli/commands/cost.ts. */

import process from "node:process";
import { main } from "../lib/cli/main.ts";

await main(["cost", ...process.argv.slice(2)]);
