/** `coldframe find` as a script of its own; see lib/cli/commands/find.ts. */

import process from "node:process";
import { main } from "../lib/cli/main.ts";

await main(["find", ...process.argv.slice(2)]);
