/** `coldframe ls` as a script of its own; see lib/cli/commands/ls.ts. */

import process from "node:process";
import { main } from "../lib/cli/main.ts";

await main(["ls", ...process.argv.slice(2)]);
