/** `coldframe scan` as a script of its own; see lib/cli/commands/scan.ts. */

import process from "node:process";
import { main } from "../lib/cli/main.ts";

await main(["scan", ...process.argv.slice(2)]);
