/** `coldframe restore` as a script of its own; see lib/cli/commands/restore.ts. */

import process from "node:process";
import { main } from "../lib/cli/main.ts";

await main(["restore", ...process.argv.slice(2)]);
