/** `coldframe pack` as a script of its own; see lib/cli/commands/pack.ts. */

import process from "node:process";
import { main } from "../lib/cli/main.ts";

await main(["pack", ...process.argv.slice(2)]);
