/** `coldframe init` as a script of its own; see lib/cli/commands/init.ts. */

import process from "node:process";
import { main } from "../lib/cli/main.ts";

await main(["init", ...process.argv.slice(2)]);
