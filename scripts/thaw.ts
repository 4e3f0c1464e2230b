/** `coldframe thaw` as a script of its own; see lib/cli/commands/thaw.ts. */

import process from "node:process";
import { main } from "../lib/cli/main.ts";

await main(["thaw", ...process.argv.slice(2)]);
