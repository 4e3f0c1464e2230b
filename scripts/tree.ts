/** `coldframe tree` as a script of its own; see lib/cli/commands/tree.ts. */

import process from "node:process";
import { main } from "../lib/cli/main.ts";

await main(["tree", ...process.argv.slice(2)]);
