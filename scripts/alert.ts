/** `coldframe alert` as a script of its own; see lib/cli/commands/alert.ts. */

import process from "node:process";
import { main } from "../lib/cli/main.ts";

await main(["alert", ...process.argv.slice(2)]);
