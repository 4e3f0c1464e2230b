/** `coldframe recover` as a script of its own; see lib/cli/commands/recover.ts. */

import process from "node:process";
import { main } from "../lib/cli/main.ts";

await main(["recover", ...process.argv.slice(2)]);
