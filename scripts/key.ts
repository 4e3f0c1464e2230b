/** `coldframe key` as a script of its own; see lib/cli/commands/key.ts. */

import process from "node:process";
import { main } from "../lib/cli/main.ts";

await main(["key", ...process.argv.slice(2)]);
