/** `coldframe check` as a script of its own; see lib/cli/commands/check.ts. */

import process from "node:process";
import { main } from "../lib/cli/main.ts";

await main(["check", ...process.argv.slice(2)]);
